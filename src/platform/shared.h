/* SPDX-License-Identifier: Apache-2.0 */

/* Memory shared with other processes: a file without a name, and its pages mapped here.
 *
 * The file is sealed: nobody, whoever holds the descriptor, can make it smaller or larger, so that
 * a touch of its pages never raises SIGBUS. Mappings are not inherited by a fork: a child of the
 * program cannot write by accident into what is another's. (Emulators such as qemu before version 8
 * give the child the pages all the same.) What the pages hold is written by others at any moment,
 * also by hostile ones: read it once, by the operations of atomic.h or a copy, then check the copy.
 *
 * Nothing here is a cancellation point, and nothing waits for another process. */
#ifndef TN_PLATFORM_SHARED_H
#define TN_PLATFORM_SHARED_H

#include <stdbool.h>
#include <stddef.h>

/* Makes such memory, of `size` bytes (more than 0), all zero, and maps it here for reading and
 * writing.
 *
 * name         what /proc/PID/maps shows behind "memfd:"; at most 249 bytes, need not be unique
 * readers_only others can only read: by no mapping made from now on, and by no write(), can the
 *              contents be changed, through any descriptor of the file. *pages still can.
 *
 * 0: *fd is the file's descriptor, closed on exec, and *pages its pages, at a multiple of the page
 * size; both are the caller's, who gives them back with tn_fd_close() and tn_shared_unmap(), in any
 * order: each keeps the memory alive. Otherwise EMFILE, ENFILE, ENOMEM, EFBIG (no file can be so
 * large), EINVAL (size 0), or what a system that forbids such files answers; *fd is -1 and *pages
 * NULL. The pages cost memory only once touched. */
int tn_shared_new(const char *name, size_t size, bool readers_only, int *fd, void **pages);

/* Maps the first `size` bytes (more than 0) of a file that tn_shared_new() made, here or in another
 * process. The descriptor stays open and the caller's.
 *
 * 0: *pages, as above. EPERM: to be written where others may only read, or the file is not sealed:
 * whoever sent it could cut it short. EINVAL: it is smaller than `size`, or size 0. EBADF, ENOMEM.
 * *pages is NULL then. */
int tn_shared_map(int fd, size_t size, bool writable, void **pages);

/* Gives back exactly what one of the above gave for that size. */
void tn_shared_unmap(void *pages, size_t size);

#endif
