/* SPDX-License-Identifier: Apache-2.0 */

/* Bad input: tables of every public function and what it answers to NULL, zero, negative, huge, the
 * wrong kind and a closed executor: a status, and a sentence that names the argument. (More of them
 * are in bad_input_jobs.c.) The last test compares the tables with the header: a function without a
 * row fails it. */
#include "bad_input.h"
#include "rows.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#define INVALID_OPTION(names, ...) \
    ROW("tarn_thread_pool", tarn_thread_pool(__VA_ARGS__), NULL, names)

static void takes_two(int a, int b)
{
    (void)a;
    (void)b;
}
TARN_TASK(void, takes_two, int, int);

static void refuse_executors(void)
{
    static const struct takes_two_arguments two = {1, 2};
    tarn_task bad_task = nothing_task;
    bad_task.call = NULL;

    INVALID_OPTION("max_workers", .max_workers = -1);
    INVALID_OPTION("max_workers", .max_workers = INT_MIN);
    INVALID_OPTION("max_workers", .max_workers = 32768);
    INVALID_OPTION("max_workers", .max_workers = INT_MAX);
    INVALID_OPTION("max_spares", .max_spares = -2);
    INVALID_OPTION("max_spares", .max_spares = INT_MIN);
    INVALID_OPTION("max_spares", .max_spares = INT_MAX);
    INVALID_OPTION("idle_timeout", .idle_timeout = NAN);
    INVALID_OPTION("stack_size", .stack_size = 1);
    INVALID_OPTION("stack_size", .stack_size = 16383);
    INVALID_OPTION("stack_size", .stack_size = ((size_t)64 << 30) + 1);
    INVALID_OPTION("stack_size", .stack_size = SIZE_MAX);
    INVALID_OPTION("when_full", .when_full = -1);
    INVALID_OPTION("when_full", .when_full = 3);
    INVALID_OPTION("submit_within", .submit_within = -1);
    INVALID_OPTION("submit_within", .submit_within = NAN);
    INVALID_OPTION("initializer", .when_full = TARN_FULL_CALLER, .initializer = &nothing_task);
    INVALID_OPTION("affinity", .affinity = "");
    INVALID_OPTION("affinity", .affinity = "0-");
    INVALID_OPTION("affinity", .affinity = "3-1");
    INVALID_OPTION("affinity", .affinity = "0,,1");
    INVALID_OPTION("affinity", .affinity = "0-1:0");
    INVALID_OPTION("affinity", .affinity = "eight");
    INVALID_OPTION("affinity", .affinity = "8191");
    INVALID_OPTION("affinity", .affinity = "99999999999999999999");
    INVALID_OPTION("initializer_args", .initializer = &takes_two_task);
    INVALID_OPTION("set initializer to", .initializer_args = &two);
    INVALID_OPTION("initializer", .initializer = &bad_task);
    INVALID_OPTION("finalizer", .finalizer = &takes_two_task);
    INVALID_OPTION("finalizer", .finalizer = &bad_task);

    ROW("tarn_process_pool", tarn_process_pool(.max_workers = 501), NULL, "max_workers");
    ROW("tarn_process_pool", tarn_process_pool(.max_workers = INT_MIN), NULL, "max_workers");
    ROW("tarn_process_pool", tarn_process_pool(.idle_timeout = NAN), NULL, "idle_timeout");
    ROW("tarn_process_pool", tarn_process_pool(.when_full = TARN_FULL_CALLER), NULL, "when_full");
    ROW("tarn_process_pool", tarn_process_pool(.submit_within = NAN), NULL, "submit_within");
    ROW("tarn_process_pool", tarn_process_pool(.initializer = &takes_two_task), NULL,
        "initializer_args");
    ROW("tarn_process_pool", tarn_process_pool(.finalizer = &takes_two_task), NULL, "finalizer");

    struct {
        tarn_thread_options options;
        size_t unknown;
    } newer = {.options = {.size = sizeof(newer)}, .unknown = 1};
    tarn_thread_options sizeless = {.size = 0, .max_workers = 1};
    ROW("tarn_thread_pool", (tarn_thread_pool)(&newer.options), NULL, "options");
    ROW("tarn_thread_pool", (tarn_thread_pool)(&sizeless), NULL,
        ".size = sizeof(tarn_thread_options)");
    newer.unknown = 0;
    tarn_executor *pool = (tarn_thread_pool)(&newer.options);
    assert_non_null(pool);
    pool_close(pool);
    pool = (tarn_thread_pool)(NULL);
    assert_non_null(pool);
    pool_close(pool);

    pool = pool_open();
    tarn_shutdown_options none = {.size = 0};
    struct {
        tarn_shutdown_options options;
        size_t unknown;
    } later = {.options = {.size = sizeof(later)}, .unknown = 1};
    ROW("tarn_shutdown", tarn_shutdown(pool, .time_limit = -1), TARN_INVALID, "time_limit");
    ROW("tarn_shutdown", tarn_shutdown(pool, .time_limit = -INFINITY), TARN_INVALID, "time_limit");
    ROW("tarn_shutdown", tarn_shutdown(pool, .time_limit = NAN), TARN_INVALID, "time_limit");
    ROW("tarn_shutdown", (tarn_shutdown)(pool, &none), TARN_INVALID,
        ".size = sizeof(tarn_shutdown_options)");
    ROW("tarn_shutdown", (tarn_shutdown)(pool, &later.options), TARN_INVALID, "options");
    ROW("tarn_shutdown", tarn_shutdown(NULL), TARN_OK, NULL);
    ROW_VOID("tarn_abandon", tarn_abandon(NULL));
    /* Nothing of this was done: it still takes work. */
    assert_ended(square_submit(pool, 2), TARN_OK);
    ROW("tarn_drain", tarn_drain(NULL, TARN_FOREVER), TARN_INVALID, "executor");
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    ROW("tarn_drain", tarn_drain(pool, (tarn_deadline){INT64_MIN}), TARN_OK, NULL);
    ROW("tarn_worker_limit", tarn_worker_limit(NULL), 0, "executor");
    ROW("tarn_resize", tarn_resize(NULL, 1), TARN_INVALID, "executor");
    ROW("tarn_resize", tarn_resize(pool, -1), TARN_INVALID, "max_workers");
    ROW("tarn_resize", tarn_resize(pool, 32768), TARN_INVALID, "max_workers");
    ROW("tarn_resize", tarn_resize(pool, INT_MIN), TARN_INVALID, "max_workers");
    tarn_stats stats = {.size = sizeof(stats)}, sizeless_stats = {.size = 0};
    ROW("tarn_executor_stats", tarn_executor_stats(NULL, &stats), TARN_INVALID, "executor");
    ROW("tarn_executor_stats", tarn_executor_stats(pool, NULL), TARN_INVALID, "stats");
    ROW("tarn_executor_stats", tarn_executor_stats(pool, &sizeless_stats), TARN_INVALID, "size");
    tarn_executor *view = tarn_with(pool, .retries = 1);
    ROW("tarn_shutdown", tarn_shutdown(view), TARN_INVALID, "view");
    ROW("tarn_abandon", (tarn_abandon(view), 0), 0, "view");
    assert_int_equal(tarn_drain(view, TARN_FOREVER), TARN_OK);
    ROW("tarn_shutdown", tarn_shutdown(pool, .time_limit = 1e300), TARN_OK, NULL);
    pool = pool_open();
    ROW("tarn_shutdown", (tarn_shutdown)(pool, NULL), TARN_OK, NULL);
}

