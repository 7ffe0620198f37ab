/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/child.h"

#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/futex.h"
#include "platform/thread.h"
#include "imitation.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* ---- systems with less ---- */

long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

static bool no_close_range, no_directories;

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list arguments;

    if ((number == SYS_close_range && no_close_range) || (number == SYS_openat && no_directories)) {
        errno = number == SYS_openat ? ENOENT : ENOSYS;
        return -1;
    }
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- children ---- */

/* Valgrind before version 3.21, and other tools, do not know the calls. Asked before there is a
 * child that would be left. */
static void skip_without_pidfd(void)
{
    int fd, error = tn_pidfd_open(getpid(), &fd);

    if (error == ENOSYS)
        skip();
    assert_int_equal(error, 0);
    tn_fd_close(fd);
}

/* A child that exits with `status`, or if that is -1 stays until it is killed. */
static int start(int status, pid_t *pid)
{
    int fd;

    skip_without_pidfd();
    assert_int_equal(tn_fork(pid), 0);
    if (*pid == 0) {
        while (status < 0)
            pause();
        _exit(status);
    }
    assert_int_equal(tn_pidfd_open(*pid, &fd), 0);
    return fd;
}

static tn_child_end end_of(int fd)
{
    tn_child_end end = {false, -1};
    bool ready;

    assert_int_equal(tn_poll(&fd, &ready, 1, TN_CLOCK_NEVER), 0);
    assert_int_equal(tn_pidfd_wait(fd, &end), 0);
    return end;
}

/* That a forked child, which says so by its exit status, found all as it should be. */
static void assert_succeeds(pid_t pid)
{
    int status = -1;

    assert_true(pid > 0);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(status, 0);
}

TEST(a_child_that_exits_says_its_status)
{
    static const int statuses[] = {0, 7, 255};

    for (int i = 0; i < 3; i++) {
        pid_t pid;
        int fd = start(statuses[i], &pid);
        tn_child_end end = end_of(fd);

        assert_false(end.killed);
        assert_int_equal(end.code, statuses[i]);
        tn_fd_close(fd);
    }
}

TEST(a_child_that_is_killed_says_by_what)
{
    static const int killers[] = {SIGKILL, SIGTERM};

    for (int i = 0; i < 2; i++) {
        tn_child_end end = {false, -1};
        pid_t pid;
        int fd = start(-1, &pid);
        bool ready;

        assert_int_equal(tn_pidfd_wait(fd, &end), EAGAIN);
        assert_int_equal(tn_poll(&fd, &ready, 1, tn_clock_after(0.001)), ETIMEDOUT);
        assert_int_equal(tn_pidfd_kill(fd, 0), 0);
        assert_int_equal(tn_pidfd_kill(fd, killers[i]), 0);
        end = end_of(fd);
        assert_true(end.killed);
        assert_int_equal(end.code, killers[i]);
        tn_fd_close(fd);
    }
}

TEST(a_child_ends_once)
{
    pid_t pid;
    int fd = start(0, &pid);
    tn_child_end end;

    end_of(fd);
    assert_int_equal(tn_pidfd_wait(fd, &end), ECHILD);
    assert_int_equal(tn_pidfd_kill(fd, SIGKILL), ESRCH);
    tn_fd_close(fd);
    assert_int_equal(tn_pidfd_open(pid, &fd), ESRCH);
    assert_int_equal(fd, -1);
}

TEST(a_child_that_another_reaped_is_known_to_have_ended)
{
    tn_child_end end;
    bool ready;
    pid_t pid;
    int fd = start(0, &pid);

    assert_succeeds(pid);
    assert_int_equal(tn_poll(&fd, &ready, 1, TN_CLOCK_NEVER), 0);
    assert_int_equal(tn_pidfd_wait(fd, &end), ECHILD);
    tn_fd_close(fd);
}

TEST(a_process_that_is_no_child_can_be_watched)
{
    tn_child_end end;
    pid_t pid;
    int fd;

    skip_without_pidfd();
    assert_int_equal(tn_pidfd_open(getppid(), &fd), 0);
    assert_int_equal(tn_pidfd_wait(fd, &end), ECHILD);
    tn_fd_close(fd);
    fd = start(-1, &pid);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(tn_pidfd_kill(fd, SIGKILL), 0);
    end_of(fd);
    tn_fd_close(fd);
}

TEST(what_is_no_process_is_refused)
{
    tn_child_end end;
    int fd;

    skip_without_pidfd();
    assert_int_equal(tn_event_open(&fd), 0);
    assert_int_equal(tn_pidfd_kill(fd, 0), EBADF);
    assert_int_equal(tn_pidfd_wait(fd, &end), EBADF);
    tn_fd_close(fd);
    assert_int_equal(tn_pidfd_kill(fd, 0), EBADF);
    assert_int_equal(tn_pidfd_wait(fd, &end), EBADF);
}

