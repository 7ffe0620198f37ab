/* SPDX-License-Identifier: Apache-2.0 */

/* Waits that could never end are answered, exactly once. (That no others are: see acyclic.c.) */
#include "contract.h"

#include <stdatomic.h>
#include <unistd.h>

/* ---- Cycles ---- */

enum how { BY_WAIT, BY_RESULT, BY_ALL, BY_FIRST, BY_NEXT, WAYS };

/* Waits for one future in one of the ways, without a deadline. */
static tarn_status wait_by(enum how how, tarn_future *future)
{
    if (how == BY_WAIT)
        return tarn_future_wait(future, TARN_FOREVER);
    if (how == BY_RESULT) {
        tarn_status status = tarn_result(future, NULL, NULL, 0);
        return status == TARN_DEADLOCK ? status : TARN_OK;
    }
    if (how != BY_NEXT)
        return tarn_wait(&future, 1, how == BY_ALL ? TARN_WAIT_ALL : TARN_WAIT_FIRST, TARN_FOREVER,
                         NULL);
    size_t tag = 0;
    tarn_completions *completed = tarn_as_completed(&future, 1, TARN_FOREVER);
    tarn_status status = tarn_next(completed, &tag);
    tarn_completions_drop(completed);
    return status;
}

enum { RING_MOST = 5 };

struct ring {
    int n;
    enum how how;
    struct gate ready;
    tarn_future *futures[RING_MOST];
    struct answer answers[RING_MOST];
};

static void wait_for_next(struct ring *ring, int i)
{
    gate_pass(&ring->ready);
    ring->answers[i] = answer_of(wait_by(ring->how, ring->futures[(i + 1) % ring->n]));
}
TARN_TASK(void, wait_for_next, struct ring *, int);

static void assert_one_cycle(const struct answer *answers, int n)
{
    int deadlocks = 0;
    for (int i = 0; i < n; i++) {
        if (answers[i].status == TARN_DEADLOCK) {
            assert_contains(answers[i].error, "cycle");
            deadlocks++;
        } else {
            assert_int_equal(answers[i].status, TARN_OK);
        }
    }
    assert_int_equal(deadlocks, 1);
}

/* Member i is submitted to pools[i % 2], which may be one pool. */
static void check_ring(tarn_executor *pools[2], int n, int at_once, enum how how)
{
    struct ring ring = {.n = n, .how = how, .ready = GATE_CLOSED};
    for (int i = 0; i < n; i++)
        ring.futures[i] = wait_for_next_submit(pools[i % 2], &ring, i);
    gate_await(&ring.ready, at_once);
    gate_open(&ring.ready);
    for (int i = 0; i < n; i++)
        assert_int_equal(status_of(ring.futures[i]), TARN_OK);
    assert_one_cycle(ring.answers, n);
    tarn_drop_all(ring.futures, (size_t)n);
}

