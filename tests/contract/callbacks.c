/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_on_done(): once, in order, on the thread that ends the future, with no lock held. */
#include "contract.h"

#include <unistd.h>

/* What a callback saw. `called` is arrived at last, so that it publishes the rest. */
struct call {
    struct gate called;
    tarn_future *future;
    pid_t thread;
    int worker;
    bool done;
    tarn_status status;
};

#define CALL_NONE \
    { \
        .called = GATE_OPEN \
    }

static void note_call(tarn_future *future, void *data)
{
    struct call *call = data;
    call->future = future;
    call->thread = gettid();
    call->worker = tarn_worker_index();
    call->done = tarn_done(future);
    call->status = tarn_result(future, NULL, NULL, 0);
    gate_pass(&call->called);
}

CONTRACT_TEST(a_callback_runs_on_the_worker_that_ends_the_future, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct call call = CALL_NONE;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_on_done(blocker, note_call, &call), TARN_OK);
    assert_int_equal(gate_arrived(&call.called), 0);
    gate_open(&gate);
    gate_await(&call.called, 1);
    assert_ptr_equal(call.future, blocker);
    assert_int_not_equal(call.thread, gettid());
    assert_in_range(call.worker, 0, tarn_worker_limit(pool) - 1);
    assert_true(call.done);
    assert_int_equal(call.status, TARN_OK);
    tarn_drop(blocker);
    pool_close(pool);
    assert_int_equal(gate_arrived(&call.called), 1);
}

