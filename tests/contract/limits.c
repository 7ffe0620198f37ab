/* SPDX-License-Identifier: Apache-2.0 */

/* start_within: what has not started in time never will, whatever the workers do. */
#include "full.h"

#include <math.h>

/* An executor whose workers stand at a gate, and a view of it with start_within. */
struct stuck {
    tarn_executor *pool;
    tarn_executor *hurried;
    tarn_future *blockers[FULL_WORKERS];
    struct gate gate;
};

static void stuck_open(struct stuck *stuck, double start_within)
{
    stuck->gate = (struct gate)GATE_CLOSED;
    stuck->pool = pool_open();
    stuck->hurried = tarn_with(stuck->pool, .start_within = start_within);
    assert_non_null(stuck->hurried);
    pool_block(stuck->pool, &stuck->gate, stuck->blockers, pool_workers());
}

static void stuck_release(struct stuck *stuck)
{
    pool_unblock(&stuck->gate, stuck->blockers, pool_workers());
}

static void stuck_close(struct stuck *stuck)
{
    stuck_release(stuck);
    pool_close(stuck->pool);
}

/* ---- In time, or never ---- */

CONTRACT_TEST(a_task_that_has_not_started_in_time_expires_behind_stuck_workers, GATES)
{
    struct stuck stuck;
    struct gate ran = GATE_OPEN;
    stuck_open(&stuck, 0.03);
    int64_t before = clock_now();
    tarn_future *future = stand_at_submit(stuck.hurried, &ran, 5);
    assert_string_equal(tarn_future_state(future), "PENDING");
    int value = -1;
    assert_int_equal(stand_at_result(future, &value), TARN_EXPIRED);
    assert_true(clock_now() - before >= 30000000);
    assert_int_equal(value, -1);
    assert_string_equal(tarn_future_state(future), "FINISHED");
    assert_false(tarn_cancelled(future));
    assert_false(tarn_cancel(future));
    assert_int_equal(tarn_stop(future, 1), TARN_OK);
    const tarn_failure *error = tarn_error(future);
    assert_int_equal(error->status, TARN_EXPIRED);
    assert_int_equal(error->worker, -1);
    assert_int_equal(error->attempts, 0);
    assert_string_equal(error->task, "stand_at");
    assert_contains(error->text, "not started");
    assert_int_equal(stand_at_args(future)->a2, 5);
    tarn_stats stats = stats_of(stuck.pool);
    assert_int_equal(stats.expired, 1);
    assert_int_equal(stats.queued, 0);
    stuck_close(&stuck);
    assert_int_equal(gate_arrived(&ran), 0);
    tarn_drop(future);
}

