/* SPDX-License-Identifier: Apache-2.0 */

/* Races, many times over. Counts shrink under sanitizers: see test_count(). */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

static void count_run(atomic_int *runs)
{
    atomic_fetch_add(runs, 1);
}
TARN_TASK(void, count_run, atomic_int *);

/* ---- One operation against another ---- */

struct producer {
    struct helper helper;
    tarn_executor *pool;
    atomic_int runs;
    int accepted;
    int wrong;
    bool until_closed;
    size_t count;
};

static void produce(void *data)
{
    struct producer *producer = data;
    for (size_t i = 0; producer->until_closed || i < producer->count; i++) {
        tarn_future *future = count_run_submit(producer->pool, &producer->runs);
        tarn_status status = TARN_OK;
        if (i % 4 == 0 || producer->until_closed)
            status = status_of(future);
        tarn_drop(future);
        if (status == TARN_CLOSED)
            return;
        producer->wrong += status != TARN_OK;
        producer->accepted++;
    }
}

static void producers_start(struct producer *producers, int n, tarn_executor *pool, size_t count)
{
    for (int i = 0; i < n; i++) {
        producers[i] = (struct producer){
            .pool = pool,
            .until_closed = count == 0,
            .count = count,
        };
        atomic_init(&producers[i].runs, 0);
        helper_start(&producers[i].helper, produce, &producers[i]);
    }
}

static void producers_join(struct producer *producers, int n)
{
    for (int i = 0; i < n; i++) {
        helper_join(&producers[i].helper);
        assert_int_equal(producers[i].wrong, 0);
    }
}

static int runs_of(struct producer *producers, int n)
{
    int runs = 0;
    for (int i = 0; i < n; i++) {
        assert_int_equal(atomic_load(&producers[i].runs), producers[i].accepted);
        runs += atomic_load(&producers[i].runs);
    }
    return runs;
}

CONTRACT_TEST(many_producers_share_one_worker, SHARED_MEMORY | POINTERS)
{
    enum { PRODUCERS = 8 };
    struct producer producers[PRODUCERS];
    size_t count = test_count(4000);
    tarn_executor *pool = pool_of(1);
    producers_start(producers, PRODUCERS, pool, count);
    producers_join(producers, PRODUCERS);
    pool_close(pool);
    assert_int_equal(runs_of(producers, PRODUCERS), PRODUCERS * count);
}

/* What was accepted runs, what was refused does not, and nothing is lost between. */
CONTRACT_TEST(submit_against_shutdown, GATES)
{
    enum { PRODUCERS = 3 };
    size_t rounds = test_count(60);
    for (size_t round = 0; round < rounds; round++) {
        struct producer producers[PRODUCERS];
        struct gate gate = GATE_CLOSED;
        tarn_executor *pool = pool_open();
        producers_start(producers, PRODUCERS, pool, 0);
        while (atomic_load(&producers[0].runs) == 0)
            sched_yield();
        /* This one keeps the executor from being freed under the producers. */
        tarn_future *blocker = stand_at_submit(pool, &gate, 1);
        assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
        gate_open(&gate);
        producers_join(producers, PRODUCERS);
        assert_ended(blocker, TARN_OK);
        pool_close(pool);
        runs_of(producers, PRODUCERS);
    }
}

/* Cancelled and ran exclude each other, and one of the two is always true. */
CONTRACT_TEST(cancel_against_start, SHARED_MEMORY | POINTERS)
{
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(50000);
    for (size_t i = 0; i < rounds; i++) {
        atomic_int runs;
        atomic_init(&runs, 0);
        tarn_future *future = count_run_submit(pool, &runs);
        for (size_t spin = 0; spin < i % 64; spin++)
            atomic_load(&runs);
        bool cancelled = tarn_cancel(future);
        tarn_status status = status_of(future);
        assert_int_equal(status, cancelled ? TARN_CANCELLED : TARN_OK);
        assert_int_equal(atomic_load(&runs), !cancelled);
        tarn_drop(future);
    }
    pool_close(pool);
}

struct canceller {
    struct helper helper;
    tarn_future **futures;
    size_t count;
    size_t cancelled;
};

static void cancel_them(void *data)
{
    struct canceller *canceller = data;
    for (size_t i = 0; i < canceller->count; i++)
        canceller->cancelled += tarn_cancel(canceller->futures[i]);
}

CONTRACT_TEST(cancel_from_two_threads_against_many_starts, SHARED_MEMORY | POINTERS)
{
    enum { N = 500 };
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(50);
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        atomic_int runs;
        struct canceller cancellers[2];
        atomic_init(&runs, 0);
        for (int i = 0; i < N; i++)
            futures[i] = count_run_submit(pool, &runs);
        for (int i = 0; i < 2; i++) {
            cancellers[i] = (struct canceller){.futures = futures, .count = N};
            helper_start(&cancellers[i].helper, cancel_them, &cancellers[i]);
        }
        assert_int_equal(tarn_wait(futures, N, TARN_WAIT_ALL, TARN_FOREVER, NULL), TARN_OK);
        for (int i = 0; i < 2; i++)
            helper_join(&cancellers[i].helper);
        int cancelled = 0;
        for (int i = 0; i < N; i++)
            cancelled += tarn_cancelled(futures[i]);
        assert_int_equal(cancellers[0].cancelled, cancelled);
        assert_int_equal(cancellers[1].cancelled, cancelled);
        assert_int_equal(atomic_load(&runs), N - cancelled);
        tarn_drop_all(futures, N);
    }
    pool_close(pool);
}