static void refuse_descriptors(void)
{
    tarn_executor *pool = pool_open();
    int n = 1;
    static const tarn_field good = {"int", TARN_KIND_VALUE, 0, sizeof(int)};
    const tarn_task task = {
        .size = sizeof(tarn_task),
        .name = "by_hand",
        .call = square_task.call,
        .result = square_task.result,
        .args = &good,
        .arg_count = 1,
        .args_size = sizeof(int),
    };
    assert_ended(tarn_submit(pool, &task, &n, sizeof(n)), TARN_OK);

    tarn_task bad = task;
    bad.size = 0;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "size");
    bad.size = sizeof(tarn_task) - 1;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "size");
    bad = task;
    bad.name = NULL;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "name");
    bad = task;
    bad.call = NULL;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "call");
    bad = task;
    bad.args = NULL;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "args");
    bad = task;
    bad.flags = 4;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "flags");
    bad = task;
    bad.args_size = SIZE_MAX;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, SIZE_MAX), TARN_INVALID, "args_size");
    bad = task;
    bad.result.size = SIZE_MAX;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "result");

    tarn_field field = good;
    bad = task;
    bad.args = &field;
    field.kind = 9;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "kind");
    field = good;
    field.offset = 1U << 30;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "offset");
    field = good;
    field.size = SIZE_MAX - 1;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "size");
    field = good;
    field.kind = TARN_KIND_BYTES;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "size");
    bad = task;
    bad.result.kind = TARN_KIND_BYTES;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "result");
    bad = task;
    bad.result.kind = 77;
    ROW_REFUSED(tarn_submit(pool, &bad, &n, sizeof(n)), TARN_INVALID, "kind");

    bad = task;
    bad.size = 1;
    ROW("tarn_promise_new", tarn_promise_new(&bad), NULL, "task");
    pool_close(pool);
}