CONTRACT_TEST(a_task_that_started_in_time_is_left_alone, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future;
    double seconds = 0.02;
    /* On a machine that is slow enough for it to expire, again with more time. */
    for (;; seconds *= 2) {
        future = stand_at_submit(tarn_with(pool, .start_within = seconds), &gate, 3);
        if (arrives(&gate, future))
            break;
        assert_ended(future, TARN_EXPIRED);
    }
    assert_int_equal(tarn_future_wait(future, tarn_in(seconds * 2)), TARN_TIMEOUT);
    assert_true(tarn_running(future));
    gate_open(&gate);
    assert_ended(future, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_limit_far_away_is_none, GATES)
{
    static const double seconds[] = {1e9, 1e300, INFINITY};
    tarn_executor *pool = pool_open();
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        tarn_executor *view = tarn_with(pool, .start_within = seconds[i], .run_limit = seconds[i]);
        assert_ended(square_submit(view, 3), TARN_OK);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_limit_that_is_past_at_once_expires_at_once, GATES)
{
    struct stuck stuck;
    stuck_open(&stuck, 1e-12);
    for (int i = 0; i < 20; i++)
        assert_ended(square_submit(stuck.hurried, i), TARN_EXPIRED);
    stuck_close(&stuck);
}

/* The timer sleeps until a late limit when an earlier one comes. */
CONTRACT_TEST(an_earlier_limit_comes_before_a_later_one, GATES)
{
    struct stuck stuck;
    stuck_open(&stuck, 600);
    tarn_future *late = square_submit(stuck.hurried, 1);
    tarn_future *early = square_submit(tarn_with(stuck.pool, .start_within = 0.02), 2);
    assert_ended(early, TARN_EXPIRED);
    assert_false(tarn_done(late));
    stuck_close(&stuck);
    assert_ended(late, TARN_OK);
}

CONTRACT_TEST(each_expires_at_its_own_time_in_order, GATES)
{
    enum { N = 40 };
    struct stuck stuck;
    tarn_future *futures[N];
    stuck_open(&stuck, 0.04);
    tarn_executor *shorter = tarn_with(stuck.pool, .start_within = 0.02);
    for (int i = 0; i < N; i++)
        futures[i] = square_submit(i % 2 ? shorter : stuck.hurried, i);
    tarn_completions *completed = tarn_as_completed(futures, N, TARN_FOREVER);
    /* Within one limit those that came first. */
    size_t last[2] = {0, 1};
    for (int i = 0; i < N; i++) {
        size_t tag = SIZE_MAX;
        assert_int_equal(tarn_next(completed, &tag), TARN_OK);
        assert_in_range(tag, last[tag % 2], N - 1);
        last[tag % 2] = tag;
    }
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_EXPIRED);
    stuck_close(&stuck);
}

/* ---- Who learns of it ---- */

static void note_status(tarn_future *future, void *data)
{
    struct gate *gates = data;
    gate_pass(&gates[status_of(future) == TARN_EXPIRED]);
}

