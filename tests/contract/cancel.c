/* SPDX-License-Identifier: Apache-2.0 */

/* Cancelling what has not begun, and asking what runs to stop. */
#include "contract.h"

#include <math.h>

CONTRACT_TEST(a_cancelled_task_never_runs, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[30];
    struct gate gate = GATE_CLOSED;
    struct gate ran = GATE_OPEN;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 30; i++)
        futures[i] = stand_at_submit(pool, &ran, i);
    for (int i = 0; i < 30; i += 2) {
        assert_true(tarn_cancel(futures[i]));
        assert_true(tarn_cancel(futures[i]));
    }
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    assert_int_equal(gate_arrived(&ran), 15);
    for (int i = 0; i < 30; i++) {
        int value = -1;
        if (i % 2) {
            assert_int_equal(stand_at_result(futures[i], &value), TARN_OK);
            assert_int_equal(value, i);
        } else {
            assert_int_equal(stand_at_result(futures[i], &value), TARN_CANCELLED);
            assert_int_equal(value, -1);
        }
    }
    tarn_drop_all(futures, 30);
}

CONTRACT_TEST(the_arguments_of_a_cancelled_task_can_be_read, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = echo_submit(pool, (tarn_bytes){"a long enough argument", 22});
    assert_true(tarn_cancel(future));
    assert_memory_equal(echo_args(future)->a1.data, "a long enough argument", 22);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    assert_memory_equal(echo_args(future)->a1.data, "a long enough argument", 22);
    tarn_drop(future);
}

static int cancel_other(tarn_future *future)
{
    return tarn_cancel(future);
}
TARN_TASK(int, cancel_other, tarn_future *);

CONTRACT_TEST(a_task_may_cancel_another, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *victim = tarn_promise_future(promise);
    tarn_future *canceller = cancel_other_submit(pool, victim);
    pool_unblock(&gate, blockers, pool_workers());
    int cancelled = 0;
    assert_int_equal(cancel_other_result(canceller, &cancelled), TARN_OK);
    assert_true(cancelled);
    assert_true(tarn_cancelled(victim));
    tarn_drop(victim);
    tarn_drop(canceller);
    tarn_promise_drop(promise);
    pool_close(pool);
}

struct self {
    tarn_future *future;
    struct gate known;
    struct answer answer;
    tarn_status asked;
};

static int cancel_self(struct self *self)
{
    gate_pass(&self->known);
    return tarn_cancel(self->future);
}
TARN_TASK(int, cancel_self, struct self *);

CONTRACT_TEST(a_task_cannot_cancel_itself, NESTED)
{
    tarn_executor *pool = pool_open();
    struct self self = {.known = GATE_CLOSED};
    self.future = cancel_self_submit(pool, &self);
    gate_open(&self.known);
    int cancelled = -1;
    assert_int_equal(cancel_self_result(self.future, &cancelled), TARN_OK);
    assert_int_equal(cancelled, 0);
    tarn_drop(self.future);
    pool_close(pool);
}

CONTRACT_TEST(stop_cancels_what_has_not_begun, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = square_submit(pool, 1);
    assert_int_equal(tarn_stop(future, INFINITY), TARN_OK);
    assert_true(tarn_cancelled(future));
    assert_int_equal(tarn_stop(future, 0), TARN_OK);
    assert_ended(future, TARN_CANCELLED);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_sees_the_request_ends_stopped, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = work_until_stopped_submit(pool, &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_stop(future, INFINITY), TARN_OK);
    assert_string_equal(tarn_future_state(future), "FINISHED");
    int result = 7;
    assert_int_equal(work_until_stopped_result(future, &result), TARN_STOPPED);
    assert_int_equal(result, 7);
    assert_int_equal(tarn_error(future)->status, TARN_STOPPED);
    assert_non_null(tarn_error(future)->text);
    assert_true(tarn_error(future)->worker >= 0);
    assert_int_equal(tarn_stop(future, 1), TARN_OK);
    tarn_drop(future);
    assert_ended(square_submit(pool, 3), TARN_OK);
    pool_close(pool);
}

