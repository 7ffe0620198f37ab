/* SPDX-License-Identifier: Apache-2.0 */

/* Event descriptors: a flag that poll, epoll and the loops built on them can watch.
 *
 * The flag is a level: the descriptor is readable from a raise until the next clear, however many
 * raises there were. Raising and clearing never block, are not disturbed by signals and are no
 * cancellation points. They order no memory: who publishes does so with atomics first. */
#ifndef TN_PLATFORM_FD_H
#define TN_PLATFORM_FD_H

/* Opens a lowered event, closed on exec, and writes its descriptor to *fd. 0; EMFILE, ENFILE,
 * ENODEV or ENOMEM: *fd is -1. */
int tn_event_open(int *fd);

/* Raises the flag of an event from tn_event_open(): it is readable now. */
void tn_event_raise(int fd);

/* Lowers it: it is not readable until the next raise. */
void tn_event_clear(int fd);

/* Closes a descriptor of ours; -1 does nothing. Not a cancellation point. */
void tn_fd_close(int fd);

#endif
