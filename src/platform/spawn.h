/* SPDX-License-Identifier: Apache-2.0 */

/* Starting programs, and what this one is. Takes up to 16 KiB of stack. */
#ifndef TN_PLATFORM_SPAWN_H
#define TN_PLATFORM_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Most descriptors that a program can be started with. */
enum { TN_SPAWN_FDS = 16 };

/* Starts the program at `path`, which is not searched for, with the arguments argv[], the last of
 * them NULL, in the environment and working directory of this process. It has
 *
 *   - this process's descriptors 0, 1 and 2;
 *   - fds[i] as its descriptor 3 + i, for `n` (at most TN_SPAWN_FDS) of them; they stay open here,
 *     and may be closed on exec here;
 *   - none of this library's other descriptors, but those of the host program that are not closed on
 *     exec: it closes them itself (see tn_fds_close_from());
 *   - the default action for every signal, and none blocked;
 *   - a process group of its own, of which it is the first.
 *
 * Memory is not copied, however large this process is, and nothing that it registered for fork()
 * runs. Waits until the program has replaced the copy, which sees to it that errors are known here;
 * not a cancellation point.
 *
 * 0: *pid is a child of this process, to be reaped by it (see tn_pidfd_wait()), unless the host
 * program ignores SIGCHLD or reaps whatever it finds. Otherwise ENOENT, EACCES, ENOEXEC and what else
 * exec can say; EBADF: one of fds is none; EMFILE; EAGAIN or ENOMEM; *pid is -1. */
int tn_spawn(const char *path, char *const argv[], const int *fds, size_t n, pid_t *pid);

/* Writes a path by which this process can start its own program again: of the very file that it
 * runs, even if that has been replaced or deleted since; where the system does not show that (no
 * /proc), the file by whose name it was started, which is found only while the working directory is
 * the one of then, or the name absolute.
 * 0; ENOENT or EACCES: there is none, and buffer is empty. Does not block but for the file system. */
enum { TN_PATH_SIZE = 4096 };
int tn_program_path(char buffer[TN_PATH_SIZE]);

/* Whether this program has rights that whoever started it may not have (set-user-ID, capabilities of
 * the file): it must then do nothing that arguments, environment or inherited descriptors ask for. */
bool tn_is_privileged(void);

#endif
