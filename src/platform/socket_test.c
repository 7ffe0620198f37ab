/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/socket.h"

#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/thread.h"
#include "imitation.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct pair {
    int ends[2];
};

static struct pair make(void)
{
    struct pair pair;

    assert_int_equal(tn_socket_pair(pair.ends), 0);
    return pair;
}

static void close_pair(struct pair pair)
{
    tn_fd_close(pair.ends[0]);
    tn_fd_close(pair.ends[1]);
}

static int send_text(int fd, const char *text)
{
    return tn_socket_send(fd, text, strlen(text) + 1, NULL, 0);
}

static int receive_text(int fd, char text[32], int64_t until)
{
    size_t size = 32, n = 0;

    return tn_socket_receive(fd, text, &size, NULL, &n, until);
}

static int lowest_free(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/* As many new events. */
static void open_events(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(tn_event_open(&fds[i]), 0);
}

static void close_events(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tn_fd_close(fds[i]);
}

TEST(messages_keep_their_borders_and_order)
{
    struct pair pair = make();
    char text[32];

    assert_int_equal(send_text(pair.ends[0], "one"), 0);
    assert_int_equal(send_text(pair.ends[0], "and two"), 0);
    assert_int_equal(send_text(pair.ends[1], "back"), 0);
    assert_int_equal(receive_text(pair.ends[1], text, TN_CLOCK_NEVER), 0);
    assert_string_equal(text, "one");
    assert_int_equal(receive_text(pair.ends[1], text, 0), 0);
    assert_string_equal(text, "and two");
    assert_int_equal(receive_text(pair.ends[0], text, 0), 0);
    assert_string_equal(text, "back");
    close_pair(pair);
}

TEST(the_size_is_that_of_the_message)
{
    struct pair pair = make();
    char bytes[8] = "abcdefg";
    size_t size = sizeof(bytes), n = 0;

    assert_int_equal(tn_socket_send(pair.ends[0], "xyz", 3, NULL, 0), 0);
    assert_int_equal(tn_socket_receive(pair.ends[1], bytes, &size, NULL, &n, 0), 0);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "xyzdefg", 8);
    close_pair(pair);
}

