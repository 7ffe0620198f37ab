/* SPDX-License-Identifier: Apache-2.0 */

/* run_limit: what runs for too long is asked to stop, and only asked. */
#include "full.h"

#include <math.h>
#include <sched.h>

static int until_asked(int answer)
{
    while (!tarn_stop_requested())
        sched_yield();
    return answer;
}
TARN_TASK(int, until_asked, int);

CONTRACT_TEST(a_task_that_sees_its_limit_ends_expired, 0)
{
    tarn_executor *pool = pool_open();
    int64_t before = clock_now();
    tarn_future *future = until_asked_submit(tarn_with(pool, .run_limit = 0.03), 4);
    int result = -1;
    assert_int_equal(until_asked_result(future, &result), TARN_EXPIRED);
    assert_true(clock_now() - before >= 30000000);
    assert_int_equal(result, -1);
    const tarn_failure *error = tarn_error(future);
    assert_int_equal(error->status, TARN_EXPIRED);
    assert_in_range(error->worker, 0, tarn_worker_limit(pool) - 1);
    assert_int_equal(error->attempts, 1);
    assert_true(strlen(error->text) > 0);
    tarn_drop(future);
    assert_int_equal(stats_of(pool).expired, 1);
    pool_close(pool);
}

/* Never a fake end: it is RUNNING until it returns. */
CONTRACT_TEST(a_task_that_never_looks_ends_as_ever, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .run_limit = 0.01);
    struct gate gate = GATE_CLOSED;
    tarn_future *future = stand_at_submit(view, &gate, 6);
    gate_await(&gate, 1);
    /* Its limit is over when another's is. */
    if (pool_workers() > 1)
        assert_ended(until_asked_submit(view, 1), TARN_EXPIRED);
    assert_int_equal(tarn_future_wait(future, tarn_in(0.03)), TARN_TIMEOUT);
    assert_string_equal(tarn_future_state(future), "RUNNING");
    gate_open(&gate);
    int value = 0;
    assert_int_equal(stand_at_result(future, &value), TARN_OK);
    assert_int_equal(value, 6);
    assert_null(tarn_error(future));
    tarn_drop(future);
    pool_close(pool);
}

static int fail_when_asked(int code)
{
    until_asked(0);
    tarn_fail(code, "cut short");
    return 0;
}
TARN_TASK(int, fail_when_asked, int);

CONTRACT_TEST(a_task_may_fail_when_its_time_is_up, COOPERATIVE)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = fail_when_asked_submit(tarn_with(pool, .run_limit = 0.01), 8);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->code, 8);
    tarn_drop(future);
    pool_close(pool);
}

/* It counts from the start, however long the task was queued. */
CONTRACT_TEST(the_time_in_the_queue_does_not_count, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[FULL_WORKERS];
    struct gate gate = GATE_CLOSED;
    struct gate unused = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_executor *view = tarn_with(pool, .run_limit = 0.05);
    tarn_future *future = work_until_stopped_submit(view, &unused);
    assert_int_equal(tarn_future_wait(future, tarn_in(0.07)), TARN_TIMEOUT);
    assert_string_equal(tarn_future_state(future), "PENDING");
    int64_t before = clock_now();
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(status_of(future), TARN_EXPIRED);
    assert_true(clock_now() - before >= 50000000);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(a_limit_that_is_past_at_once_is_seen_at_once, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .run_limit = 1e-12);
    for (int i = 0; i < 20; i++)
        assert_ended(until_asked_submit(view, i), TARN_EXPIRED);
    pool_close(pool);
}

static int look_after(struct gate *gate)
{
    gate_pass(gate);
    return tarn_stop_requested();
}
TARN_TASK(int, look_after, struct gate *);

/* Whoever asked besides the limit decides. */
CONTRACT_TEST(a_task_that_is_also_asked_by_others_ends_stopped, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = look_after_submit(tarn_with(pool, .run_limit = 1e-9), &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_stop(future, 0), TARN_TIMEOUT);
    gate_open(&gate);
    assert_int_equal(status_of(future), TARN_STOPPED);
    tarn_drop(future);

    gate = (struct gate)GATE_CLOSED;
    future = look_after_submit(tarn_with(pool, .run_limit = 1e-9), &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_shutdown(pool, .kill_running = true, .time_limit = 1e-9), TARN_TIMEOUT);
    gate_open(&gate);
    assert_ended(future, TARN_STOPPED);
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_ends_in_time_is_not_asked, GATES)
{
    struct gate open = GATE_OPEN;
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .run_limit = 600);
    for (int i = 0; i < 100; i++) {
        int asked = -1;
        tarn_future *future = look_after_submit(view, &open);
        assert_int_equal(look_after_result(future, &asked), TARN_OK);
        assert_int_equal(asked, 0);
        tarn_drop(future);
    }
    pool_close(pool);
}

