/* SPDX-License-Identifier: Apache-2.0 */

/* Children of a test, which see what is left of the library after fork() and exit(). */
#ifndef TESTS_CONTRACT_CHILD_H
#define TESTS_CONTRACT_CHILD_H

#include <sys/types.h>

/* Runs body in a child, and gives the number that it ended with; -1 if it did not come so far. */
int in_child(int (*body)(void *data), void *data);

/* Waits until a child has ended, and gives its status as waitpid() does. */
int child_wait(pid_t child);

/* Ends the child and tells the parent. By a signal: threads that still run at the end are meant
 * here, but sanitizers and Valgrind call them leaks when a process exits. */
void child_end(int answer);

/* What the child does as the last step of exit(), after the library's own. */
void child_at_exit(void (*last)(void));

/* Skips the test where the instrument cannot follow it: ThreadSanitizer does not support threads in
 * the child of a process that had several, and AddressSanitizer leaves its own locks held there. */
void child_needs_no_sanitizer(void);

#endif
