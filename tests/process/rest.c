/* SPDX-License-Identifier: Apache-2.0 */

/* A pool whose workers leave as soon as they have nothing to do. */
#include "processes.h"
#include "runner.h"

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
