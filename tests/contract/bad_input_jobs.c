/* SPDX-License-Identifier: Apache-2.0 */

/* Bad input to what submits in other ways than one by one, and to what that needs. */
#include "bad_input.h"
#include "rows.h"

#include <limits.h>
#include <math.h>

static double half(int n)
{
    return n / 2.0;
}
TARN_TASK(double, half, int);

static int sum_of_two(int a, int b)
{
    return a + b;
}
TARN_TASK(int, sum_of_two, int, int);

#define INVALID_WITH(names, ...) ROW("tarn_with", tarn_with(__VA_ARGS__), NULL, names)

void refuse_options(void)
{
    tarn_executor *pool = pool_open();
    struct {
        tarn_task_options options;
        size_t unknown;
    } newer = {.options = {.size = sizeof(newer)}, .unknown = 1};
    tarn_task_options sizeless = {.size = 0, .retries = 1};
    INVALID_WITH("executor", NULL, .retries = 1);
    INVALID_WITH("start_within", pool, .start_within = -1);
    INVALID_WITH("start_within", pool, .start_within = NAN);
    INVALID_WITH("run_limit", pool, .run_limit = -1e-9);
    INVALID_WITH("run_limit", pool, .run_limit = NAN);
    INVALID_WITH("priority", pool, .priority = 2);
    INVALID_WITH("priority", pool, .priority = INT_MIN);
    INVALID_WITH("retries", pool, .retries = -1);
    INVALID_WITH("retry_on", pool, .retry_on = 8);
    INVALID_WITH("retry_on", pool, .retry_on = -1);
    ROW("tarn_with", (tarn_with)(pool, &newer.options), NULL, "options");
    ROW("tarn_with", (tarn_with)(pool, &sizeless), NULL, ".size = sizeof(tarn_task_options)");
    /* Nothing asked for is the executor itself. */
    ROW("tarn_with", tarn_with(pool), pool, NULL);
    ROW("tarn_with", (tarn_with)(pool, NULL), pool, NULL);
    ROW("tarn_with", tarn_with(pool, .start_within = INFINITY, .run_limit = INFINITY), pool, NULL);
    pool_close(pool);
}

void refuse_many(void)
{
    tarn_executor *pool = pool_open();
    int numbers[2] = {1, 2};
    tarn_future *futures[2] = {NULL, NULL};
    tarn_task bad_task = square_task;
    bad_task.call = NULL;
    const char *many = "tarn_submit_many";
    ROW(many, tarn_submit_many(pool, NULL, numbers, 2, futures), TARN_INVALID, "task");
    ROW(many, tarn_submit_many(pool, &bad_task, numbers, 2, futures), TARN_INVALID, "call");
    ROW(many, square_submit_many(pool, NULL, 2, futures), TARN_INVALID, "args");
    ROW(many, square_submit_many(pool, numbers, 2, NULL), TARN_INVALID, "futures");
    ROW(many, square_submit_many(pool, numbers, SIZE_MAX, futures), TARN_INVALID, "n is");
    ROW(many, nothing_submit_many(pool, SIZE_MAX / 8, futures), TARN_INVALID, "n is");
    assert_null(futures[0]);
    ROW(many, square_submit_many(pool, NULL, 0, NULL), TARN_OK, NULL);
    ROW(many, square_submit_many(NULL, numbers, 2, futures), TARN_INVALID, "executor");
    /* Each of these is a future that says why. */
    for (int i = 0; i < 2; i++) {
        assert_contains(tarn_error(futures[i])->text, "executor");
        assert_ended(futures[i], TARN_INVALID);
    }
    tarn_future *none[2] = {NULL, NULL};
    ROW("tarn_cancel_all", tarn_cancel_all(none, 2), 0, NULL);
    ROW("tarn_cancel_all", tarn_cancel_all(NULL, 7), 0, "futures");
    ROW("tarn_completions_cancel", tarn_completions_cancel(NULL), 0, "completions");
    pool_close(pool);
}

