/* SPDX-License-Identifier: Apache-2.0 */

/* Queues with a limit: who waits for room and what makes it, who is refused, who need not wait. */
#include "full.h"

#include <math.h>
#include <sched.h>
#include <signal.h>

static const struct pool_options blocking = {.queue_limit = 2};
static const struct pool_options refusing = {.queue_limit = 2, .when_full = TARN_FULL_REFUSE};

/* Asserts that exactly `limit` more tasks find room in a stuck executor that refuses, and cancels
 * them again. */
static void assert_room(tarn_executor *pool, int limit)
{
    for (int i = 0; i < limit; i++) {
        tarn_future *future = square_submit(pool, i);
        assert_false(tarn_done(future));
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    tarn_future *futures[FULL_LIMIT];
    for (int i = 0; i < limit; i++)
        futures[i] = square_submit(pool, i);
    assert_ended(square_submit(pool, 1), TARN_FULL);
    for (int i = 0; i < limit; i++) {
        assert_true(tarn_cancel(futures[i]));
        tarn_drop(futures[i]);
    }
}

/* ---- Waiting for room ---- */

CONTRACT_TEST(a_submit_to_a_full_queue_waits_until_a_worker_starts_one, GATES)
{
    struct full full;
    struct submitter submitter;
    struct gate open = GATE_OPEN;
    full_open(&full, &blocking);
    submitter_block(&submitter, full.pool, &open);
    assert_int_equal(stats_of(full.pool).queued, full.limit);
    full_release(&full);
    assert_ended(submitter_join(&submitter), TARN_OK);
    assert_int_equal(stats_of(full.pool).over_limit, 0);
    pool_close(full.pool);
}

CONTRACT_TEST(a_cancelled_task_makes_room, GATES)
{
    struct full full;
    struct submitter submitter;
    struct gate open = GATE_OPEN;
    full_open(&full, &blocking);
    submitter_block(&submitter, full.pool, &open);
    assert_true(tarn_cancel(full.queued[1]));
    tarn_future *future = submitter_join(&submitter);
    assert_string_equal(tarn_future_state(future), "PENDING");
    assert_int_equal(stats_of(full.pool).queued, full.limit);
    /* That was room for one. */
    submitter_block(&submitter, full.pool, &open);
    tarn_drop(full.queued[1]);
    full.queued[1] = NULL;
    full_release(&full);
    assert_ended(submitter_join(&submitter), TARN_OK);
    assert_ended(future, TARN_OK);
    pool_close(full.pool);
}

/* Nothing starts or is cancelled meanwhile: time alone makes the room. */
CONTRACT_TEST(an_expired_task_makes_room, GATES)
{
    struct full full;
    struct submitter submitter;
    struct gate open = GATE_OPEN;
    full_open(&full, &blocking);
    assert_true(tarn_cancel(full.queued[1]));
    tarn_drop(full.queued[1]);
    full.queued[1] = square_submit(tarn_with(full.pool, .start_within = 0.05), 3);
    submitter_start(&submitter, full.pool, &open);
    tarn_future *future = submitter_join(&submitter);
    assert_false(tarn_done(future));
    assert_ended(full.queued[1], TARN_EXPIRED);
    full.queued[1] = NULL;
    full_close(&full);
    assert_ended(future, TARN_OK);
}

struct claim {
    tarn_executor *pool;
    tarn_future *child;
    struct gate before; /* ... it waits for the child */
    struct gate inside; /* where the child stands */
};

static tarn_status wait_for_child(struct claim *claim)
{
    gate_pass(&claim->before);
    return tarn_future_wait(claim->child, TARN_FOREVER);
}
TARN_TASK(tarn_status, wait_for_child, struct claim *);

/* The worker takes the child past the queue, where its entry still stands. */
CONTRACT_TEST(a_task_that_a_wait_runs_makes_room, NESTED)
{
    tarn_future *blockers[FULL_WORKERS];
    struct gate gate = GATE_CLOSED;
    struct gate open = GATE_OPEN;
    struct claim claim = {.before = GATE_CLOSED, .inside = GATE_CLOSED};
    struct submitter submitter;
    tarn_executor *pool = pool_with(&blocking);
    int blocked = pool_workers() - 1;
    for (int i = 0; i < blocked; i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    tarn_future *parent = wait_for_child_submit(pool, &claim);
    gate_await(&claim.before, 1);
    tarn_future *first = square_submit(pool, 1);
    claim.child = stand_at_submit(pool, &claim.inside, 2);
    submitter_block(&submitter, pool, &open);

    gate_open(&claim.before);
    gate_await(&claim.inside, 1);
    tarn_future *future = submitter_join(&submitter);
    assert_false(tarn_done(first));
    assert_false(tarn_done(future));
    gate_open(&claim.inside);
    pool_unblock(&gate, blockers, blocked);
    assert_ended(parent, TARN_OK);
    assert_ended(claim.child, TARN_OK);
    assert_ended(first, TARN_OK);
    assert_ended(future, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(as_many_waiting_submits_come_in_as_there_is_room, GATES)
{
    enum { N = 6 };
    struct full full;
    struct submitter submitters[N];
    struct gate gate = GATE_CLOSED;
    full_open(&full, &blocking);
    for (int i = 0; i < N; i++)
        submitter_block(&submitters[i], full.pool, &gate);
    for (int i = 0; i < full.limit; i++) {
        assert_true(tarn_cancel(full.queued[i]));
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    int returned = 0;
    while (returned < full.limit) {
        returned = 0;
        for (int i = 0; i < N; i++)
            returned += atomic_load(&submitters[i].returned);
        sched_yield();
    }
    assert_int_equal(returned, full.limit);
    assert_int_equal(stats_of(full.pool).queued, full.limit);
    gate_open(&gate);
    full_release(&full);
    for (int i = 0; i < N; i++)
        assert_ended(submitter_join(&submitters[i]), TARN_OK);
    assert_int_equal(gate_arrived(&gate), N);
    pool_close(full.pool);
}

static void ignore_signal(int number)
{
    (void)number;
}

CONTRACT_TEST(signals_do_not_end_the_wait_for_room, GATES)
{
    struct sigaction action = {.sa_handler = ignore_signal}, before;
    struct full full;
    struct submitter submitter;
    struct gate open = GATE_OPEN;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    full_open(&full, &blocking);
    submitter_block(&submitter, full.pool, &open);
    for (int i = 0; i < 100; i++) {
        pthread_kill(submitter.helper.thread, SIGUSR1);
        helper_await_sleep(&submitter.helper);
        assert_false(atomic_load(&submitter.returned));
    }
    full_release(&full);
    assert_ended(submitter_join(&submitter), TARN_OK);
    sigaction(SIGUSR1, &before, NULL);
    pool_close(full.pool);
}

/* ---- ... but not for ever ---- */

CONTRACT_TEST(submit_within_ends_the_wait_and_not_before_its_time, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 2, .submit_within = 0.03});
    int64_t before = clock_now();
    tarn_future *refused = square_submit(full.pool, 1);
    assert_true(clock_now() - before >= 30000000);
    assert_true(tarn_done(refused));
    assert_contains(tarn_error(refused)->text, "queue_limit is 2");
    assert_ended(refused, TARN_FULL);
    assert_int_equal(stats_of(full.pool).rejected, 1);
    assert_int_equal(stats_of(full.pool).queued, full.limit);
    full_close(&full);
}

CONTRACT_TEST(room_that_comes_within_the_time_is_taken, GATES)
{
    static const double times[] = {60, 1e300, INFINITY};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct full full;
        struct submitter submitter;
        struct gate open = GATE_OPEN;
        full_open(&full, &(struct pool_options){.queue_limit = 1, .submit_within = times[i]});
        submitter_block(&submitter, full.pool, &open);
        full_release(&full);
        assert_ended(submitter_join(&submitter), TARN_OK);
        pool_close(full.pool);
    }
}

/* ---- Being refused ---- */

CONTRACT_TEST(a_full_queue_may_refuse_at_once, GATES)
{
    struct full full;
    full_open(&full, &refusing);
    tarn_future *refused = square_submit(full.pool, 1);
    assert_true(tarn_done(refused));
    assert_false(tarn_cancelled(refused));
    assert_contains(tarn_error(refused)->text, "queue_limit is 2");
    assert_contains(tarn_last_error(), "queue_limit is 2");
    assert_int_equal(tarn_error(refused)->worker, -1);
    assert_int_equal(tarn_error(refused)->attempts, 0);
    assert_ended(refused, TARN_FULL);
    assert_int_equal(stats_of(full.pool).rejected, 1);

    /* The refused one has taken nothing: one goes, and one comes. */
    assert_true(tarn_cancel(full.queued[0]));
    tarn_drop(full.queued[0]);
    full.queued[0] = square_submit(full.pool, 2);
    assert_false(tarn_done(full.queued[0]));
    assert_ended(square_submit(full.pool, 1), TARN_FULL);
    full_close(&full);
}

static tarn_status submit_to(tarn_executor *pool)
{
    tarn_future *future = square_submit(pool, 2);
    tarn_status status = tarn_done(future) ? status_of(future) : TARN_OK;
    tarn_drop(future);
    return status;
}
TARN_TASK(tarn_status, submit_to, tarn_executor *);

CONTRACT_TEST(tasks_are_refused_as_well, NESTED)
{
    struct full full;
    tarn_executor *other = pool_open();
    full_open(&full, &refusing);
    tarn_future *future = submit_to_submit(other, full.pool);
    tarn_status status = TARN_OK;
    assert_int_equal(submit_to_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_FULL);
    assert_int_equal(stats_of(full.pool).over_limit, 0);
    tarn_drop(future);
    full_close(&full);
    pool_close(other);
}

CONTRACT_TEST(without_a_limit_nothing_is_full, GATES)
{
    enum { N = 500 };
    tarn_executor *pool = pool_with(&(struct pool_options){.when_full = TARN_FULL_REFUSE});
    tarn_future *blockers[FULL_WORKERS];
    tarn_future *futures[N];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < N; i++)
        futures[i] = square_submit(pool, i);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_limit_beyond_all_counting_is_none, 0)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.queue_limit = SIZE_MAX, .when_full = TARN_FULL_REFUSE});
    for (int i = 0; i < 100; i++)
        assert_ended(square_submit(pool, i), TARN_OK);
    pool_close(pool);
}

