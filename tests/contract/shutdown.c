/* SPDX-License-Identifier: Apache-2.0 */

/* How an executor ends. */
#include "contract.h"

/* A shutdown on a thread of its own, where it may block. */
struct closer {
    struct helper helper;
    tarn_executor *pool;
    tarn_shutdown_options options;
    tarn_status status;
};

static void closer_main(void *data)
{
    struct closer *closer = data;
    closer->status = (tarn_shutdown)(closer->pool, &closer->options);
}

static void closer_start(struct closer *closer, tarn_executor *pool, tarn_shutdown_options options)
{
    closer->pool = pool;
    closer->options = options;
    closer->options.size = sizeof(options);
    helper_start(&closer->helper, closer_main, closer);
}

static void closer_join(struct closer *closer)
{
    helper_join(&closer->helper);
    assert_int_equal(closer->status, TARN_OK);
}

/* Blocks until another thread's shutdown has closed the pool. It must not be freed meanwhile. */
static void await_closed(tarn_executor *pool)
{
    tarn_status status;
    do {
        tarn_future *probe = nothing_submit(pool);
        status = tarn_done(probe) ? status_of(probe) : TARN_OK;
        tarn_drop(probe);
    } while (status != TARN_CLOSED);
}

CONTRACT_TEST(shutdown_finishes_what_was_submitted, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate ran = GATE_OPEN;
    tarn_future *futures[50];
    for (int i = 0; i < 50; i++)
        futures[i] = stand_at_submit(pool, &ran, i);
    pool_close(pool);
    assert_int_equal(gate_arrived(&ran), 50);
    for (int i = 0; i < 50; i++) {
        assert_true(tarn_done(futures[i]));
        assert_ended(futures[i], TARN_OK);
    }
}

CONTRACT_TEST(an_executor_that_was_never_used_shuts_down, 0)
{
    pool_close(pool_open());
    assert_int_equal(
        tarn_shutdown(pool_open(), .cancel_pending = true, .kill_running = true, .time_limit = 60),
        TARN_OK);
    tarn_abandon(pool_open());
}

CONTRACT_TEST(shutdown_of_nothing_is_fine, 0)
{
    assert_int_equal(tarn_shutdown(NULL), TARN_OK);
    tarn_abandon(NULL);
}

CONTRACT_TEST(shutdown_cancels_what_is_pending_if_asked, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *pending[50];
    struct gate gate = GATE_CLOSED;
    struct gate ran = GATE_OPEN;
    struct closer closer;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 50; i++)
        pending[i] = stand_at_submit(pool, &ran, i);
    closer_start(&closer, pool, (tarn_shutdown_options){.cancel_pending = true});
    /* This is before anything that runs has ended: cancelled futures wake waiters at once. */
    size_t done = 0;
    assert_int_equal(tarn_wait(pending, 50, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(done, 50);
    for (int i = 0; i < 50; i++)
        assert_ended(pending[i], TARN_CANCELLED);
    for (int i = 0; i < pool_workers(); i++)
        assert_true(tarn_running(blockers[i]));
    pool_unblock(&gate, blockers, pool_workers());
    closer_join(&closer);
    assert_int_equal(gate_arrived(&ran), 0);
}

CONTRACT_TEST(shutdown_wakes_as_completed_on_what_it_cancels, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *pending[10];
    struct gate gate = GATE_CLOSED;
    struct closer closer;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 10; i++)
        pending[i] = square_submit(pool, i);
    tarn_completions *completed = tarn_as_completed(pending, 10, TARN_FOREVER);
    closer_start(&closer, pool, (tarn_shutdown_options){.cancel_pending = true});
    int count = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK; count++)
        assert_int_equal(status_of(pending[tag]), TARN_CANCELLED);
    assert_int_equal(count, 10);
    tarn_completions_drop(completed);
    tarn_drop_all(pending, 10);
    pool_unblock(&gate, blockers, pool_workers());
    closer_join(&closer);
}