TEST(without_room_for_another_process_fork_says_so)
{
    struct rlimit none = {0, 0};
    pid_t child = fork(), pid = 0;

    if (child == 0) {
        /* The limit does not hold for the superuser. */
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(0);
        if (setrlimit(RLIMIT_NPROC, &none) != 0 || tn_fork(&pid) != EAGAIN || pid != -1)
            _exit(1);
        _exit(0);
    }
    assert_succeeds(child);
}

/* ---- the end of the parent ---- */

TEST(a_child_dies_with_its_parent)
{
    char byte;
    int pipes[2];
    pid_t child, grandchild;
    ssize_t got;

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(tn_fork(&child), 0);
    if (child == 0) {
        pid_t self = getpid();

        if (tn_fork(&grandchild) != 0)
            _exit(1);
        if (grandchild == 0) {
            if (tn_die_with_parent(SIGKILL, self) != 0 || write(pipes[1], "x", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        /* Not before the grandchild is ready. */
        while (read(pipes[0], &byte, 1) < 0 && errno == EINTR)
            continue;
        _exit(0);
    }
    close(pipes[1]);
    assert_succeeds(child);
    /* The end of the last that could write. */
    while ((got = read(pipes[0], &byte, 1)) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(got, 0);
    close(pipes[0]);
}

TEST(a_parent_that_is_gone_is_noticed)
{
    pid_t child, self = getpid();

    assert_int_equal(tn_fork(&child), 0);
    if (child == 0)
        _exit(tn_die_with_parent(SIGKILL, self + 1) != ESRCH ||
              tn_die_with_parent(SIGKILL, self) != 0);
    assert_succeeds(child);
}

/* ---- threads ---- */

static void stay(void *word)
{
    while (!tn_u32_load_acquire(word))
        tn_futex_wait(word, 0, TN_CLOCK_NEVER);
}

/* Not against 1: tools have threads of their own. */
TEST(threads_are_counted)
{
    enum { MORE = 3 };
    int before = tn_thread_count();
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    tn_thread threads[MORE];

    assert_true(before >= 1);
    for (int i = 0; i < MORE; i++)
        assert_int_equal(tn_thread_start(&threads[i], 0, "more", stay, &word), 0);
    assert_int_equal(tn_thread_count(), before + MORE);
    tn_u32_store_release(&word, 1);
    tn_futex_wake(&word, INT_MAX);
    for (int i = 0; i < MORE; i++)
        tn_thread_join(threads[i]);
    while (tn_thread_count() != before)
        sched_yield();
}

TEST(many_threads_are_counted)
{
    enum { MORE = 60 };
    int before = tn_thread_count();
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    tn_thread threads[MORE];

    for (int i = 0; i < MORE; i++)
        assert_int_equal(tn_thread_start(&threads[i], 0, "more", stay, &word), 0);
    assert_int_equal(tn_thread_count(), before + MORE);
    tn_u32_store_release(&word, 1);
    tn_futex_wake(&word, INT_MAX);
    for (int i = 0; i < MORE; i++)
        tn_thread_join(threads[i]);
}

TEST(threads_that_the_system_does_not_list_are_not_counted)
{
    no_directories = true;
    int threads = tn_thread_count();
    no_directories = false;
    assert_int_equal(threads, 0);
}

/* ---- descriptors ---- */

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* In a child: opens many, closes some, and looks at all. */
static bool closes_from(int first, int count)
{
    for (int fd = first - 2; fd < first + count; fd++)
        if (dup2(0, fd) != fd)
            return false;
    tn_fds_close_from(first);
    for (int fd = first; fd < first + count; fd++)
        if (is_open(fd))
            return false;
    return is_open(first - 1) && is_open(first - 2) && is_open(0);
}

static void close_from(bool range, bool directories)
{
    enum { FIRST = 60, COUNT = 150 };
    struct rlimit limit = {256, 256};
    pid_t child;

    assert_int_equal(tn_fork(&child), 0);
    if (child == 0) {
        no_close_range = !range;
        no_directories = !directories;
        /* Where nothing is listed each number up to the limit is tried. */
        _exit((!directories && setrlimit(RLIMIT_NOFILE, &limit) != 0) ||
              !closes_from(FIRST, COUNT));
    }
    assert_succeeds(child);
}

TEST(descriptors_are_closed_by_range)
{
    close_from(true, true);
}

TEST(descriptors_are_closed_by_list)
{
    close_from(false, true);
}

TEST(descriptors_are_closed_up_to_the_limit)
{
    if (system_is_imitated())
        skip();
    close_from(false, false);
}

/* ---- cancellation ---- */

static void use_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    tn_child_end end;
    int fd, state;

    pthread_cancel(pthread_self());
    if (tn_pidfd_open(getpid(), &fd) == 0) {
        tn_pidfd_kill(fd, 0);
        tn_pidfd_wait(fd, &end);
        tn_fd_close(fd);
    }
    tn_thread_count();
    no_close_range = true;
    tn_fds_close_from(INT_MAX);
    no_close_range = false;
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
