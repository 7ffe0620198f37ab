/* SPDX-License-Identifier: Apache-2.0 */

/* Full queues, met by tasks and callbacks: whoever may have to make the room does not wait for
 * it. */
#include "full.h"

enum { CHILDREN = 5 };

static const struct pool_options blocking = {.queue_limit = 2};

struct parent {
    tarn_executor *pool;
    struct gate begin;
    struct gate children;
    tarn_future *futures[CHILDREN];
};

static void submit_children(struct parent *parent)
{
    gate_pass(&parent->begin);
    for (int i = 0; i < CHILDREN; i++)
        parent->futures[i] = stand_at_submit(parent->pool, &parent->children, i);
}
TARN_TASK(void, submit_children, struct parent *);

static void submit_children_at_once(struct parent *parent)
{
    struct stand_at_arguments args[CHILDREN];
    gate_pass(&parent->begin);
    for (int i = 0; i < CHILDREN; i++)
        args[i] = (struct stand_at_arguments){&parent->children, i};
    if (stand_at_submit_many(parent->pool, args, CHILDREN, parent->futures) != TARN_OK)
        tarn_fail(1, "%s", tarn_last_error());
}
TARN_TASK(void, submit_children_at_once, struct parent *);

/* All that was submitted over the limit is still there, and runs. */
static void assert_all_run(struct parent *parent)
{
    for (int i = 0; i < CHILDREN; i++)
        assert_ended(parent->futures[i], TARN_OK);
    assert_int_equal(gate_arrived(&parent->children), CHILDREN);
}

