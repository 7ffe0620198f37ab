/* SPDX-License-Identifier: Apache-2.0 */

/* What .on_log is told of, and that nobody else is: nothing goes to stderr. */
#include "contract.h"
#include "fault.h"

#include <stdio.h>
#include <unistd.h>

/* What on_log was told. It uses the executor as any program might: if a lock were held, it would
 * never come back. */
struct log {
    pthread_mutex_t mutex;
    tarn_executor *pool;
    int warnings;
    int errors;
    bool usable; /* the executor answered, each time */
    char text[300];
};

static void write_down(tarn_log_level level, const char *text, void *data)
{
    struct log *log = data;
    tarn_stats stats = {.size = sizeof(stats)};
    bool usable = tarn_executor_stats(log->pool, &stats) == TARN_OK &&
                  tarn_worker_limit(log->pool) > 0 &&
                  tarn_with(log->pool, .priority = TARN_PRIORITY_LOW) != NULL;
    tarn_future *future = square_submit(log->pool, 2);
    usable = usable && (!tarn_done(future) || status_of(future) != TARN_INVALID);
    tarn_cancel(future);
    tarn_drop(future);

    pthread_mutex_lock(&log->mutex);
    log->warnings += level == TARN_LOG_WARNING;
    log->errors += level == TARN_LOG_ERROR;
    log->usable = log->usable && usable;
    snprintf(log->text, sizeof(log->text), "%s", text);
    pthread_mutex_unlock(&log->mutex);
}

/* Opens an executor that tells this log, of a name that its texts begin with. */
static void log_open(struct log *log, struct pool_options options)
{
    *log = (struct log){.mutex = PTHREAD_MUTEX_INITIALIZER, .usable = true};
    options.name = "chatty";
    options.on_log = write_down;
    options.log_data = log;
    log->pool = pool_with(&options);
}

/* Asserts what it was told since the beginning. The executor is at rest, or gone. */
static void assert_told(struct log *log, int warnings, int errors, const char *text)
{
    pthread_mutex_lock(&log->mutex);
    struct log now = *log;
    pthread_mutex_unlock(&log->mutex);
    assert_true(now.usable);
    assert_int_equal(now.warnings, warnings);
    assert_int_equal(now.errors, errors);
    if (text) {
        assert_contains(now.text, "chatty: ");
        assert_contains(now.text, text);
    }
}

CONTRACT_TEST(the_log_is_told_nothing_as_long_as_all_is_well, 0)
{
    struct log log;
    log_open(&log, (struct pool_options){0});
    assert_ended(square_submit(log.pool, 2), TARN_OK);
    assert_ended(fail_with_submit(log.pool, 2), TARN_FAILED);
    pool_close(log.pool);
    assert_told(&log, 0, 0, NULL);
}

CONTRACT_TEST(the_log_is_told_once_that_no_thread_can_be_started, WORKER_THREADS)
{
    struct log log;
    log_open(&log, (struct pool_options){0});
    tarn_status statuses[3];
    fault_threads(1, 1);
    for (int i = 0; i < 3; i++) {
        tarn_future *future = square_submit(log.pool, i);
        statuses[i] = status_of(future);
        tarn_drop(future);
    }
    fault_end();
    for (int i = 0; i < 3; i++)
        assert_int_equal(statuses[i], TARN_BROKEN);
    assert_told(&log, 1, 0, "no further thread can be started, 0 are there");
    assert_ended(square_submit(log.pool, 2), TARN_OK);
    pool_close(log.pool);
    assert_told(&log, 1, 0, NULL);
}

CONTRACT_TEST(the_log_is_told_anew_once_threads_could_be_started_again, GATES | PARALLEL)
{
    struct log log;
    tarn_future *blockers[3];
    tarn_future *queued[6];
    struct gate gate = GATE_CLOSED;
    log_open(&log, (struct pool_options){.max_workers = 4});
    for (int i = 0; i < 3; i++) {
        blockers[i] = stand_at_submit(log.pool, &gate, i);
        gate_await(&gate, i + 1);
        fault_threads(1, 1);
        queued[2 * i] = square_submit(log.pool, 2);
        queued[2 * i + 1] = square_submit(log.pool, 2);
        fault_end();
        /* Out of the way of the next one, which is to find a thread. */
        assert_true(tarn_cancel(queued[2 * i]) && tarn_cancel(queued[2 * i + 1]));
        char text[40];
        snprintf(text, sizeof(text), "%d are there", i + 1);
        assert_told(&log, i + 1, 0, text);
    }
    tarn_drop_all(queued, 6);
    pool_unblock(&gate, blockers, 3);
    pool_close(log.pool);
    assert_told(&log, 3, 0, NULL);
}

static void end_thread_at(struct gate *gate)
{
    gate_pass(gate);
    pthread_exit(NULL);
}
TARN_TASK(void, end_thread_at, struct gate *);

