/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures: how they end, and what that does to those before and after them. */
#include "chained.h"

#include <stdio.h>

/* ---- f_after: what did not end well ends the next in the same way ---- */

CONTRACT_TEST(a_failure_passes_through_a_chain_with_its_text, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *failing = fail_with_after(pool, source.future);
    tarn_future *after[3];
    for (int i = 0; i < 3; i++)
        after[i] = square_after(pool, i == 0 ? failing : after[i - 1]);
    source_give(&source, 9);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(status_of(after[i]), TARN_FAILED);
        const tarn_failure *error = tarn_error(after[i]);
        const tarn_failure *origin = tarn_error(failing);
        assert_int_equal(error->code, 9);
        assert_string_equal(error->text, "code 9");
        assert_ptr_not_equal(error->text, origin->text);
        assert_string_equal(error->file, origin->file);
        assert_int_equal(error->line, origin->line);
        /* It is its own task that did not run. */
        assert_string_equal(error->task, "square");
        assert_int_equal(error->worker, -1);
        assert_int_equal(error->attempts, 0);
    }
    tarn_drop_all(after, 3);
    tarn_drop(failing);
    tarn_drop(source.future);
    pool_close(pool);
}

/* Three links after a future: each must have ended as that did. */
static void check_passed_on(tarn_executor *pool, tarn_future *before, tarn_status status)
{
    tarn_future *after[3] = {nothing_after(pool, before)};
    after[1] = nothing_after(pool, after[0]);
    after[2] = tarn_all(&after[1], 1);
    assert_int_equal(status_of(before), status);
    const tarn_failure *error = tarn_error(before);
    for (int i = 0; i < 3; i++)
        assert_passed_on(after[i], status, error->code, error->text);
    struct ending ending = ending_of(tarn_then(pool, &link_observe_task, before));
    assert_int_equal(ending.status, status);
    assert_int_equal(ending.code, error->code);
    assert_string_equal(ending.text, error->text);
    tarn_drop(before);
}

CONTRACT_TEST(every_way_to_end_passes_through_a_chain, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *closed = pool_open();
    tarn_executor *full =
        tarn_thread_pool(.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_REFUSE);
    struct gate gate = GATE_CLOSED;
    struct gate never = GATE_CLOSED;
    tarn_future *keeper = stand_at_submit(closed, &gate, 1);
    tarn_future *blocker;
    pool_block(full, &gate, &blocker, 1);
    gate_await(&gate, 2);
    assert_int_equal(tarn_shutdown(closed, .time_limit = 1e-9), TARN_TIMEOUT);

    check_passed_on(pool, fail_with_submit(pool, 3), TARN_FAILED);
    tarn_future *queued = square_submit(full, 1);
    check_passed_on(pool, square_submit(full, 1), TARN_FULL);
    check_passed_on(pool, square_submit(closed, 1), TARN_CLOSED);
    check_passed_on(pool, square_submit(NULL, 1), TARN_INVALID);
    assert_true(tarn_cancel(queued));
    check_passed_on(pool, queued, TARN_CANCELLED);
    tarn_executor *hurried = tarn_with(full, .start_within = 1e-3);
    check_passed_on(pool, square_submit(hurried, 1), TARN_EXPIRED);
    tarn_future *stopped = work_until_stopped_submit(pool, &never);
    gate_await(&never, 1);
    assert_int_equal(tarn_stop(stopped, 100), TARN_OK);
    check_passed_on(pool, stopped, TARN_STOPPED);

    gate_open(&gate);
    assert_ended(keeper, TARN_OK);
    assert_ended(blocker, TARN_OK);
    pool_close(closed);
    pool_close(full);
    pool_close(pool);
}

static void link_fails_to_begin(void)
{
    tarn_fail(1, "no licence");
}
TARN_TASK(void, link_fails_to_begin, void);

