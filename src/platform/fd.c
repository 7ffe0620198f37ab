/* SPDX-License-Identifier: Apache-2.0 */
#include "fd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls and not libc's functions, for those are cancellation points: a thread cancelled
 * while it completes a future would leave it half done. */

int tn_event_open(int *fd)
{
    *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *fd < 0 ? errno : 0;
}

void tn_event_raise(int fd)
{
    uint64_t one = 1;

    /* A full counter refuses more with EAGAIN: it is readable. */
    while (syscall(SYS_write, fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void tn_event_clear(int fd)
{
    uint64_t count;

    /* One read empties the counter; EAGAIN: it was empty. */
    while (syscall(SYS_read, fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

void tn_fd_close(int fd)
{
    /* Not again after EINTR: the descriptor is gone then, its number perhaps another thread's. */
    if (fd >= 0)
        syscall(SYS_close, fd);
}
