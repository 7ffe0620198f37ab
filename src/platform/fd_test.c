/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/fd.h"

#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
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

/* Linux before 5.8 cannot, nor can emulators. */
static bool can_read_without_waiting(int fd)
{
#ifdef SYS_preadv2
    uint64_t count;
    const struct iovec part = {&count, sizeof(count)};
    const long nowait = 8;

    return syscall(SYS_preadv2, fd, &part, 1L, -1L, -1L, nowait) < 0 && errno == EAGAIN;
#else
    (void)fd;
    return false;
#endif
}

/* Its flags are those of all who have it: another process may have changed them. */
TEST(a_clear_never_blocks)
{
    int fd = open_event();

    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    if (!can_read_without_waiting(fd))
        skip();
    tn_event_clear(fd);
    tn_event_raise(fd);
    tn_event_clear(fd);
    assert_false(readable(fd));
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

/* Somebody has closed what was not his, and has a file of his own under that number now. */
TEST(nothing_but_an_event_is_raised_or_cleared)
{
    char name[] = "/tmp/tarn-fd-XXXXXX", text[16] = "";
    int fd = open_event(), file = mkostemp(name, O_CLOEXEC), ends[2];

    assert_true(file >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(write(file, "untouched", 9), 9);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_int_equal(dup3(file, fd, O_CLOEXEC), fd);
    tn_event_raise(fd);
    tn_event_clear(fd);
    assert_int_equal(read(file, text, sizeof(text)), 9);
    assert_string_equal(text, "untouched");

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup3(ends[1], fd, O_CLOEXEC), fd);
    tn_event_raise(fd);
    assert_false(readable(ends[0]));
    close(ends[0]);
    close(ends[1]);
    close(file);
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

/* ---- waiting for any of several ---- */

TEST(a_poll_says_which_can_be_read)
{
    int fds[4] = {open_event(), -1, open_event(), open_event()};
    bool ready[4];

    assert_int_equal(tn_poll(fds, ready, 4, 0), ETIMEDOUT);
    tn_event_raise(fds[2]);
    assert_int_equal(tn_poll(fds, ready, 4, TN_CLOCK_NEVER), 0);
    assert_false(ready[0] || ready[1] || ready[3]);
    assert_true(ready[2]);
    tn_event_raise(fds[0]);
    assert_int_equal(tn_poll(fds, ready, 4, INT64_MIN), 0);
    assert_true(ready[0] && ready[2]);
    assert_false(ready[1] || ready[3]);
    for (int i = 0; i < 4; i++)
        tn_fd_close(fds[i]);
}

TEST(a_poll_ends_at_its_time_and_not_before)
{
    int fd = open_event();
    int64_t until = tn_clock_after(0.02);
    bool ready = true;

    assert_int_equal(tn_poll(&fd, &ready, 1, until), ETIMEDOUT);
    assert_true(tn_clock_now() >= until);
    assert_false(ready);
    assert_int_equal(tn_poll(NULL, NULL, 0, tn_clock_after(0.001)), ETIMEDOUT);
    tn_fd_close(fd);
}

static void raise_event(void *fd)
{
    tn_event_raise(*(int *)fd);
}

TEST(a_raise_ends_a_poll)
{
    int fd = open_event();
    tn_thread thread;
    bool ready;

    assert_int_equal(tn_thread_start(&thread, 0, "raise", raise_event, &fd), 0);
    assert_int_equal(tn_poll(&fd, &ready, 1, TN_CLOCK_NEVER), 0);
    assert_true(ready);
    tn_thread_join(thread);
    tn_fd_close(fd);
}

TEST(what_has_ended_or_was_closed_is_ready)
{
    int pipes[2];
    bool ready;

    assert_int_equal(pipe(pipes), 0);
    close(pipes[1]);
    assert_int_equal(tn_poll(&pipes[0], &ready, 1, TN_CLOCK_NEVER), 0);
    assert_true(ready);
    close(pipes[0]);
    ready = false;
    assert_int_equal(tn_poll(&pipes[0], &ready, 1, TN_CLOCK_NEVER), 0);
    assert_true(ready);
}

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
    (void)signal;
    signals++;
}

TEST(signals_do_not_end_a_poll)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec rain = {{0, 1000000}, {0, 1000000}};
    int64_t until;
    timer_t timer;
    int fd = open_event();
    bool ready;

    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &rain, NULL), 0);
    until = tn_clock_after(0.05);
    assert_int_equal(tn_poll(&fd, &ready, 1, until), ETIMEDOUT);
    assert_true(tn_clock_now() >= until);
    assert_int_equal(timer_delete(timer), 0);
    assert_true(signals > 0);
    tn_fd_close(fd);
}

static void use_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    int fd, state;

    pthread_cancel(pthread_self());
    if (tn_event_open(&fd) == 0) {
        bool ready;

        tn_event_raise(fd);
        tn_poll(&fd, &ready, 1, TN_CLOCK_NEVER);
        tn_event_clear(fd);
        tn_poll(&fd, &ready, 1, 0);
        tn_fd_close(fd);
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    tn_u32_store_relaxed(survived, 1);
}

TEST(nothing_is_a_cancellation_point)
{
    tn_atomic_u32 survived = TN_ATOMIC_INIT(0);
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, 1 << 16, "cancelled", use_cancelled, &survived), 0);
    tn_thread_join(thread);
    assert_int_equal(tn_u32_load_relaxed(&survived), 1);
}