CONTRACT_TEST(shutdown_asks_what_runs_to_stop_if_asked, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[4];
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i < pool_workers(); i++)
        futures[i] = work_until_stopped_submit(pool, &gate);
    gate_await(&gate, pool_workers());
    tarn_future *pending = square_submit(pool, 1);
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .kill_running = true), TARN_OK);
    for (int i = 0; i < pool_workers(); i++)
        assert_ended(futures[i], TARN_STOPPED);
    assert_ended(pending, TARN_CANCELLED);
}

static int is_asked(void)
{
    return tarn_stop_requested();
}
TARN_TASK(int, is_asked, void);

CONTRACT_TEST(shutdown_asks_only_what_runs_at_the_call, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *running[4];
    tarn_future *queued[20];
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i < pool_workers(); i++)
        running[i] = work_until_stopped_submit(pool, &gate);
    gate_await(&gate, pool_workers());
    for (int i = 0; i < 20; i++)
        queued[i] = is_asked_submit(pool);
    assert_int_equal(tarn_shutdown(pool, .kill_running = true), TARN_OK);
    for (int i = 0; i < pool_workers(); i++)
        assert_ended(running[i], TARN_STOPPED);
    for (int i = 0; i < 20; i++) {
        int asked = -1;
        assert_int_equal(is_asked_result(queued[i], &asked), TARN_OK);
        assert_int_equal(asked, 0);
        tarn_drop(queued[i]);
    }
}

CONTRACT_TEST(shutdown_gives_up_at_its_time_limit, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *pending = square_submit(pool, 7);
    int64_t before = clock_now();
    assert_int_equal(tarn_shutdown(pool, .time_limit = 0.03), TARN_TIMEOUT);
    assert_true(clock_now() - before >= 30000000);
    assert_contains(tarn_last_error(), "stand_at");

    /* It stays closed, and may be called again. */
    tarn_future *refused = square_submit(pool, 1);
    assert_true(tarn_done(refused));
    assert_ended(refused, TARN_CLOSED);
    assert_int_equal(tarn_drain(pool, TARN_NOW), TARN_TIMEOUT);
    assert_true(tarn_worker_limit(pool) >= pool_workers());
    assert_int_equal(tarn_shutdown(pool, .time_limit = 0.001), TARN_TIMEOUT);
    assert_string_equal(tarn_future_state(pending), "PENDING");
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_true(tarn_cancelled(pending));
    assert_true(tarn_running(blockers[0]));
    tarn_drop(pending);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(what_a_closed_executor_refuses_is_a_finished_future, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    tarn_future *refused = square_submit(pool, 4);
    assert_non_null(refused);
    assert_true(tarn_done(refused));
    assert_false(tarn_running(refused));
    assert_false(tarn_cancelled(refused));
    assert_false(tarn_cancel(refused));
    assert_string_equal(tarn_future_state(refused), "FINISHED");
    assert_int_equal(tarn_future_wait(refused, TARN_FOREVER), TARN_OK);
    int value = 8;
    assert_int_equal(square_result(refused, &value), TARN_CLOSED);
    assert_int_equal(value, 8);
    assert_null(square_args(refused));
    assert_int_equal(tarn_error(refused)->status, TARN_CLOSED);
    assert_int_equal(tarn_error(refused)->worker, -1);
    assert_true(strlen(tarn_error(refused)->text) > 0);
    assert_ptr_equal(tarn_hold(refused), refused);
    tarn_drop(refused);
    tarn_drop(refused);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(a_timed_out_shutdown_may_be_abandoned, GATES)
{
    int threads = threads_count();
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *pending = square_submit(pool, 7);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 0.001), TARN_TIMEOUT);
    tarn_abandon(pool);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(pending, TARN_OK);
    threads_await_at_most(threads);
}

CONTRACT_TEST(what_an_abandoned_executor_holds_still_runs, GATES)
{
    int threads = threads_count();
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[30];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 30; i++)
        futures[i] = square_submit(pool, i);
    tarn_abandon(pool);
    for (int i = 0; i < 30; i++)
        assert_false(tarn_done(futures[i]));
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < 30; i++)
        assert_ended(futures[i], TARN_OK);
    threads_await_at_most(threads);
}