/* ---- Many at once ---- */

CONTRACT_TEST(submit_many_takes_the_room_there_is_and_refuses_the_rest, GATES)
{
    enum { N = 7 };
    struct full full;
    tarn_future *futures[N];
    int numbers[N] = {1, 2, 3, 4, 5, 6, 7};
    full_open(&full, &(struct pool_options){.queue_limit = 5, .when_full = TARN_FULL_REFUSE});
    for (int i = 2; i < 5; i++) {
        assert_true(tarn_cancel(full.queued[i]));
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    assert_int_equal(square_submit_many(full.pool, numbers, N, futures), TARN_FULL);
    for (int i = 0; i < N; i++)
        assert_int_equal(tarn_done(futures[i]), i >= 3);
    assert_int_equal(stats_of(full.pool).rejected, N - 3);
    full_release(&full);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], i < 3 ? TARN_OK : TARN_FULL);
    pool_close(full.pool);
}

/* Makes room when its call is refused. */
static tarn_future *in_the_way;

static int give_way(int n)
{
    return n;
}

static void cancel_what_is_in_the_way(int n)
{
    (void)n;
    if (in_the_way)
        tarn_cancel(in_the_way);
}
TARN_TASK_OWNING(int, give_way, cancel_what_is_in_the_way, void, int);

