/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_executor_stats(): what is counted, and that the sums hold at every moment. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

static uint64_t ended(const tarn_stats *stats)
{
    return stats->ok + stats->failed + stats->cancelled + stats->expired + stats->stopped +
           stats->lost;
}

static bool sum_holds(const tarn_stats *stats)
{
    return stats->submitted == stats->queued + stats->running + ended(stats);
}

/* The counts once nothing is queued or running any more. */
static tarn_stats stats_at_rest(tarn_executor *pool)
{
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.running, 0);
    assert_true(sum_holds(&stats));
    return stats;
}

/* Blocks until so many workers sleep for want of work. */
static void await_idle(tarn_executor *pool, uint64_t workers)
{
    while (stats_of(pool).idle < workers)
        sched_yield();
}

/* ---- Every count after known work ------------------------------------------------------------ */

CONTRACT_TEST(an_unused_executor_has_counted_nothing, 0)
{
    tarn_executor *pool = pool_open();
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.max_workers, pool_workers());
    tarn_stats expected = {.size = sizeof(expected), .max_workers = stats.max_workers};
    assert_memory_equal(&stats, &expected, sizeof(stats));
    pool_close(pool);
}

CONTRACT_TEST(what_is_queued_and_what_runs_is_counted, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *queued[5];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < 5; i++)
        queued[i] = square_submit(pool, i);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.running, pool_workers());
    assert_int_equal(stats.queued, 5);
    assert_int_equal(stats.submitted, pool_workers() + 5);
    assert_int_equal(stats.workers, pool_workers());
    assert_int_equal(stats.idle, 0);
    assert_int_equal(ended(&stats), 0);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < 5; i++)
        assert_ended(queued[i], TARN_OK);
    stats = stats_at_rest(pool);
    assert_int_equal(stats.ok, pool_workers() + 5);
    await_idle(pool, (uint64_t)pool_workers());
    pool_close(pool);
}

static void end_thread_here(void)
{
    pthread_exit(NULL);
}
TARN_TASK(void, end_thread_here, void);

CONTRACT_TEST(every_ending_has_its_count, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct gate never = GATE_CLOSED;
    tarn_executor *hurried = tarn_with(pool, .start_within = 1e-9);

    tarn_future *stopped = work_until_stopped_submit(pool, &never);
    gate_await(&never, 1);
    assert_int_equal(tarn_stop(stopped, 3600), TARN_OK);
    assert_ended(stopped, TARN_STOPPED);
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *cancelled = square_submit(pool, 1);
    assert_true(tarn_cancel(cancelled));
    assert_ended(cancelled, TARN_CANCELLED);
    for (int i = 0; i < 2; i++)
        assert_ended(square_submit(hurried, i), TARN_EXPIRED);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < 3; i++)
        assert_ended(fail_with_submit(pool, i), TARN_FAILED);
    assert_ended(end_thread_here_submit(pool), TARN_FAILED);

    tarn_stats stats = stats_at_rest(pool);
    assert_int_equal(stats.ok, pool_workers());
    assert_int_equal(stats.stopped, 1);
    assert_int_equal(stats.cancelled, 1);
    assert_int_equal(stats.expired, 2);
    assert_int_equal(stats.failed, 4);
    assert_int_equal(stats.lost, 0);
    assert_int_equal(stats.rejected, 0);
    assert_int_equal(stats.retried, 0);
    assert_int_equal(stats.over_limit, 0);
    pool_close(pool);
}

CONTRACT_TEST(retries_are_counted_and_the_task_once, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn = tarn_with(pool, .retries = 3, .retry_on = TARN_RETRY_FAILED);
    assert_ended(fail_with_submit(stubborn, 1), TARN_FAILED);
    assert_ended(square_submit(stubborn, 1), TARN_OK);
    tarn_stats stats = stats_at_rest(pool);
    assert_int_equal(stats.submitted, 2);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.ok, 1);
    assert_int_equal(stats.retried, 3);
    pool_close(pool);
}

static int fail_at(struct gate *gate)
{
    gate_pass(gate);
    tarn_fail(1, "as it should");
    return 0;
}
TARN_TASK(int, fail_at, struct gate *);

/* It has started and has not ended: whatever ends it then, it no longer runs. */
CONTRACT_TEST(a_task_cancelled_between_two_tries_leaves_no_trace_in_the_sums, GATES)
{
    tarn_executor *pool = pool_with(&(struct pool_options){.max_workers = 1});
    tarn_executor *stubborn = tarn_with(pool, .retries = 1, .retry_on = TARN_RETRY_FAILED);
    struct gate first = GATE_CLOSED;
    struct gate gate = GATE_CLOSED;
    tarn_future *tried = fail_at_submit(stubborn, &first);
    tarn_future *blocker = stand_at_submit(pool, &gate, 1);
    gate_open(&first);
    gate_await(&gate, 1);

    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.running, 2);
    assert_int_equal(stats.queued, 0);
    tarn_cancel(tried);
    assert_true(tarn_done(tried));
    stats = stats_of(pool);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.cancelled, 1);

    tarn_drop(tried);
    pool_unblock(&gate, &blocker, 1);
    stats_at_rest(pool);
    pool_close(pool);
}

