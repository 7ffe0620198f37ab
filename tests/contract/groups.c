/* SPDX-License-Identifier: Apache-2.0 */

/* Cancelling many: an array of them, or the group that completions are. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

/* ---- tarn_cancel_all ---- */

CONTRACT_TEST(cancel_all_counts_those_that_will_never_run, GATES)
{
    enum { N = 10 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[N + 4];
    struct gate gate = GATE_CLOSED;
    struct gate ran = GATE_OPEN;
    tarn_future *ended = square_submit(pool, 3);
    assert_int_equal(tarn_future_wait(ended, TARN_FOREVER), TARN_OK);
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < N; i++)
        futures[i] = stand_at_submit(pool, &ran, i);
    assert_true(tarn_cancel(futures[2]));
    futures[N] = NULL;
    futures[N + 1] = blockers[0];
    futures[N + 2] = ended;
    futures[N + 3] = futures[5];
    /* All of the ten, the one that was cancelled before, and one of them twice. */
    assert_int_equal(tarn_cancel_all(futures, N + 4), N + 1);
    assert_int_equal(tarn_cancel_all(futures, N + 4), N + 1);
    assert_int_equal(tarn_cancel_all(futures, 0), 0);
    assert_true(tarn_running(blockers[0]));
    for (int i = 0; i < N; i++) {
        assert_non_null(futures[i]);
        assert_ended(futures[i], TARN_CANCELLED);
    }
    assert_ended(ended, TARN_OK);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    assert_int_equal(gate_arrived(&ran), 0);
}

static void count_end(tarn_future *future, void *data)
{
    atomic_fetch_add((atomic_int *)data, tarn_cancelled(future));
}

