/* SPDX-License-Identifier: Apache-2.0 */

/* What was given to a worker that has not begun with it is still anybody's to cancel. The worker is
 * stopped, so that it begins with nothing. */
#include "runner.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <tarn.h>
#include <unistd.h>

enum { FUTURES = 12 };

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

static pid_t pid_of_worker(tarn_executor *pool)
{
    int pid = 0;
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(own_pid_result(future, &pid), TARN_OK);
    tarn_drop(future);
    return (pid_t)pid;
}

/* Until it is: a signal takes its time. */
static void stop_process(pid_t pid)
{
    char name[64], line[256], state = 0;
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (state != 'T') {
        FILE *file = fopen(name, "re");
        assert_non_null(file);
        const char *end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
        state = end ? end[2] : 0;
        fclose(file);
        sched_yield();
    }
}

static void submit_all(tarn_executor *pool, tarn_future **futures)
{
    for (int i = 0; i < FUTURES; i++)
        futures[i] = own_pid_submit(pool);
}

TEST(a_group_is_cancelled_with_what_was_given_ahead)
{
    tarn_future *futures[FUTURES];
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    pid_t pid = pid_of_worker(pool);
    stop_process(pid);
    submit_all(pool, futures);
    tarn_completions *group = tarn_completions_new(TARN_FOREVER);
    assert_non_null(group);
    for (int i = 0; i < FUTURES; i++)
        assert_int_equal(tarn_completions_add(group, futures[i], (size_t)i), TARN_OK);
    assert_int_equal(tarn_completions_cancel(group), FUTURES);
    assert_int_equal(kill(pid, SIGCONT), 0);
    tarn_completions_drop(group);
    tarn_drop_all(futures, FUTURES);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Each of them takes back what the other one is about to cancel. */
static void *cancel_half(void *data)
{
    tarn_future **futures = data;
    return (void *)(uintptr_t)tarn_cancel_all(futures, FUTURES / 2);
}

TEST(two_who_cancel_do_not_keep_each_other_from_it)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    for (size_t round = 0; round < test_count(500); round++) {
        tarn_future *futures[FUTURES];
        pthread_t other;
        void *cancelled;
        /* So that it is known to be fast. */
        for (int i = 0; i < 4; i++)
            pid_of_worker(pool);
        pid_t pid = pid_of_worker(pool);
        stop_process(pid);
        submit_all(pool, futures);
        assert_int_equal(pthread_create(&other, NULL, cancel_half, futures), 0);
        size_t own = tarn_cancel_all(futures + FUTURES / 2, FUTURES - FUTURES / 2);
        pthread_join(other, &cancelled);
        assert_int_equal(own + (size_t)(uintptr_t)cancelled, FUTURES);
        assert_int_equal(kill(pid, SIGCONT), 0);
        tarn_drop_all(futures, FUTURES);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