static int abandon_own(tarn_executor *pool)
{
    tarn_abandon(pool);
    return 5;
}
TARN_TASK(int, abandon_own, tarn_executor *);

CONTRACT_TEST(a_task_may_abandon_its_own_executor, NESTED)
{
    int threads = threads_count();
    tarn_executor *pool = pool_open();
    tarn_future *future = abandon_own_submit(pool, pool);
    int value = 0;
    assert_int_equal(abandon_own_result(future, &value), TARN_OK);
    assert_int_equal(value, 5);
    tarn_drop(future);
    threads_await_at_most(threads);
}

struct from_inside {
    tarn_executor *pool;
    struct answer answer;
    tarn_status after;
    struct gate called;
};

static void shut_down_inside(struct from_inside *inside)
{
    inside->answer = answer_of(tarn_shutdown(inside->pool));
    tarn_future *refused = square_submit(inside->pool, 1);
    inside->after = status_of(refused);
    tarn_drop(refused);
}
TARN_TASK(void, shut_down_inside, struct from_inside *);

CONTRACT_TEST(shutdown_from_its_own_task_closes_and_answers_deadlock, NESTED)
{
    struct from_inside inside = {.pool = pool_open()};
    tarn_future *future = shut_down_inside_submit(inside.pool, &inside);
    assert_ended(future, TARN_OK);
    assert_int_equal(inside.answer.status, TARN_DEADLOCK);
    assert_contains(inside.answer.error, "executor");
    assert_int_equal(inside.after, TARN_CLOSED);
    assert_ended(square_submit(inside.pool, 1), TARN_CLOSED);
    pool_close(inside.pool);
}

static void shut_down_in_callback(tarn_future *future, void *data)
{
    struct from_inside *inside = data;
    (void)future;
    inside->answer = answer_of(tarn_shutdown(inside->pool));
    inside->after = tarn_drain(inside->pool, TARN_FOREVER);
    gate_pass(&inside->called);
}

CONTRACT_TEST(shutdown_from_its_own_callback_answers_deadlock, NESTED)
{
    struct from_inside inside = {.pool = pool_open(), .called = GATE_OPEN};
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    pool_block(inside.pool, &gate, &blocker, 1);
    assert_int_equal(tarn_on_done(blocker, shut_down_in_callback, &inside), TARN_OK);
    gate_open(&gate);
    gate_await(&inside.called, 1);
    assert_int_equal(inside.answer.status, TARN_DEADLOCK);
    assert_int_equal(inside.after, TARN_DEADLOCK);
    tarn_drop(blocker);
    pool_close(inside.pool);
}

static int shut_down_other(tarn_executor *other)
{
    return tarn_shutdown(other);
}
TARN_TASK(int, shut_down_other, tarn_executor *);

CONTRACT_TEST(a_task_may_shut_another_executor_down, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_executor *other = pool_open();
    tarn_future *work = square_submit(other, 3);
    tarn_future *future = shut_down_other_submit(pool, other);
    int status = 1;
    assert_int_equal(shut_down_other_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    assert_true(tarn_done(work));
    tarn_drop(work);
    tarn_drop(future);
    pool_close(pool);
}

static int submit_after_gate(tarn_executor *pool, struct gate *gate)
{
    gate_pass(gate);
    tarn_future *refused = square_submit(pool, 1);
    tarn_status status = status_of(refused);
    tarn_drop(refused);
    return status;
}
TARN_TASK(int, submit_after_gate, tarn_executor *, struct gate *);

CONTRACT_TEST(running_tasks_submit_in_vain_once_shutdown_began, NESTED)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    struct closer closer;
    tarn_future *future = submit_after_gate_submit(pool, pool, &gate);
    gate_await(&gate, 1);
    closer_start(&closer, pool, (tarn_shutdown_options){0});
    await_closed(pool);
    gate_open(&gate);
    closer_join(&closer);
    int status = 0;
    assert_int_equal(submit_after_gate_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_CLOSED);
    tarn_drop(future);
}

