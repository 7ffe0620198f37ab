/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cell.h"
#include "core/future.h"
#include "duel.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

/* ---- failures of the system ---- */

void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);
tarn_future *__wrap_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners);
tarn_future *__real_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners);

static bool no_blocks, no_cells;

void *__wrap_tn_alloc(size_t size)
{
    return no_blocks ? NULL : __real_tn_alloc(size);
}

tarn_future *__wrap_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners)
{
    return no_cells ? NULL : __real_tn_cell_new(task, payload, owners);
}

/* ---- what is promised ---- */

typedef struct big {
    double numbers[100];
} big;

static long number(big arguments_do_not_matter)
{
    return (long)arguments_do_not_matter.numbers[0];
}
TARN_TASK(long, number, big);

static big table(void)
{
    return (big){{0}};
}
TARN_TASK(big, table, void);

static tarn_bytes text(void)
{
    return (tarn_bytes){NULL, 0};
}
TARN_TASK(tarn_bytes, text, void);

static tarn_promise *promise_of(const tarn_task *task, tarn_future **future)
{
    tarn_promise *promise = tarn_promise_new(task);
    assert_non_null(promise);
    *future = tarn_promise_future(promise);
    assert_non_null(*future);
    return promise;
}

TEST(a_promise_is_pending_until_it_is_set)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    assert_string_equal(tarn_future_state(future), "PENDING");
    assert_false(tarn_done(future));
    long value = 42;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    value = 0;
    assert_string_equal(tarn_future_state(future), "FINISHED");
    assert_int_equal(number_result(future, &value), TARN_OK);
    assert_int_equal(value, 42);
    assert_null(tarn_error(future));
    assert_null(number_args(future));
    tarn_drop(future);
    tarn_promise_drop(promise);
}

TEST(the_value_outlives_the_promise)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&table_task, &future);
    big value = {{1, 2}}, got;
    value.numbers[99] = 99;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    tarn_promise_drop(promise);
    memset(&value, 0, sizeof value);
    assert_int_equal(table_result(future, &got), TARN_OK);
    assert_true(got.numbers[1] == 2 && got.numbers[99] == 99);
    tarn_drop(future);
}

TEST(bytes_are_copied_deeply)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&text_task, &future);
    char hello[] = "hello";
    tarn_bytes value = {hello, sizeof hello}, got;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    memset(hello, 'x', sizeof hello);
    tarn_promise_drop(promise);
    assert_int_equal(text_result(future, &got), TARN_OK);
    assert_int_equal(got.size, sizeof hello);
    assert_string_equal(got.data, "hello");
    tarn_drop(future);

    promise = promise_of(&text_task, &future);
    value = (tarn_bytes){NULL, 0};
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    assert_int_equal(text_result(future, &got), TARN_OK);
    assert_int_equal(got.size, 0);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

TEST(a_promise_without_a_task_has_no_value)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(NULL, &future);
    long value = 1;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_INVALID);
    assert_false(tarn_done(future));
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    assert_int_equal(number_result(future, &value), TARN_MISMATCH);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

TEST(a_wrong_value_is_refused_and_the_promise_stays_open)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    long value = 1;
    assert_int_equal(tarn_promise_set(promise, &value, 4), TARN_INVALID);
    assert_int_equal(tarn_promise_set(promise, NULL, sizeof value), TARN_INVALID);
    assert_int_equal(tarn_promise_set(NULL, &value, sizeof value), TARN_INVALID);
    assert_int_equal(tarn_promise_fail(promise, 1, NULL), TARN_INVALID);
    assert_false(tarn_done(future));
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(future);

    promise = promise_of(&text_task, &future);
    tarn_bytes impossible = {NULL, 7};
    assert_int_equal(tarn_promise_set(promise, &impossible, sizeof impossible), TARN_INVALID);
    assert_false(tarn_done(future));
    tarn_promise_drop(promise);
    tarn_drop(future);
}

/* ---- one ending ---- */

TEST(the_first_ending_is_kept)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    long value = 1, other = 2, got = 0;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, &other, sizeof other), TARN_INVALID);
    assert_int_equal(tarn_promise_fail(promise, 3, "too late"), TARN_INVALID);
    assert_false(tarn_cancel(future));
    tarn_promise_drop(promise);
    assert_int_equal(number_result(future, &got), TARN_OK);
    assert_int_equal(got, 1);
    tarn_drop(future);
}

TEST(a_failure_has_its_code_and_text)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    char long_text[2000];
    memset(long_text, 'l', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(tarn_promise_fail(promise, -7, "%s %d", long_text, 5), TARN_OK);
    assert_int_equal(tarn_promise_fail(promise, 8, "again"), TARN_INVALID);
    long value = 9;
    assert_int_equal(number_result(future, &value), TARN_FAILED);
    assert_int_equal(value, 9);
    const tarn_failure *failure = tarn_error(future);
    assert_int_equal(failure->status, TARN_FAILED);
    assert_int_equal(failure->code, -7);
    assert_int_equal(strlen(failure->text), sizeof long_text + 1);
    assert_string_equal(failure->task, "number");
    assert_null(failure->file);
    assert_int_equal(failure->worker, -1);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

TEST(a_promise_dropped_before_its_end_is_cancelled)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    tarn_promise_drop(promise);
    assert_true(tarn_cancelled(future));
    long value;
    assert_int_equal(number_result(future, &value), TARN_CANCELLED);
    tarn_drop(future);
    tarn_promise_drop(NULL);
}

