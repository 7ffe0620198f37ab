/* SPDX-License-Identifier: Apache-2.0 */

/* The states of a future, waiting for one, and who owns it. */
#include "contract.h"

#include <math.h>

static void assert_state(tarn_future *future, const char *state)
{
    assert_string_equal(tarn_future_state(future), state);
    assert_int_equal(tarn_running(future), strcmp(state, "RUNNING") == 0);
    assert_int_equal(tarn_cancelled(future), strcmp(state, "CANCELLED") == 0);
    assert_int_equal(tarn_done(future),
                     strcmp(state, "FINISHED") == 0 || strcmp(state, "CANCELLED") == 0);
}

CONTRACT_TEST(the_state_says_what_the_task_does, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *running[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, running, pool_workers());
    tarn_future *pending = square_submit(pool, 1);
    tarn_future *cancelled = square_submit(pool, 2);
    tarn_cancel(cancelled);

    assert_state(running[0], "RUNNING");
    assert_state(pending, "PENDING");
    assert_state(cancelled, "CANCELLED");
    assert_false(tarn_cancel(running[0]));
    assert_state(running[0], "RUNNING");
    assert_true(tarn_cancel(cancelled));

    gate_open(&gate);
    assert_int_equal(status_of(pending), TARN_OK);
    assert_int_equal(status_of(running[0]), TARN_OK);
    assert_state(pending, "FINISHED");
    assert_state(running[0], "FINISHED");
    assert_false(tarn_cancel(pending));
    assert_state(pending, "FINISHED");
    assert_state(cancelled, "CANCELLED");

    tarn_drop(pending);
    tarn_drop(cancelled);
    pool_unblock(&gate, running, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(a_failed_future_is_finished, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_with_submit(pool, 3);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_state(future, "FINISHED");
    assert_false(tarn_cancel(future));
    tarn_drop(future);
    pool_close(pool);
}

/* The reference calls up to max_workers + 1 queued tasks running, and cannot cancel them. */
CONTRACT_TEST(running_means_running, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *running[4];
    tarn_future *queued[20];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, running, pool_workers());
    for (int i = 0; i < 20; i++)
        queued[i] = square_submit(pool, i);
    for (int i = 0; i < 20; i++) {
        assert_state(queued[i], "PENDING");
        assert_true(tarn_cancel(queued[i]));
        assert_state(queued[i], "CANCELLED");
    }
    tarn_drop_all(queued, 20);
    pool_unblock(&gate, running, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(a_wait_ends_at_its_deadline_and_changes_nothing, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *pending = square_submit(pool, 3);

    tarn_deadline deadline = tarn_in(0.02);
    assert_int_equal(tarn_future_wait(pending, deadline), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_state(pending, "PENDING");
    deadline = tarn_in(0.02);
    assert_int_equal(tarn_future_wait(blockers[0], deadline), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_state(blockers[0], "RUNNING");
    assert_int_equal(tarn_future_wait(pending, TARN_NOW), TARN_TIMEOUT);
    assert_int_equal(tarn_future_wait(pending, tarn_in(0)), TARN_TIMEOUT);

    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(tarn_future_wait(pending, tarn_in(60)), TARN_OK);
    assert_int_equal(tarn_future_wait(pending, TARN_NOW), TARN_OK);
    assert_int_equal(tarn_future_wait(pending, TARN_FOREVER), TARN_OK);
    assert_ended(pending, TARN_OK);
    pool_close(pool);
}

struct waiter {
    struct helper helper;
    tarn_future *future;
    tarn_deadline deadline;
    tarn_status waited;
    tarn_status result;
};

static void wait_and_read(void *data)
{
    struct waiter *waiter = data;
    waiter->waited = tarn_future_wait(waiter->future, waiter->deadline);
    waiter->result = status_of(waiter->future);
}

static void waiters_start(struct waiter *waiters, int n, tarn_future *future)
{
    for (int i = 0; i < n; i++) {
        waiters[i].future = future;
        waiters[i].deadline = i % 2 ? tarn_in(100) : TARN_FOREVER;
        helper_start(&waiters[i].helper, wait_and_read, &waiters[i]);
    }
    for (int i = 0; i < n; i++)
        helper_await_sleep(&waiters[i].helper);
}

static void waiters_join(struct waiter *waiters, int n, tarn_status result)
{
    for (int i = 0; i < n; i++) {
        helper_join(&waiters[i].helper);
        assert_int_equal(waiters[i].waited, TARN_OK);
        assert_int_equal(waiters[i].result, result);
    }
}

CONTRACT_TEST(the_end_of_a_task_wakes_all_who_wait, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct waiter waiters[6];
    pool_block(pool, &gate, &blocker, 1);
    waiters_start(waiters, 6, blocker);
    gate_open(&gate);
    waiters_join(waiters, 6, TARN_OK);
    assert_ended(blocker, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_failure_wakes_all_who_wait, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct waiter waiters[4];
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = fail_with_submit(pool, 1);
    waiters_start(waiters, 4, future);
    pool_unblock(&gate, blockers, pool_workers());
    waiters_join(waiters, 4, TARN_FAILED);
    assert_ended(future, TARN_FAILED);
    pool_close(pool);
}

/* In the reference they wake when a worker meets the task, if ever. */
CONTRACT_TEST(cancelled_futures_wake_waiters_at_once, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct waiter waiters[4];
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = square_submit(pool, 1);
    waiters_start(waiters, 4, future);
    assert_true(tarn_cancel(future));
    waiters_join(waiters, 4, TARN_CANCELLED);
    assert_state(blockers[0], "RUNNING");
    assert_ended(future, TARN_CANCELLED);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(drop_is_not_cancel, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct gate ran = GATE_OPEN;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 10; i++)
        tarn_drop(stand_at_submit(pool, &ran, i));
    assert_int_equal(gate_arrived(&ran), 0);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    assert_int_equal(gate_arrived(&ran), 10);
}

CONTRACT_TEST(a_held_future_survives_a_drop, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 12);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(tarn_hold(future), future);
    for (int i = 0; i < 100; i++)
        tarn_drop(future);
    int result = 0;
    assert_int_equal(square_result(future, &result), TARN_OK);
    assert_int_equal(result, 144);
    tarn_drop(future);
    pool_close(pool);
}

/* Without the limit the counter wraps, and the future is freed under those who hold it. */
CONTRACT_TEST(the_counter_of_references_never_wraps, 0)
{
    if (test_count(10) < 10)
        skip();
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 5);
    long held = 0;
    while (held < 40L * 1000 * 1000 && tarn_hold(future))
        held++;
    assert_in_range(held, 16L * 1000 * 1000 - 1, 17L * 1000 * 1000);
    assert_contains(tarn_last_error(), "future");
    for (long i = 0; i < held; i++)
        tarn_drop(future);
    int result = 0;
    assert_int_equal(square_result(future, &result), TARN_OK);
    assert_int_equal(result, 25);
    assert_ptr_equal(tarn_hold(future), future);
    tarn_drop(future);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(drop_all_leaves_null_behind, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[4] = {square_submit(pool, 1), NULL, square_submit(pool, 2), NULL};
    tarn_drop_all(futures, 4);
    for (int i = 0; i < 4; i++)
        assert_null(futures[i]);
    tarn_drop_all(futures, 4);
    pool_close(pool);
}

CONTRACT_TEST(futures_outlive_the_executor, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *fine = square_submit(pool, 6);
    tarn_future *failed = fail_with_submit(pool, 8);
    pool_close(pool);

    int result = 0;
    assert_state(fine, "FINISHED");
    assert_int_equal(square_result(fine, &result), TARN_OK);
    assert_int_equal(result, 36);
    assert_int_equal(square_args(fine)->a1, 6);
    assert_int_equal(tarn_future_wait(fine, TARN_FOREVER), TARN_OK);
    assert_int_equal(status_of(failed), TARN_FAILED);
    assert_int_equal(tarn_error(failed)->code, 8);
    assert_string_equal(tarn_error(failed)->text, "code 8");
    tarn_drop(fine);
    tarn_drop(failed);
}

CONTRACT_TEST(deadlines_are_moments_of_the_monotonic_clock, 0)
{
    int64_t before = clock_now();
    tarn_deadline deadline = tarn_in(1.5);
    int64_t after = clock_now();
    assert_true(deadline.ns >= before + 1500000000 && deadline.ns <= after + 1500000001);
    assert_true(tarn_in(0).ns >= before);
    assert_true(TARN_FOREVER.ns == 0);
    assert_true(TARN_NOW.ns == 1);
    assert_true(tarn_in(-1).ns == TARN_NOW.ns);
    assert_true(tarn_in(-INFINITY).ns == TARN_NOW.ns);
    assert_true(tarn_in(NAN).ns == TARN_NOW.ns);
    assert_true(tarn_in(INFINITY).ns == TARN_FOREVER.ns);
    assert_true(tarn_in(1e300).ns == TARN_FOREVER.ns);
    assert_true(tarn_in(9.2e9).ns > before || tarn_in(9.2e9).ns == TARN_FOREVER.ns);
}

/* A moment that every clock has passed is still a deadline, not "never". */
CONTRACT_TEST(a_negative_moment_is_long_past, GATES)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_future_wait(future, (tarn_deadline){-5}), TARN_TIMEOUT);
    assert_int_equal(tarn_future_wait(future, (tarn_deadline){INT64_MIN}), TARN_TIMEOUT);
    tarn_drop(future);
    tarn_promise_drop(promise);
}
