/* SPDX-License-Identifier: Apache-2.0 */

/* How a task says that it failed, and how the library says so of itself. */
#include "contract.h"

#include <stdio.h>

static int fail_here_line;

static int fail_with_details(int code, double value)
{
    fail_here_line = __LINE__ + 1;
    tarn_fail(code, "value %.2f is %s", value, "wrong");
    return 1;
}
TARN_TASK(int, fail_with_details, int, double);

CONTRACT_TEST(a_failure_carries_code_text_and_place, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_with_details_submit(pool, -77, 2.5);
    int result = 1234;
    assert_int_equal(fail_with_details_result(future, &result), TARN_FAILED);
    assert_int_equal(result, 1234);

    const tarn_failure *error = tarn_error(future);
    assert_non_null(error);
    assert_int_equal(error->size, sizeof(tarn_failure));
    assert_int_equal(error->status, TARN_FAILED);
    assert_int_equal(error->code, -77);
    assert_string_equal(error->text, "value 2.50 is wrong");
    assert_string_equal(error->task, "fail_with_details");
    assert_string_equal(error->file, __FILE__);
    assert_int_equal(error->line, fail_here_line);
    assert_in_range(error->worker, 0, tarn_worker_limit(pool) - 1);
    tarn_drop(future);
    pool_close(pool);
}

static void fail_twice(void)
{
    tarn_fail(1, "first");
    tarn_fail(2, "second");
}
TARN_TASK(void, fail_twice, void);