static void check_rings(int workers, int n)
{
    tarn_executor *pool = pool_of(workers);
    tarn_executor *pools[2] = {pool, pool};
    size_t rounds = test_count(50);
    for (enum how how = BY_WAIT; how < WAYS; how++) {
        /* Only a wait for all may run its task itself, and so needs no second thread. */
        if (!(this_column()->capabilities & SPARES) && (how == BY_FIRST || how == BY_NEXT))
            continue;
        for (size_t i = 0; i < rounds; i++)
            check_ring(pools, n, workers < n ? workers : n, how);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_waits_for_itself_is_told, NESTED)
{
    check_rings(pool_workers(), 1);
}

CONTRACT_TEST(a_cycle_of_2_answers_deadlock_exactly_once, NESTED | PARALLEL)
{
    check_rings(2, 2);
}

CONTRACT_TEST(a_cycle_of_5_answers_deadlock_exactly_once, NESTED | PARALLEL)
{
    check_rings(5, 5);
}

/* With fewer workers some of them run on top of those that wait for them, or on spares. */
CONTRACT_TEST(a_cycle_of_stacked_tasks_answers_deadlock_exactly_once, NESTED)
{
    check_rings(1, 2);
    check_rings(1, 5);
}

CONTRACT_TEST(a_cycle_of_running_and_stacked_tasks_answers_once, NESTED | PARALLEL)
{
    check_rings(2, 5);
    check_rings(3, 5);
}

CONTRACT_TEST(a_cycle_across_pools_answers_deadlock_exactly_once, NESTED | SPARES)
{
    tarn_executor *pools[2] = {pool_open(), pool_open()};
    size_t rounds = test_count(50);
    for (enum how how = BY_WAIT; how < WAYS; how++) {
        for (size_t i = 0; i < rounds; i++) {
            check_ring(pools, 2, 2, how);
            check_ring(pools, 4, 4, how);
            check_ring(pools, 5, 5, how);
        }
    }
    pool_close(pools[0]);
    pool_close(pools[1]);
}

struct triangle {
    struct gate ready;
    tarn_future *futures[3];
    tarn_future *promised;
    struct answer answers[3];
    atomic_int threads[3];
    bool with_promise;
    tarn_deadline deadline; /* of member 0 */
};

/* Member 0 waits for any of the others, and they wait for it. */
static void wait_in_triangle(struct triangle *t, int i)
{
    gate_pass(&t->ready);
    atomic_store(&t->threads[i], (int)gettid());
    if (i == 0) {
        tarn_future *any[3] = {t->futures[1], t->futures[2], t->promised};
        t->answers[0] =
            answer_of(tarn_wait(any, t->with_promise ? 3 : 2, TARN_WAIT_FIRST, t->deadline, NULL));
    } else {
        t->answers[i] = answer_of(tarn_future_wait(t->futures[0], TARN_FOREVER));
    }
}
TARN_TASK(void, wait_in_triangle, struct triangle *, int);

static void triangle_start(struct triangle *t, tarn_executor *pool)
{
    t->ready = (struct gate)GATE_CLOSED;
    for (int i = 0; i < 3; i++) {
        atomic_init(&t->threads[i], 0);
        t->futures[i] = wait_in_triangle_submit(pool, t, i);
    }
    gate_await(&t->ready, 3);
    gate_open(&t->ready);
}

static void triangle_join(struct triangle *t)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of(t->futures[i]), TARN_OK);
    tarn_drop_all(t->futures, 3);
}

