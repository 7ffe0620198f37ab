/* SPDX-License-Identifier: Apache-2.0 */

/* Completions that several tasks take from, and other company that a thread did not choose. */
#include "contract.h"

#include <stdatomic.h>

/* ---- Several consumers that are tasks ---- */

static int take_all(tarn_completions *completions)
{
    size_t tag;
    tarn_status status;
    while ((status = tarn_next(completions, &tag)) == TARN_OK)
        continue;
    return status;
}
TARN_TASK(int, take_all, tarn_completions *);

static int wait_for(tarn_future *future)
{
    return tarn_future_wait(future, TARN_FOREVER);
}
TARN_TASK(int, wait_for, tarn_future *);

/* What one of them waits for, another one may take: an empty rest is no cycle. */
CONTRACT_TEST(consumers_of_one_iteration_see_no_false_cycle, NESTED_SUBMIT | SPARES | POINTERS)
{
    enum { FUTURES = 2, CONSUMERS = 3 };
    tarn_executor *pool = pool_open();
    tarn_executor *other = pool_of(2);
    size_t rounds = test_count(2000);
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *futures[FUTURES];
        tarn_future *consumers[CONSUMERS];
        tarn_future *waiters[CONSUMERS];
        int status;
        for (int k = 0; k < FUTURES; k++)
            futures[k] = square_submit(pool, k);
        tarn_completions *completed = tarn_as_completed(futures, FUTURES, TARN_FOREVER);
        for (int k = 0; k < CONSUMERS; k++)
            consumers[k] = take_all_submit(pool, completed);
        for (int k = 0; k < CONSUMERS; k++)
            waiters[k] = wait_for_submit(other, consumers[k]);
        for (int k = 0; k < CONSUMERS; k++) {
            assert_int_equal(take_all_result(consumers[k], &status), TARN_OK);
            assert_int_equal(status, TARN_END);
            assert_int_equal(wait_for_result(waiters[k], &status), TARN_OK);
            assert_int_equal(status, TARN_OK);
        }
        tarn_drop_all(waiters, CONSUMERS);
        tarn_drop_all(consumers, CONSUMERS);
        tarn_drop_all(futures, FUTURES);
        tarn_completions_drop(completed);
    }
    pool_close(other);
    pool_close(pool);
}

/* ---- Callbacks on a task's own thread ---- */

static void fail_here(tarn_future *future, void *data)
{
    (void)future;
    (void)data;
    tarn_fail(5, "a callback is no task");
}

/* Each way to have a callback run here and now. */
static int run_callbacks_here(void)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_on_done(future, fail_here, NULL);
    tarn_promise_set(promise, NULL, 0);
    tarn_on_done(future, fail_here, NULL);
    tarn_drop(future);
    tarn_promise_drop(promise);

    promise = tarn_promise_new(NULL);
    future = tarn_promise_future(promise);
    tarn_on_done(future, fail_here, NULL);
    tarn_cancel(future);
    tarn_drop(future);
    tarn_promise_drop(promise);
    return 11;
}
TARN_TASK(int, run_callbacks_here);

CONTRACT_TEST(callbacks_that_a_task_sets_off_are_not_part_of_it, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = run_callbacks_here_submit(pool);
    int result = 0;
    assert_int_equal(run_callbacks_here_result(future, &result), TARN_OK);
    assert_int_equal(result, 11);
    tarn_drop(future);
    pool_close(pool);
}

/* ---- Shutdown within the callbacks of another one ---- */

static tarn_executor *outer_pool;
static tarn_executor *inner_pool;
static tarn_status innermost;

/* Runs as its future is cancelled, while the workers of its pool stand at the gate. */
static void shut_down_outer(tarn_future *future, void *data)
{
    (void)future;
    innermost = tarn_shutdown(outer_pool);
    gate_open(data);
}

static void shut_down_inner(tarn_future *future, void *data)
{
    (void)future;
    (void)data;
    tarn_shutdown(inner_pool, .cancel_pending = true);
}

CONTRACT_TEST(a_shutdown_within_a_shutdown_within_the_same_is_noticed, GATES)
{
    tarn_future *blockers[2][4];
    tarn_future *pending[2];
    struct gate inner = GATE_CLOSED;
    struct gate outer = GATE_CLOSED;
    outer_pool = pool_open();
    inner_pool = pool_open();
    pool_block(outer_pool, &outer, blockers[0], pool_workers());
    pool_block(inner_pool, &inner, blockers[1], pool_workers());
    pending[0] = square_submit(outer_pool, 1);
    pending[1] = square_submit(inner_pool, 1);
    innermost = TARN_OK;
    assert_int_equal(tarn_on_done(pending[0], shut_down_inner, NULL), TARN_OK);
    assert_int_equal(tarn_on_done(pending[1], shut_down_outer, &inner), TARN_OK);
    assert_int_equal(tarn_shutdown(outer_pool, .cancel_pending = true, .time_limit = 0.01),
                     TARN_TIMEOUT);
    assert_int_equal(innermost, TARN_DEADLOCK);
    pool_unblock(&outer, blockers[0], pool_workers());
    tarn_drop_all(blockers[1], (size_t)pool_workers());
    assert_ended(pending[0], TARN_CANCELLED);
    assert_ended(pending[1], TARN_CANCELLED);
    pool_close(outer_pool);
}

/* ---- The last task of a closed pool ends its thread ---- */

static void stand_in_section(struct gate *in, struct gate *after)
{
    tarn_blocking_begin();
    gate_pass(in);
    tarn_blocking_end();
    gate_pass(after);
}
TARN_TASK(void, stand_in_section, struct gate *, struct gate *);

static void end_own_thread(void)
{
    pthread_exit(NULL);
}
TARN_TASK(void, end_own_thread);

/* The idle spare went to sleep while the permit was taken; nobody but the lost one can wake it. */
CONTRACT_TEST(a_lost_worker_wakes_the_idle_of_a_closed_pool, GATES | SPARES)
{
    struct gate in = GATE_CLOSED;
    struct gate after = GATE_CLOSED;
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = 1, .idle_timeout = 1e9});
    tarn_future *waiter = stand_in_section_submit(pool, &in, &after);
    gate_await(&in, 1);
    assert_ended(square_submit(pool, 2), TARN_OK);
    gate_open(&in);
    gate_await(&after, 1);
    tarn_future *last = end_own_thread_submit(pool);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 0.001), TARN_TIMEOUT);
    gate_open(&after);
    pool_close(pool);
    assert_ended(waiter, TARN_OK);
    assert_ended(last, TARN_FAILED);
}