CONTRACT_TEST(the_first_failure_counts, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_twice_submit(pool);
    assert_int_equal(fail_twice_result(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->code, 1);
    assert_string_equal(tarn_error(future)->text, "first");
    tarn_drop(future);
    pool_close(pool);
}

static void fail_at_length(int length)
{
    char text[3000];
    memset(text, 'x', sizeof(text));
    text[length] = '\0';
    tarn_fail(0, "%s", text);
}
TARN_TASK(void, fail_at_length, int);

CONTRACT_TEST(a_failure_may_have_any_text_and_the_code_zero, 0)
{
    static const int lengths[] = {0, 1, 15, 16, 100, 255, 256, 2900};
    tarn_executor *pool = pool_open();
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        tarn_future *future = fail_at_length_submit(pool, lengths[i]);
        assert_int_equal(fail_at_length_result(future), TARN_FAILED);
        assert_int_equal(tarn_error(future)->code, 0);
        assert_int_equal(strlen(tarn_error(future)->text), lengths[i]);
        assert_int_equal(strspn(tarn_error(future)->text, "x"), lengths[i]);
        tarn_drop(future);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_failure_costs_one_task, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[100];
    for (int i = 0; i < 100; i++)
        futures[i] = i % 3 ? square_submit(pool, i) : fail_with_submit(pool, i + 1);
    for (int i = 0; i < 100; i++) {
        int result = 0;
        if (i % 3) {
            assert_int_equal(square_result(futures[i], &result), TARN_OK);
            assert_int_equal(result, i * i);
            assert_null(tarn_error(futures[i]));
        } else {
            char text[32];
            snprintf(text, sizeof(text), "code %d", i + 1);
            assert_int_equal(fail_with_result(futures[i], &result), TARN_FAILED);
            assert_string_equal(tarn_error(futures[i])->text, text);
        }
    }
    tarn_drop_all(futures, 100);
    pool_close(pool);
}

static tarn_bytes make_and_fail(int size)
{
    void *memory = tarn_result_memory((size_t)size);
    if (memory)
        memset(memory, 1, (size_t)size);
    tarn_fail(5, "after all");
    return (tarn_bytes){memory, (size_t)size};
}
TARN_TASK(tarn_bytes, make_and_fail, int);

CONTRACT_TEST(what_a_failed_task_returns_is_ignored, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = make_and_fail_submit(pool, 5000);
    tarn_bytes result = {"kept", 4};
    assert_int_equal(make_and_fail_result(future, &result), TARN_FAILED);
    assert_int_equal(result.size, 4);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(there_is_no_error_before_the_end_nor_after_a_good_one, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = fail_with_submit(pool, 2);
    assert_null(tarn_error(blockers[0]));
    assert_null(tarn_error(future));
    gate_open(&gate);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_non_null(tarn_error(future));
    assert_int_equal(status_of(blockers[0]), TARN_OK);
    assert_null(tarn_error(blockers[0]));
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(a_cancelled_future_has_an_error, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = square_submit(pool, 2);
    assert_true(tarn_cancel(future));
    const tarn_failure *error = tarn_error(future);
    assert_non_null(error);
    assert_int_equal(error->status, TARN_CANCELLED);
    assert_int_equal(error->code, 0);
    assert_non_null(error->text);
    assert_true(error->text[0] != '\0');
    assert_string_equal(error->task, "square");
    assert_null(error->file);
    assert_int_equal(error->line, 0);
    assert_int_equal(error->worker, -1);
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(an_error_stays_until_the_last_drop, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_with_submit(pool, 31);
    assert_int_equal(status_of(future), TARN_FAILED);
    const tarn_failure *error = tarn_error(future);
    tarn_future *others[50];
    for (int i = 0; i < 50; i++)
        others[i] = fail_with_submit(pool, i);
    pool_close(pool);
    tarn_drop_all(others, 50);
    assert_ptr_equal(tarn_error(future), error);
    assert_string_equal(error->text, "code 31");
    tarn_drop(future);
}

CONTRACT_TEST(failing_outside_a_task_does_nothing, 0)
{
    tarn_executor *pool = pool_open();
    tarn_fail(3, "nobody listens");
    assert_ended(square_submit(pool, 1), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(every_status_has_its_number_name_and_sentence, 0)
{
    static const struct {
        tarn_status status;
        int number;
        const char *name;
    } all[] = {
        {TARN_OK, 0, "TARN_OK"},
        {TARN_END, 1, "TARN_END"},
        {TARN_TIMEOUT, -1, "TARN_TIMEOUT"},
        {TARN_CANCELLED, -2, "TARN_CANCELLED"},
        {TARN_FAILED, -3, "TARN_FAILED"},
        {TARN_EXPIRED, -4, "TARN_EXPIRED"},
        {TARN_STOPPED, -5, "TARN_STOPPED"},
        {TARN_LOST, -6, "TARN_LOST"},
        {TARN_CLOSED, -7, "TARN_CLOSED"},
        {TARN_FULL, -8, "TARN_FULL"},
        {TARN_BROKEN, -9, "TARN_BROKEN"},
        {TARN_DEADLOCK, -10, "TARN_DEADLOCK"},
        {TARN_NO_MEMORY, -11, "TARN_NO_MEMORY"},
        {TARN_INVALID, -12, "TARN_INVALID"},
        {TARN_UNSUPPORTED, -13, "TARN_UNSUPPORTED"},
        {TARN_UNKNOWN_TASK, -14, "TARN_UNKNOWN_TASK"},
        {TARN_MISMATCH, -15, "TARN_MISMATCH"},
        {TARN_NOT_BOOTED, -16, "TARN_NOT_BOOTED"},
        {TARN_SYSTEM, -17, "TARN_SYSTEM"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_int_equal(all[i].status, all[i].number);
        assert_string_equal(tarn_status_name(all[i].status), all[i].name);
        assert_true(strlen(tarn_status_text(all[i].status)) > 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tarn_status_text(all[i].status),
                                    tarn_status_text(all[j].status));
    }
}

struct last_error {
    char before[200];
    char after[200];
};

static void provoke_an_error(void *data)
{
    struct last_error *seen = data;
    snprintf(seen->before, sizeof(seen->before), "%s", tarn_last_error());
    tarn_future_wait(NULL, TARN_NOW);
    snprintf(seen->after, sizeof(seen->after), "%s", tarn_last_error());
}

CONTRACT_TEST(the_last_error_belongs_to_the_thread, 0)
{
    struct last_error seen;
    struct helper helper;
    assert_int_equal(tarn_boot(-1, NULL), TARN_INVALID);
    assert_contains(tarn_last_error(), "argc");
    helper_start(&helper, provoke_an_error, &seen);
    helper_join(&helper);
    assert_string_equal(seen.before, "");
    assert_contains(seen.after, "future");
    assert_contains(tarn_last_error(), "argc");
    assert_true(tarn_in(1).ns > 0);
    assert_contains(tarn_last_error(), "argc");
}

/* The text is the reader's until the thread's next failing call, whatever other threads do. */
CONTRACT_TEST(a_task_does_not_touch_its_callers_last_error, 0)
{
    tarn_executor *pool = pool_open();
    assert_int_equal(tarn_boot(-1, NULL), TARN_INVALID);
    tarn_future *future = fail_with_submit(pool, 4);
    assert_int_equal(tarn_future_wait(future, TARN_FOREVER), TARN_OK);
    assert_contains(tarn_last_error(), "argc");
    tarn_drop(future);
    pool_close(pool);
}
