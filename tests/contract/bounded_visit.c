/* SPDX-License-Identifier: Apache-2.0 */

/* TARN_FULL_CALLER, seen by the executor: threads that run its tasks and are none of its
 * workers. */
#include "full.h"

#include <sched.h>

static const struct pool_options calling = {.queue_limit = 1, .when_full = TARN_FULL_CALLER};

/* ---- It waits for them ---- */

CONTRACT_TEST(drain_and_shutdown_wait_for_callers_that_run_tasks, GATES)
{
    struct full full;
    struct submitter submitter;
    struct gate gate = GATE_CLOSED;
    full_open(&full, &calling);
    submitter_start(&submitter, full.pool, &gate);
    gate_await(&gate, 1);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, tarn_in(0.02)), TARN_TIMEOUT);
    assert_int_equal(stats_of(full.pool).running, 1);
    assert_int_equal(tarn_shutdown(full.pool, .time_limit = 0.02), TARN_TIMEOUT);
    assert_contains(tarn_last_error(), "TARN_FULL_CALLER");
    assert_false(atomic_load(&submitter.returned));
    gate_open(&gate);
    pool_close(full.pool);
    assert_ended(submitter_join(&submitter), TARN_OK);
}

struct drainer {
    struct helper helper;
    tarn_executor *pool;
    tarn_status status;
    uint64_t running; /* when it returned */
};

static void drain(void *data)
{
    struct drainer *drainer = data;
    tarn_stats stats = {.size = sizeof(stats)};
    drainer->status = tarn_drain(drainer->pool, TARN_FOREVER);
    tarn_executor_stats(drainer->pool, &stats);
    drainer->running = stats.running;
}

CONTRACT_TEST(drain_returns_when_the_last_caller_is_done, GATES)
{
    struct full full;
    struct submitter submitters[3];
    struct gate gate = GATE_CLOSED;
    struct drainer drainer;
    full_open(&full, &calling);
    for (int i = 0; i < 3; i++)
        submitter_start(&submitters[i], full.pool, &gate);
    gate_await(&gate, 3);
    full_release(&full);
    drainer.pool = full.pool;
    helper_start(&drainer.helper, drain, &drainer);
    helper_await_sleep(&drainer.helper);
    gate_open(&gate);
    helper_join(&drainer.helper);
    assert_int_equal(drainer.status, TARN_OK);
    assert_int_equal(drainer.running, 0);
    for (int i = 0; i < 3; i++)
        assert_ended(submitter_join(&submitters[i]), TARN_OK);
    pool_close(full.pool);
}

CONTRACT_TEST(an_abandoned_executor_goes_with_the_last_caller, GATES)
{
    int threads = threads_count();
    struct full full;
    struct submitter submitter;
    struct gate gate = GATE_CLOSED;
    full_open(&full, &calling);
    submitter_start(&submitter, full.pool, &gate);
    gate_await(&gate, 1);
    tarn_abandon(full.pool);
    full_release(&full);
    /* Only the caller is left: the executor must still be there for it. */
    threads_await_at_most(threads + 1);
    gate_open(&gate);
    assert_ended(submitter_join(&submitter), TARN_OK);
    threads_await_at_most(threads);
}

/* ---- They cannot wait for it ---- */

struct ends {
    tarn_executor *pool;
    struct answer drain, shutdown;
    tarn_status after;
};

static void end_from_inside(struct ends *ends)
{
    ends->drain = answer_of(tarn_drain(ends->pool, TARN_FOREVER));
    ends->shutdown = answer_of(tarn_shutdown(ends->pool));
    tarn_future *refused = square_submit(ends->pool, 1);
    ends->after = status_of(refused);
    tarn_drop(refused);
}
TARN_TASK(void, end_from_inside, struct ends *);

static void assert_deadlocks(const struct ends *ends)
{
    assert_int_equal(ends->drain.status, TARN_DEADLOCK);
    assert_int_equal(ends->shutdown.status, TARN_DEADLOCK);
    assert_contains(ends->shutdown.error, "executor");
    assert_int_equal(ends->after, TARN_CLOSED);
}

CONTRACT_TEST(a_task_that_the_caller_runs_cannot_end_its_executor, GATES)
{
    struct full full;
    struct ends ends;
    full_open(&full, &calling);
    ends.pool = full.pool;
    tarn_future *future = end_from_inside_submit(full.pool, &ends);
    assert_true(tarn_done(future));
    assert_ended(future, TARN_OK);
    assert_deadlocks(&ends);
    full_close(&full);
}