/* Never a fake end: what runs is RUNNING until it returns. */
CONTRACT_TEST(a_task_that_never_looks_ends_as_if_not_asked, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *future;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &future, 1);
    assert_int_equal(tarn_stop(future, 0), TARN_TIMEOUT);
    int64_t before = clock_now();
    assert_int_equal(tarn_stop(future, 0.02), TARN_TIMEOUT);
    assert_true(clock_now() - before >= 20000000);
    assert_string_equal(tarn_future_state(future), "RUNNING");
    gate_open(&gate);
    int result = -1;
    assert_int_equal(stand_at_result(future, &result), TARN_OK);
    assert_int_equal(result, 0);
    tarn_drop(future);
    pool_close(pool);
}

static int look_then_stand(struct gate *gate)
{
    int asked = tarn_stop_requested();
    gate_pass(gate);
    return asked;
}
TARN_TASK(int, look_then_stand, struct gate *);

CONTRACT_TEST(a_request_that_was_not_seen_stops_nothing, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = look_then_stand_submit(pool, &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_stop(future, 0), TARN_TIMEOUT);
    gate_open(&gate);
    int asked = -1;
    assert_int_equal(look_then_stand_result(future, &asked), TARN_OK);
    assert_int_equal(asked, 0);
    tarn_drop(future);
    pool_close(pool);
}

static int stand_then_fail(struct gate *gate)
{
    gate_pass(gate);
    if (tarn_stop_requested())
        tarn_fail(6, "could not tidy up");
    return 0;
}
TARN_TASK(int, stand_then_fail, struct gate *);

CONTRACT_TEST(a_task_may_fail_when_it_is_stopped, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = stand_then_fail_submit(pool, &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_stop(future, 0), TARN_TIMEOUT);
    gate_open(&gate);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->code, 6);
    tarn_drop(future);
    pool_close(pool);
}

static int was_asked(void)
{
    return tarn_stop_requested();
}
TARN_TASK(int, was_asked, void);

CONTRACT_TEST(a_request_is_for_one_task_only, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = work_until_stopped_submit(pool, &gate);
    gate_await(&gate, 1);
    tarn_future *next[20];
    for (int i = 0; i < 20; i++)
        next[i] = was_asked_submit(pool);
    assert_false(tarn_stop_requested());
    assert_int_equal(tarn_stop(future, INFINITY), TARN_OK);
    for (int i = 0; i < 20; i++) {
        int asked = -1;
        assert_int_equal(was_asked_result(next[i], &asked), TARN_OK);
        assert_int_equal(asked, 0);
    }
    tarn_drop_all(next, 20);
    assert_ended(future, TARN_STOPPED);
    pool_close(pool);
}

CONTRACT_TEST(stopping_what_has_ended_is_fine, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 2);
    assert_int_equal(status_of(future), TARN_OK);
    assert_int_equal(tarn_stop(future, 0), TARN_OK);
    assert_ended(future, TARN_OK);
    tarn_future *refused = square_submit(NULL, 2);
    assert_int_equal(tarn_stop(refused, 1), TARN_OK);
    tarn_drop(refused);
    pool_close(pool);
}

static int stop_self(struct self *self)
{
    gate_pass(&self->known);
    if (tarn_stop_requested())
        return -1;
    self->answer = answer_of(tarn_stop(self->future, INFINITY));
    self->asked = tarn_stop(self->future, 0);
    return tarn_stop_requested();
}
TARN_TASK(int, stop_self, struct self *);

CONTRACT_TEST(a_task_may_ask_itself_but_not_wait_for_itself, NESTED)
{
    tarn_executor *pool = pool_open();
    struct self self = {.known = GATE_CLOSED};
    self.future = stop_self_submit(pool, &self);
    gate_open(&self.known);
    assert_int_equal(status_of(self.future), TARN_STOPPED);
    assert_int_equal(self.answer.status, TARN_DEADLOCK);
    assert_contains(self.answer.error, "cycle");
    assert_int_equal(self.asked, TARN_TIMEOUT);
    tarn_drop(self.future);
    pool_close(pool);
}
