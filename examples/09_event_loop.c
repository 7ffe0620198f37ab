/* SPDX-License-Identifier: Apache-2.0 */

/* 09 - Tasks in an event loop. Completions have a descriptor that is readable while there is a tag
 * to take; here epoll watches it together with a timer. All handlers run on one thread, so they
 * need no locks, and none of them ever blocks. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <tarn.h>

enum { REQUESTS = 5, TICK = 10 * 1000 * 1000 /* nanoseconds */ };

/* Takes longer than a tick, so that several are under way. */
static int answer(int request)
{
    struct timespec pause = {.tv_nsec = 3 * TICK};

    nanosleep(&pause, NULL);
    return request * request;
}
TARN_TASK(int, answer, int);

struct loop {
    tarn_executor *pool;
    tarn_completions *completed;
    tarn_future *futures[REQUESTS]; /* the tag of a future is its place */
    int submitted, answered;
};

static bool complain(const char *why)
{
    fprintf(stderr, "09_event_loop: %s\n", why);
    return false;
}

/* The timer fired: one more request comes in. */
static bool on_tick(struct loop *loop, int timer)
{
    uint64_t ticks;

    if (read(timer, &ticks, sizeof ticks) < 0)
        return errno == EAGAIN || complain(strerror(errno));
    if (loop->submitted == REQUESTS)
        return true;
    int request = loop->submitted++;
    printf("request %d\n", request);
    loop->futures[request] = answer_submit(loop->pool, request);
    if (tarn_completions_add(loop->completed, loop->futures[request], (size_t)request) != TARN_OK)
        return complain(tarn_last_error());
    return true;
}

/* Takes all that there is. TARN_TIMEOUT and TARN_END both mean "no more, for now". */
static void on_completed(struct loop *loop)
{
    for (size_t i; tarn_next(loop->completed, &i) == TARN_OK; loop->answered++) {
        int result; /* it has ended: this does not block */
        if (answer_result(loop->futures[i], &result) == TARN_OK)
            printf("answer %zu is %d\n", i, result);
        else
            printf("answer %zu: %s\n", i, tarn_error(loop->futures[i])->text);
        tarn_drop(loop->futures[i]);
        loop->futures[i] = NULL;
    }
}

static bool watch(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

static bool run(struct loop *loop, int epoll, int timer)
{
    while (loop->answered < REQUESTS) {
        struct epoll_event event;
        int ready = epoll_wait(epoll, &event, 1, -1);
        if (ready < 0 && errno != EINTR)
            return complain(strerror(errno));
        if (ready == 1 && event.data.fd != timer)
            on_completed(loop);
        else if (ready == 1 && !on_tick(loop, timer))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    struct loop loop = {.pool = tarn_thread_pool(.max_workers = 2),
                        .completed = tarn_completions_new(TARN_NOW)}; /* tarn_next() never waits */
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec interval = {{0, TICK}, {0, TICK}};

    int news = tarn_completions_fd(loop.completed);
    bool done = false;

    if (loop.pool == NULL || news < 0)
        complain(tarn_last_error());
    else if (timerfd_settime(timer, 0, &interval, NULL) != 0 || !watch(epoll, timer) ||
             !watch(epoll, news))
        complain(strerror(errno));
    else
        done = run(&loop, epoll, timer);

    close(epoll); /* before the completions, whose descriptor it watches */
    close(timer);
    tarn_completions_drop(loop.completed);
    tarn_drop_all(loop.futures, REQUESTS);
    return tarn_shutdown(loop.pool) != TARN_OK || !done;
}
