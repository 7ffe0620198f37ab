/* SPDX-License-Identifier: Apache-2.0 */

/* Other processes, held by descriptors, and what a child does first.
 *
 * A descriptor of a process means that process for ever, whereas its number may be another's once it
 * has been reaped. It can be polled: it is readable from the process's end (see tn_poll()). Nothing
 * here blocks, or is a cancellation point. */
#ifndef TN_PLATFORM_CHILD_H
#define TN_PLATFORM_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/types.h>

/* Opens a descriptor of the process `pid`, closed on exec and the caller's (tn_fd_close()). For a
 * child that nobody has reaped it is certain that it is that child.
 * 0; ESRCH: there is none; EMFILE, ENFILE, ENOMEM, or ENOSYS (Linux before 5.3): *fd is -1. */
int tn_pidfd_open(pid_t pid, int *fd);

/* Gives this process an empty standard input, if it can. */
void tn_child_no_input(void);

/* Sends it a signal; 0 only asks whether that could be done.
 * 0; ESRCH: it has been reaped. (One that has ended, and was not yet reaped, takes signals and does
 * nothing with them.) EPERM: it is another user's by now. EBADF: no descriptor of a process. */
int tn_pidfd_kill(int fd, int signal);

/* Ends and reaps a child of this process, which nobody else has reaped. Blocks until it has ended. */
void tn_child_abort(pid_t pid);

/* How a process ended. */
typedef struct {
    bool killed; /* by a signal */
    int code;    /* the signal, or its exit status, 0 to 255 */
} tn_child_end;

/* Reaps a child of this process that has ended, and says how.
 * 0; EAGAIN: it has not ended. ECHILD: it is no child of this process, or another reaped it, or the
 * system did because SIGCHLD is ignored: how it ended cannot be had. EBADF: no descriptor of a
 * process. EINVAL: Linux before 5.4. Only with 0 *end is written. */
int tn_pidfd_wait(int fd, tn_child_end *end);

/* Has the system send `signal` to this process when the thread that created it ends: of a parent
 * with one thread, when the parent ends. Once, by the process created.
 * 0; ESRCH: its parent is not `parent` any more, and the signal may never come. */
int tn_die_with_parent(int signal, pid_t parent);

/* This process, its parent, and the user by whose rights it acts. */
pid_t tn_self_pid(void);
pid_t tn_parent_pid(void);
uid_t tn_self_uid(void);

/* Makes this process the first of a group of its own: what a terminal sends to the group of its
 * parent does not reach it. */
void tn_child_own_group(void);

/* Kills a child of this process, which it holds a descriptor of and has not reaped, and all that is still
 * in the group of which that is the first, if it is. */
void tn_child_kill_all(pid_t pid, int fd);

/* If the system has no memory left, it is to end this process rather than its parent, if it can. */
void tn_child_end_first(void);

/* Ends this process, and runs nothing of what was registered for its end. */
noreturn void tn_exit_now(int status);

/* "SIGSEGV"; "a signal" for those that are not known. */
const char *tn_signal_name(int signal);

/* Makes a copy of this process, which has one thread. *pid is the child's, and 0 in the child. What
 * is registered for fork() runs in both. 0; EAGAIN or ENOMEM: there is no child. */
int tn_fork(pid_t *pid);

/* The threads of this process, also those that tools and libraries started; one that has just been
 * joined may still be counted. 0: the system does not say. */
int tn_thread_count(void);

/* Closes all descriptors of this process from number `first` on, whoever opened them. Allocates
 * nothing. On a system that neither does it in one call (Linux 5.9) nor lists them (no /proc), those
 * above its limit of now, or above a million, stay open. */
void tn_fds_close_from(int first);

/* Makes fds[i] this process's descriptor first + i, not closed on exec, for n of them (at most 16),
 * and closes all above. 0; EMFILE, ENOMEM, EBADF. */
int tn_fds_arrange(const int *fds, int n, int first);

#endif