CONTRACT_TEST(a_broken_executor_says_so_to_what_is_chained, WORKER_LOCAL)
{
    tarn_executor *broken =
        pool_with(&(struct pool_options){.initializer = &link_fails_to_begin_task});
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *after = square_after(broken, source.future);
    tarn_future *last = square_after(pool, after);
    assert_ended(square_submit(broken, 1), TARN_BROKEN);
    source_give(&source, 1);
    assert_int_equal(status_of(after), TARN_BROKEN);
    assert_contains(tarn_error(after)->text, "no licence");
    assert_passed_on(last, TARN_BROKEN, 0, tarn_error(after)->text);
    tarn_drop(after);
    tarn_drop(source.future);
    pool_close(broken);
    pool_close(pool);
}

CONTRACT_TEST(a_refused_chain_is_a_future_that_says_so, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *refused = echo_after(pool, source.future);
    tarn_future *after = nothing_after(pool, refused);
    assert_int_equal(status_of(after), TARN_MISMATCH);
    assert_string_equal(tarn_error(after)->text, tarn_error(refused)->text);
    tarn_drop(after);
    tarn_drop(refused);
    source_give(&source, 1);
    tarn_drop(source.future);
    pool_close(pool);
}

static int64_t link_number(int64_t n)
{
    return n;
}
TARN_TASK(int64_t, link_number, int64_t);

static double link_half(double x)
{
    return x / 2;
}
TARN_TASK(double, link_half, double);

static const char *link_word(const char *word)
{
    return word;
}
TARN_TASK(const char *, link_word, const char *);

/* Kind and size are compared: one value of 8 bytes is taken for another, but a pointer for none. */
CONTRACT_TEST(a_result_must_be_what_the_next_task_takes, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *number = link_number_submit(pool, 8);
    tarn_future *word = link_word_submit(pool, "word");
    tarn_future *bytes = echo_submit(pool, (tarn_bytes){"abc", 3});
    assert_ended(link_word_after(pool, word), TARN_OK);
    assert_ended(link_half_after(pool, number), TARN_OK);
    assert_ended(link_number_after(pool, word), TARN_MISMATCH);
    assert_ended(link_word_after(pool, number), TARN_MISMATCH);
    assert_ended(echo_after(pool, number), TARN_MISMATCH);
    assert_ended(link_number_after(pool, bytes), TARN_MISMATCH);
    assert_ended(square_after(pool, number), TARN_MISMATCH);
    tarn_drop(number);
    tarn_drop(word);
    tarn_drop(bytes);
    pool_close(pool);
}

/* ---- tarn_then: however it ended ---- */

CONTRACT_TEST(then_runs_after_every_ending_and_sees_it, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    for (int ending = 0; ending < 3; ending++) {
        struct source source = source_new();
        tarn_future *observer = tarn_then(pool, &link_observe_task, source.future);
        /* The chain alone keeps it. */
        tarn_drop(source.future);
        if (ending == 0)
            source_give(&source, 3);
        else if (ending == 1)
            source_fail(&source, 8);
        else
            source_cancel(&source);
        struct ending seen = ending_of(observer);
        assert_int_equal(seen.status, ending == 0   ? TARN_OK
                                      : ending == 1 ? TARN_FAILED
                                                    : TARN_CANCELLED);
        assert_int_equal(seen.code, ending == 1 ? 8 : 0);
        assert_string_equal(seen.text, ending == 0   ? ""
                                       : ending == 1 ? "code 8"
                                                     : tarn_status_text(TARN_CANCELLED));
    }
    pool_close(pool);
}

CONTRACT_TEST(then_mends_a_chain_that_has_failed, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *failed = fail_with_submit(pool, 1);
    tarn_future *skipped = nothing_after(pool, failed);
    tarn_future *mended = tarn_then(pool, &link_observe_task, skipped);
    tarn_future *after = nothing_after(pool, mended);
    assert_ended(after, TARN_OK);
    assert_int_equal(ending_of(mended).status, TARN_FAILED);
    assert_ended(skipped, TARN_FAILED);
    tarn_drop(failed);
    pool_close(pool);
}

/* ---- tarn_all ---- */

