/* SPDX-License-Identifier: Apache-2.0 */

/* Bad input that needs more than one row of the table. */
#include "contract.h"

/* No array is that long: the count is wrong, and is not believed. */
CONTRACT_TEST(counts_beyond_the_address_space_are_refused, 0)
{
    tarn_future *refused = square_submit(NULL, 1);
    tarn_future *futures[2] = {refused, NULL};
    assert_int_equal(tarn_wait(futures, SIZE_MAX, TARN_WAIT_ALL, TARN_NOW, NULL), TARN_INVALID);
    assert_null(tarn_as_completed(futures, SIZE_MAX, TARN_NOW));
    tarn_promise *promise = tarn_promise_new(NULL);
    futures[0] = tarn_promise_future(promise);
    futures[1] = tarn_promise_future(promise);
    assert_int_equal(tarn_wait(futures, SIZE_MAX / 4, TARN_WAIT_FIRST, TARN_NOW, NULL),
                     TARN_INVALID);
    tarn_drop_all(futures, 2);
    tarn_promise_drop(promise);
}

static void fail_without_words(int how)
{
    const char *volatile no_format = NULL;
    if (how == 0)
        tarn_fail_at(NULL, 0, 3, no_format, 0);
    else
        tarn_fail_at("here.c", -5, 4, "%s", "words");
}
TARN_TASK(void, fail_without_words, int);

CONTRACT_TEST(a_failure_without_text_is_a_failure, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_without_words_submit(pool, 0);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->code, 3);
    assert_non_null(tarn_error(future)->text);
    tarn_drop(future);
    future = fail_without_words_submit(pool, 1);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_string_equal(tarn_error(future)->file, "here.c");
    assert_string_equal(tarn_error(future)->text, "words");
    tarn_drop(future);
    pool_close(pool);
}

static int ask_for_too_much(void)
{
    return tarn_result_memory(SIZE_MAX) == NULL && tarn_result_memory(SIZE_MAX / 2) == NULL &&
           tarn_result_memory((size_t)1 << 60) == NULL && tarn_result_memory(1) != NULL;
}
TARN_TASK(int, ask_for_too_much, void);

CONTRACT_TEST(more_result_memory_than_there_is_is_null, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = ask_for_too_much_submit(pool);
    int fine = 0;
    assert_int_equal(ask_for_too_much_result(future, &fine), TARN_OK);
    assert_true(fine);
    tarn_drop(future);
    pool_close(pool);
}

/* ---- Bytes that are not there ---- */

static tarn_bytes nothing_of(size_t size)
{
    return (tarn_bytes){.data = tarn_result_memory(SIZE_MAX / 2), .size = size};
}
TARN_TASK(tarn_bytes, nothing_of, size_t);

static size_t size_of(tarn_bytes bytes)
{
    return bytes.size;
}
TARN_TASK(size_t, size_of, tarn_bytes);

static bool give_three(size_t *item, void *data)
{
    size_t *given = data;
    *item = *given;
    return (*given)++ < 3;
}

/* Only the first item, of no bytes, is a result. */
static bool take_none(size_t i, tarn_status status, const tarn_bytes *result, void *data)
{
    (void)data;
    return i == 0 ? status == TARN_OK && result->size == 0 : status == TARN_NO_MEMORY && !result;
}

CONTRACT_TEST(bytes_without_data_are_no_result, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = nothing_of_submit(pool, 5);
    tarn_future *after = size_of_after(pool, future);
    tarn_bytes bytes = {NULL, 0};
    assert_int_equal(nothing_of_result(future, &bytes), TARN_NO_MEMORY);
    assert_ended(after, TARN_NO_MEMORY);
    tarn_drop(future);
    future = nothing_of_submit(pool, 0);
    assert_int_equal(nothing_of_result(future, &bytes), TARN_OK);
    assert_int_equal(bytes.size, 0);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(bytes_without_data_are_no_result_of_an_item, MAPS)
{
    tarn_executor *pool = pool_open();
    size_t given = 0;
    assert_int_equal(nothing_of_map_from(pool, give_three, take_none, &given, TARN_FOREVER),
                     TARN_NO_MEMORY);
    assert_int_equal(given, 4);
    pool_close(pool);
}