static void wait_for_first(tarn_future *future, struct gate *waiting, struct answer *answer)
{
    gate_pass(waiting);
    *answer = answer_of(tarn_wait(&future, 1, TARN_WAIT_FIRST, TARN_FOREVER, NULL));
}
TARN_TASK(void, wait_for_first, tarn_future *, struct gate *, struct answer *);

CONTRACT_TEST(shutdown_wakes_a_task_that_waits_for_what_it_cancels, NESTED | PARALLEL)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 2, .max_spares = TARN_NONE});
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct gate waiting = GATE_OPEN;
    struct answer answer;
    struct closer closer;
    pool_block(pool, &gate, &blocker, 1);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *never = tarn_promise_future(promise);
    tarn_future *waiter = wait_for_first_submit(pool, never, &waiting, &answer);
    gate_await(&waiting, 1);
    tarn_future *queued = wait_for_first_submit(pool, never, &waiting, &answer);
    closer_start(&closer, pool, (tarn_shutdown_options){.cancel_pending = true});
    assert_int_equal(tarn_future_wait(queued, TARN_FOREVER), TARN_OK);
    assert_true(tarn_cancelled(queued));
    tarn_promise_drop(promise);
    assert_ended(waiter, TARN_OK);
    assert_int_equal(answer.status, TARN_OK);
    tarn_drop(queued);
    tarn_drop(never);
    pool_unblock(&gate, &blocker, 1);
    closer_join(&closer);
}

CONTRACT_TEST(drain_waits_until_nothing_is_queued_or_running, GATES)
{
    tarn_executor *pool = pool_open();
    assert_int_equal(tarn_drain(pool, TARN_NOW), TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    for (int round = 0; round < 20; round++) {
        tarn_future *futures[20];
        for (int i = 0; i < 20; i++)
            futures[i] = square_submit(pool, i);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
        for (int i = 0; i < 20; i++)
            assert_true(tarn_done(futures[i]));
        tarn_drop_all(futures, 20);
    }
    pool_close(pool);
}

CONTRACT_TEST(drain_ends_at_its_deadline, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_drain(pool, TARN_NOW), TARN_TIMEOUT);
    tarn_deadline deadline = tarn_in(0.02);
    assert_int_equal(tarn_drain(pool, deadline), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    tarn_future *more = square_submit(pool, 2);
    pool_unblock(&gate, &blocker, 1);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_true(tarn_done(more));
    assert_ended(more, TARN_OK);
    pool_close(pool);
}

static void drain_inside(struct from_inside *inside)
{
    inside->answer = answer_of(tarn_drain(inside->pool, TARN_FOREVER));
    tarn_future *future = square_submit(inside->pool, 1);
    inside->after = status_of(future);
    tarn_drop(future);
}
TARN_TASK(void, drain_inside, struct from_inside *);

CONTRACT_TEST(drain_from_its_own_task_answers_deadlock, NESTED)
{
    struct from_inside inside = {.pool = pool_open()};
    assert_ended(drain_inside_submit(inside.pool, &inside), TARN_OK);
    assert_int_equal(inside.answer.status, TARN_DEADLOCK);
    assert_contains(inside.answer.error, "executor");
    assert_int_equal(inside.after, TARN_OK);
    pool_close(inside.pool);
}

CONTRACT_TEST(shutdown_leaves_neither_thread_nor_descriptor, 0)
{
    int threads = threads_count();
    int descriptors = descriptors_count();
    for (int round = 0; round < 10; round++) {
        tarn_executor *pool = pool_open();
        tarn_future *futures[20];
        for (int i = 0; i < 20; i++)
            futures[i] = square_submit(pool, i);
        pool_close(pool);
        tarn_drop_all(futures, 20);
    }
    threads_await_at_most(threads);
    assert_int_equal(descriptors_count(), descriptors);
}
