/* SPDX-License-Identifier: Apache-2.0 */

/* Time limits against everything else that may happen to a task, many times over. */
#include "full.h"

#include <sched.h>
#include <stdatomic.h>

static void count_run_of(atomic_int *runs)
{
    atomic_fetch_add(runs, 1);
}
TARN_TASK(void, count_run_of, atomic_int *);

/* A task with this limit has run once if it ended well, and never if it expired. */
static bool has_run(tarn_future *future, atomic_int *runs)
{
    tarn_status status = status_of(future);
    assert_true(status == TARN_OK || status == TARN_EXPIRED);
    assert_int_equal(atomic_load(runs), status == TARN_OK);
    tarn_drop(future);
    return status == TARN_OK;
}

/* The limits are as long as it takes a worker to come. */
CONTRACT_TEST(expiry_against_start_has_one_winner, GATES)
{
    enum { VIEWS = 8, N = 64 };
    static const double base = 2e-6;
    tarn_executor *pool = pool_open();
    tarn_executor *views[VIEWS];
    size_t rounds = test_count(600), ran = 0;
    for (int i = 0; i < VIEWS; i++)
        views[i] = tarn_with(pool, .start_within = base * (1 << i));
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        atomic_int runs[N];
        for (int i = 0; i < N; i++) {
            atomic_init(&runs[i], 0);
            futures[i] = count_run_of_submit(views[i % VIEWS], &runs[i]);
        }
        for (int i = 0; i < N; i++)
            ran += has_run(futures[i], &runs[i]);
    }
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.ok, ran);
    assert_int_equal(stats.expired, rounds * N - ran);
    assert_int_equal(stats.submitted, rounds * N);
    pool_close(pool);
}

CONTRACT_TEST(expiry_against_cancel_has_one_winner, GATES)
{
    enum { N = 64 };
    tarn_executor *pool = pool_of(1);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    tarn_executor *view = tarn_with(pool, .start_within = 30e-6);
    size_t rounds = test_count(600), cancelled = 0;
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        for (int i = 0; i < N; i++)
            futures[i] = square_submit(view, i);
        for (int i = 0; i < N; i++) {
            bool won = tarn_cancel(futures[i]);
            cancelled += won;
            assert_ended(futures[i], won ? TARN_CANCELLED : TARN_EXPIRED);
        }
    }
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.cancelled, cancelled);
    assert_int_equal(stats.expired, rounds * N - cancelled);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

/* ---- While the executor goes ---- */

struct canceller {
    struct helper helper;
    tarn_future **futures;
    int n;
    struct gate *start;
};

static void cancel_all_of(void *data)
{
    struct canceller *canceller = data;
    gate_pass(canceller->start);
    for (int i = 0; i < canceller->n; i++)
        tarn_cancel(canceller->futures[i]);
}

/* Whoever ends a limited future takes its limit back, although the executor may be gone by then. */
CONTRACT_TEST(limits_are_taken_back_while_the_executor_goes, GATES)
{
    enum { N = 12 };
    size_t rounds = test_count(500);
    for (size_t round = 0; round < rounds; round++) {
        struct gate start = GATE_CLOSED;
        tarn_future *futures[N];
        tarn_executor *pool = pool_of(1);
        for (int i = 0; i < N; i++) {
            tarn_executor *view =
                i % 3 == 0
                    ? tarn_with(pool, .start_within = 600)
                    : tarn_with(pool, .start_within = i % 3 == 1 ? 20e-6 : 600, .run_limit = 20e-6);
            futures[i] = square_submit(view, i);
        }
        struct canceller canceller = {.futures = futures, .n = N, .start = &start};
        helper_start(&canceller.helper, cancel_all_of, &canceller);
        gate_open(&start);
        assert_int_equal(tarn_shutdown(pool, .cancel_pending = round % 2), TARN_OK);
        helper_join(&canceller.helper);
        for (int i = 0; i < N; i++) {
            tarn_status status = status_of(futures[i]);
            assert_true(status == TARN_OK || status == TARN_CANCELLED || status == TARN_EXPIRED);
        }
        tarn_drop_all(futures, N);
    }
}