CONTRACT_TEST(a_retry_that_a_shutdown_refuses_leaves_no_trace_in_the_sums, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn = tarn_with(pool, .retries = 1, .retry_on = TARN_RETRY_FAILED);
    struct gate gate = GATE_CLOSED;
    tarn_future *tried = fail_at_submit(stubborn, &gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .time_limit = 1e-9), TARN_TIMEOUT);
    gate_open(&gate);
    assert_ended(tried, TARN_FAILED);
    tarn_stats stats = stats_at_rest(pool);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.retried, 0);
    pool_close(pool);
}

/* ---- Refused, and over the limit ------------------------------------------------------------- */

CONTRACT_TEST(what_is_refused_is_counted_apart, GATES)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_REFUSE});
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    int numbers[3] = {1, 2, 3};
    int squares[3];
    /* One at a time: the queue has room for one that a worker has not yet taken. */
    for (int i = 0; i < pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    tarn_future *queued = square_submit(pool, 1);
    for (int i = 0; i < 4; i++)
        assert_ended(square_submit(pool, i), TARN_FULL);
    assert_int_equal(stats_of(pool).rejected, 4);
    assert_int_equal(square_map(pool, numbers, 3, squares, NULL, TARN_FOREVER), TARN_FULL);
    tarn_stats stats = stats_of(pool);
    assert_true(stats.rejected > 4);
    assert_int_equal(stats.submitted, pool_workers() + 1);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(queued, TARN_OK);
    assert_int_equal(stats_at_rest(pool).submitted, pool_workers() + 1);
    pool_close(pool);
}

CONTRACT_TEST(what_a_closed_executor_refuses_is_counted, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_ended(square_submit(pool, 1), TARN_CLOSED);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.rejected, 1);
    assert_int_equal(stats.submitted, 1);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

/* Two into a queue for one. */
static void submit_two(tarn_executor *pool)
{
    tarn_drop(nothing_submit(pool));
    tarn_drop(nothing_submit(pool));
}
TARN_TASK(void, submit_two, tarn_executor *);

CONTRACT_TEST(what_a_full_queue_takes_all_the_same_is_counted, NESTED)
{
    tarn_executor *pool = pool_with(&(struct pool_options){.max_workers = 1, .queue_limit = 1});
    assert_ended(submit_two_submit(pool, pool), TARN_OK);
    tarn_stats stats = stats_at_rest(pool);
    assert_int_equal(stats.over_limit, 1);
    assert_int_equal(stats.ok, 3);
    pool_close(pool);
}

/* ---- Workers --------------------------------------------------------------------------------- */

static tarn_status wait_long(tarn_future *future)
{
    return tarn_future_wait(future, tarn_in(3600));
}
TARN_TASK(tarn_status, wait_long, tarn_future *);

CONTRACT_TEST(a_spare_is_counted_as_one, GATES | SPARES)
{
    tarn_executor *pool = pool_of(1);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *promised = tarn_promise_future(promise);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    tarn_future *waiter = wait_long_submit(pool, promised);
    pool_block(pool, &gate, &blocker, 1);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.workers, 2);
    assert_int_equal(stats.spares, 1);
    assert_int_equal(stats.max_workers, 1);
    assert_int_equal(stats.running, 2);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    pool_unblock(&gate, &blocker, 1);
    assert_ended(waiter, TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(promised);
    pool_close(pool);
}

CONTRACT_TEST(workers_that_fall_asleep_and_are_woken_are_counted, 0)
{
    tarn_executor *pool = pool_of(1);
    for (uint64_t round = 1; round <= 5; round++) {
        assert_ended(square_submit(pool, 2), TARN_OK);
        await_idle(pool, 1);
        tarn_stats stats = stats_of(pool);
        assert_int_equal(stats.parks, round);
        assert_int_equal(stats.wakes, round - 1);
    }
    pool_close(pool);
}

/* ---- The call -------------------------------------------------------------------------------- */

CONTRACT_TEST(counts_can_be_asked_for_through_a_view, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .priority = TARN_PRIORITY_HIGH);
    assert_ended(square_submit(view, 2), TARN_OK);
    assert_ended(square_submit(pool, 2), TARN_OK);
    assert_int_equal(stats_at_rest(view).ok, 2);
    assert_int_equal(stats_at_rest(pool).ok, 2);
    pool_close(pool);
}

CONTRACT_TEST(a_caller_that_knows_fewer_counts_gets_those, 0)
{
    tarn_executor *pool = pool_open();
    assert_ended(square_submit(pool, 2), TARN_OK);
    tarn_stats stats;
    memset(&stats, 0x55, sizeof(stats));
    stats.size = offsetof(tarn_stats, ok);
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.size, offsetof(tarn_stats, ok));
    assert_int_equal(stats.submitted, 1);
    assert_int_equal(stats.ok, 0x5555555555555555);
    assert_int_equal(stats.parks, 0x5555555555555555);
    pool_close(pool);
}

CONTRACT_TEST(a_caller_that_knows_more_counts_keeps_what_it_had, 0)
{
    tarn_executor *pool = pool_open();
    assert_ended(square_submit(pool, 2), TARN_OK);
    struct {
        tarn_stats known;
        uint64_t later;
    } stats = {.known.size = sizeof(stats), .later = 77};
    assert_int_equal(tarn_executor_stats(pool, &stats.known), TARN_OK);
    assert_int_equal(stats.known.ok, 1);
    assert_int_equal(stats.known.size, sizeof(stats));
    assert_int_equal(stats.later, 77);
    pool_close(pool);
}