CONTRACT_TEST(the_log_is_told_of_each_task_that_ends_its_thread, GATES)
{
    struct log log;
    struct gate open = GATE_OPEN;
    log_open(&log, (struct pool_options){0});
    for (int i = 1; i <= 3; i++) {
        assert_ended(end_thread_at_submit(log.pool, &open), TARN_FAILED);
        assert_int_equal(tarn_drain(log.pool, TARN_FOREVER), TARN_OK);
        assert_told(&log, i, 0, "a task ended the thread of worker");
    }
    pool_close(log.pool);
}

/* Its place cannot be taken: whoever still waits in the queue is told, and the log as well. */
CONTRACT_TEST(the_log_is_told_if_a_lost_worker_cannot_be_replaced, GATES)
{
    struct log log;
    struct gate gate = GATE_CLOSED;
    log_open(&log, (struct pool_options){.max_workers = 1});
    tarn_future *last = end_thread_at_submit(log.pool, &gate);
    gate_await(&gate, 1);
    tarn_future *queued = square_submit(log.pool, 3);
    fault_threads(1, 1);
    gate_open(&gate);
    tarn_status status = status_of(queued);
    fault_end();
    assert_int_equal(status, TARN_BROKEN);
    tarn_drop(queued);
    assert_ended(last, TARN_FAILED);
    assert_told(&log, 2, 0, "no further thread can be started");
    pool_close(log.pool);
}

static void fail_to_start(struct gate *gate, int code)
{
    gate_pass(gate);
    tarn_fail(code, "no licence, code %d", code);
}
TARN_TASK(void, fail_to_start, struct gate *, int);

/* However many workers find it out at the same time. */
CONTRACT_TEST(the_log_is_told_once_that_the_executor_is_broken, GATES | WORKER_LOCAL)
{
    struct log log;
    struct gate gate = GATE_CLOSED;
    struct fail_to_start_arguments arguments = {&gate, 7};
    tarn_future *futures[4];
    log_open(&log, (struct pool_options){.initializer = &fail_to_start_task,
                                         .initializer_args = &arguments});
    for (int i = 0; i < 4; i++)
        futures[i] = square_submit(log.pool, i);
    gate_await(&gate, pool_workers());
    gate_open(&gate);
    for (int i = 0; i < 4; i++)
        assert_ended(futures[i], TARN_BROKEN);
    assert_ended(square_submit(log.pool, 1), TARN_BROKEN);
    pool_close(log.pool);
    assert_told(&log, 0, 1, "\"fail_to_start\" failed: no licence, code 7");
}

static void exit_to_start(void)
{
    pthread_exit(NULL);
}
TARN_TASK(void, exit_to_start, void);

CONTRACT_TEST(the_log_is_told_of_an_initializer_that_ends_its_thread, WORKER_LOCAL | WORKER_THREADS)
{
    struct log log;
    log_open(&log, (struct pool_options){.initializer = &exit_to_start_task});
    assert_ended(square_submit(log.pool, 1), TARN_BROKEN);
    pool_close(log.pool);
    assert_told(&log, 0, 1, "\"exit_to_start\" ended its thread");
}

CONTRACT_TEST(the_log_is_told_of_cpus_that_cannot_be_had, WORKER_THREADS)
{
    struct log log;
    log_open(&log, (struct pool_options){.affinity = "0", .max_workers = 1});
    fault_affinity();
    tarn_future *future = square_submit(log.pool, 3);
    tarn_status status = status_of(future);
    fault_end();
    /* It goes on, on other CPUs. */
    assert_int_equal(status, TARN_OK);
    tarn_drop(future);
    assert_told(&log, 1, 0, "worker 0 cannot be bound to its CPUs");
    pool_close(log.pool);
}

/* ---- Nothing goes to stderr ------------------------------------------------------------------ */

/* All that goes wrong in a program's life, without a log to be told. */
static void do_all_wrong(void)
{
    struct gate open = GATE_OPEN;
    struct fail_to_start_arguments arguments = {&open, 7};
    tarn_executor *pool = pool_try(&(struct pool_options){.queue_limit = 1, .affinity = "0"});
    tarn_executor *broken = pool_try(
        &(struct pool_options){.initializer = &fail_to_start_task, .initializer_args = &arguments});
    tarn_executor *executors[] = {pool, broken, NULL};
    fault_affinity();
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            tarn_drop(fail_with_submit(executors[i], k));
        tarn_future *future = end_thread_at_submit(executors[i], &open);
        tarn_future_wait(future, TARN_FOREVER);
        tarn_drop(future);
    }
    fault_threads(1, 1);
    tarn_future *future = square_submit(pool, 1);
    tarn_future_wait(future, TARN_FOREVER);
    tarn_drop(future);
    tarn_with(pool, .run_limit = 1);
    fault_memory(0, FAULT_ALWAYS);
    tarn_drop(echo_submit(pool, (tarn_bytes){"text", 4}));
    pool_try(&(struct pool_options){0});
    fault_end();
    pool_try(&(struct pool_options){.affinity = "none"});
    tarn_shutdown(broken);
    tarn_shutdown(pool);
}

CONTRACT_TEST(nothing_is_written_to_stderr, GATES | WORKER_LOCAL)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    do_all_wrong();
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    char text[200] = "";
    rewind(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_string_equal(text, "");
    assert_int_equal(length, 0);
}