TEST(both_ends_are_closed_on_exec)
{
    struct pair pair = make();

    assert_true((fcntl(pair.ends[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(pair.ends[1], F_GETFD) & FD_CLOEXEC) != 0);
    close_pair(pair);
}

TEST(without_a_message_the_time_ends_the_wait)
{
    struct pair pair = make();
    size_t size = 32, n = 2;
    char bytes[32];
    int fds[2];
    int64_t until = tn_clock_after(0.02);

    assert_int_equal(tn_socket_receive(pair.ends[0], bytes, &size, fds, &n, until), ETIMEDOUT);
    assert_true(tn_clock_now() >= until);
    assert_int_equal(size, 0);
    assert_int_equal(n, 0);
    assert_int_equal(receive_text(pair.ends[0], bytes, 0), ETIMEDOUT);
    assert_int_equal(receive_text(pair.ends[0], bytes, INT64_MIN), ETIMEDOUT);
    close_pair(pair);
}

TEST(a_message_ends_the_wait_in_another_process)
{
    struct pair pair = make();
    char text[32];
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(receive_text(pair.ends[1], text, TN_CLOCK_NEVER) != 0 ||
              send_text(pair.ends[1], text) != 0);
    assert_true(child > 0);
    assert_int_equal(send_text(pair.ends[0], "ping"), 0);
    assert_int_equal(receive_text(pair.ends[0], text, TN_CLOCK_NEVER), 0);
    assert_string_equal(text, "ping");
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(status, 0);
    close_pair(pair);
}

/* ---- the end ---- */

TEST(the_end_comes_after_the_last_message)
{
    struct pair pair = make();
    char text[32];

    assert_int_equal(send_text(pair.ends[0], "last"), 0);
    tn_fd_close(pair.ends[0]);
    assert_int_equal(receive_text(pair.ends[1], text, TN_CLOCK_NEVER), 0);
    assert_string_equal(text, "last");
    for (int i = 0; i < 2; i++)
        assert_int_equal(receive_text(pair.ends[1], text, TN_CLOCK_NEVER), EPIPE);
    tn_fd_close(pair.ends[1]);
}

TEST(the_end_comes_last_also_if_the_other_side_left_something_unread)
{
    struct pair pair = make();
    char text[32];

    assert_int_equal(send_text(pair.ends[1], "unread"), 0);
    assert_int_equal(send_text(pair.ends[0], "last"), 0);
    tn_fd_close(pair.ends[0]);
    assert_int_equal(receive_text(pair.ends[1], text, TN_CLOCK_NEVER), 0);
    assert_string_equal(text, "last");
    assert_int_equal(receive_text(pair.ends[1], text, TN_CLOCK_NEVER), EPIPE);
    tn_fd_close(pair.ends[1]);
}

/* A SIGPIPE would end the test. */
TEST(sending_to_nobody_is_an_error_and_no_signal)
{
    struct pair pair = make();

    tn_fd_close(pair.ends[0]);
    assert_int_equal(send_text(pair.ends[1], "lost"), EPIPE);
    tn_fd_close(pair.ends[1]);

    pair = make();
    assert_int_equal(send_text(pair.ends[1], "unread"), 0);
    tn_fd_close(pair.ends[0]);
    assert_int_equal(send_text(pair.ends[1], "lost"), EPIPE);
    assert_int_equal(send_text(pair.ends[1], "lost"), EPIPE);
    tn_fd_close(pair.ends[1]);
}

TEST(the_end_ends_a_wait)
{
    struct pair pair = make();
    char text[32];
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    assert_true(child > 0);
    tn_fd_close(pair.ends[1]);
    assert_int_equal(receive_text(pair.ends[0], text, TN_CLOCK_NEVER), EPIPE);
    while (waitpid(child, NULL, 0) < 0)
        assert_int_equal(errno, EINTR);
    tn_fd_close(pair.ends[0]);
}

/* ---- what does not fit ---- */

TEST(nothing_is_not_sent)
{
    struct pair pair = make();

    assert_int_equal(tn_socket_send(pair.ends[0], "", 0, NULL, 0), EINVAL);
    close_pair(pair);
}

TEST(a_send_does_not_block)
{
    struct pair pair = make();
    int sent = 0, error;
    char text[32];

    while ((error = send_text(pair.ends[0], "many")) == 0)
        sent++;
    assert_int_equal(error, EAGAIN);
    assert_true(sent >= 100);
    for (; sent > 0; sent--)
        assert_int_equal(receive_text(pair.ends[1], text, 0), 0);
    assert_int_equal(send_text(pair.ends[0], "more"), 0);
    close_pair(pair);
}

TEST(a_message_may_be_long_but_not_too_long)
{
    static char bytes[8 << 20];
    struct pair pair = make();
    size_t size = sizeof(bytes), n = 0;

    assert_int_equal(tn_socket_send(pair.ends[0], bytes, 100 << 10, NULL, 0), 0);
    assert_int_equal(tn_socket_send(pair.ends[0], bytes, sizeof(bytes), NULL, 0), EMSGSIZE);
    assert_int_equal(tn_socket_receive(pair.ends[1], bytes, &size, NULL, &n, 0), 0);
    assert_int_equal(size, 100 << 10);
    close_pair(pair);
}

TEST(a_message_longer_than_the_room_is_refused_with_its_descriptors)
{
    struct pair pair = make();
    int fds[2], came[2], before;
    char bytes[4];
    size_t size = sizeof(bytes), n = 2;

    open_events(fds, 2);
    before = lowest_free();
    assert_int_equal(tn_socket_send(pair.ends[0], "too long", 8, fds, 2), 0);
    assert_int_equal(send_text(pair.ends[0], "ok"), 0);
    assert_int_equal(tn_socket_receive(pair.ends[1], bytes, &size, came, &n, 0), EMSGSIZE);
    assert_int_equal(size, 0);
    assert_int_equal(n, 0);
    assert_int_equal(lowest_free(), before);
    size = sizeof(bytes);
    assert_int_equal(tn_socket_receive(pair.ends[1], bytes, &size, NULL, &n, 0), 0);
    assert_string_equal(bytes, "ok");
    close_events(fds, 2);
    close_pair(pair);
}

/* ---- descriptors ---- */

TEST(descriptors_arrive_in_their_order_and_closed_on_exec)
{
    struct pair pair = make();
    int sent[TN_SOCKET_FDS], came[TN_SOCKET_FDS];
    size_t size = 1, n = TN_SOCKET_FDS;
    bool ready[TN_SOCKET_FDS];
    char byte;

    open_events(sent, TN_SOCKET_FDS);
    tn_event_raise(sent[5]);
    assert_int_equal(tn_socket_send(pair.ends[0], "x", 1, sent, TN_SOCKET_FDS), 0);
    close_events(sent, TN_SOCKET_FDS);
    assert_int_equal(tn_socket_receive(pair.ends[1], &byte, &size, came, &n, 0), 0);
    assert_int_equal(n, TN_SOCKET_FDS);
    assert_int_equal(tn_poll(came, ready, n, 0), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ready[i], i == 5);
        assert_true((fcntl(came[i], F_GETFD) & FD_CLOEXEC) != 0);
    }
    close_events(came, n);
    close_pair(pair);
}

TEST(fewer_descriptors_than_there_is_room_for_are_counted)
{
    struct pair pair = make();
    int fds[3];
    size_t size = 1, n = 3;
    char byte;

    assert_int_equal(tn_socket_send(pair.ends[0], "x", 1, pair.ends, 1), 0);
    assert_int_equal(tn_socket_send(pair.ends[0], "y", 1, NULL, 0), 0);
    assert_int_equal(tn_socket_receive(pair.ends[1], &byte, &size, fds, &n, 0), 0);
    assert_int_equal(n, 1);
    tn_fd_close(fds[0]);
    n = 3;
    assert_int_equal(tn_socket_receive(pair.ends[1], &byte, &size, fds, &n, 0), 0);
    assert_int_equal(n, 0);
    close_pair(pair);
}

/* Odd and even numbers: the system pads to 8 bytes, and would fill the padding. */
TEST(more_descriptors_than_there_is_room_for_are_all_closed)
{
    struct pair pair = make();
    int fds[TN_SOCKET_FDS], came[TN_SOCKET_FDS], before;

    if (system_is_imitated()) {
        close_pair(pair);
        skip();
    }
    open_events(fds, TN_SOCKET_FDS);
    before = lowest_free();
    for (size_t sent = 1; sent <= TN_SOCKET_FDS; sent++) {
        size_t size = 1, n = sent - 1;
        char byte;

        assert_int_equal(tn_socket_send(pair.ends[0], "x", 1, fds, sent), 0);
        assert_int_equal(tn_socket_receive(pair.ends[1], &byte, &size, came, &n, 0), EMSGSIZE);
        assert_int_equal(n, 0);
        assert_int_equal(lowest_free(), before);
    }
    close_events(fds, TN_SOCKET_FDS);
    close_pair(pair);
}

TEST(descriptors_that_this_process_has_no_room_for_are_all_closed)
{
    struct pair pair = make();
    struct rlimit before, few;
    int fds[4], came[4], free_fd, error;
    size_t size = 1, n = 4;
    char byte;

    if (system_is_imitated()) {
        close_pair(pair);
        skip();
    }
    open_events(fds, 4);
    free_fd = lowest_free();
    assert_int_equal(tn_socket_send(pair.ends[0], "x", 1, fds, 4), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)free_fd + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    error = tn_socket_receive(pair.ends[1], &byte, &size, came, &n, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, EMFILE);
    assert_int_equal(n, 0);
    assert_int_equal(lowest_free(), free_fd);
    close_events(fds, 4);
    close_pair(pair);
}

TEST(what_is_no_socket_is_refused)
{
    int fd, closed = -1;
    char text[32];
    pid_t pid;
    uid_t uid;

    if (system_is_imitated())
        skip();
    assert_int_equal(tn_event_open(&fd), 0);
    assert_int_equal(send_text(fd, "x"), ENOTSOCK);
    assert_int_equal(receive_text(fd, text, TN_CLOCK_NEVER), ENOTSOCK);
    assert_int_equal(tn_socket_peer(fd, &pid, &uid), ENOTSOCK);
    tn_fd_close(fd);
    assert_int_equal(send_text(closed, "x"), EBADF);
    assert_int_equal(receive_text(closed, text, TN_CLOCK_NEVER), EBADF);
    assert_int_equal(tn_socket_peer(closed, &pid, &uid), EBADF);
}

TEST(without_descriptors_there_is_no_pair)
{
    struct rlimit before, none;
    int ends[2] = {0, 0}, error;

    if (system_is_imitated())
        skip();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    error = tn_socket_pair(ends);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, EMFILE);
    assert_int_equal(ends[0], -1);
    assert_int_equal(ends[1], -1);
}

