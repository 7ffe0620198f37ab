/* SPDX-License-Identifier: Apache-2.0 */

/* What does a task in another process cost? One call at a time and many under way; a new worker;
 * and the death of one. */
#include <signal.h>
#include <unistd.h>
#include <tarn.h>

#include "bench.h"

enum { WARM_UP = 100, WINDOW = 4096 };

static int empty(int n)
{
    return n;
}
TARN_TASK(int, empty, int);

static int process_id(void)
{
    return (int)getpid();
}
TARN_TASK(int, process_id);

static void spin(void)
{
    for (volatile bool on = true; on;)
        continue;
}
TARN_TASK(void, spin);

static tarn_executor *open_pool(tarn_executor *pool)
{
    if (pool == NULL)
        wrong("no pool: %s", tarn_last_error());
    return pool;
}

/* The result of the ith call, which it waits for. */
static int take(tarn_future *future, int i)
{
    int result;

    if (empty_result(future, &result) != TARN_OK)
        wrong("task %d failed: %s", i, tarn_error(future)->text);
    if (result != i)
        wrong("task %d has the result %d", i, result);
    tarn_drop(future);
    return result;
}

static void call(void *pool, int i)
{
    take(empty_submit(pool, i), i);
}

/* One call after the other: whoever runs it and whoever waits have no time to fall asleep. */
static double hot(int n)
{
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = 1));

    for (int i = 0; i < WARM_UP; i++)
        call(pool, i);
    double each = each_step(call, pool, n);
    tarn_shutdown(pool);
    return each;
}

/* Everybody sleeps before each call. */
static double parked(int n, int64_t *times)
{
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = 1));

    for (int i = 0; i < WARM_UP; i++)
        call(pool, i);
    for (int i = 0; i < n; i++) {
        settle();
        int64_t start = nanoseconds();
        call(pool, i);
        times[i] = nanoseconds() - start;
    }
    tarn_shutdown(pool);
    return (double)median(times, n);
}

/* Results are taken in the order of submission, with WINDOW calls under way. */
static double pipelined(int n, int workers)
{
    static tarn_future *futures[WINDOW];
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = workers));
    int64_t sum = 0;

    for (int i = 0; i < WARM_UP; i++)
        call(pool, i);
    int64_t start = nanoseconds();
    for (int i = 0; i < n + WINDOW; i++) {
        tarn_future **place = &futures[i % WINDOW];
        if (i >= WINDOW && i - WINDOW < n)
            sum += take(*place, i - WINDOW);
        if (i < n)
            *place = empty_submit(pool, i);
    }
    double each = (double)(nanoseconds() - start) / n;
    check_sum(sum, n);
    tarn_shutdown(pool);
    return each;
}

/* WINDOW calls at a time, each taken as it completes. */
static double completed(int n, int workers)
{
    static tarn_future *futures[WINDOW];
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = workers));
    int64_t sum = 0;

    for (int i = 0; i < WARM_UP; i++)
        call(pool, i);
    int64_t start = nanoseconds();
    for (int first = 0; first < n; first += WINDOW) {
        int count = n - first < WINDOW ? n - first : WINDOW;
        for (int i = 0; i < count; i++)
            futures[i] = empty_submit(pool, first + i);
        tarn_completions *ended = tarn_as_completed(futures, (size_t)count, TARN_FOREVER);
        if (ended == NULL)
            wrong("no completions: %s", tarn_last_error());
        for (size_t tag; tarn_next(ended, &tag) == TARN_OK; count--)
            sum += take(futures[tag], first + (int)tag);
        if (count != 0)
            wrong("%d futures never came", count);
        tarn_completions_drop(ended);
    }
    double each = (double)(nanoseconds() - start) / n;
    check_sum(sum, n);
    tarn_shutdown(pool);
    return each;
}

/* From the submit to the result of a worker that had to be started for it. */
static double start_worker(int n, int64_t *times)
{
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = 1, .max_tasks_per_worker = 1));
    tarn_stats stats = {.size = sizeof stats};

    for (int i = -1; i < n; i++) {
        int64_t start = nanoseconds();
        call(pool, i);
        if (i >= 0) /* the first one finds no server */
            times[i] = nanoseconds() - start;
        do {
            settle();
            tarn_executor_stats(pool, &stats);
        } while (stats.workers > 0);
    }
    tarn_shutdown(pool);
    return (double)median(times, n) / 1000;
}

/* From the opening of a pool to its first result. */
static double start_pool(int n, int64_t *times)
{
    for (int i = 0; i < n; i++) {
        int64_t start = nanoseconds();
        tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = 1));
        call(pool, i);
        times[i] = nanoseconds() - start;
        tarn_shutdown(pool);
    }
    return (double)median(times, n) / 1000;
}

/* From the decision that a task is to be killed, or from the death of its worker by another hand,
 * until its future has ended. */
static double end_task(int n, int64_t *times, bool by_us)
{
    tarn_executor *pool = open_pool(tarn_process_pool(.max_workers = 1));

    for (int i = 0; i < n; i++) {
        tarn_future *pid = process_id_submit(pool), *future;
        int worker;
        if (process_id_result(pid, &worker) != TARN_OK)
            wrong("no worker: %s", tarn_error(pid)->text);
        tarn_drop(pid);
        future = spin_submit(pool);
        do
            settle();
        while (!tarn_running(future));
        int64_t start = nanoseconds();
        if (by_us)
            tarn_stop(future, 0.0);
        else
            kill(worker, SIGKILL);
        tarn_status status = spin_result(future);
        times[i] = nanoseconds() - start;
        if (status != (by_us ? TARN_STOPPED : TARN_LOST))
            wrong("task %d ended as %s", i, tarn_status_name(status));
        tarn_drop(future);
    }
    tarn_shutdown(pool);
    return (double)median(times, n) / 1000;
}

/* process hot | parked | pipelined | start | pool | kill | lost [N] [WORKERS] */
int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    const char *what = argc > 1 ? argv[1] : "hot";
    int n = argument(argc, argv, 2, 1000);
    int64_t *times = samples(n);

    if (strcmp(what, "hot") == 0)
        report("ns", hot(n));
    else if (strcmp(what, "parked") == 0)
        report("ns", parked(n, times));
    else if (strcmp(what, "pipelined") == 0)
        report("ns", pipelined(n, argument(argc, argv, 3, 1)));
    else if (strcmp(what, "completed") == 0)
        report("ns", completed(n, argument(argc, argv, 3, 1)));
    else if (strcmp(what, "start") == 0)
        report("us", start_worker(n, times));
    else if (strcmp(what, "pool") == 0)
        report("us", start_pool(n, times));
    else if (strcmp(what, "kill") == 0 || strcmp(what, "lost") == 0)
        report("us", end_task(n, times, strcmp(what, "kill") == 0));
    else
        wrong("nothing is called %s", what);
    free(times);
    return 0;
}