static void refuse_submits(void)
{
    tarn_executor *pool = pool_open();
    int n = 3;
    ROW_REFUSED(tarn_submit(NULL, &square_task, &n, sizeof(n)), TARN_INVALID, "executor");
    ROW_REFUSED(tarn_submit(pool, NULL, &n, sizeof(n)), TARN_INVALID, "task");
    ROW_REFUSED(tarn_submit(pool, &square_task, NULL, sizeof(n)), TARN_INVALID, "args");
    ROW_REFUSED(tarn_submit(pool, &square_task, NULL, 0), TARN_INVALID, "size");
    ROW_REFUSED(tarn_submit(pool, &square_task, &n, 0), TARN_INVALID, "size");
    ROW_REFUSED(tarn_submit(pool, &square_task, &n, 3), TARN_INVALID, "size");
    ROW_REFUSED(tarn_submit(pool, &square_task, &n, SIZE_MAX), TARN_INVALID, "size");
    ROW_REFUSED(tarn_submit(pool, &nothing_task, &n, sizeof(n)), TARN_INVALID, "size");
    ROW_REFUSED(echo_submit(pool, (tarn_bytes){NULL, 1}), TARN_INVALID, "tarn_bytes");
    ROW_REFUSED(echo_submit(pool, (tarn_bytes){"x", SIZE_MAX}), TARN_INVALID, "tarn_bytes");
    ROW_REFUSED(echo_submit(pool, (tarn_bytes){"x", (size_t)1 << 60}), TARN_NO_MEMORY, "memory");

    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    ROW_REFUSED(square_submit(pool, 1), TARN_CLOSED, "executor");
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

static void refuse_results(void)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 3);
    int value = 5;
    tarn_bytes bytes = {NULL, 0};
    ROW("tarn_result", tarn_result(NULL, &square_task, &value, sizeof(value)), TARN_INVALID,
        "future");
    ROW("tarn_result", square_result(future, NULL), TARN_INVALID, "result");
    ROW("tarn_result", tarn_result(future, NULL, NULL, sizeof(value)), TARN_INVALID, "result");
    ROW("tarn_result", tarn_result(future, NULL, &value, 0), TARN_INVALID, "size");
    ROW("tarn_result", tarn_result(future, &square_task, &value, 3), TARN_INVALID, "size");
    ROW("tarn_result", tarn_result(future, &square_task, &value, SIZE_MAX), TARN_INVALID, "size");
    ROW("tarn_result", echo_result(future, &bytes), TARN_MISMATCH, "square");
    assert_int_equal(value, 5);
    ROW("tarn_args", tarn_args(NULL, &square_task), NULL, "future");
    ROW("tarn_args", tarn_args(future, &echo_task), NULL, "square");

    ROW("tarn_done", tarn_done(NULL), false, NULL);
    ROW("tarn_running", tarn_running(NULL), false, NULL);
    ROW("tarn_cancelled", tarn_cancelled(NULL), false, NULL);
    ROW("tarn_future_state", strcmp(tarn_future_state(NULL), "NULL"), 0, NULL);
    ROW("tarn_future_wait", tarn_future_wait(NULL, TARN_FOREVER), TARN_INVALID, "future");
    ROW("tarn_cancel", tarn_cancel(NULL), false, "future");
    ROW("tarn_stop", tarn_stop(NULL, 1), TARN_INVALID, "future");
    ROW("tarn_stop", tarn_stop(future, -1), TARN_INVALID, "grace_seconds");
    ROW("tarn_stop", tarn_stop(future, -INFINITY), TARN_INVALID, "grace_seconds");
    ROW("tarn_stop", tarn_stop(future, NAN), TARN_INVALID, "grace_seconds");
    ROW("tarn_on_done", tarn_on_done(NULL, NULL, NULL), TARN_INVALID, "future");
    ROW("tarn_on_done", tarn_on_done(future, NULL, NULL), TARN_INVALID, "fn");
    ROW("tarn_error", tarn_error(NULL), NULL, NULL);
    ROW("tarn_hold", tarn_hold(NULL), NULL, "future");
    ROW_VOID("tarn_drop", tarn_drop(NULL));
    tarn_future *none[2] = {NULL, NULL};
    ROW_VOID("tarn_drop_all", tarn_drop_all(none, 2));
    ROW_VOID("tarn_drop_all", tarn_drop_all(NULL, 0));
    ROW_VOID("tarn_drop_all", tarn_drop_all(NULL, 7));
    assert_ended(future, TARN_OK);
    pool_close(pool);
}

