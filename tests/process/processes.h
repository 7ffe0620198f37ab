/* SPDX-License-Identifier: Apache-2.0 */

/* The processes of a pool, as the system shows them. */
#ifndef TESTS_PROCESS_PROCESSES_H
#define TESTS_PROCESS_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The children of a process that have not ended, up to `most`; how many there are. */
size_t children_of(pid_t parent, pid_t *pids, size_t most);

/* The server of this process's only pool; 0: there is none. */
pid_t find_server(void);

/* Of a process, or of a thread by its number, as in /proc: 'S' sleeps; 'Z' if it has ended. */
char state_of(pid_t pid);

/* The threads of this process, up to `most`; how many there are. */
size_t threads_of_self(pid_t *threads, size_t most);

/* Waits until a process has ended. */
void await_end(pid_t pid);

/* Kills the server, and waits until its workers have ended as well: until then they might begin with
 * something. */
void kill_server(void);

/* Open descriptors, and memory mappings of memory files, of this process. */
int count_descriptors(void);
int count_memory_files(void);

#endif