CONTRACT_TEST(all_of_nothing_has_ended, 0)
{
    tarn_future *all = tarn_all(NULL, 0);
    assert_true(tarn_done(all));
    assert_ended(all, TARN_OK);
}

CONTRACT_TEST(all_ends_when_the_last_has_ended, SHARED_MEMORY)
{
    enum { N = 9 };
    tarn_executor *pool = pool_open();
    for (int last = 0; last < N; last++) {
        struct source sources[N];
        tarn_future *futures[2 * N];
        /* Each twice, and some that have ended, or end by themselves. */
        for (int i = 0; i < N; i++) {
            sources[i] = source_new();
            futures[i] = futures[2 * N - 1 - i] = sources[i].future;
        }
        tarn_future *all = tarn_all(futures, 2 * N);
        for (int i = 0; i < N; i++) {
            assert_false(tarn_done(all));
            source_give(&sources[(last + 1 + i) % N], i);
        }
        assert_true(tarn_done(all));
        assert_ended(all, TARN_OK);
        /* By now all of them have. */
        assert_ended(tarn_all(futures, 2 * N), TARN_OK);
        tarn_drop_all(futures, N);
    }
    pool_close(pool);
}

/* The first in the array, whenever it ended; and not before all have. */
CONTRACT_TEST(all_ends_as_the_first_in_the_array_that_did_not_end_well, 0)
{
    struct source sources[5];
    tarn_future *futures[5];
    for (int i = 0; i < 5; i++) {
        sources[i] = source_new();
        futures[i] = sources[i].future;
    }
    tarn_future *all = tarn_all(futures, 5);
    tarn_future *rest = tarn_all(&futures[2], 3);
    tarn_future *cancelled = tarn_all(&futures[3], 2);
    source_fail(&sources[4], 44);
    source_cancel(&sources[3]);
    assert_false(tarn_done(all) || tarn_done(rest));
    assert_true(tarn_cancelled(cancelled));
    source_give(&sources[0], 1);
    source_fail(&sources[2], 22);
    assert_passed_on(rest, TARN_FAILED, 22, "code 22");
    assert_false(tarn_done(all));
    source_fail(&sources[1], 11);
    assert_passed_on(all, TARN_FAILED, 11, "code 11");
    tarn_drop(cancelled);
    tarn_drop_all(futures, 5);
}

CONTRACT_TEST(all_of_several_executors_has_no_value_and_no_executor, SHARED_MEMORY)
{
    tarn_executor *pools[2] = {pool_open(), tarn_thread_pool(.max_workers = 1)};
    tarn_future *futures[101];
    for (int i = 0; i < 100; i++)
        futures[i] = i % 3 ? square_submit(pools[i % 2], i) : nothing_submit(pools[i % 2]);
    futures[100] = tarn_all(futures, 100);
    tarn_future *all = tarn_all(futures, 101);
    pool_close(pools[0]);
    pool_close(pools[1]);
    assert_true(tarn_done(all));
    int value = 7;
    assert_int_equal(tarn_result(all, NULL, &value, sizeof(value)), TARN_INVALID);
    assert_int_equal(value, 7);
    assert_int_equal(square_result(all, &value), TARN_MISMATCH);
    assert_null(tarn_args(all, NULL));
    assert_int_equal(tarn_result(all, NULL, NULL, 0), TARN_OK);
    tarn_drop(all);
    tarn_drop_all(futures, 101);
}

CONTRACT_TEST(all_of_very_many, 0)
{
    size_t n = test_count(300000);
    tarn_executor *pool = pool_open();
    tarn_future **futures = calloc(n, sizeof(*futures));
    assert_non_null(futures);
    for (size_t i = 0; i < n; i++)
        futures[i] = i == n / 2 ? fail_with_submit(pool, 5) : square_submit(pool, 1);
    tarn_future *all = tarn_all(futures, n);
    tarn_drop_all(futures, n);
    assert_passed_on(all, TARN_FAILED, 5, "code 5");
    free(futures);
    pool_close(pool);
}