CONTRACT_TEST(the_timer_goes_with_its_executor_at_any_moment, GATES)
{
    int threads = threads_count();
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_open();
        tarn_executor *view = tarn_with(pool, .start_within = 5e-6 * (double)(round % 20 + 1));
        for (int i = 0; i < 10; i++)
            tarn_drop(square_submit(view, i));
        if (round % 2)
            tarn_abandon(pool);
        else
            pool_close(pool);
    }
    threads_await_at_most(threads);
}

/* ---- Where a submit is refused, or made by the caller ---- */

static int refuse_to_work(void)
{
    tarn_fail(1, "no licence");
    return 0;
}
TARN_TASK(int, refuse_to_work, void);

/* The limit is over while the submit learns that nobody takes it. */
CONTRACT_TEST(expiry_against_refusal_has_one_winner, WORKER_LOCAL)
{
    for (size_t limit = 0; limit <= 3; limit += 3) {
        tarn_executor *pool = pool_with(
            &(struct pool_options){.queue_limit = limit, .initializer = &refuse_to_work_task});
        assert_ended(square_submit(pool, 2), TARN_BROKEN);
        tarn_executor *view = tarn_with(pool, .start_within = 1e-9);
        size_t rounds = test_count(20000), expired = 0;
        for (size_t i = 0; i < rounds; i++) {
            tarn_future *future = square_submit(view, 3);
            tarn_status status = status_of(future);
            assert_true(status == TARN_BROKEN || status == TARN_EXPIRED);
            expired += status == TARN_EXPIRED;
            tarn_drop(future);
        }
        tarn_stats stats = stats_of(pool);
        assert_int_equal(stats.expired, expired);
        assert_int_equal(stats.queued, 0);
        assert_int_equal(stats.running, 0);
        pool_close(pool);
    }
}

CONTRACT_TEST(expiry_against_a_caller_has_one_winner, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_CALLER});
    tarn_executor *view = tarn_with(full.pool, .start_within = 1e-9);
    size_t rounds = test_count(3000), ran = 0;
    for (size_t i = 0; i < rounds; i++) {
        atomic_int runs;
        atomic_init(&runs, 0);
        ran += has_run(count_run_of_submit(view, &runs), &runs);
    }
    tarn_stats stats = stats_of(full.pool);
    assert_int_equal(stats.ok, ran);
    assert_int_equal(stats.expired, rounds - ran);
    full_close(&full);
}

/* ---- Where a chain queues it ---- */

/* It is queued by whoever ends the future before it, while another thread cancels it. */
CONTRACT_TEST(limits_of_chained_tasks_against_cancel, GATES)
{
    enum { N = 16 };
    tarn_executor *pool = pool_open();
    tarn_executor *views[2] = {tarn_with(pool, .start_within = 0.01),
                               tarn_with(pool, .start_within = 3e-6)};
    size_t rounds = test_count(2000);
    for (size_t round = 0; round < rounds; round++) {
        struct gate start = GATE_CLOSED;
        tarn_promise *promise = tarn_promise_new(&square_task);
        tarn_future *before = tarn_promise_future(promise);
        tarn_future *futures[N];
        int value = 3;
        for (int i = 0; i < N; i++)
            futures[i] = square_after(views[i % 2], before);
        struct canceller canceller = {.futures = futures, .n = N, .start = &start};
        helper_start(&canceller.helper, cancel_all_of, &canceller);
        gate_open(&start);
        assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
        helper_join(&canceller.helper);
        for (int i = 0; i < N; i++) {
            tarn_status status = status_of(futures[i]);
            assert_true(status == TARN_OK || status == TARN_CANCELLED || status == TARN_EXPIRED);
        }
        tarn_drop_all(futures, N);
        tarn_drop(before);
        tarn_promise_drop(promise);
    }
    pool_close(pool);
}

/* ---- What is counted ---- */

struct reader {
    struct helper helper;
    tarn_executor *pool;
    atomic_bool over;
    uint64_t most; /* that were queued, as it was told */
};

static void read_counts(void *data)
{
    struct reader *reader = data;
    while (!atomic_load(&reader->over)) {
        tarn_stats stats = {.size = sizeof(stats)};
        tarn_executor_stats(reader->pool, &stats);
        reader->most = stats.queued > reader->most ? stats.queued : reader->most;
        reader->most = stats.running > reader->most ? stats.running : reader->most;
    }
}

