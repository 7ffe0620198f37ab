/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_completions: tags in the order in which the futures end. */
#include "contract.h"

#include <stdatomic.h>

CONTRACT_TEST(tags_come_in_the_order_of_the_ends, PARALLEL | GATES)
{
    tarn_executor *pool = pool_of(4);
    static const size_t order[4] = {2, 0, 3, 1};
    struct gate gates[4] = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, GATE_CLOSED};
    tarn_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = stand_at_submit(pool, &gates[i], i);
    tarn_completions *completed = tarn_as_completed(futures, 4, TARN_FOREVER);
    for (int i = 0; i < 4; i++) {
        gate_open(&gates[order[i]]);
        assert_next(completed, order[i]);
        assert_true(tarn_done(futures[order[i]]));
    }
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    tarn_drop_all(futures, 4);
    pool_close(pool);
}

CONTRACT_TEST(what_ended_before_comes_first, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[3];
    struct gate gate = GATE_CLOSED;
    futures[1] = square_submit(pool, 2);
    futures[2] = fail_with_submit(pool, 2);
    assert_int_equal(tarn_wait(&futures[1], 2, TARN_WAIT_ALL, TARN_FOREVER, NULL), TARN_OK);
    pool_block(pool, &gate, &futures[0], 1);
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    size_t first = 0;
    size_t second = 0;
    assert_int_equal(tarn_next(completed, &first), TARN_OK);
    assert_int_equal(tarn_next(completed, &second), TARN_OK);
    assert_int_equal(first + second, 3);
    assert_int_equal(first * second, 2);
    gate_open(&gate);
    assert_next(completed, 0);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    tarn_drop_all(futures, 3);
    pool_close(pool);
}

CONTRACT_TEST(every_tag_comes_once, 0)
{
    enum { N = 1000 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    bool seen[N] = {false};
    for (int i = 0; i < N; i++)
        futures[i] = square_submit(pool, i);
    tarn_completions *completed = tarn_as_completed(futures, N, TARN_FOREVER);
    size_t count = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK; count++) {
        assert_in_range(tag, 0, N - 1);
        assert_false(seen[tag]);
        seen[tag] = true;
        assert_true(tarn_done(futures[tag]));
    }
    assert_int_equal(count, N);
    tarn_completions_drop(completed);
    tarn_drop_all(futures, N);
    pool_close(pool);
}

CONTRACT_TEST(duplicates_come_once_for_each_entry, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 5);
    tarn_future *futures[3] = {future, future, future};
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    unsigned seen = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK;)
        seen += 1U << (4 * tag);
    assert_int_equal(seen, 0x111);
    tarn_completions_drop(completed);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(no_futures_are_the_end_at_once, 0)
{
    tarn_completions *completed = tarn_as_completed(NULL, 0, TARN_FOREVER);
    assert_non_null(completed);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    completed = tarn_completions_new(TARN_FOREVER);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
}

CONTRACT_TEST(adding_reopens_what_had_come_to_its_end, 0)
{
    tarn_executor *pool = pool_open();
    tarn_completions *completions = tarn_completions_new(TARN_FOREVER);
    for (size_t i = 0; i < 10; i++) {
        tarn_future *future = square_submit(pool, (int)i);
        assert_int_equal(tarn_completions_add(completions, future, SIZE_MAX - i), TARN_OK);
        tarn_drop(future);
        assert_next(completions, SIZE_MAX - i);
        assert_no_next(completions, TARN_END);
        assert_no_next(completions, TARN_END);
    }
    tarn_completions_drop(completions);
    pool_close(pool);
}

CONTRACT_TEST(completions_hold_a_reference_of_their_own, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    tarn_completions *completions = tarn_completions_new(TARN_FOREVER);
    pool_block(pool, &gate, blockers, pool_workers());
    for (size_t i = 0; i < 20; i++) {
        tarn_future *future = square_submit(pool, (int)i);
        assert_int_equal(tarn_completions_add(completions, future, i), TARN_OK);
        tarn_drop(future);
    }
    pool_unblock(&gate, blockers, pool_workers());
    size_t sum = 0;
    for (size_t tag; tarn_next(completions, &tag) == TARN_OK;)
        sum += tag;
    assert_int_equal(sum, 190);
    tarn_completions_drop(completions);
    pool_close(pool);
}

