/* SPDX-License-Identifier: Apache-2.0 */

/* Futures that the program itself ends. */
#include "contract.h"

CONTRACT_TEST(a_promise_gives_its_value, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    assert_string_equal(tarn_future_state(future), "PENDING");
    assert_int_equal(tarn_future_wait(future, TARN_NOW), TARN_TIMEOUT);
    assert_null(tarn_error(future));
    int value = 99;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    assert_string_equal(tarn_future_state(future), "FINISHED");
    value = 0;
    assert_int_equal(square_result(future, &value), TARN_OK);
    assert_int_equal(value, 99);
    assert_null(square_args(future));
    assert_null(tarn_error(future));
    tarn_promise_drop(promise);
    value = 0;
    assert_int_equal(square_result(future, &value), TARN_OK);
    assert_int_equal(value, 99);
    tarn_drop(future);
}

CONTRACT_TEST(the_bytes_of_a_promise_are_copied, 0)
{
    char text[] = "a value longer than a small cell can hold, by some way";
    tarn_promise *promise = tarn_promise_new(&echo_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_bytes value = {text, sizeof(text)};
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    tarn_promise_drop(promise);
    memset(text, 0, sizeof(text));
    tarn_bytes result = {NULL, 0};
    assert_int_equal(echo_result(future, &result), TARN_OK);
    assert_int_equal(result.size, sizeof(text));
    assert_string_equal(result.data, "a value longer than a small cell can hold, by some way");
    tarn_drop(future);
}

CONTRACT_TEST(a_promise_may_have_no_value, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(status_of(future), TARN_OK);
    int value = 4;
    assert_int_equal(square_result(future, &value), TARN_MISMATCH);
    assert_int_equal(value, 4);
    tarn_drop(future);
    tarn_promise_drop(promise);

    promise = tarn_promise_new(&nothing_task);
    future = tarn_promise_future(promise);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(nothing_result(future), TARN_OK);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

CONTRACT_TEST(a_promise_keeps_its_first_ending, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    int value = 1;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    value = 2;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_INVALID);
    assert_contains(tarn_last_error(), "promise");
    assert_int_equal(tarn_promise_fail(promise, 3, "too late"), TARN_INVALID);
    assert_false(tarn_cancel(future));
    tarn_promise_drop(promise);
    assert_int_equal(square_result(future, &value), TARN_OK);
    assert_int_equal(value, 1);
    tarn_drop(future);
}

CONTRACT_TEST(a_promise_may_fail, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_promise_fail(promise, 44, "no %s at %d", "host", 80), TARN_OK);
    int value = 4;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_INVALID);
    assert_int_equal(tarn_promise_fail(promise, 45, "again"), TARN_INVALID);
    value = 5;
    assert_int_equal(square_result(future, &value), TARN_FAILED);
    assert_int_equal(value, 5);
    const tarn_failure *error = tarn_error(future);
    assert_int_equal(error->status, TARN_FAILED);
    assert_int_equal(error->code, 44);
    assert_string_equal(error->text, "no host at 80");
    assert_string_equal(error->task, "square");
    assert_null(error->file);
    assert_int_equal(error->worker, -1);
    tarn_promise_drop(promise);
    assert_string_equal(tarn_error(future)->text, "no host at 80");
    tarn_drop(future);

    promise = tarn_promise_new(NULL);
    future = tarn_promise_future(promise);
    assert_int_equal(tarn_promise_fail(promise, 1, "nameless"), TARN_OK);
    assert_string_equal(tarn_error(future)->task, "");
    tarn_drop(future);
    tarn_promise_drop(promise);
}

static void wait_for_end(void *data)
{
    tarn_future_wait(data, TARN_FOREVER);
}

CONTRACT_TEST(a_dropped_promise_ends_cancelled_and_wakes, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    struct helper helper;
    helper_start(&helper, wait_for_end, future);
    helper_await_sleep(&helper);
    tarn_promise_drop(promise);
    helper_join(&helper);
    assert_true(tarn_cancelled(future));
    assert_int_equal(tarn_error(future)->status, TARN_CANCELLED);
    assert_ended(future, TARN_CANCELLED);
    tarn_promise_drop(tarn_promise_new(&square_task));
}

CONTRACT_TEST(a_cancelled_promise_tells_the_setter, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    assert_true(tarn_cancel(future));
    int value = 5;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_CANCELLED);
    assert_int_equal(tarn_promise_fail(promise, 1, "x"), TARN_CANCELLED);
    tarn_promise_drop(promise);
    assert_ended(future, TARN_CANCELLED);

    promise = tarn_promise_new(NULL);
    future = tarn_promise_future(promise);
    assert_int_equal(tarn_stop(future, 0), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_CANCELLED);
    tarn_promise_drop(promise);
    assert_ended(future, TARN_CANCELLED);
}

CONTRACT_TEST(a_value_of_the_wrong_size_ends_nothing, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    long long wide = 5;
    assert_int_equal(tarn_promise_set(promise, &wide, sizeof(wide)), TARN_INVALID);
    assert_contains(tarn_last_error(), "size");
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_INVALID);
    assert_string_equal(tarn_future_state(future), "PENDING");
    int value = 6;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    assert_int_equal(square_result(future, &value), TARN_OK);
    assert_int_equal(value, 6);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

CONTRACT_TEST(a_promise_has_one_future, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *one = tarn_promise_future(promise);
    tarn_future *two = tarn_promise_future(promise);
    assert_ptr_equal(one, two);
    tarn_drop(one);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    tarn_promise_drop(promise);
    assert_ended(two, TARN_OK);
}

CONTRACT_TEST(the_future_of_a_promise_may_go_first, 0)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_drop(tarn_promise_future(promise));
    int value = 6;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(square_result(future, &value), TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

static int set_promise(tarn_promise *promise, int value)
{
    return tarn_promise_set(promise, &value, sizeof(value));
}
TARN_TASK(int, set_promise, tarn_promise *, int);

CONTRACT_TEST(a_task_may_end_a_promise, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_future *setter = set_promise_submit(pool, promise, 31);
    int value = 0;
    assert_int_equal(square_result(future, &value), TARN_OK);
    assert_int_equal(value, 31);
    assert_ended(setter, TARN_OK);
    tarn_drop(future);
    tarn_promise_drop(promise);
    pool_close(pool);
}