static void end_in_callback(tarn_future *future, void *data)
{
    (void)future;
    end_from_inside(data);
}

/* What the caller runs ends another future, whose callback is then inside of the executor, too. */
static void end_promise(tarn_promise *promise)
{
    tarn_promise_drop(promise);
}
TARN_TASK(void, end_promise, tarn_promise *);

CONTRACT_TEST(neither_can_a_callback_within_it, GATES)
{
    struct full full;
    struct ends ends;
    full_open(&full, &calling);
    ends.pool = full.pool;
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    assert_int_equal(tarn_on_done(future, end_in_callback, &ends), TARN_OK);
    assert_ended(end_promise_submit(full.pool, promise), TARN_OK);
    tarn_drop(future);
    assert_deadlocks(&ends);
    full_close(&full);
}

struct leaver {
    struct helper helper;
    tarn_executor *pool;
    struct gate gate;
    tarn_future *future;
};

static void abandon_inside(struct leaver *leaver)
{
    gate_pass(&leaver->gate);
    tarn_abandon(leaver->pool);
    /* It is still there. */
    tarn_drop(square_submit(leaver->pool, 1));
}
TARN_TASK(void, abandon_inside, struct leaver *);

static void submit_leaver(void *data)
{
    struct leaver *leaver = data;
    leaver->future = abandon_inside_submit(leaver->pool, leaver);
}

CONTRACT_TEST(a_task_that_the_caller_runs_may_abandon_its_executor, GATES)
{
    int threads = threads_count();
    struct pool_options options = calling;
    options.idle_timeout = -1;
    struct full full;
    struct leaver leaver = {.gate = GATE_CLOSED};
    full_open(&full, &options);
    leaver.pool = full.pool;
    helper_start(&leaver.helper, submit_leaver, &leaver);
    gate_await(&leaver.gate, 1);
    full_release(&full);
    /* No worker is left, but where there is only one and no spare. */
    while (pool_workers() > 1 && stats_of(full.pool).workers > 0)
        sched_yield();
    gate_open(&leaver.gate);
    helper_join(&leaver.helper);
    assert_ended(leaver.future, TARN_OK);
    threads_await_at_most(threads);
}

/* ---- It asks them to stop ---- */

struct caller {
    struct helper helper;
    tarn_executor *pool;
    struct gate *gate;
    tarn_future *future;
};

static void call_until_stopped(void *data)
{
    struct caller *caller = data;
    caller->future = work_until_stopped_submit(caller->pool, caller->gate);
}

CONTRACT_TEST(kill_running_reaches_what_callers_run, GATES)
{
    struct full full;
    struct caller callers[2];
    struct gate gate = GATE_CLOSED;
    full_open(&full, &calling);
    for (int i = 0; i < 2; i++) {
        callers[i] = (struct caller){.pool = full.pool, .gate = &gate};
        helper_start(&callers[i].helper, call_until_stopped, &callers[i]);
    }
    gate_await(&gate, 2);
    full_release(&full);
    assert_int_equal(tarn_shutdown(full.pool, .kill_running = true), TARN_OK);
    for (int i = 0; i < 2; i++) {
        helper_join(&callers[i].helper);
        assert_ended(callers[i].future, TARN_STOPPED);
    }
}

static void call_from_task(struct caller *caller)
{
    call_until_stopped(caller);
}
TARN_TASK(void, call_from_task, struct caller *);

/* It runs on that executor's worker, but it is not its task. */
CONTRACT_TEST(kill_running_of_another_executor_does_not_reach_it, NESTED)
{
    struct full full;
    struct gate gate = GATE_CLOSED;
    struct caller caller = {.gate = &gate};
    tarn_executor *other = pool_open();
    full_open(&full, &calling);
    caller.pool = full.pool;
    tarn_future *outer = call_from_task_submit(other, &caller);
    gate_await(&gate, 1);
    assert_int_equal(tarn_shutdown(other, .kill_running = true, .time_limit = 0.02), TARN_TIMEOUT);
    gate_open(&gate);
    assert_ended(outer, TARN_OK);
    int asked = -1;
    assert_int_equal(work_until_stopped_result(caller.future, &asked), TARN_OK);
    assert_int_equal(asked, 0);
    tarn_drop(caller.future);
    pool_close(other);
    full_close(&full);
}