/* Nobody sees an end before its submit, or a run. */
CONTRACT_TEST(what_expires_at_once_is_counted_in_order, GATES)
{
    struct reader reader = {.pool = pool_open()};
    tarn_executor *view = tarn_with(reader.pool, .start_within = 1e-9, .retries = 1);
    size_t rounds = test_count(30000);
    atomic_init(&reader.over, false);
    helper_start(&reader.helper, read_counts, &reader);
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *future = square_submit(view, 2);
        tarn_status status = status_of(future);
        assert_true(status == TARN_OK || status == TARN_EXPIRED);
        tarn_drop(future);
    }
    atomic_store(&reader.over, true);
    helper_join(&reader.helper);
    /* What ends while the counts are read is counted as queued; what was not there is none. */
    assert_in_range(reader.most, 0, rounds);
    pool_close(reader.pool);
}

/* ---- All at once ---- */

struct customer {
    struct helper helper;
    tarn_executor *pool;
    size_t count;
    atomic_int runs;
    int ok, wrong;
};

static void use_limits(void *data)
{
    struct customer *customer = data;
    for (size_t i = 0; i < customer->count; i++) {
        tarn_executor *view = tarn_with(customer->pool, .start_within = 10e-6 * (double)(i % 9),
                                        .run_limit = 10e-6 * (double)(i % 4));
        tarn_future *future = count_run_of_submit(view, &customer->runs);
        bool cancelled = i % 3 == 0 && tarn_cancel(future);
        tarn_status status = status_of(future);
        customer->ok += status == TARN_OK;
        customer->wrong +=
            cancelled ? status != TARN_CANCELLED : status != TARN_OK && status != TARN_EXPIRED;
        tarn_drop(future);
    }
}

CONTRACT_TEST(many_threads_share_the_limits_of_one_executor, GATES)
{
    enum { CUSTOMERS = 4 };
    struct customer customers[CUSTOMERS];
    tarn_executor *pool = pool_open();
    for (int i = 0; i < CUSTOMERS; i++) {
        customers[i] = (struct customer){.pool = pool, .count = test_count(4000)};
        atomic_init(&customers[i].runs, 0);
        helper_start(&customers[i].helper, use_limits, &customers[i]);
    }
    for (int i = 0; i < CUSTOMERS; i++) {
        helper_join(&customers[i].helper);
        assert_int_equal(customers[i].wrong, 0);
        assert_int_equal(atomic_load(&customers[i].runs), customers[i].ok);
    }
    assert_int_equal(stats_of(pool).queued + stats_of(pool).running, 0);
    pool_close(pool);
}

/* ---- What expires just as its worker looks ---- */

static void be_busy(double seconds)
{
    tarn_deadline end = tarn_in(seconds);
    while (tarn_in(0).ns < end.ns)
        continue;
}
TARN_TASK(void, be_busy, double);

static void note_end(tarn_future *future, void *data)
{
    (void)future;
    atomic_store((atomic_bool *)data, true);
}

CONTRACT_TEST(a_drain_waits_for_the_callbacks_of_what_is_just_expiring, SHARED_MEMORY)
{
    size_t rounds = test_count(3000), early = 0;
    tarn_executor *pool = pool_of(1);
    tarn_executor *hurried = tarn_with(pool, .start_within = 0.0005);
    /* The timer looks at them all, and so has something to do between one and the next. */
    for (int i = 0; i < 500; i++)
        tarn_with(hurried, .retries = i + 1, .retry_on = TARN_RETRY_FAILED);
    tarn_executor *last = tarn_with(hurried, .priority = TARN_PRIORITY_HIGH);
    for (size_t i = 0; i < rounds; i++) {
        atomic_bool ended = false;
        tarn_future *busy = be_busy_submit(pool, 0.0004 + (double)(i % 400) * 1e-6);
        tarn_future *future = square_submit(last, 1);
        assert_int_equal(tarn_on_done(future, note_end, &ended), TARN_OK);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
        early += !atomic_load(&ended);
        tarn_future_wait(future, TARN_FOREVER);
        while (!atomic_load(&ended))
            sched_yield();
        tarn_drop(busy);
        tarn_drop(future);
    }
    assert_int_equal(early, 0);
    pool_close(pool);
}
