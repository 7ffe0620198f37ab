/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/fd.h"

#include "platform/atomic.h"
#include "platform/thread.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

static bool readable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready = poll(&entry, 1, 0);

    assert_true(ready >= 0);
    return ready == 1 && (entry.revents & POLLIN) != 0;
}

static int open_event(void)
{
    int fd;

    assert_int_equal(tn_event_open(&fd), 0);
    return fd;
}

TEST(an_event_is_readable_from_raise_to_clear)
{
    int fd = open_event();

    assert_false(readable(fd));
    tn_event_raise(fd);
    assert_true(readable(fd));
    assert_true(readable(fd));
    tn_event_clear(fd);
    assert_false(readable(fd));
    tn_event_raise(fd);
    assert_true(readable(fd));
    tn_fd_close(fd);
}

TEST(one_clear_undoes_many_raises)
{
    int fd = open_event();

    for (int i = 0; i < 100; i++)
        tn_event_raise(fd);
    tn_event_clear(fd);
    assert_false(readable(fd));
    tn_fd_close(fd);
}

TEST(clearing_a_lowered_event_does_not_block)
{
    int fd = open_event();

    tn_event_clear(fd);
    tn_event_clear(fd);
    assert_false(readable(fd));
    tn_fd_close(fd);
}

TEST(raising_a_full_event_does_not_block)
{
    uint64_t full = UINT64_MAX - 1;
    int fd = open_event();

    assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
    tn_event_raise(fd);
    assert_true(readable(fd));
    tn_event_clear(fd);
    assert_false(readable(fd));
    tn_fd_close(fd);
}

TEST(an_event_is_closed_on_exec_and_never_blocks)
{
    int fd = open_event();

    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    tn_fd_close(fd);
}

TEST(close_closes)
{
    int fd = open_event();

    tn_fd_close(fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
    tn_fd_close(-1);
}

TEST(without_descriptors_open_says_so)
{
    struct rlimit before, none;
    int fd = 0, error;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    error = tn_event_open(&fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, EMFILE);
    assert_int_equal(fd, -1);
}

static void use_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    int fd, state;

    pthread_cancel(pthread_self());
    if (tn_event_open(&fd) == 0) {
        tn_event_raise(fd);
        tn_event_clear(fd);
        tn_fd_close(fd);
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    tn_u32_store_relaxed(survived, 1);
}

TEST(nothing_is_a_cancellation_point)
{
    tn_atomic_u32 survived = TN_ATOMIC_INIT(0);
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, 0, "cancelled", use_cancelled, &survived), 0);
    tn_thread_join(thread);
    assert_int_equal(tn_u32_load_relaxed(&survived), 1);
}