static void refuse_waits(void)
{
    tarn_future *refused = square_submit(NULL, 1);
    tarn_future *futures[3] = {refused, NULL, refused};
    tarn_future *fine[1] = {refused};
    size_t done = 99;
    size_t tag = 99;
    ROW("tarn_wait", tarn_wait(NULL, 1, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_INVALID,
        "futures");
    ROW("tarn_wait", tarn_wait(NULL, SIZE_MAX, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_INVALID,
        "futures");
    ROW("tarn_wait", tarn_wait(futures, 3, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_INVALID,
        "futures[1]");
    ROW("tarn_wait", tarn_wait(futures, 3, TARN_WAIT_FIRST, TARN_FOREVER, &done), TARN_INVALID,
        "futures[1]");
    ROW("tarn_wait", tarn_wait(fine, 1, (tarn_when)3, TARN_FOREVER, &done), TARN_INVALID, "when");
    ROW("tarn_wait", tarn_wait(fine, 1, (tarn_when)-1, TARN_FOREVER, &done), TARN_INVALID, "when");
    ROW("tarn_wait", tarn_wait(NULL, 0, (tarn_when)9, TARN_FOREVER, &done), TARN_INVALID, "when");
    assert_int_equal(done, 99);

    tarn_completions *completions = tarn_completions_new((tarn_deadline){INT64_MIN});
    row_begin("tarn_completions_new");
    assert_non_null(completions);
    ROW("tarn_completions_add", tarn_completions_add(NULL, refused, 1), TARN_INVALID,
        "completions");
    ROW("tarn_completions_add", tarn_completions_add(completions, NULL, 1), TARN_INVALID, "future");
    ROW("tarn_as_completed", tarn_as_completed(NULL, 1, TARN_FOREVER), NULL, "futures");
    ROW("tarn_as_completed", tarn_as_completed(NULL, SIZE_MAX, TARN_FOREVER), NULL, "futures");
    ROW("tarn_as_completed", tarn_as_completed(futures, 3, TARN_FOREVER), NULL, "futures[1]");
    ROW("tarn_next", tarn_next(NULL, &tag), TARN_INVALID, "completions");
    ROW("tarn_next", tarn_next(completions, NULL), TARN_INVALID, "tag");
    assert_int_equal(tag, 99);
    ROW("tarn_completions_fd", tarn_completions_fd(NULL), -1, "completions");
    ROW_VOID("tarn_completions_drop", tarn_completions_drop(NULL));
    tarn_completions_drop(completions);
    tarn_drop(refused);
}

static void refuse_promises(void)
{
    const char *volatile no_format = NULL;
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_promise *of_bytes = tarn_promise_new(&echo_task);
    tarn_promise *empty = tarn_promise_new(NULL);
    int value = 3;
    tarn_bytes no_data = {NULL, 5};
    ROW("tarn_promise_future", tarn_promise_future(NULL), NULL, "promise");
    ROW("tarn_promise_set", tarn_promise_set(NULL, &value, sizeof(value)), TARN_INVALID, "promise");
    ROW("tarn_promise_set", tarn_promise_set(promise, NULL, sizeof(value)), TARN_INVALID, "value");
    ROW("tarn_promise_set", tarn_promise_set(promise, &value, 0), TARN_INVALID, "size");
    ROW("tarn_promise_set", tarn_promise_set(promise, &value, SIZE_MAX), TARN_INVALID, "size");
    ROW("tarn_promise_set", tarn_promise_set(empty, &value, sizeof(value)), TARN_INVALID, "size");
    ROW("tarn_promise_set", tarn_promise_set(of_bytes, &no_data, sizeof(no_data)), TARN_INVALID,
        "value");
    ROW("tarn_promise_fail", tarn_promise_fail(NULL, 1, "text"), TARN_INVALID, "promise");
    ROW("tarn_promise_fail", tarn_promise_fail(promise, 1, no_format, 0), TARN_INVALID, "format");
    ROW_VOID("tarn_promise_drop", tarn_promise_drop(NULL));
    /* None of them has ended it. */
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    tarn_promise_drop(promise);
    tarn_promise_drop(of_bytes);
    tarn_promise_drop(empty);
}

static void refuse_the_rest(void)
{
    char *arguments[] = {NULL};
    const char *volatile no_format = NULL;
    ROW("tarn_boot", tarn_boot(-1, arguments), TARN_INVALID, "argc");
    ROW("tarn_boot", tarn_boot(INT_MIN, arguments), TARN_INVALID, "argc");
    ROW("tarn_boot", tarn_boot(0, NULL), TARN_INVALID, "argv");
    ROW("tarn_status_name", strcmp(tarn_status_name((tarn_status)2), "unknown status"), 0, NULL);
    ROW("tarn_status_name", strcmp(tarn_status_name((tarn_status)-18), "unknown status"), 0, NULL);
    ROW("tarn_status_name", strcmp(tarn_status_name((tarn_status)INT_MAX), "unknown status"), 0,
        NULL);
    ROW("tarn_status_name", strcmp(tarn_status_name((tarn_status)INT_MIN), "unknown status"), 0,
        NULL);
    ROW("tarn_status_text", tarn_status_text((tarn_status)INT_MIN) != NULL, true, NULL);
    ROW("tarn_status_text", tarn_status_text((tarn_status)INT_MAX) != NULL, true, NULL);
    ROW("tarn_last_error", tarn_last_error() != NULL, true, NULL);
    ROW("tarn_in", tarn_in(NAN).ns, TARN_NOW.ns, NULL);
    ROW("tarn_in", tarn_in(-1e300).ns, TARN_NOW.ns, NULL);
    ROW("tarn_in", tarn_in(1e300).ns, TARN_FOREVER.ns, NULL);

    ROW_VOID("tarn_fail_at", tarn_fail_at(NULL, -1, 1, no_format, 0));
    ROW("tarn_stop_requested", tarn_stop_requested(), false, NULL);
    ROW("tarn_result_memory", tarn_result_memory(10), NULL, "tarn_result_memory");
    ROW("tarn_worker_index", tarn_worker_index(), -1, NULL);
    ROW("tarn_worker_local", tarn_worker_local(), NULL, NULL);
    ROW_VOID("tarn_blocking_end", tarn_blocking_end());
    ROW_VOID("tarn_blocking_begin", tarn_blocking_begin());
    ROW_VOID("tarn_blocking_end", tarn_blocking_end());
}

CONTRACT_TEST(bad_input_to_executors, 0)
{
    rows_run(refuse_executors);
}

CONTRACT_TEST(bad_input_to_submit, GATES)
{
    rows_run(refuse_submits);
}

CONTRACT_TEST(bad_input_in_descriptors, SHARED_MEMORY)
{
    rows_run(refuse_descriptors);
}

CONTRACT_TEST(bad_input_to_futures, 0)
{
    rows_run(refuse_results);
}

CONTRACT_TEST(bad_input_to_waits_and_completions, 0)
{
    rows_run(refuse_waits);
}

CONTRACT_TEST(bad_input_to_promises, 0)
{
    rows_run(refuse_promises);
}

CONTRACT_TEST(bad_input_to_options_of_tasks, 0)
{
    rows_run(refuse_options);
}

CONTRACT_TEST(bad_input_to_many_at_once, 0)
{
    rows_run(refuse_many);
}

CONTRACT_TEST(bad_input_to_chains, 0)
{
    rows_run(refuse_chains);
}

CONTRACT_TEST(bad_input_to_maps, MAPS)
{
    rows_run(refuse_maps);
}

CONTRACT_TEST(bad_input_to_buffers, 0)
{
    rows_run(refuse_buffers);
}

CONTRACT_TEST(bad_input_to_all_else, 0)
{
    rows_run(refuse_the_rest);
}

/* The name in a declaration: what stands before the first parenthesis. */
static bool declared_name(const char *declaration, char *name, size_t size)
{
    const char *end = strchr(declaration, '(');
    if (!end)
        return false;
    const char *start = end;
    while (start > declaration && strspn(start - 1, "abcdefghijklmnopqrstuvwxyz_0123456789") > 0)
        start--;
    size_t length = (size_t)(end - start);
    if (length == 0 || length >= size)
        return false;
    memcpy(name, start, length);
    name[length] = '\0';
    return true;
}

CONTRACT_TEST(every_public_function_has_a_row, GATES)
{
    rows_forget();
    refuse_executors();
    refuse_submits();
    refuse_descriptors();
    refuse_results();
    refuse_waits();
    refuse_promises();
    refuse_the_rest();
    refuse_options();
    refuse_many();
    refuse_chains();
    refuse_maps();
    refuse_buffers();

    FILE *header = fopen(TARN_HEADER, "r");
    assert_non_null(header);
    char line[256];
    char name[64];
    size_t functions = 0;
    size_t missing = 0;
    while (fgets(line, sizeof(line), header)) {
        if (strncmp(line, "TARN_API ", 9) != 0)
            continue;
        if (!declared_name(line, name, sizeof(name)))
            fail_msg("cannot read this declaration: %s", line);
        functions++;
        if (!rows_cover(name)) {
            missing++;
            print_error("no row for %s\n", name);
        }
    }
    fclose(header);
    assert_true(functions > 40);
    assert_int_equal(missing, 0);
}
