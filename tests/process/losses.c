/* SPDX-License-Identifier: Apache-2.0 */

/* What is said of a task whose worker has died, or cannot return what it should, and what a strict pool
 * makes of it. */
#include "processes.h"
#include "runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tarn.h>
#include <unistd.h>

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static int crash(int signal_)
{
    raise(signal_);
    return 0;
}
TARN_TASK(int, crash, int);

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

static int sleep_for_ever(void)
{
    for (;;)
        pause();
    return 0;
}
TARN_TASK(int, sleep_for_ever, void);

typedef struct file_name {
    char text[64];
} file_name;

static int die_twice(file_name mark)
{
    /* The first time it is killed. */
    int file = open(mark.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    raise(file >= 0 ? SIGKILL : SIGSEGV);
    return 0;
}
TARN_TASK(int, die_twice, file_name);

/* The memory that it shares with the host, as far as it can be written. */
static int overwrite(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (maps && fgets(line, sizeof(line), maps)) {
        char *from = NULL, *end = NULL;
        if (!strstr(line, "memfd:tarn-up"))
            continue;
        from = (char *)(uintptr_t)strtoull(line, &end, 16);
        end = (char *)(uintptr_t)strtoull(end + 1, NULL, 16);
        memset(from, 0xff, (size_t)(end - from));
    }
    _exit(3);
}
TARN_TASK(int, overwrite, void);

/* ---- Kinds ----------------------------------------------------------------------------------- */

/* Of all the losses that a task can bring about itself. A worker of a sanitizer may turn a signal into
 * an exit status. */
TEST(a_loss_is_of_a_kind)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_executor *again = tarn_with(pool, .retries = 2);
    const struct {
        tarn_executor *on;
        int signal_;
        tarn_lost kind;
        int attempts;
    } rows[] = {
        {pool, SIGSEGV, TARN_LOST_CRASHED, 1}, {pool, SIGABRT, TARN_LOST_CRASHED, 1},
        {pool, SIGKILL, TARN_LOST_KILLED, 1},  {pool, SIGTERM, TARN_LOST_KILLED, 1},
        {again, SIGSEGV, TARN_LOST_POISON, 3}, {again, SIGKILL, TARN_LOST_KILLED, 3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        tarn_future *future = crash_submit(rows[i].on, rows[i].signal_);
        assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
        const tarn_failure *failure = tarn_error(future);
        assert_int_equal(failure->lost, rows[i].kind);
        assert_int_equal(failure->attempts, rows[i].attempts);
        bool poison = rows[i].kind == TARN_LOST_POISON;
        assert_int_equal(strstr(failure->text, "on each of 3 tries") != NULL, poison);
        tarn_drop(future);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static int end_thread(void)
{
    pthread_exit(NULL);
    return 0;
}
TARN_TASK(int, end_thread, void);

/* The worker ends with it, and is given nothing more; nobody has died who was not to. */
TEST(a_task_that_ends_its_thread_costs_nobody_else)
{
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        tarn_executor *pool =
            tarn_process_pool(.max_workers = 1, .prefetch = prefetch, .strict = true);
        tarn_executor *again = tarn_with(pool, .retries = 1, .retry_on = TARN_RETRY_FAILED);
        for (int i = 0; i < 10; i++) {
            tarn_future *ended = end_thread_submit(i % 2 == 0 ? pool : again);
            tarn_future *others[4];
            for (int k = 0; k < 4; k++)
                others[k] = own_pid_submit(pool);
            assert_int_equal(tarn_result(ended, NULL, NULL, 0), TARN_FAILED);
            assert_string_equal(tarn_error(ended)->text, "the task ended its thread");
            assert_int_equal(tarn_error(ended)->attempts, 1 + i % 2);
            for (int k = 0; k < 4; k++)
                assert_int_equal(tarn_result(others[k], NULL, NULL, 0), TARN_OK);
            tarn_drop(ended);
            tarn_drop_all(others, 4);
        }
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

/* A killed try proves nothing against the task. */
TEST(what_was_killed_before_it_crashed_is_no_poison)
{
    file_name mark = {"/tmp/tarn-losses-XXXXXX"};
    close(mkostemp(mark.text, O_CLOEXEC));
    unlink(mark.text);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = die_twice_submit(tarn_with(pool, .retries = 1), mark);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    assert_int_equal(tarn_error(future)->lost, TARN_LOST_CRASHED);
    assert_int_equal(tarn_error(future)->attempts, 2);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(mark.text);
}

TEST(what_a_worker_held_that_overwrote_its_channel_is_unproven)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = overwrite_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    assert_int_equal(tarn_error(future)->lost, TARN_LOST_UNPROVEN);
    assert_int_equal(tarn_error(future)->signal, 0);
    assert_non_null(strstr(tarn_error(future)->text, "overwrote the memory"));
    assert_non_null(strstr(tarn_error(future)->text, "the worker is replaced"));
    tarn_drop(future);
    /* The next one has a worker and a channel of its own. */
    int pid = 0;
    future = own_pid_submit(pool);
    assert_int_equal(own_pid_result(future, &pid), TARN_OK);
    assert_true(pid > 0);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static tarn_bytes return_nothing(size_t size)
{
    return (tarn_bytes){NULL, size};
}
TARN_TASK(tarn_bytes, return_nothing, size_t);

TEST(a_result_without_its_data_is_told_of)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = return_nothing_submit(pool, 5);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_NO_MEMORY);
    assert_non_null(strstr(tarn_error(future)->text, "\"return_nothing\" returned"));
    assert_non_null(strstr(tarn_error(future)->text, "tarn_result_memory()"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Strict pools ---------------------------------------------------------------------------- */

TEST(a_strict_pool_breaks_with_its_first_worker)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .strict = true);
    tarn_future *running = crash_submit(pool, SIGKILL), *queued = own_pid_submit(pool);
    assert_int_equal(tarn_result(running, NULL, NULL, 0), TARN_LOST);
    assert_int_equal(tarn_result(queued, NULL, NULL, 0), TARN_BROKEN);
    tarn_drop(running);
    tarn_drop(queued);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static void assert_broken(tarn_executor *pool)
{
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, "strict"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_strict_pool_breaks_with_a_worker_that_is_idle)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .strict = true);
    int pid = 0;
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(own_pid_result(future, &pid), TARN_OK);
    tarn_drop(future);
    kill(pid, SIGKILL);
    await_end(pid);
    assert_broken(pool);
}

TEST(a_strict_pool_breaks_with_a_worker_that_overwrote_its_channel)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .strict = true);
    tarn_future *future = overwrite_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    tarn_drop(future);
    assert_broken(pool);
}

/* Who leaves, or is killed by the pool, was to end. */
TEST(a_strict_pool_bears_workers_that_are_to_end)
{
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .strict = true, .max_tasks_per_worker = 1);
    for (int i = 0; i < 2; i++) {
        tarn_future *future = own_pid_submit(pool);
        assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
        tarn_drop(future);
        future = sleep_for_ever_submit(pool);
        assert_int_equal(tarn_stop(future, 0.0), TARN_OK);
        tarn_drop(future);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