CONTRACT_TEST(cancel_all_tells_whoever_waits_for_them, GATES)
{
    enum { N = 50 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[N];
    struct gate gate = GATE_CLOSED;
    atomic_int told;
    atomic_init(&told, 0);
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < N; i++) {
        futures[i] = square_submit(pool, i);
        assert_int_equal(tarn_on_done(futures[i], count_end, &told), TARN_OK);
    }
    assert_int_equal(tarn_cancel_all(futures, N), N);
    assert_int_equal(atomic_load(&told), N);
    assert_int_equal(tarn_wait(futures, N, TARN_WAIT_ALL, TARN_NOW, NULL), TARN_OK);
    tarn_drop_all(futures, N);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

/* ---- tarn_completions_cancel ---- */

CONTRACT_TEST(a_group_is_cancelled_and_still_handed_out, GATES)
{
    enum { N = 100 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    tarn_completions *group = tarn_completions_new(TARN_FOREVER);
    tarn_future *fine = square_submit(pool, 2);
    assert_int_equal(tarn_future_wait(fine, TARN_FOREVER), TARN_OK);
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *futures[N];
    for (size_t i = 0; i < N; i++) {
        futures[i] = square_submit(pool, (int)i);
        assert_int_equal(tarn_completions_add(group, futures[i], i), TARN_OK);
    }
    assert_int_equal(tarn_completions_add(group, fine, N), TARN_OK);
    assert_int_equal(tarn_completions_add(group, blockers[0], N + 1), TARN_OK);
    /* One of them twice: it is cancelled once. */
    assert_int_equal(tarn_completions_add(group, futures[0], N + 2), TARN_OK);
    assert_int_equal(tarn_completions_cancel(group), N);
    assert_int_equal(tarn_completions_cancel(group), 0);
    assert_true(tarn_running(blockers[0]));
    gate_open(&gate);
    bool seen[N + 3] = {false};
    size_t count = 0;
    for (size_t tag; tarn_next(group, &tag) == TARN_OK; count++) {
        assert_in_range(tag, 0, N + 2);
        assert_false(seen[tag]);
        seen[tag] = true;
    }
    assert_int_equal(count, N + 3);
    tarn_completions_drop(group);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_CANCELLED);
    assert_ended(fine, TARN_OK);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(what_a_group_has_handed_out_is_no_part_of_it, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    tarn_completions *group = tarn_completions_new(TARN_NOW);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *first = tarn_promise_future(promise);
    assert_int_equal(tarn_completions_add(group, first, 1), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_next(group, 1);
    assert_int_equal(tarn_completions_cancel(group), 0);
    /* A place in the group is used anew. */
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *second = square_submit(pool, 2);
    tarn_future *other = square_submit(pool, 3);
    assert_int_equal(tarn_completions_add(group, second, 2), TARN_OK);
    assert_int_equal(tarn_completions_cancel(group), 1);
    assert_next(group, 2);
    assert_no_next(group, TARN_END);
    assert_false(tarn_done(other));
    tarn_completions_drop(group);
    tarn_promise_drop(promise);
    assert_ended(first, TARN_OK);
    assert_ended(second, TARN_CANCELLED);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(other, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(an_iteration_can_be_cancelled_in_the_middle, GATES)
{
    enum { N = 40 };
    tarn_executor *pool = pool_of(1);
    tarn_future *futures[N];
    struct gate gates[N];
    for (int i = 0; i < N; i++) {
        gates[i] = (struct gate)GATE_CLOSED;
        futures[i] = stand_at_submit(pool, &gates[i], i);
    }
    tarn_completions *completed = tarn_as_completed(futures, N, TARN_FOREVER);
    for (size_t i = 0; i < 3; i++) {
        gate_open(&gates[i]);
        assert_next(completed, i);
    }
    gate_await(&gates[3], 1);
    assert_int_equal(tarn_completions_cancel(completed), N - 4);
    gate_open(&gates[3]);
    size_t count = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK; count++)
        assert_int_equal(status_of(futures[tag]), tag == 3 ? TARN_OK : TARN_CANCELLED);
    assert_int_equal(count, N - 3);
    tarn_completions_drop(completed);
    tarn_drop_all(futures, N);
    pool_close(pool);
    for (int i = 4; i < N; i++)
        assert_int_equal(gate_arrived(&gates[i]), 0);
}

/* A callback of what the group cancels may use the group. */
static void add_another(tarn_future *future, void *data)
{
    (void)future;
    tarn_future *more = square_submit(NULL, 1);
    tarn_completions_add(data, more, 1000);
    tarn_drop(more);
}

CONTRACT_TEST(callbacks_of_a_cancelled_group_may_add_to_it, GATES)
{
    enum { N = 30 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    tarn_completions *group = tarn_completions_new(TARN_FOREVER);
    pool_block(pool, &gate, blockers, pool_workers());
    for (size_t i = 0; i < N; i++) {
        tarn_future *future = square_submit(pool, 1);
        assert_int_equal(tarn_on_done(future, add_another, group), TARN_OK);
        assert_int_equal(tarn_completions_add(group, future, i), TARN_OK);
        tarn_drop(future);
    }
    assert_int_equal(tarn_completions_cancel(group), N);
    size_t added = 0;
    size_t tags = 0;
    for (size_t tag; tarn_next(group, &tag) == TARN_OK; tags++)
        added += tag == 1000;
    assert_int_equal(added, N);
    assert_int_equal(tags, 2 * N);
    tarn_completions_drop(group);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

struct group_taker {
    struct helper helper;
    tarn_completions *group;
    atomic_int *seen; /* by tag */
    size_t taken;
};

static void take_from_group(void *data)
{
    struct group_taker *taker = data;
    for (size_t tag; tarn_next(taker->group, &tag) == TARN_OK; taker->taken++)
        atomic_fetch_add(&taker->seen[tag], 1);
}

CONTRACT_TEST(a_group_is_cancelled_while_others_take_from_it, 0)
{
    enum { N = 400, TAKERS = 3 };
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(200);
    for (size_t round = 0; round < rounds; round++) {
        struct group_taker takers[TAKERS];
        tarn_future *futures[N];
        atomic_int seen[N];
        int in[N];
        for (int i = 0; i < N; i++) {
            in[i] = i;
            atomic_init(&seen[i], 0);
        }
        assert_int_equal(square_submit_many(pool, in, N, futures), TARN_OK);
        tarn_completions *group = tarn_as_completed(futures, N, TARN_FOREVER);
        for (int i = 0; i < TAKERS; i++) {
            takers[i] = (struct group_taker){.group = group, .seen = seen};
            helper_start(&takers[i].helper, take_from_group, &takers[i]);
        }
        size_t cancelled = tarn_completions_cancel(group);
        size_t taken = 0;
        for (int i = 0; i < TAKERS; i++) {
            helper_join(&takers[i].helper);
            taken += takers[i].taken;
        }
        assert_int_equal(taken, N);
        size_t never_ran = 0;
        for (int i = 0; i < N; i++) {
            assert_int_equal(atomic_load(&seen[i]), 1);
            never_ran += status_of(futures[i]) == TARN_CANCELLED;
        }
        assert_int_equal(never_ran, cancelled);
        tarn_completions_drop(group);
        tarn_drop_all(futures, N);
    }
    pool_close(pool);
}

/* Two that cancel the same group share what is to be cancelled. */
struct group_canceller {
    struct helper helper;
    tarn_completions *group;
    size_t cancelled;
};

static void cancel_group(void *data)
{
    struct group_canceller *canceller = data;
    canceller->cancelled = tarn_completions_cancel(canceller->group);
}

CONTRACT_TEST(a_group_is_cancelled_by_two_at_once, GATES)
{
    enum { N = 300 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    size_t rounds = test_count(200);
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        int in[N] = {0};
        assert_int_equal(square_submit_many(pool, in, N, futures), TARN_OK);
        struct group_canceller other = {.group = tarn_as_completed(futures, N, TARN_FOREVER)};
        helper_start(&other.helper, cancel_group, &other);
        size_t cancelled = tarn_completions_cancel(other.group);
        helper_join(&other.helper);
        assert_int_equal(cancelled + other.cancelled, N);
        size_t tags = 0;
        for (size_t tag; tarn_next(other.group, &tag) == TARN_OK;)
            tags++;
        assert_int_equal(tags, N);
        tarn_completions_drop(other.group);
        tarn_drop_all(futures, N);
    }
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}