CONTRACT_TEST(drop_against_completion, SHARED_MEMORY | POINTERS)
{
    tarn_executor *pool = pool_open();
    int rounds = (int)test_count(50000);
    atomic_int runs;
    atomic_init(&runs, 0);
    for (int i = 0; i < rounds; i++) {
        tarn_future *future = count_run_submit(pool, &runs);
        for (int spin = 0; spin < i % 64; spin++)
            atomic_load(&runs);
        tarn_drop(future);
    }
    pool_close(pool);
    assert_int_equal(atomic_load(&runs), rounds);
}

static void drop_and_count(tarn_future *future, void *data)
{
    tarn_drop(future);
    atomic_fetch_add((atomic_int *)data, 1);
}

CONTRACT_TEST(callbacks_that_drop_against_completion, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    int rounds = (int)test_count(20000);
    atomic_int calls;
    atomic_init(&calls, 0);
    for (int i = 0; i < rounds; i++)
        assert_int_equal(tarn_on_done(square_submit(pool, i % 100), drop_and_count, &calls),
                         TARN_OK);
    pool_close(pool);
    assert_int_equal(atomic_load(&calls), rounds);
}

CONTRACT_TEST(set_against_cancel_has_one_winner, 0)
{
    enum { N = 500 };
    size_t rounds = test_count(30);
    for (size_t round = 0; round < rounds; round++) {
        tarn_promise *promises[N];
        tarn_future *futures[N];
        for (int i = 0; i < N; i++) {
            promises[i] = tarn_promise_new(&square_task);
            futures[i] = tarn_promise_future(promises[i]);
        }
        struct canceller canceller = {.futures = futures, .count = N};
        helper_start(&canceller.helper, cancel_them, &canceller);
        size_t set = 0;
        for (int i = N - 1; i >= 0; i--) {
            tarn_status status = tarn_promise_set(promises[i], &i, sizeof(i));
            assert_true(status == TARN_OK || status == TARN_CANCELLED);
            set += status == TARN_OK;
            assert_int_equal(status_of(futures[i]), status);
        }
        helper_join(&canceller.helper);
        assert_int_equal(set + canceller.cancelled, N);
        for (int i = 0; i < N; i++)
            tarn_promise_drop(promises[i]);
        tarn_drop_all(futures, N);
    }
}

/* ---- Wake-ups ---- */

CONTRACT_TEST(a_hundred_futures_released_together, GATES | PARALLEL)
{
    enum { N = 100 };
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = N, .stack_size = 256 * 1024});
    size_t rounds = test_count(1000);
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        struct gate gate = GATE_CLOSED;
        pool_block(pool, &gate, futures, N);
        gate_open(&gate);
        size_t done = 0;
        assert_int_equal(tarn_wait(futures, N, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_OK);
        assert_int_equal(done, N);
        tarn_drop_all(futures, N);
    }
    pool_close(pool);
}

CONTRACT_TEST(one_task_at_a_time_never_misses_its_wake_up, SHARED_MEMORY)
{
    /* A worker that retires at once meets each submit on its way out. */
    static const double timeouts[] = {0, -1, 1e-6};
    for (size_t t = 0; t < sizeof(timeouts) / sizeof(timeouts[0]); t++) {
        tarn_executor *pool = pool_with(&(struct pool_options){.idle_timeout = timeouts[t]});
        size_t rounds = test_count(3000);
        for (size_t i = 0; i < rounds; i++)
            assert_ended(square_submit(pool, 2), TARN_OK);
        pool_close(pool);
    }
}

struct reader {
    struct helper helper;
    tarn_future *future;
    struct gate *go;
    tarn_status status;
    int value;
};

static void read_result(void *data)
{
    struct reader *reader = data;
    gate_pass(reader->go);
    reader->status = square_result(reader->future, &reader->value);
}

CONTRACT_TEST(many_readers_of_one_future_all_wake, 0)
{
    enum { READERS = 6 };
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(200);
    for (size_t round = 0; round < rounds; round++) {
        struct reader readers[READERS];
        struct gate go = GATE_CLOSED;
        tarn_promise *promise = tarn_promise_new(&square_task);
        tarn_future *future = tarn_promise_future(promise);
        for (int i = 0; i < READERS; i++) {
            readers[i] = (struct reader){.future = future, .go = &go};
            helper_start(&readers[i].helper, read_result, &readers[i]);
        }
        gate_await(&go, READERS);
        gate_open(&go);
        int value = (int)round;
        assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
        for (int i = 0; i < READERS; i++) {
            helper_join(&readers[i].helper);
            assert_int_equal(readers[i].status, TARN_OK);
            assert_int_equal(readers[i].value, value);
        }
        tarn_drop(future);
        tarn_promise_drop(promise);
    }
    pool_close(pool);
}