void refuse_chains(void)
{
    tarn_executor *pool = pool_open();
    tarn_future *before = square_submit(pool, 2);
    tarn_future *holes[2] = {before, NULL};
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *without_value = tarn_promise_future(promise);
    ROW_REFUSED_BY("tarn_after", square_after(NULL, before), TARN_INVALID, "executor");
    ROW_REFUSED_BY("tarn_after", square_after(pool, NULL), TARN_INVALID, "before");
    ROW_REFUSED_BY("tarn_after", tarn_after(pool, NULL, before), TARN_INVALID, "task");
    ROW_REFUSED_BY("tarn_after", tarn_after(pool, &sum_of_two_task, before), TARN_MISMATCH,
                   "sum_of_two");
    ROW_REFUSED_BY("tarn_after", tarn_after(pool, &echo_task, before), TARN_MISMATCH, "echo");
    ROW_REFUSED_BY("tarn_after", square_after(pool, without_value), TARN_MISMATCH, "nothing");
    tarn_future *halved = half_submit(pool, 3);
    ROW_REFUSED_BY("tarn_after", square_after(pool, halved), TARN_MISMATCH, "double (8 bytes)");
    ROW_REFUSED_BY("tarn_then", tarn_then(NULL, &nothing_task, before), TARN_INVALID, "executor");
    ROW_REFUSED_BY("tarn_then", tarn_then(pool, NULL, before), TARN_INVALID, "task");
    ROW_REFUSED_BY("tarn_then", tarn_then(pool, &square_task, before), TARN_MISMATCH,
                   "tarn_future *");
    ROW_REFUSED_BY("tarn_then", tarn_then(pool, &nothing_task, before), TARN_MISMATCH,
                   "tarn_future *");
    ROW_REFUSED_BY("tarn_all", tarn_all(NULL, 1), TARN_INVALID, "futures");
    ROW_REFUSED_BY("tarn_all", tarn_all(NULL, SIZE_MAX), TARN_INVALID, "futures");
    ROW_REFUSED_BY("tarn_all", tarn_all(&before, SIZE_MAX), TARN_INVALID, "n is");
    ROW_REFUSED_BY("tarn_all", tarn_all(holes, 2), TARN_INVALID, "futures[1]");
    assert_ended(halved, TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(without_value);
    assert_ended(before, TARN_OK);
    pool_close(pool);
}

static bool no_next(void *item, void *data)
{
    (void)item;
    (void)data;
    return false;
}

static bool no_take(size_t i, tarn_status status, const void *result, void *data)
{
    (void)i;
    (void)status;
    (void)result;
    (void)data;
    return true;
}

void refuse_maps(void)
{
    tarn_executor *pool = pool_open();
    int in[2] = {1, 2};
    int out[2] = {0, 0};
    tarn_bytes bytes[2] = {{"a", 1}, {"b", 1}};
    tarn_bytes bytes_out[2];
    tarn_deadline never = TARN_FOREVER;
    ROW("tarn_map", square_map(NULL, in, 2, out, NULL, never), TARN_INVALID, "executor");
    ROW("tarn_map", tarn_map(pool, NULL, in, 2, out, NULL, never), TARN_INVALID, "task");
    ROW("tarn_map", square_map(pool, NULL, 2, out, NULL, never), TARN_INVALID, "in");
    ROW("tarn_map", square_map(pool, in, 2, NULL, NULL, never), TARN_INVALID, "out");
    ROW("tarn_map", square_map(pool, in, SIZE_MAX, out, NULL, never), TARN_INVALID, "n is");
    ROW("tarn_map", tarn_map(pool, &nothing_task, in, 2, NULL, NULL, never), TARN_INVALID,
        "nothing");
    ROW("tarn_map", echo_map(pool, bytes, 2, bytes_out, NULL, never), TARN_UNSUPPORTED,
        "tarn_bytes");
    ROW("tarn_map", square_map(pool, NULL, 0, NULL, NULL, never), TARN_OK, NULL);
    ROW("tarn_map_from", tarn_map_from(NULL, &square_task, no_next, no_take, NULL, never),
        TARN_INVALID, "executor");
    ROW("tarn_map_from", tarn_map_from(pool, NULL, no_next, no_take, NULL, never), TARN_INVALID,
        "task");
    ROW("tarn_map_from", tarn_map_from(pool, &square_task, NULL, no_take, NULL, never),
        TARN_INVALID, "next");
    ROW("tarn_map_from", square_map_from(pool, NULL, NULL, NULL, never), TARN_INVALID, "next");
    ROW("tarn_map_from", tarn_map_from(pool, &square_task, no_next, NULL, NULL, never),
        TARN_INVALID, "take");
    ROW("tarn_map_from", tarn_map_from(pool, &square_task, no_next, no_take, NULL, never), TARN_OK,
        NULL);
    assert_int_equal(out[0], 0);
    pool_close(pool);
}

void refuse_buffers(void)
{
    ROW("tarn_buffer_new", tarn_buffer_new(0, TARN_WORKERS_READ), NULL, "size");
    ROW("tarn_buffer_new", tarn_buffer_new(1, (tarn_access)2), NULL, "access");
    ROW("tarn_buffer_new", tarn_buffer_new(1, (tarn_access)-1), NULL, "access");
    ROW("tarn_buffer_new", tarn_buffer_new(SIZE_MAX, TARN_WORKERS_WRITE), NULL, "memory");
    ROW("tarn_buffer_data", tarn_buffer_data(NULL), NULL, NULL);
    ROW("tarn_buffer_size", tarn_buffer_size(NULL), 0, NULL);
    ROW("tarn_buffer_hold", tarn_buffer_hold(NULL), NULL, "buffer");
    ROW_VOID("tarn_buffer_drop", tarn_buffer_drop(NULL));
}