CONTRACT_TEST(a_wait_for_any_closes_a_cycle_only_if_all_do, NESTED | PARALLEL)
{
    tarn_executor *pool = pool_of(3);
    size_t rounds = test_count(100);
    for (size_t i = 0; i < rounds; i++) {
        struct triangle t = {.with_promise = false};
        triangle_start(&t, pool);
        triangle_join(&t);
        assert_one_cycle(t.answers, 3);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_promise_in_a_wait_for_any_keeps_it_from_deadlock, NESTED | PARALLEL)
{
    tarn_executor *pool = pool_of(3);
    size_t rounds = test_count(100);
    for (size_t i = 0; i < rounds; i++) {
        tarn_promise *promise = tarn_promise_new(NULL);
        struct triangle t = {.with_promise = true, .promised = tarn_promise_future(promise)};
        triangle_start(&t, pool);
        for (int k = 0; k < 3; k++) {
            while (atomic_load(&t.threads[k]) == 0)
                continue;
            thread_await_sleep(atomic_load(&t.threads[k]));
        }
        tarn_promise_set(promise, NULL, 0);
        triangle_join(&t);
        for (int k = 0; k < 3; k++)
            assert_int_equal(t.answers[k].status, TARN_OK);
        tarn_drop(t.promised);
        tarn_promise_drop(promise);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_timed_wait_never_answers_deadlock, NESTED | PARALLEL)
{
    tarn_executor *pool = pool_of(3);
    for (int i = 0; i < 3; i++) {
        struct triangle t = {.deadline = tarn_in(0.03)};
        triangle_start(&t, pool);
        triangle_join(&t);
        assert_int_equal(t.answers[0].status, TARN_TIMEOUT);
        assert_true(clock_now() >= t.deadline.ns);
        assert_int_equal(t.answers[1].status, TARN_OK);
        assert_int_equal(t.answers[2].status, TARN_OK);
    }
    pool_close(pool);
}

/* ---- No spare thread ---- */

static struct answer wait_for_queued(tarn_executor *pool, enum how how, tarn_deadline deadline)
{
    struct answer answer;
    tarn_future *child = square_submit(pool, 3);
    if (deadline.ns == TARN_FOREVER.ns)
        answer = answer_of(wait_by(how, child));
    else
        answer = answer_of(tarn_future_wait(child, deadline));
    tarn_drop(child);
    return answer;
}
TARN_TASK(struct answer, wait_for_queued, tarn_executor *, enum how, tarn_deadline);

CONTRACT_TEST(a_wait_that_needs_a_spare_where_there_is_none_is_told, NESTED)
{
    static const enum how ways[] = {BY_FIRST, BY_NEXT};
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    for (int i = 0; i < 20; i++) {
        tarn_future *future = wait_for_queued_submit(pool, pool, ways[i % 2], TARN_FOREVER);
        struct answer answer;
        assert_int_equal(wait_for_queued_result(future, &answer), TARN_OK);
        assert_int_equal(answer.status, TARN_DEADLOCK);
        assert_contains(answer.error, "no spare thread");
        tarn_drop(future);
    }
    assert_ended(square_submit(pool, 4), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_timed_wait_without_a_spare_sleeps_to_its_deadline, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    tarn_deadline deadline = tarn_in(0.05);
    tarn_future *future = wait_for_queued_submit(pool, pool, BY_WAIT, deadline);
    struct answer answer;
    assert_int_equal(wait_for_queued_result(future, &answer), TARN_OK);
    assert_int_equal(answer.status, TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    tarn_drop(future);
    pool_close(pool);
}

static struct answer wait_for_promised(tarn_future *promised, atomic_int *thread)
{
    atomic_store(thread, (int)gettid());
    return answer_of(tarn_future_wait(promised, TARN_FOREVER));
}
TARN_TASK(struct answer, wait_for_promised, tarn_future *, atomic_int *);

static void await_asleep(atomic_int *thread)
{
    while (atomic_load(thread) == 0)
        continue;
    thread_await_sleep(atomic_load(thread));
}

/* The other worker may end the promise, or serve the queue: this one only sleeps. */
CONTRACT_TEST(without_a_spare_a_worker_sleeps_while_another_runs, NESTED | PARALLEL)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 2, .max_spares = TARN_NONE});
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *promised = tarn_promise_future(promise);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct answer answer;
    atomic_int thread;
    atomic_init(&thread, 0);
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *waiter = wait_for_promised_submit(pool, promised, &thread);
    await_asleep(&thread);
    assert_true(tarn_running(waiter));
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(wait_for_promised_result(waiter, &answer), TARN_OK);
    assert_int_equal(answer.status, TARN_OK);
    tarn_drop(waiter);
    tarn_drop(promised);
    tarn_promise_drop(promise);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

CONTRACT_TEST(a_worker_that_is_free_serves_the_queue_for_those_who_sleep, NESTED | PARALLEL)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 2, .max_spares = TARN_NONE});
    size_t rounds = test_count(200);
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *blocker;
        struct gate gate = GATE_CLOSED;
        struct answer answer;
        pool_block(pool, &gate, &blocker, 1);
        tarn_future *waiter = wait_for_queued_submit(pool, pool, BY_FIRST, TARN_FOREVER);
        while (!tarn_running(waiter))
            continue;
        pool_unblock(&gate, &blocker, 1);
        assert_int_equal(wait_for_queued_result(waiter, &answer), TARN_OK);
        assert_int_equal(answer.status, TARN_OK);
        tarn_drop(waiter);
    }
    pool_close(pool);
}