CONTRACT_TEST(callbacks_waits_and_completions_learn_of_it, GATES)
{
    struct stuck stuck;
    struct gate gates[2] = {GATE_OPEN, GATE_OPEN};
    stuck_open(&stuck, 0.02);
    tarn_future *lasting = square_submit(stuck.pool, 1);
    tarn_future *futures[3] = {lasting, square_submit(stuck.hurried, 2),
                               square_submit(stuck.hurried, 3)};
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    for (int i = 1; i < 3; i++)
        assert_int_equal(tarn_on_done(futures[i], note_status, gates), TARN_OK);
    size_t done = 0;
    assert_int_equal(tarn_wait(futures, 3, TARN_WAIT_FIRST, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(tarn_wait(futures, 3, TARN_WAIT_FIRST_ERROR, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(tarn_wait(futures + 1, 2, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(done, 2);
    assert_next(completed, 1);
    assert_next(completed, 2);
    gate_await(&gates[1], 2);
    assert_int_equal(gate_arrived(&gates[0]), 0);
    assert_false(tarn_done(lasting));
    tarn_completions_drop(completed);
    stuck_close(&stuck);
    for (int i = 0; i < 3; i++)
        assert_ended(futures[i], i == 0 ? TARN_OK : TARN_EXPIRED);
}

CONTRACT_TEST(what_is_chained_to_it_ends_like_it, GATES)
{
    struct stuck stuck;
    stuck_open(&stuck, 0.02);
    tarn_future *future = square_submit(stuck.hurried, 2);
    tarn_future *after = square_after(stuck.pool, future);
    assert_int_equal(status_of(after), TARN_EXPIRED);
    assert_string_equal(tarn_error(after)->text, tarn_error(future)->text);
    tarn_drop(after);
    tarn_drop(future);
    stuck_close(&stuck);
}

static tarn_status wait_inside(tarn_future *future)
{
    return tarn_future_wait(future, TARN_FOREVER);
}
TARN_TASK(tarn_status, wait_inside, tarn_future *);

/* Another executor's worker cannot run it, and sleeps. */
CONTRACT_TEST(a_wait_inside_a_task_ends_when_it_expires, NESTED | SPARES)
{
    struct stuck stuck;
    tarn_executor *other = pool_of(1);
    stuck_open(&stuck, 0.02);
    tarn_future *future = square_submit(stuck.hurried, 2);
    tarn_future *waiter = wait_inside_submit(other, future);
    tarn_status status = TARN_INVALID;
    assert_int_equal(wait_inside_result(waiter, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    tarn_drop(waiter);
    assert_ended(future, TARN_EXPIRED);
    pool_close(other);
    stuck_close(&stuck);
}

/* ---- With what else may happen to it ---- */

CONTRACT_TEST(a_limited_task_may_be_cancelled_before_its_time, GATES)
{
    struct stuck stuck;
    stuck_open(&stuck, 0.02);
    tarn_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = square_submit(stuck.hurried, i);
    for (int i = 0; i < 20; i += 2) {
        bool cancelled = tarn_cancel(futures[i]);
        assert_int_equal(tarn_cancelled(futures[i]), cancelled);
    }
    for (int i = 0; i < 20; i++) {
        tarn_status status = status_of(futures[i]);
        assert_int_equal(status, tarn_cancelled(futures[i]) ? TARN_CANCELLED : TARN_EXPIRED);
    }
    assert_int_equal(tarn_stop(futures[1], 0), TARN_OK);
    tarn_drop_all(futures, 20);
    stuck_close(&stuck);
}

struct claim {
    tarn_executor *pool;
    tarn_future *child;
    struct gate begin, inside;
};

static tarn_status run_in_place(struct claim *claim)
{
    gate_pass(&claim->begin);
    return tarn_future_wait(claim->child, TARN_FOREVER);
}
TARN_TASK(tarn_status, run_in_place, struct claim *);

CONTRACT_TEST(a_task_that_a_wait_runs_in_time_does_not_expire, NESTED)
{
    tarn_executor *pool = pool_of(1);
    bool begun = false;
    for (double seconds = 0.05; !begun; seconds *= 2) {
        struct claim claim = {.pool = pool, .begin = GATE_CLOSED, .inside = GATE_CLOSED};
        tarn_future *parent = run_in_place_submit(pool, &claim);
        gate_await(&claim.begin, 1);
        claim.child = stand_at_submit(tarn_with(pool, .start_within = seconds), &claim.inside, 4);
        tarn_future *later = square_submit(tarn_with(pool, .start_within = seconds * 1.1), 2);
        gate_open(&claim.begin);
        assert_ended(later, TARN_EXPIRED);
        /* On a machine that is slow enough for it to expire, again with more time. */
        begun = tarn_running(claim.child);
        gate_open(&claim.inside);
        assert_ended(claim.child, begun ? TARN_OK : TARN_EXPIRED);
        assert_ended(parent, TARN_OK);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_expired_is_not_run_by_a_wait, NESTED)
{
    tarn_executor *pool = pool_of(1);
    struct claim claim = {.pool = pool, .begin = GATE_CLOSED, .inside = GATE_OPEN};
    tarn_future *parent = run_in_place_submit(pool, &claim);
    gate_await(&claim.begin, 1);
    claim.child = stand_at_submit(tarn_with(pool, .start_within = 0.01), &claim.inside, 4);
    assert_int_equal(status_of(claim.child), TARN_EXPIRED);
    gate_open(&claim.begin);
    assert_ended(parent, TARN_OK);
    assert_ended(claim.child, TARN_EXPIRED);
    pool_close(pool);
    assert_int_equal(gate_arrived(&claim.inside), 0);
}

CONTRACT_TEST(shutdown_lets_what_is_queued_expire, GATES)
{
    struct stuck stuck;
    stuck_open(&stuck, 0.05);
    tarn_future *future = square_submit(stuck.hurried, 2);
    assert_int_equal(tarn_shutdown(stuck.pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_ended(future, TARN_EXPIRED);
    stuck_close(&stuck);
}

CONTRACT_TEST(an_abandoned_executor_lets_what_is_queued_expire, GATES)
{
    int threads = threads_count();
    struct stuck stuck;
    stuck_open(&stuck, 0.05);
    tarn_future *future = square_submit(stuck.hurried, 2);
    tarn_abandon(stuck.pool);
    assert_ended(future, TARN_EXPIRED);
    stuck_release(&stuck);
    threads_await_at_most(threads);
}

CONTRACT_TEST(futures_with_limits_outlive_their_executor, GATES)
{
    struct stuck stuck;
    struct gate gates[2] = {GATE_OPEN, GATE_OPEN};
    tarn_future *futures[3];
    stuck_open(&stuck, 0.02);
    futures[0] = square_submit(stuck.hurried, 2);
    assert_int_equal(status_of(futures[0]), TARN_EXPIRED);
    futures[1] = square_submit(tarn_with(stuck.pool, .start_within = 600, .run_limit = 600), 3);
    futures[2] = square_submit(tarn_with(stuck.pool, .start_within = 600), 4);
    assert_true(tarn_cancel(futures[2]));
    stuck_close(&stuck);
    static const tarn_status ends[] = {TARN_EXPIRED, TARN_OK, TARN_CANCELLED};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tarn_on_done(futures[i], note_status, gates), TARN_OK);
        assert_false(tarn_cancel(futures[i]) && i < 2);
        assert_ended(futures[i], ends[i]);
    }
    assert_int_equal(gate_arrived(&gates[1]), 1);
    assert_int_equal(gate_arrived(&gates[0]), 2);
}

/* ---- What it costs ---- */

CONTRACT_TEST(without_time_limits_there_is_no_timer, GATES)
{
    int threads = threads_count();
    tarn_executor *pool = pool_of(1);
    tarn_executor *view = tarn_with(pool, .priority = 1, .retries = 3, .retry_on = 4);
    assert_ended(square_submit(view, 2), TARN_OK);
    assert_int_equal(threads_count(), threads + 1);
    /* Two limits, one timer. */
    assert_ended(square_submit(tarn_with(pool, .start_within = 60), 2), TARN_OK);
    assert_ended(square_submit(tarn_with(pool, .run_limit = 60), 2), TARN_OK);
    assert_int_equal(threads_count(), threads + 2);
    pool_close(pool);
    threads_await_at_most(threads);
}

CONTRACT_TEST(limited_tasks_that_are_cancelled_do_not_pile_up, GATES)
{
    struct stuck stuck;
    size_t rounds = test_count(200000), before = 0;
    stuck_open(&stuck, 600);
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_future *future = square_submit(stuck.hurried, 1);
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
    stuck_close(&stuck);
}

CONTRACT_TEST(expired_tasks_do_not_pile_up, GATES)
{
    struct stuck stuck;
    size_t rounds = test_count(100000), before = 0;
    stuck_open(&stuck, 1e-9);
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_future *future = square_submit(stuck.hurried, 1);
        /* A few at a time: nobody is faster than the timer. */
        if (i % 64 == 0)
            assert_int_equal(status_of(future), TARN_EXPIRED);
        tarn_drop(future);
    }
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
    stuck_close(&stuck);
}

CONTRACT_TEST(many_limits_at_once, GATES)
{
    enum { VIEWS = 50, N = 2000 };
    struct stuck stuck;
    tarn_executor *views[VIEWS];
    tarn_future *futures[N];
    stuck_open(&stuck, 600);
    for (int i = 0; i < VIEWS; i++)
        views[i] = tarn_with(stuck.pool, .start_within = i % 2 ? 0.001 * i : 600.0 + i);
    for (int i = 0; i < N; i++)
        futures[i] = square_submit(views[i % VIEWS], i % 10);
    for (int i = 1; i < N; i += 2)
        assert_int_equal(status_of(futures[i]), TARN_EXPIRED);
    for (int i = 0; i < N; i += 2)
        assert_false(tarn_done(futures[i]));
    stuck_close(&stuck);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], i % 2 ? TARN_EXPIRED : TARN_OK);
}
