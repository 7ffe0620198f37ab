/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets between processes of this machine: messages that keep their borders and their order, and
 * may carry descriptors.
 *
 * Nothing here raises SIGPIPE, ends early for a signal, or is a cancellation point. What is received
 * was written by the other process, which may be hostile: its length and number of descriptors are
 * as said here, its contents anything. */
#ifndef TN_PLATFORM_SOCKET_H
#define TN_PLATFORM_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Most descriptors that one message can carry. */
enum { TN_SOCKET_FDS = 16 };

/* Makes two ends, both closed on exec and the caller's (tn_fd_close()). They can be polled (see
 * tn_poll()). 0; EMFILE, ENFILE or ENOMEM: both are -1. Does not block. */
int tn_socket_pair(int ends[2]);

/* Sends one message of `size` bytes (more than 0) with `n` descriptors (at most TN_SOCKET_FDS),
 * which stay open and the caller's. All of it, or nothing. Does not block.
 *
 * 0; EPIPE: the other end is closed. EAGAIN: the other side has too much to receive already (it
 * never is before some 100 short messages). EMSGSIZE: too long (100 KiB never are). EINVAL: size 0.
 * ETOOMANYREFS: too many descriptors on their way. EBADF: fd or one of fds is none. ENOTSOCK. ENOMEM. */
int tn_socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n);

/* Receives one message, for which it waits until `until` (see clock.h) at the latest; a time that is
 * past: does not wait. *size and *n hold what there is room for (*n at most TN_SOCKET_FDS; with
 * *n == 0 fds may be NULL), and then what came. The descriptors are closed on exec, and the caller's.
 *
 * 0; ETIMEDOUT: nothing has come. EPIPE: the end: all copies of the other end are closed, and what
 * was sent has been received. (A hostile process can also make it look so.) EMSGSIZE: the message
 * was longer than *size, or had more descriptors than *n. EMFILE: this process had no room for its
 * descriptors. ENOTSOCK or EBADF: fd is no such end. ENOMEM. After EMSGSIZE and EMFILE the message is
 * gone, and what came of its descriptors is closed. In all cases but the first *size and *n are 0. */
int tn_socket_receive(int fd, void *bytes, size_t *size, int *fds, size_t *n, int64_t until);

/* Which process made the pair that fd is an end of, and its effective user then; what the process
 * is called in this one's namespace, 0 if it cannot be seen from here. 0; ENOTSOCK or EBADF. Does
 * not block. */
int tn_socket_peer(int fd, pid_t *pid, uid_t *uid);

#endif
