/* SPDX-License-Identifier: Apache-2.0 */
#include "core/release.h"

#include "core/callback.h"
#include "runner.h"

#include <string.h>

/* What the release functions below were given, and whether they saw a buffer of that size. */
static int args_seen, results_seen;
static size_t size_seen;
static unsigned callbacks_seen;

static void release_args(tarn_buffer *buffer, int n)
{
    args_seen += n;
    size_seen = tarn_buffer_size(buffer);
    callbacks_seen = tn_callbacks_running();
    if (buffer)
        memset(tarn_buffer_data(buffer), 1, size_seen);
}

static void release_result(tarn_buffer *buffer)
{
    results_seen++;
    size_seen = tarn_buffer_size(buffer);
    memset(tarn_buffer_data(buffer), 1, size_seen);
}

static tarn_buffer *pass(tarn_buffer *buffer, int n)
{
    (void)n;
    return tarn_buffer_hold(buffer);
}
TARN_TASK_OWNING(tarn_buffer *, pass, release_args, release_result, tarn_buffer *, int);

static int plain(int n, const char *text)
{
    return n + (text != NULL);
}
TARN_TASK(int, plain, int, const char *);

static void reset(void)
{
    args_seen = results_seen = 0;
    size_seen = 0;
}

TEST(a_task_owns_something_if_a_buffer_or_a_release_function_says_so)
{
    assert_false(tn_owns_anything(&plain_task));
    tarn_task task = plain_task;
    task.release_args = pass_task.release_args;
    assert_true(tn_owns_anything(&task));
    task.release_args = NULL;
    task.release_result = pass_task.release_result;
    assert_true(tn_owns_anything(&task));
    task = pass_task;
    task.release_args = task.release_result = NULL;
    assert_true(tn_owns_anything(&task));
    task.arg_count = 0;
    assert_true(tn_owns_anything(&task));
    task.result.kind = TARN_KIND_POINTER;
    assert_false(tn_owns_anything(&task));
}

/* The functions run first: what they are given is still there. */
TEST(arguments_are_released_and_then_their_buffers_dropped)
{
    struct pass_arguments args = {tarn_buffer_new(5000, TARN_WORKERS_WRITE), 3};
    reset();
    tn_hold_args(&pass_task, &args);
    tarn_buffer_drop(args.a1);
    tn_release_args(&pass_task, &args, true);
    assert_int_equal(args_seen, 3);
    assert_int_equal(size_seen, 5000);
}

TEST(a_result_is_released_and_then_its_buffer_dropped)
{
    tarn_buffer *result = tarn_buffer_new(6000, TARN_WORKERS_WRITE);
    reset();
    tn_release_result(&pass_task, &result);
    assert_int_equal(results_seen, 1);
    assert_int_equal(size_seen, 6000);
}

/* The other future's, which is released as that. */
TEST(buffers_alone_are_dropped_if_that_is_all_there_is)
{
    struct pass_arguments args = {tarn_buffer_new(100, TARN_WORKERS_WRITE), 3};
    reset();
    tn_release_args(&pass_task, &args, false);
    assert_int_equal(args_seen, 0);
}

TEST(what_was_refused_holds_no_buffers)
{
    struct pass_arguments args = {tarn_buffer_new(100, TARN_WORKERS_WRITE), 3};
    reset();
    tn_release_refused(&pass_task, &args);
    assert_int_equal(args_seen, 3);
    tarn_buffer_drop(args.a1);
    args.a1 = NULL;
    tn_hold_args(&pass_task, &args);
    tn_release_args(&pass_task, &args, true);
    assert_int_equal(args_seen, 6);
    assert_int_equal(size_seen, 0);
}

TEST(a_release_function_runs_as_a_callback)
{
    struct pass_arguments args = {NULL, 3};
    tn_release_refused(&pass_task, &args);
    assert_int_equal(callbacks_seen, 1);
    assert_int_equal(tn_callbacks_running(), 0);
}