CONTRACT_TEST(each_of_many_is_refused_for_itself, GATES)
{
    struct full full;
    tarn_future *futures[3];
    int numbers[3] = {1, 2, 3};
    full_open(&full, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_REFUSE});
    in_the_way = full.queued[0];
    assert_int_equal(give_way_submit_many(full.pool, numbers, 3, futures), TARN_FULL);
    in_the_way = NULL;
    assert_true(tarn_cancelled(full.queued[0]));
    tarn_drop(full.queued[0]);
    full.queued[0] = NULL;
    full_release(&full);
    /* The room that the first one made is the second one's. */
    static const tarn_status ends[] = {TARN_FULL, TARN_OK, TARN_FULL};
    for (int i = 0; i < 3; i++)
        assert_ended(futures[i], ends[i]);
    pool_close(full.pool);
}

static atomic_int started;

static int count_start(int n)
{
    atomic_fetch_add(&started, 1);
    return n + 1;
}
TARN_TASK(int, count_start, int);

CONTRACT_TEST(submit_many_of_far_more_than_the_limit_waits_and_goes_on, SHARED_MEMORY)
{
    size_t n = test_count(20000);
    int *numbers = calloc(n, sizeof(*numbers));
    tarn_future **futures = calloc(n, sizeof(*futures));
    assert_non_null(numbers);
    assert_non_null(futures);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (int)i;
    static const size_t limits[] = {1, 7};
    for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {
        tarn_executor *pool = pool_with(&(struct pool_options){.queue_limit = limits[k]});
        atomic_store(&started, 0);
        assert_int_equal(count_start_submit_many(pool, numbers, n, futures), TARN_OK);
        for (size_t i = 0; i < n; i++) {
            int result = -1;
            assert_int_equal(count_start_result(futures[i], &result), TARN_OK);
            assert_int_equal(result, i + 1);
        }
        assert_int_equal(atomic_load(&started), n);
        assert_int_equal(stats_of(pool).over_limit, 0);
        tarn_drop_all(futures, n);
        pool_close(pool);
    }
    free(futures);
    free(numbers);
}

/* ---- What comes back ---- */

/* Whatever becomes of a task, its place is free afterwards, once. */
CONTRACT_TEST(every_ending_gives_its_place_back, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 3, .when_full = TARN_FULL_REFUSE});
    tarn_executor *hurried = tarn_with(full.pool, .start_within = 1e-6);
    for (int i = 0; i < full.limit; i++) {
        assert_int_equal(tarn_stop(full.queued[i], 0), TARN_OK);
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    for (int round = 0; round < 20; round++) {
        tarn_future *futures[3];
        for (int i = 0; i < 3; i++)
            futures[i] = square_submit(hurried, i);
        for (int i = 0; i < 3; i++)
            assert_ended(futures[i], TARN_EXPIRED);
        assert_room(full.pool, full.limit);
    }
    full_close(&full);
}

CONTRACT_TEST(a_dropped_future_keeps_its_place_until_it_starts, GATES)
{
    struct full full;
    full_open(&full, &refusing);
    for (int i = 0; i < full.limit; i++) {
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    assert_ended(square_submit(full.pool, 1), TARN_FULL);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, TARN_FOREVER), TARN_OK);
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i < full.workers; i++) {
        full.blockers[i] = stand_at_submit(full.pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    assert_room(full.pool, full.limit);
    pool_unblock(&gate, full.blockers, full.workers);
    pool_close(full.pool);
}
