/* SPDX-License-Identifier: Apache-2.0 */
#include "fd.h"

#include "broken.h"
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The kernel's number: its headers are not everywhere where a libc is. */
#define READ_NOWAIT 8L

/* System calls and not libc's functions, for those are cancellation points: a thread cancelled
 * while it completes a future would leave it half done. */

int tn_event_open(int *fd)
{
    *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *fd < 0 ? errno : 0;
}

/* Whoever closes descriptors that are not his may have got this number for a file of his own. To look
 * takes about as long as to write, but who writes is not in a hurry. */
static bool is_event(int fd)
{
    struct stat about;

    return fstat(fd, &about) == 0 && (about.st_mode & S_IFMT) == 0;
}

void tn_event_raise(int fd)
{
    uint64_t one = 1;

    if (!is_event(fd))
        return;
    /* A full counter refuses more with EAGAIN: it is readable. */
    while (syscall(SYS_write, fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void tn_event_clear(int fd)
{
    /* One read empties it; EAGAIN: it was empty. */
    uint64_t count;

    if (!is_event(fd))
        return;
#ifdef SYS_preadv2
    const struct iovec part = {&count, sizeof(count)};
    long result;

    /* That it is not to block is said with the call: another process that has the event may have
     * changed its flags, and emptied it. */
    do
        result = syscall(SYS_preadv2, fd, &part, 1L, -1L, -1L, READ_NOWAIT);
    while (result < 0 && errno == EINTR);
    if (result >= 0 || errno == EAGAIN)
        return;
        /* Linux before 5.8 cannot, for events; or a filter forbids it. */
#endif
    while (syscall(SYS_read, fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

void tn_fd_close(int fd)
{
    int state;

    if (fd < 0)
        return;
    /* libc's function here: by that ThreadSanitizer knows that it is closed, and sees no race when the
     * program's own threads get the number. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    /* Not again after EINTR: the descriptor is gone then, its number perhaps another thread's. */
    close(fd);
    pthread_setcancelstate(state, &state);
}

/* What is left until then, for a call that takes a span of time; NULL: no limit. */
static const struct timespec *left_until(int64_t until, struct timespec *left)
{
    int64_t now = tn_clock_now();
    int32_t seconds, nanoseconds;

    if (!tn_clock_split(until <= now ? 0 : until - now, &seconds, &nanoseconds))
        return NULL;
    left->tv_sec = seconds;
    left->tv_nsec = nanoseconds;
    return left;
}

static int poll_entries(struct pollfd *entries, size_t n, int64_t until)
{
    for (;;) {
        struct timespec left;
        int ready = ppoll(entries, n, left_until(until, &left), NULL);

        if (ready > 0)
            return 0;
        if (ready == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
}

int tn_poll(const int *fds, bool *ready, size_t n, int64_t until)
{
    struct pollfd entries[TN_POLL_MOST];
    int state, error;

    if (n > TN_POLL_MOST)
        tn_broken("poll", EINVAL);
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    /* libc's function here: what time the call itself takes differs from system to system. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    error = poll_entries(entries, n, until);
    pthread_setcancelstate(state, &state);
    for (size_t i = 0; i < n; i++)
        ready[i] = error == 0 && entries[i].revents != 0;
    return error;
}
