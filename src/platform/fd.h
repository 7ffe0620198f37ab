/* SPDX-License-Identifier: Apache-2.0 */

/* Descriptors: events, a wait for any of several, and their end.
 *
 * An event is a flag that poll, epoll and the loops built on them can watch. It is a level: the descriptor is readable from a raise until the next clear, however many
 * raises there were. Raising and clearing never block, are not disturbed by signals and are no
 * cancellation points. They order no memory: who publishes does so with atomics first. */
#ifndef TN_PLATFORM_FD_H
#define TN_PLATFORM_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a lowered event, closed on exec, and writes its descriptor to *fd. 0; EMFILE, ENFILE,
 * ENODEV or ENOMEM: *fd is -1. */
int tn_event_open(int *fd);

/* Raises the flag of an event from tn_event_open(): it is readable now. Does nothing to a file, a pipe
 * or a socket that has got its number. */
void tn_event_raise(int fd);

/* Lowers it: it is not readable until the next raise. */
void tn_event_clear(int fd);

/* Closes a descriptor of ours; -1 does nothing. Not a cancellation point. */
void tn_fd_close(int fd);

/* Sleeps until at least one of `n` descriptors (at most TN_POLL_MOST) can be read without blocking,
 * until `until` (see clock.h) at the latest; a time that is past: looks only. At its end, or in
 * error, or closed by now counts as readable: reading tells. -1 is left out, and never ready.
 *
 * 0: ready[i] says whether fds[i] can be read; one can. ETIMEDOUT: none can, and the time is up.
 * ENOMEM; EINVAL: n is more than the limit of this process's descriptors. In all but the first case
 * ready[] is false throughout. Blocks, whatever signals are handled; not a cancellation point. Takes
 * 4 KiB of stack. */
enum { TN_POLL_MOST = 512 };
int tn_poll(const int *fds, bool *ready, size_t n, int64_t until);

#endif
