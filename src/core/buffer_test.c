/* SPDX-License-Identifier: Apache-2.0 */

/* Which references buffers have, and when the last one goes. */
#include "platform/memory.h"
#include "runner.h"

#include <tarn.h>

/* The library's calls come here: see cmake/TarnTests.cmake. */

static int unmapped;

void __real_tn_pages_unmap(void *pages, size_t size);
void __wrap_tn_pages_unmap(void *pages, size_t size);
void __wrap_tn_pages_unmap(void *pages, size_t size)
{
    unmapped += size == 12345;
    __real_tn_pages_unmap(pages, size);
}

static tarn_future *cancelled_by_hold;

tarn_buffer *__real_tarn_buffer_hold(tarn_buffer *buffer);
tarn_buffer *__wrap_tarn_buffer_hold(tarn_buffer *buffer);
tarn_buffer *__wrap_tarn_buffer_hold(tarn_buffer *buffer)
{
    if (cancelled_by_hold)
        tarn_cancel(cancelled_by_hold);
    return __real_tarn_buffer_hold(buffer);
}

static tarn_buffer *new_buffer(void)
{
    unmapped = 0;
    return tarn_buffer_new(12345, TARN_WORKERS_WRITE);
}

static size_t measure(tarn_buffer *buffer, const tarn_buffer *other)
{
    return tarn_buffer_size(buffer) + tarn_buffer_size(other);
}
TARN_TASK(size_t, measure, tarn_buffer *, const tarn_buffer *);

static tarn_buffer *take(tarn_buffer *buffer)
{
    return tarn_buffer_hold(buffer);
}
TARN_TASK(tarn_buffer *, take, tarn_buffer *);

static tarn_executor *start(void)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    return pool;
}

static void finish(tarn_executor *pool)
{
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(the_last_drop_frees_and_no_other)
{
    tarn_buffer *buffer = new_buffer();
    assert_ptr_equal(tarn_buffer_hold(buffer), buffer);
    assert_ptr_equal(tarn_buffer_hold(buffer), buffer);
    tarn_buffer_drop(buffer);
    tarn_buffer_drop(buffer);
    assert_int_equal(unmapped, 0);
    tarn_buffer_drop(buffer);
    assert_int_equal(unmapped, 1);
}

TEST(each_argument_of_a_future_is_one_reference)
{
    tarn_executor *pool = start();
    tarn_buffer *buffer = new_buffer();
    tarn_future *futures[2] = {measure_submit(pool, buffer, buffer),
                               measure_submit(pool, NULL, buffer)};
    tarn_buffer_drop(buffer);
    finish(pool);
    tarn_drop(futures[0]);
    assert_int_equal(unmapped, 0);
    tarn_drop(futures[1]);
    assert_int_equal(unmapped, 1);
}

TEST(a_refused_submit_has_no_reference)
{
    tarn_buffer *buffer = new_buffer();
    tarn_drop(measure_submit(NULL, buffer, buffer));
    assert_int_equal(unmapped, 0);
    tarn_buffer_drop(buffer);
    assert_int_equal(unmapped, 1);
}

TEST(a_result_is_a_reference_of_the_future)
{
    tarn_executor *pool = start();
    tarn_buffer *buffer = new_buffer();
    tarn_future *first = take_submit(pool, buffer);
    tarn_future *second = take_after(pool, first);
    tarn_buffer_drop(buffer);
    tarn_drop(first);
    finish(pool);
    assert_int_equal(unmapped, 0);
    tarn_drop(second);
    assert_int_equal(unmapped, 1);
}

TEST(what_is_set_in_a_promise_is_a_reference_that_is_given_away)
{
    tarn_promise *promise = tarn_promise_new(&take_task);
    tarn_buffer *buffer = new_buffer();
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
    assert_int_equal(unmapped, 0);
    tarn_promise_drop(promise);
    assert_int_equal(unmapped, 1);

    /* What is refused is not. */
    promise = tarn_promise_new(&take_task);
    tarn_future *future = tarn_promise_future(promise);
    assert_true(tarn_cancel(future));
    buffer = new_buffer();
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_CANCELLED);
    tarn_promise_drop(promise);
    tarn_drop(future);
    assert_int_equal(unmapped, 0);
    tarn_buffer_drop(buffer);
    assert_int_equal(unmapped, 1);
}

/* Cancelled when it has its argument already, and is not queued yet. */
TEST(a_continuation_that_is_cancelled_at_the_last_moment_gives_its_buffer_back)
{
    tarn_executor *pool = start();
    tarn_promise *promise = tarn_promise_new(&take_task);
    tarn_future *before = tarn_promise_future(promise);
    tarn_future *after = take_after(pool, before);
    tarn_buffer *buffer = new_buffer();
    cancelled_by_hold = after;
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
    cancelled_by_hold = NULL;
    assert_true(tarn_cancelled(after));
    tarn_promise_drop(promise);
    tarn_drop(before);
    tarn_drop(after);
    finish(pool);
    assert_int_equal(unmapped, 1);
}