CONTRACT_TEST(a_future_may_be_in_several_completions_with_several_tags, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *one = tarn_completions_new(TARN_FOREVER);
    tarn_completions *two = tarn_completions_new(TARN_NOW);
    assert_int_equal(tarn_completions_add(one, future, 1), TARN_OK);
    assert_int_equal(tarn_completions_add(two, future, 2), TARN_OK);
    assert_int_equal(tarn_completions_add(two, future, 3), TARN_OK);
    assert_no_next(two, TARN_TIMEOUT);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_next(one, 1);
    assert_no_next(one, TARN_END);
    assert_next(two, 2);
    assert_next(two, 3);
    assert_no_next(two, TARN_END);
    tarn_completions_drop(one);
    tarn_completions_drop(two);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

/* In the reference the clock starts at the first next(). */
CONTRACT_TEST(as_completed_deadline_runs_from_the_call, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_deadline deadline = tarn_in(0.05);
    tarn_completions *completed = tarn_as_completed(&future, 1, deadline);
    assert_int_equal(tarn_future_wait(future, deadline), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_no_next(completed, TARN_TIMEOUT);
    assert_no_next(completed, TARN_TIMEOUT);
    tarn_completions_drop(completed);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

CONTRACT_TEST(next_ends_at_the_deadline_and_says_what_is_missing, GATES)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *pending = tarn_promise_future(promise);
    tarn_future *refused = square_submit(NULL, 1);
    tarn_future *futures[4] = {pending, refused, refused, pending};
    tarn_deadline deadline = tarn_in(0.03);
    tarn_completions *completed = tarn_as_completed(futures, 4, deadline);
    size_t tag = 0;
    assert_int_equal(tarn_next(completed, &tag), TARN_OK);
    assert_int_equal(tarn_next(completed, &tag), TARN_OK);
    assert_no_next(completed, TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_contains(tarn_last_error(), "2 of 4 futures unfinished");
    tarn_completions_drop(completed);
    tarn_drop(refused);
    tarn_drop(pending);
    tarn_promise_drop(promise);
}

CONTRACT_TEST(what_has_ended_is_handed_out_after_the_deadline, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *completed = tarn_as_completed(&future, 1, TARN_NOW);
    assert_no_next(completed, TARN_TIMEOUT);
    tarn_promise_set(promise, NULL, 0);
    assert_next(completed, 0);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

CONTRACT_TEST(cancelled_and_refused_futures_are_completions, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *futures[3] = {square_submit(pool, 1), square_submit(NULL, 2),
                               square_submit(pool, 3)};
    assert_true(tarn_cancel(futures[0]));
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    size_t a = 9;
    size_t b = 9;
    assert_int_equal(tarn_next(completed, &a), TARN_OK);
    assert_int_equal(tarn_next(completed, &b), TARN_OK);
    assert_int_equal(a + b, 1);
    assert_true(tarn_cancel(futures[2]));
    assert_next(completed, 2);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    tarn_drop_all(futures, 3);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

struct consumer {
    struct helper helper;
    tarn_completions *completions;
    atomic_uint *seen; /* one for each tag */
    size_t taken;
    tarn_status end;
};

static void consume(void *data)
{
    struct consumer *consumer = data;
    size_t tag = 0;
    consumer->taken = 0;
    while ((consumer->end = tarn_next(consumer->completions, &tag)) == TARN_OK) {
        atomic_fetch_add(&consumer->seen[tag], 1);
        consumer->taken++;
    }
}

/* In the reference it hangs, or ends when a worker meets the task. */
CONTRACT_TEST(cancelling_wakes_next_at_once, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    atomic_uint seen[1];
    atomic_init(&seen[0], 0);
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = square_submit(pool, 1);
    struct consumer consumer = {
        .completions = tarn_as_completed(&future, 1, TARN_FOREVER),
        .seen = seen,
    };
    helper_start(&consumer.helper, consume, &consumer);
    helper_await_sleep(&consumer.helper);
    assert_true(tarn_cancel(future));
    helper_join(&consumer.helper);
    assert_int_equal(consumer.end, TARN_END);
    assert_int_equal(atomic_load(&seen[0]), 1);
    tarn_completions_drop(consumer.completions);
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(each_tag_goes_to_one_of_several_consumers, 0)
{
    enum { N = 2000, CONSUMERS = 4 };
    tarn_executor *pool = pool_open();
    atomic_uint seen[N];
    struct consumer consumers[CONSUMERS];
    tarn_completions *completions = tarn_completions_new(TARN_FOREVER);
    /* This one keeps it from coming to its end before everything was added. */
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *last = tarn_promise_future(promise);
    for (int i = 0; i < N; i++)
        atomic_init(&seen[i], 0);
    assert_int_equal(tarn_completions_add(completions, last, 0), TARN_OK);
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i] = (struct consumer){.completions = completions, .seen = seen};
        helper_start(&consumers[i].helper, consume, &consumers[i]);
    }
    for (size_t i = 1; i < N; i++) {
        tarn_future *future = square_submit(pool, (int)i);
        assert_int_equal(tarn_completions_add(completions, future, i), TARN_OK);
        tarn_drop(future);
    }
    tarn_promise_set(promise, NULL, 0);
    size_t taken = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        helper_join(&consumers[i].helper);
        assert_int_equal(consumers[i].end, TARN_END);
        taken += consumers[i].taken;
    }
    assert_int_equal(taken, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(atomic_load(&seen[i]), 1);
    tarn_completions_drop(completions);
    tarn_drop(last);
    tarn_promise_drop(promise);
    pool_close(pool);
}

CONTRACT_TEST(the_last_tag_wakes_all_consumers, 0)
{
    enum { CONSUMERS = 4 };
    struct consumer consumers[CONSUMERS];
    atomic_uint seen[1];
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *completions = tarn_as_completed(&future, 1, TARN_FOREVER);
    atomic_init(&seen[0], 0);
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i] = (struct consumer){.completions = completions, .seen = seen};
        helper_start(&consumers[i].helper, consume, &consumers[i]);
    }
    for (int i = 0; i < CONSUMERS; i++)
        helper_await_sleep(&consumers[i].helper);
    tarn_promise_set(promise, NULL, 0);
    for (int i = 0; i < CONSUMERS; i++) {
        helper_join(&consumers[i].helper);
        assert_int_equal(consumers[i].end, TARN_END);
    }
    assert_int_equal(atomic_load(&seen[0]), 1);
    tarn_completions_drop(completions);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

/* In the reference an abandoned iterator stays on the futures' lists until it is collected. */
CONTRACT_TEST(abandoned_iteration_leaves_nothing_behind, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[20];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 20; i++)
        futures[i] = square_submit(pool, i);
    assert_true(tarn_cancel(futures[0]));

    size_t rounds = test_count(20000);
    size_t before = 0;
    for (size_t i = 0; i < rounds + rounds / 10; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_completions *completed = tarn_as_completed(futures, 20, TARN_NOW);
        assert_next(completed, 0);
        assert_no_next(completed, TARN_TIMEOUT);
        tarn_completions_drop(completed);
    }
    /* A node of 40 bytes for each future and round would be 15 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));

    /* The futures are left as they are: nothing was cancelled. */
    for (int i = 1; i < 20; i++)
        assert_string_equal(tarn_future_state(futures[i]), "PENDING");
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 1; i < 20; i++)
        assert_int_equal(status_of(futures[i]), TARN_OK);
    tarn_drop_all(futures, 20);
    pool_close(pool);
}

CONTRACT_TEST(tags_that_nobody_took_are_freed_with_the_completions, 0)
{
    tarn_executor *pool = pool_open();
    tarn_completions *completions = tarn_completions_new(TARN_FOREVER);
    for (size_t i = 0; i < 100; i++) {
        tarn_future *future = echo_submit(pool, (tarn_bytes){"some bytes to be freed", 22});
        assert_int_equal(tarn_completions_add(completions, future, i), TARN_OK);
        tarn_drop(future);
    }
    size_t tag = 0;
    assert_int_equal(tarn_next(completions, &tag), TARN_OK);
    tarn_completions_drop(completions);
    pool_close(pool);
}

CONTRACT_TEST(as_completed_is_linear, 0)
{
    tarn_executor *pool = pool_open();
    size_t n = test_count(200000);
    tarn_future **futures = calloc(n, sizeof(tarn_future *));
    assert_non_null(futures);
    for (size_t i = 0; i < n; i++)
        futures[i] = nothing_submit(pool);
    tarn_completions *completed = tarn_as_completed(futures, n, TARN_FOREVER);
    size_t count = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK; count++)
        tarn_drop_all(&futures[tag], 1);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++)
        assert_null(futures[i]);
    tarn_completions_drop(completed);
    free(futures);
    pool_close(pool);
}