/* ---- the peer ---- */

TEST(the_peer_is_who_made_the_pair)
{
    struct pair pair = make();
    const pid_t self = getpid();
    int status = -1;
    pid_t child = fork(), pid;
    uid_t uid;

    if (child == 0)
        _exit(tn_socket_peer(pair.ends[1], &pid, &uid) != 0 || pid != self || uid != geteuid());
    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(status, 0);
    close_pair(pair);
}

/* ---- signals and cancellation ---- */

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
    (void)signal;
    signals++;
}

TEST(signals_do_not_end_the_wait)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec rain = {{0, 1000000}, {0, 1000000}};
    struct pair pair = make();
    timer_t timer;
    char text[32];

    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &rain, NULL), 0);
    assert_int_equal(receive_text(pair.ends[0], text, tn_clock_after(0.05)), ETIMEDOUT);
    assert_int_equal(timer_delete(timer), 0);
    assert_true(signals > 0);
    close_pair(pair);
}

static void use_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    char text[32];
    int ends[2], state;
    pid_t pid;
    uid_t uid;

    pthread_cancel(pthread_self());
    if (tn_socket_pair(ends) == 0) {
        send_text(ends[0], "x");
        receive_text(ends[1], text, TN_CLOCK_NEVER);
        receive_text(ends[1], text, tn_clock_after(0.001));
        tn_socket_peer(ends[0], &pid, &uid);
        tn_fd_close(ends[0]);
        tn_fd_close(ends[1]);
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
