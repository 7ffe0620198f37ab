/* SPDX-License-Identifier: Apache-2.0 */

/* Pools whose workers leave: as soon as they have nothing to do, or have run their share. */
#include "processes.h"
#include "runner.h"

#include <signal.h>
#include <tarn.h>
#include <time.h>
#include <unistd.h>

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500 * 1000 * 1000}, NULL);
    return (int)getpid();
}
TARN_TASK(int, nap, void);

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

TEST(a_pool_does_not_watch_out_all_the_time_for_the_moment_to_let_a_worker_go)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .idle_timeout = -1);
    tarn_future *future = nap_submit(pool);
    double wall = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    busy = seconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
    assert_true(busy < wall / 2);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(who_is_to_leave_at_once_does_whoever_takes_the_reply)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .idle_timeout = -1);
    for (int i = 0; i < 20; i++) {
        int pid = 0;
        tarn_future *future = own_pid_submit(pool);
        assert_int_equal(own_pid_result(future, &pid), TARN_OK);
        tarn_drop(future);
        await_end((pid_t)pid);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static int own_pid_or_crash(bool crash)
{
    if (crash)
        raise(SIGKILL);
    return (int)getpid();
}
TARN_TASK(int, own_pid_or_crash, bool);

enum { MOST_TASKS = 12 };

/* Every third crashes, or none. */
static bool is_to_crash(bool crashes, int i)
{
    return crashes && i % 3 == 1;
}

/* The pool is left as soon as all is submitted. */
static void run_backlog(int workers, int share, int tasks, bool crashes, bool abandon)
{
    tarn_executor *pool =
        tarn_process_pool(.max_workers = workers, .max_tasks_per_worker = (unsigned)share);
    tarn_future *futures[MOST_TASKS];
    int pids[MOST_TASKS] = {0};
    for (int i = 0; i < tasks; i++)
        futures[i] = own_pid_or_crash_submit(pool, is_to_crash(crashes, i));
    if (abandon)
        tarn_abandon(pool);
    else
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    for (int i = 0; i < tasks; i++) {
        tarn_status status = own_pid_or_crash_result(futures[i], &pids[i]);
        assert_int_equal(status, is_to_crash(crashes, i) ? TARN_LOST : TARN_OK);
        int same = 0;
        for (int k = 0; k <= i; k++)
            same += !is_to_crash(crashes, k) && pids[k] == pids[i];
        if (status == TARN_OK)
            assert_in_range(same, 1, share);
    }
    tarn_drop_all(futures, (size_t)tasks);
}

TEST(a_backlog_is_finished_by_workers_that_run_few_tasks_each)
{
    static const struct {
        int workers, share, tasks;
    } rows[] = {{1, 2, 6}, {2, 2, 8}, {2, 1, 9}, {3, 5, 12}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int how = 0; how < 4; how++)
            run_backlog(rows[i].workers, rows[i].share, rows[i].tasks, how & 1, how & 2);
    }
}