static void wait_in_every_way(void *data)
{
    tarn_future **futures = data;
    for (;;) {
        size_t done = 0;
        tarn_wait(futures, 3, TARN_WAIT_FIRST, tarn_in(1e-5), NULL);
        tarn_future_wait(futures[1], tarn_in(1e-5));
        tarn_completions *completed = tarn_as_completed(futures, 3, tarn_in(1e-5));
        for (size_t tag; tarn_next(completed, &tag) == TARN_OK;)
            continue;
        tarn_completions_drop(completed);
        if (tarn_wait(futures, 3, TARN_WAIT_ALL, TARN_NOW, &done) == TARN_OK)
            return;
    }
}

/* Waits that give up take their entries back while the futures end. */
CONTRACT_TEST(waits_that_time_out_against_completion, GATES)
{
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        struct gate gate = GATE_CLOSED;
        struct helper helpers[2];
        tarn_future *futures[3];
        futures[0] = stand_at_submit(pool, &gate, 1);
        futures[1] = square_submit(pool, 2);
        futures[2] = stand_at_submit(pool, &gate, 3);
        gate_await(&gate, 1);
        for (int i = 0; i < 2; i++)
            helper_start(&helpers[i], wait_in_every_way, futures);
        gate_open(&gate);
        for (int i = 0; i < 2; i++)
            helper_join(&helpers[i]);
        tarn_drop_all(futures, 3);
    }
    pool_close(pool);
}

/* ---- Beginning and ending executors ---- */

CONTRACT_TEST(create_use_and_shut_down_in_a_loop, 0)
{
    size_t rounds = test_count(500);
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_open();
        tarn_future *futures[8];
        size_t n = round % 9;
        for (size_t i = 0; i < n; i++)
            futures[i] = square_submit(pool, (int)i);
        if (round % 3 == 0)
            tarn_wait(futures, n, TARN_WAIT_ALL, TARN_FOREVER, NULL);
        pool_close(pool);
        for (size_t i = 0; i < n; i++)
            assert_ended(futures[i], TARN_OK);
    }
}

CONTRACT_TEST(submit_cancel_and_shutdown_at_once_in_a_loop, 0)
{
    size_t rounds = test_count(500);
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_open();
        tarn_future *future = square_submit(pool, 1);
        tarn_future *other = fail_with_submit(pool, 1);
        bool cancelled = tarn_cancel(future);
        if (round % 2)
            assert_int_equal(tarn_shutdown(pool, .cancel_pending = true), TARN_OK);
        else
            pool_close(pool);
        assert_true(tarn_done(future) && tarn_done(other));
        assert_true(!cancelled || tarn_cancelled(future));
        tarn_drop(future);
        tarn_drop(other);
    }
}

CONTRACT_TEST(abandon_in_a_loop_leaves_no_thread, 0)
{
    int threads = threads_count();
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_open();
        tarn_future *futures[5];
        for (int i = 0; i < 5; i++)
            futures[i] = square_submit(pool, i);
        tarn_abandon(pool);
        for (int i = 0; i < 5; i++)
            assert_ended(futures[i], TARN_OK);
    }
    threads_await_at_most(threads);
}

/* ---- Memory ---- */

/* An entry of the queue outlives its cancelled future: the cell must not be used for the next one
 * meanwhile, or that one would run twice. */
CONTRACT_TEST(no_task_runs_twice_for_a_stale_entry, GATES)
{
    enum { N = 2000 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    static atomic_int runs[N];
    static tarn_future *futures[N];
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < N; i++) {
        atomic_init(&runs[i], 0);
        tarn_future *cancelled = count_run_submit(pool, &runs[i]);
        assert_true(tarn_cancel(cancelled));
        tarn_drop(cancelled);
        futures[i] = count_run_submit(pool, &runs[i]);
    }
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    for (int i = 0; i < N; i++) {
        assert_ended(futures[i], TARN_OK);
        assert_int_equal(atomic_load(&runs[i]), 1);
    }
}

/* A loop of submit, give up and cancel behind a stuck worker must not grow without bound. */
CONTRACT_TEST(cancelled_tasks_do_not_pile_up, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    size_t rounds = test_count(500000);
    size_t before = 0;
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_future *future = square_submit(pool, 1);
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    /* 450,000 cells of 64 bytes would be 27 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)8 << 20));
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

static void submit_and_drop(void *data)
{
    tarn_executor *pool = data;
    for (int i = 0; i < 2000; i++)
        tarn_drop(square_submit(pool, i % 10));
}

/* Cells go from the threads that submit to those that drop them last, and must come back. */
CONTRACT_TEST(memory_stays_flat_over_many_threads, 0)
{
    tarn_executor *pool = pool_open();
    size_t rounds = test_count(100);
    size_t before = 0;
    for (size_t round = 0; round < rounds; round++) {
        if (round == rounds / 2)
            before = memory_resident();
        struct helper helper;
        helper_start(&helper, submit_and_drop, pool);
        helper_join(&helper);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    }
    /* 100,000 cells would be 6 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
    pool_close(pool);
}