/* The one worker runs the parent, with a full queue behind it: nobody else could make room. */
static void submit_from_own_worker(tarn_future *(*submit)(tarn_executor *, struct parent *))
{
    struct parent parent = {.begin = GATE_CLOSED, .children = GATE_OPEN};
    tarn_executor *pool = parent.pool =
        pool_with(&(struct pool_options){.max_workers = 1, .queue_limit = 2});
    tarn_future *future = submit(pool, &parent);
    gate_await(&parent.begin, 1);
    tarn_future *queued[2] = {square_submit(pool, 1), square_submit(pool, 2)};
    gate_open(&parent.begin);
    assert_ended(future, TARN_OK);
    assert_all_run(&parent);
    assert_int_equal(stats_of(pool).over_limit, CHILDREN);
    for (int i = 0; i < 2; i++)
        assert_ended(queued[i], TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_task_is_admitted_over_the_limit, NESTED)
{
    submit_from_own_worker(submit_children_submit);
}

CONTRACT_TEST(a_task_that_submits_many_is_admitted_over_the_limit, NESTED)
{
    submit_from_own_worker(submit_children_at_once_submit);
}

/* What goes over the limit is counted, and what fits is not. */
CONTRACT_TEST(only_what_does_not_fit_is_over_the_limit, NESTED)
{
    struct parent parent = {.begin = GATE_OPEN, .children = GATE_CLOSED};
    tarn_executor *pool = parent.pool =
        pool_with(&(struct pool_options){.max_workers = 1, .queue_limit = CHILDREN - 2});
    assert_ended(submit_children_submit(pool, &parent), TARN_OK);
    gate_open(&parent.children);
    assert_all_run(&parent);
    assert_int_equal(stats_of(pool).over_limit, 2);
    pool_close(pool);
}

/* Two executors of one worker each, both full, whose tasks submit to each other. */
CONTRACT_TEST(tasks_that_submit_to_each_others_full_queues_do_not_deadlock, NESTED)
{
    struct parent parents[2];
    tarn_executor *pools[2];
    tarn_future *futures[2], *queued[2][2];
    for (int i = 0; i < 2; i++) {
        parents[i] = (struct parent){.begin = GATE_CLOSED, .children = GATE_OPEN};
        pools[i] = pool_with(&(struct pool_options){.max_workers = 1, .queue_limit = 2});
    }
    for (int i = 0; i < 2; i++) {
        parents[i].pool = pools[1 - i];
        futures[i] = submit_children_submit(pools[i], &parents[i]);
        gate_await(&parents[i].begin, 1);
        for (int k = 0; k < 2; k++)
            queued[i][k] = square_submit(pools[i], k);
    }
    for (int i = 0; i < 2; i++)
        gate_open(&parents[i].begin);
    for (int i = 0; i < 2; i++) {
        assert_ended(futures[i], TARN_OK);
        assert_all_run(&parents[i]);
        for (int k = 0; k < 2; k++)
            assert_ended(queued[i][k], TARN_OK);
    }
    for (int i = 0; i < 2; i++)
        pool_close(pools[i]);
}

/* ---- Callbacks ---- */

static void submit_in_callback(tarn_future *future, void *data)
{
    (void)future;
    submit_children(data);
}

CONTRACT_TEST(a_callback_on_a_worker_is_admitted_over_the_limit, GATES)
{
    struct parent parent = {.begin = GATE_OPEN, .children = GATE_OPEN};
    struct full full;
    full_open(&full, &blocking);
    parent.pool = full.pool;
    struct gate gate = GATE_CLOSED;
    tarn_executor *other = pool_open();
    tarn_future *future = stand_at_submit(other, &gate, 1);
    assert_int_equal(tarn_on_done(future, submit_in_callback, &parent), TARN_OK);
    gate_open(&gate);
    pool_close(other);
    tarn_drop(future);
    assert_int_equal(stats_of(full.pool).over_limit, CHILDREN);
    full_release(&full);
    assert_all_run(&parent);
    pool_close(full.pool);
}

/* On a thread of the program's own as well: it may hold up whoever waits for it. */
CONTRACT_TEST(a_callback_on_any_thread_is_admitted_over_the_limit, GATES)
{
    struct parent parents[2];
    struct full full;
    full_open(&full, &blocking);
    for (int i = 0; i < 2; i++)
        parents[i] = (struct parent){.pool = full.pool, .begin = GATE_OPEN, .children = GATE_OPEN};

    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_on_done(future, submit_in_callback, &parents[0]), TARN_OK);
    assert_true(tarn_cancel(future));
    assert_int_equal(stats_of(full.pool).over_limit, CHILDREN);
    /* At once, as it has ended. */
    assert_int_equal(tarn_on_done(future, submit_in_callback, &parents[1]), TARN_OK);
    assert_int_equal(stats_of(full.pool).over_limit, 2 * CHILDREN);
    tarn_drop(future);
    tarn_promise_drop(promise);
    full_release(&full);
    for (int i = 0; i < 2; i++)
        assert_all_run(&parents[i]);
    pool_close(full.pool);
}

/* ---- Back below the limit ---- */

/* Those over the limit have places as well: there is room when enough of them are gone. */
CONTRACT_TEST(what_is_over_the_limit_counts_for_those_who_come_later, GATES)
{
    struct parent parent = {.begin = GATE_OPEN, .children = GATE_CLOSED};
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 2, .submit_within = 0.001});
    parent.pool = full.pool;
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_on_done(future, submit_in_callback, &parent), TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(future);

    assert_int_equal(tarn_cancel_all(full.queued, 2), 2);
    tarn_drop_all(full.queued, 2);
    for (int left = CHILDREN; left >= full.limit; left--) {
        assert_int_equal(stats_of(full.pool).queued, left);
        assert_ended(square_submit(full.pool, 1), TARN_FULL);
        assert_true(tarn_cancel(parent.futures[left - 1]));
    }
    full.queued[0] = square_submit(full.pool, 1);
    assert_false(tarn_done(full.queued[0]));
    assert_ended(square_submit(full.pool, 1), TARN_FULL);
    gate_open(&parent.children);
    full_close(&full);
    assert_int_equal(gate_arrived(&parent.children), full.limit - 1);
    tarn_drop_all(parent.futures, CHILDREN);
}