TEST(a_cancelled_promise_says_so)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&text_task, &future);
    assert_true(tarn_cancel(future));
    tarn_bytes value = {"x", 1};
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_CANCELLED);
    assert_int_equal(tarn_promise_fail(promise, 1, "x"), TARN_CANCELLED);
    assert_true(tarn_cancelled(future));
    tarn_promise_drop(promise);
    tarn_drop(future);
}

/* ---- owners ---- */

TEST(a_promise_without_futures_is_freed_with_its_drop)
{
    tarn_promise *promise = tarn_promise_new(&text_task);
    tarn_bytes value = {"x", 1};
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    tarn_promise_drop(promise);
    tarn_future *next = tn_cell_new(NULL, 0, 0);
    assert_ptr_equal(next, promise);
    tarn_drop(next);
}

TEST(each_future_of_a_promise_is_a_reference)
{
    tarn_future *first, *second;
    tarn_promise *promise = promise_of(NULL, &first);
    second = tarn_promise_future(promise);
    assert_ptr_equal(first, second);
    assert_int_equal(tn_u32_load_relaxed(&first->owners), 2 * TN_HANDLE | TN_OWNER_PROMISE);
    tarn_drop(first);
    tarn_drop(second);
    assert_int_equal(tn_u32_load_relaxed(&first->owners), TN_OWNER_PROMISE);
    tarn_promise_drop(promise);
    assert_null(tarn_promise_future(NULL));
}

TEST(at_16_million_references_there_is_no_more)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(NULL, &future);
    tn_u32_set(&future->owners, TN_HANDLES | TN_OWNER_PROMISE);
    assert_null(tarn_promise_future(promise));
    assert_non_null(strstr(tarn_last_error(), "16,777,215"));
    tn_u32_set(&future->owners, TN_HANDLE | TN_OWNER_PROMISE);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

static void drop_promise(tarn_future *future, void *data)
{
    tarn_promise_drop(*(tarn_promise **)data);
    tarn_drop(future);
    *(tarn_promise **)data = NULL;
}

TEST(a_callback_may_drop_the_promise_that_it_was_called_by)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(NULL, &future);
    assert_int_equal(tarn_on_done(future, drop_promise, &promise), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_null(promise);
}

/* ---- without memory ---- */

TEST(without_memory_there_is_no_promise)
{
    no_cells = true;
    assert_null(tarn_promise_new(&number_task));
    assert_non_null(strstr(tarn_last_error(), "memory"));
    no_cells = false;
    no_blocks = true;
    assert_null(tarn_promise_new(&text_task));
    assert_null(tarn_promise_new(&table_task));
    no_blocks = false;
}

TEST(without_memory_for_the_value_the_promise_stays_open)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&text_task, &future);
    tarn_bytes value = {"hello", 5}, got;
    no_blocks = true;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_NO_MEMORY);
    no_blocks = false;
    assert_false(tarn_done(future));
    tarn_bytes huge = {"x", SIZE_MAX};
    assert_int_equal(tarn_promise_set(promise, &huge, sizeof huge), TARN_NO_MEMORY);
    assert_false(tarn_done(future));
    assert_int_equal(tarn_promise_set(promise, &value, sizeof value), TARN_OK);
    assert_int_equal(text_result(future, &got), TARN_OK);
    assert_memory_equal(got.data, "hello", 5);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

TEST(without_memory_a_failure_is_still_a_failure)
{
    tarn_future *future;
    tarn_promise *promise = promise_of(&number_task, &future);
    no_blocks = true;
    assert_int_equal(tarn_promise_fail(promise, 5, "lost"), TARN_OK);
    no_blocks = false;
    assert_int_equal(tarn_error(future)->status, TARN_FAILED);
    assert_non_null(tarn_error(future)->text);
    tarn_promise_drop(promise);
    tarn_drop(future);
}

/* ---- set against cancel ---- */

typedef struct contest {
    tarn_promise *promise;
    tarn_future *future;
    tarn_status set;
    bool cancelled;
} contest;

static void prepare(void *data)
{
    contest *c = data;
    c->promise = promise_of(&number_task, &c->future);
}

static void set(void *data)
{
    contest *c = data;
    long value = 42;
    c->set = tarn_promise_set(c->promise, &value, sizeof value);
}

static void cancel(void *data)
{
    contest *c = data;
    c->cancelled = tarn_cancel(c->future);
}

static void check(void *data)
{
    contest *c = data;
    long value = 0;
    assert_int_equal(c->set, c->cancelled ? TARN_CANCELLED : TARN_OK);
    assert_int_equal(number_result(c->future, &value), c->set);
    assert_int_equal(value, c->cancelled ? 0 : 42);
    tarn_drop(c->future);
    tarn_promise_drop(c->promise);
}

TEST(of_set_and_cancel_one_wins)
{
    static contest c;
    assert_int_equal(duel_run(test_count(20000), prepare, set, cancel, check, &c), 0);
}

/* The waiter reads the value as soon as it can see the end. */
static void wait_and_read(void *data)
{
    contest *c = data;
    long value = 0;
    c->set = number_result(c->future, &value);
    c->cancelled = value != 42;
    tarn_drop(c->future);
}

static void set_value(void *data)
{
    contest *c = data;
    long value = 42;
    tarn_promise_set(c->promise, &value, sizeof value);
}

static void check_read(void *data)
{
    contest *c = data;
    assert_int_equal(c->set, TARN_OK);
    assert_false(c->cancelled);
    tarn_promise_drop(c->promise);
}

TEST(a_waiter_sees_the_whole_value_and_is_always_woken)
{
    static contest c;
    assert_int_equal(duel_run(test_count(50000), prepare, wait_and_read, set_value, check_read, &c),
                     0);
}