struct last {
    tarn_executor *pool;
    tarn_future *queued;
    atomic_int threads[2];
    struct gate gate;
    struct answer answers[2];
};

static void wait_as_one_of_two(struct last *last, int i)
{
    if (i == 1)
        gate_pass(&last->gate);
    atomic_store(&last->threads[i], (int)gettid());
    last->answers[i] = answer_of(wait_by(BY_FIRST, last->queued));
}
TARN_TASK(void, wait_as_one_of_two, struct last *, int);

/* The first to wait sleeps, since the other runs; the other is told; when it has ended, its thread
 * runs what the first waits for. */
CONTRACT_TEST(only_the_last_one_running_is_told, NESTED | PARALLEL)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 2, .max_spares = TARN_NONE});
    size_t rounds = test_count(100);
    for (size_t round = 0; round < rounds; round++) {
        struct last last = {.pool = pool, .gate = GATE_CLOSED};
        atomic_init(&last.threads[0], 0);
        atomic_init(&last.threads[1], 0);
        tarn_future *second = wait_as_one_of_two_submit(pool, &last, 1);
        gate_await(&last.gate, 1);
        tarn_future *blocker;
        struct gate gate = GATE_CLOSED;
        pool_block(pool, &gate, &blocker, 1);
        tarn_future *first = wait_as_one_of_two_submit(pool, &last, 0);
        last.queued = square_submit(pool, 5);
        pool_unblock(&gate, &blocker, 1);
        await_asleep(&last.threads[0]);
        gate_open(&last.gate);
        assert_int_equal(status_of(second), TARN_OK);
        assert_int_equal(status_of(first), TARN_OK);
        int told = last.answers[1].status == TARN_DEADLOCK;
        assert_int_equal(last.answers[told].status, TARN_DEADLOCK);
        assert_contains(last.answers[told].error, "no spare thread");
        assert_int_equal(last.answers[!told].status, TARN_OK);
        assert_ended(last.queued, TARN_OK);
        tarn_drop(first);
        tarn_drop(second);
    }
    pool_close(pool);
}

static tarn_status set_and_wait(tarn_promise *promise, tarn_future *waiter)
{
    tarn_promise_set(promise, NULL, 0);
    return tarn_future_wait(waiter, TARN_FOREVER);
}
TARN_TASK(tarn_status, set_and_wait, tarn_promise *, tarn_future *);

static tarn_status wait_asleep(atomic_int *thread, tarn_future *future)
{
    atomic_store(thread, (int)gettid());
    return tarn_future_wait(future, TARN_FOREVER);
}
TARN_TASK(tarn_status, wait_asleep, atomic_int *, tarn_future *);

/* It was woken, and will run: the other one may go to sleep on it, although it is the last that
 * runs at the moment. */
CONTRACT_TEST(who_is_about_to_wake_counts_as_running, NESTED | PARALLEL)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 2, .max_spares = TARN_NONE});
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        atomic_int thread;
        atomic_init(&thread, 0);
        tarn_promise *promise = tarn_promise_new(NULL);
        tarn_future *promised = tarn_promise_future(promise);
        tarn_future *waiter = wait_asleep_submit(pool, &thread, promised);
        await_asleep(&thread);
        tarn_future *setter = set_and_wait_submit(pool, promise, waiter);
        tarn_status status = TARN_INVALID;
        assert_int_equal(set_and_wait_result(setter, &status), TARN_OK);
        assert_int_equal(status, TARN_OK);
        assert_int_equal(wait_asleep_result(waiter, &status), TARN_OK);
        assert_int_equal(status, TARN_OK);
        tarn_drop(setter);
        tarn_drop(waiter);
        tarn_drop(promised);
        tarn_promise_drop(promise);
    }
    pool_close(pool);
}