/* ---- Waits of what a worker of another executor runs ---- */

struct visit {
    tarn_executor *own;  /* whose worker it is */
    tarn_executor *full; /* whose task it runs */
    tarn_future *future;
    struct gate waiting;
    int index;
};

static void wait_blocking(struct visit *visit)
{
    gate_pass(&visit->waiting);
    tarn_future_wait(visit->future, TARN_FOREVER);
}
TARN_TASK(void, wait_blocking, struct visit *);

static void visit_full(struct visit *visit)
{
    tarn_future *future = wait_blocking_submit(visit->full, visit);
    if (!tarn_done(future))
        tarn_fail(1, "it was not run at once");
    tarn_drop(future);
}
TARN_TASK(void, visit_full, struct visit *);

CONTRACT_TEST(a_wait_in_it_gives_the_workers_permit_back, NESTED | SPARES)
{
    struct full full;
    struct visit visit = {.waiting = GATE_OPEN};
    tarn_promise *promise = tarn_promise_new(NULL);
    visit.own = pool_of(1);
    visit.future = tarn_promise_future(promise);
    full_open(&full, &calling);
    visit.full = full.pool;
    tarn_future *outer = visit_full_submit(visit.own, &visit);
    gate_await(&visit.waiting, 1);
    /* The one permit is free as long as it waits. */
    assert_ended(square_submit(visit.own, 3), TARN_OK);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_ended(outer, TARN_OK);
    tarn_drop(visit.future);
    tarn_promise_drop(promise);
    pool_close(visit.own);
    full_close(&full);
}

static void note_index(struct visit *visit)
{
    visit->index = tarn_worker_index();
}
TARN_TASK(void, note_index, struct visit *);

static void wait_for_own_pool(struct visit *visit)
{
    tarn_future *future = note_index_submit(visit->own, visit);
    if (tarn_future_wait(future, TARN_FOREVER) != TARN_OK)
        tarn_fail(1, "%s", tarn_last_error());
    tarn_drop(future);
}
TARN_TASK(void, wait_for_own_pool, struct visit *);

static void wait_while_visiting(struct visit *visit)
{
    tarn_future *future = wait_for_own_pool_submit(visit->full, visit);
    if (status_of(future) != TARN_OK)
        tarn_fail(1, "%s", tarn_error(future)->text);
    tarn_drop(future);
}
TARN_TASK(void, wait_while_visiting, struct visit *);

/* What the worker's own executor has queued may run on top of it: a worker it is. */
CONTRACT_TEST(a_wait_in_it_may_run_a_task_of_the_workers_executor, NESTED)
{
    struct full full;
    struct visit visit = {.own = pool_of(1), .index = -7};
    full_open(&full, &calling);
    visit.full = full.pool;
    assert_ended(wait_while_visiting_submit(visit.own, &visit), TARN_OK);
    assert_true(visit.index >= 0);
    pool_close(visit.own);
    full_close(&full);
}

/* ---- The end of their threads ---- */

static void leave_by_exit(void)
{
    pthread_exit(NULL);
}
TARN_TASK(void, leave_by_exit, void);

static void run_thread_end(tarn_executor *pool)
{
    leave_by_exit_submit(pool);
}
TARN_TASK(void, run_thread_end, tarn_executor *);

CONTRACT_TEST(a_worker_that_ends_its_thread_in_it_leaves_the_executor, NESTED)
{
    struct full full;
    tarn_executor *other = pool_open();
    full_open(&full, &calling);
    assert_ended(run_thread_end_submit(other, full.pool), TARN_FAILED);
    assert_ended(square_submit(other, 3), TARN_OK);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, tarn_in(60)), TARN_OK);
    assert_int_equal(stats_of(full.pool).failed, 1);
    pool_close(full.pool);
    pool_close(other);
}

static void call_thread_end(void *data)
{
    run_thread_end(data);
}

CONTRACT_TEST(a_caller_that_ends_its_thread_in_it_leaves_the_executor, GATES)
{
    struct full full;
    struct helper helper;
    full_open(&full, &calling);
    helper_start(&helper, call_thread_end, full.pool);
    helper_join(&helper);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, tarn_in(60)), TARN_OK);
    assert_int_equal(stats_of(full.pool).failed, 1);
    pool_close(full.pool);
}