/* ---- Tasks on top of each other ---- */

struct tower {
    tarn_executor *pool;
    int child_asked, parent_asked;
    tarn_status child_status;
};

static int look_once(struct tower *tower)
{
    tower->child_asked = tarn_stop_requested();
    return 0;
}
TARN_TASK(int, look_once, struct tower *);

/* Is asked, and then runs a child in place. */
static void stand_above(struct tower *tower)
{
    until_asked(0);
    tarn_future *child = look_once_submit(tower->pool, tower);
    tower->child_status = status_of(child);
    tarn_drop(child);
}
TARN_TASK(void, stand_above, struct tower *);

CONTRACT_TEST(the_limit_of_a_task_is_not_that_of_one_it_runs_in_place, NESTED)
{
    tarn_executor *pool = pool_of(1);
    struct tower tower = {.pool = pool, .child_asked = -1};
    assert_ended(stand_above_submit(tarn_with(pool, .run_limit = 0.01), &tower), TARN_EXPIRED);
    assert_int_equal(tower.child_asked, 0);
    assert_int_equal(tower.child_status, TARN_OK);
    pool_close(pool);
}

static void stand_below(struct tower *tower)
{
    tarn_future *child = until_asked_submit(tarn_with(tower->pool, .run_limit = 0.01), 1);
    tower->child_status = status_of(child);
    tower->parent_asked = tarn_stop_requested();
    tarn_drop(child);
}
TARN_TASK(void, stand_below, struct tower *);

CONTRACT_TEST(what_a_wait_runs_in_place_has_its_own_limit, NESTED)
{
    tarn_executor *pool = pool_of(1);
    struct tower tower = {.pool = pool, .parent_asked = -1};
    assert_ended(stand_below_submit(pool, &tower), TARN_OK);
    assert_int_equal(tower.child_status, TARN_EXPIRED);
    assert_int_equal(tower.parent_asked, 0);
    pool_close(pool);
}

static void exit_when_asked(void)
{
    until_asked(0);
    pthread_exit(NULL);
}
TARN_TASK(void, exit_when_asked, void);

CONTRACT_TEST(a_limited_task_may_end_its_thread, COOPERATIVE)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .start_within = 600, .run_limit = 0.01);
    for (int i = 0; i < 5; i++) {
        assert_ended(exit_when_asked_submit(view), TARN_FAILED);
        assert_ended(until_asked_submit(view, 1), TARN_EXPIRED);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_caller_of_a_full_queue_is_asked_as_well, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_CALLER});
    tarn_future *future = until_asked_submit(tarn_with(full.pool, .run_limit = 0.01), 1);
    assert_true(tarn_done(future));
    assert_int_equal(tarn_error(future)->worker, -1);
    assert_ended(future, TARN_EXPIRED);
    full_close(&full);
}

/* ---- Many ---- */

CONTRACT_TEST(each_run_has_a_limit_of_its_own, PARALLEL)
{
    enum { N = 30 };
    tarn_executor *pool = pool_of(4);
    tarn_future *futures[N];
    for (int i = 0; i < N; i++) {
        tarn_executor *view = tarn_with(pool, .run_limit = 0.001 * (i % 7 + 1));
        futures[i] = until_asked_submit(view, i);
    }
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_EXPIRED);
    assert_int_equal(stats_of(pool).expired, N);
    pool_close(pool);
}

/* The limit comes about when the task ends. */
CONTRACT_TEST(end_against_limit, COOPERATIVE)
{
    tarn_executor *pool = pool_open();
    tarn_executor *views[4];
    for (int i = 0; i < 4; i++)
        views[i] = tarn_with(pool, .run_limit = 1e-6 * (i + 1));
    size_t rounds = test_count(20000);
    for (size_t i = 0; i < rounds; i++) {
        int result = 0;
        tarn_future *future = square_submit(views[i % 4], 9);
        assert_int_equal(square_result(future, &result), TARN_OK);
        assert_int_equal(result, 81);
        tarn_drop(future);
    }
    pool_close(pool);
}