CONTRACT_TEST(a_callback_learns_of_a_failure, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct call call = CALL_NONE;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = fail_with_submit(pool, 4);
    assert_int_equal(tarn_on_done(future, note_call, &call), TARN_OK);
    pool_unblock(&gate, blockers, pool_workers());
    gate_await(&call.called, 1);
    assert_int_equal(call.status, TARN_FAILED);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(a_callback_runs_on_the_thread_that_cancels, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct call call = CALL_NONE;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = square_submit(pool, 4);
    assert_int_equal(tarn_on_done(future, note_call, &call), TARN_OK);
    assert_true(tarn_cancel(future));
    assert_int_equal(gate_arrived(&call.called), 1);
    assert_int_equal(call.thread, gettid());
    assert_int_equal(call.worker, -1);
    assert_int_equal(call.status, TARN_CANCELLED);
    assert_true(tarn_cancel(future));
    assert_int_equal(gate_arrived(&call.called), 1);
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

static void check_late(tarn_future *future, tarn_status status)
{
    struct call call = CALL_NONE;
    assert_int_equal(tarn_future_wait(future, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_on_done(future, note_call, &call), TARN_OK);
    assert_int_equal(gate_arrived(&call.called), 1);
    assert_ptr_equal(call.future, future);
    assert_int_equal(call.thread, gettid());
    assert_int_equal(call.status, status);
}

CONTRACT_TEST(a_late_callback_runs_at_once_in_the_caller, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 2);
    check_late(future, TARN_OK);
    tarn_drop(future);
    future = fail_with_submit(pool, 2);
    check_late(future, TARN_FAILED);
    tarn_drop(future);
    tarn_promise *promise = tarn_promise_new(NULL);
    future = tarn_promise_future(promise);
    tarn_promise_drop(promise);
    check_late(future, TARN_CANCELLED);
    tarn_drop(future);
    future = square_submit(NULL, 1);
    check_late(future, TARN_INVALID);
    tarn_drop(future);
    pool_close(pool);
}

struct order {
    int values[200];
    int next;
    struct gate full;
};

struct step {
    struct order *order;
    int value;
};

static void note_step(tarn_future *future, void *data)
{
    struct step *step = data;
    (void)future;
    step->order->values[step->order->next++] = step->value;
    if (step->order->next == 200)
        gate_pass(&step->order->full);
}

CONTRACT_TEST(callbacks_run_in_the_order_of_registration, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct order order = {.full = GATE_OPEN};
    struct step steps[200];
    pool_block(pool, &gate, &blocker, 1);
    for (int i = 0; i < 200; i++) {
        steps[i] = (struct step){&order, i};
        assert_int_equal(tarn_on_done(blocker, note_step, &steps[i]), TARN_OK);
    }
    gate_open(&gate);
    gate_await(&order.full, 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(order.values[i], i);
    tarn_drop(blocker);
    pool_close(pool);
}

static void fail_inside(tarn_future *future, void *data)
{
    struct gate *gate = data;
    (void)future;
    tarn_fail(9, "not the task's failure");
    gate_pass(gate);
}

CONTRACT_TEST(a_callback_that_fails_disturbs_neither_task_nor_worker, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct gate failed = GATE_OPEN;
    struct call later = CALL_NONE;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < pool_workers(); i++) {
        assert_int_equal(tarn_on_done(blockers[i], fail_inside, &failed), TARN_OK);
        if (i == 0)
            assert_int_equal(tarn_on_done(blockers[i], note_call, &later), TARN_OK);
    }
    tarn_future *next[20];
    for (int i = 0; i < 20; i++)
        next[i] = square_submit(pool, i);
    pool_unblock(&gate, blockers, pool_workers());
    gate_await(&failed, pool_workers());
    gate_await(&later.called, 1);
    assert_int_equal(later.status, TARN_OK);
    for (int i = 0; i < 20; i++)
        assert_ended(next[i], TARN_OK);
    pool_close(pool);
}

static void drop_it(tarn_future *future, void *data)
{
    tarn_drop(future);
    gate_pass(data);
}

CONTRACT_TEST(a_callback_may_drop_its_own_future, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct gate dropped = GATE_OPEN;
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(tarn_on_done(square_submit(pool, 3), drop_it, &dropped), TARN_OK);
    tarn_future *cancelled = square_submit(pool, 3);
    assert_int_equal(tarn_on_done(cancelled, drop_it, &dropped), TARN_OK);
    assert_true(tarn_cancel(cancelled));
    assert_int_equal(gate_arrived(&dropped), 1);
    pool_unblock(&gate, blockers, pool_workers());
    gate_await(&dropped, 2);

    tarn_future *ended = square_submit(pool, 4);
    assert_int_equal(status_of(ended), TARN_OK);
    assert_int_equal(tarn_on_done(ended, drop_it, &dropped), TARN_OK);
    assert_int_equal(gate_arrived(&dropped), 3);
    pool_close(pool);
}

/* Whatever a callback calls may take the locks that its caller could hold. */
struct busybody {
    tarn_executor *pool;
    tarn_future *other;
    tarn_completions *completions;
    tarn_future *child;
    struct call inner;
    bool held;
    tarn_status added;
    tarn_status waited;
    size_t tag;
    tarn_status next;
    bool cancelled_other;
    bool cancelled_self;
    tarn_status stopped;
    struct gate called;
};

static void do_everything(tarn_future *future, void *data)
{
    struct busybody *b = data;
    size_t done = 0;
    b->child = square_submit(b->pool, 21);
    b->held = tarn_hold(future) == future;
    tarn_drop(future);
    b->added = tarn_completions_add(b->completions, future, 42);
    b->next = tarn_next(b->completions, &b->tag);
    b->waited = tarn_wait(&future, 1, TARN_WAIT_ALL, TARN_FOREVER, &done);
    tarn_on_done(future, note_call, &b->inner);
    b->cancelled_other = tarn_cancel(b->other);
    b->cancelled_self = tarn_cancel(future);
    b->stopped = tarn_stop(future, 0);
    gate_pass(&b->called);
}

CONTRACT_TEST(a_callback_holds_no_lock, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct busybody b = {
        .pool = pool,
        .completions = tarn_completions_new(TARN_FOREVER),
        .inner = CALL_NONE,
        .called = GATE_OPEN,
    };
    tarn_promise *promise = tarn_promise_new(NULL);
    b.other = tarn_promise_future(promise);
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(tarn_on_done(blockers[0], do_everything, &b), TARN_OK);
    pool_unblock(&gate, blockers, pool_workers());
    gate_await(&b.called, 1);

    assert_true(b.held);
    assert_int_equal(b.added, TARN_OK);
    assert_int_equal(b.next, TARN_OK);
    assert_int_equal(b.tag, 42);
    assert_int_equal(b.waited, TARN_OK);
    assert_int_equal(gate_arrived(&b.inner.called), 1);
    assert_int_equal(b.stopped, TARN_OK);
    assert_true(b.cancelled_other);
    assert_false(b.cancelled_self);
    assert_ended(b.child, TARN_OK);
    tarn_drop(b.other);
    tarn_promise_drop(promise);
    tarn_completions_drop(b.completions);
    pool_close(pool);
}

struct link {
    struct link *next;
    tarn_future *future;
    int cancelled;
};

static void cancel_next(tarn_future *future, void *data)
{
    struct link *link = data;
    (void)future;
    link->cancelled++;
    if (link->next)
        tarn_cancel(link->next->future);
}

CONTRACT_TEST(callbacks_may_cancel_each_other_in_a_row, 0)
{
    enum { LENGTH = 100 };
    struct link links[LENGTH];
    tarn_promise *promises[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        promises[i] = tarn_promise_new(NULL);
        links[i] = (struct link){i + 1 < LENGTH ? &links[i + 1] : NULL,
                                 tarn_promise_future(promises[i]), 0};
        assert_int_equal(tarn_on_done(links[i].future, cancel_next, &links[i]), TARN_OK);
    }
    assert_true(tarn_cancel(links[0].future));
    for (int i = 0; i < LENGTH; i++) {
        assert_true(tarn_cancelled(links[i].future));
        assert_int_equal(links[i].cancelled, 1);
        tarn_drop(links[i].future);
        tarn_promise_drop(promises[i]);
    }
}

CONTRACT_TEST(one_function_may_be_registered_several_times, 0)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    struct call call = CALL_NONE;
    for (int i = 0; i < 3; i++)
        assert_int_equal(tarn_on_done(future, note_call, &call), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(gate_arrived(&call.called), 3);
    assert_int_equal(call.thread, gettid());
    tarn_drop(future);
    tarn_promise_drop(promise);
}

/* The last reference may go while callbacks wait for the end. */
CONTRACT_TEST(callbacks_are_called_though_nobody_holds_the_future, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct call call = CALL_NONE;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = fail_with_submit(pool, 3);
    assert_int_equal(tarn_on_done(future, note_call, &call), TARN_OK);
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
    gate_await(&call.called, 1);
    assert_int_equal(call.status, TARN_FAILED);
    pool_close(pool);
}
