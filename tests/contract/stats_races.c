/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_executor_stats() while everything happens at once: in each snapshot the sum holds, nothing
 * is absurdly large, and what only grows has not shrunk. */
#include "contract.h"
#include "fault.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>

/* No test comes near it, and what was taken below zero is far beyond. */
#define ABSURD ((uint64_t)1 << 40)

/* Which of the counts of a snapshot is wrong, after the one before; NULL: none. */
static const char *find_fault(const tarn_stats *now, const tarn_stats *before)
{
    if (now->submitted != now->queued + now->running + now->ok + now->failed + now->cancelled +
                              now->expired + now->stopped + now->lost)
        return "the sum";
    if (now->queued > ABSURD || now->running > ABSURD || now->submitted > ABSURD)
        return "queued, running or submitted";
    if (now->ok < before->ok || now->failed < before->failed ||
        now->cancelled < before->cancelled || now->expired < before->expired ||
        now->stopped < before->stopped || now->lost < before->lost ||
        now->submitted < before->submitted || now->retried < before->retried ||
        now->wakes < before->wakes || now->parks < before->parks)
        return "what never shrinks";
    return NULL;
}

/* What is looked at again and again. */
struct watch {
    tarn_executor *pool;
    tarn_stats before, now;
    const char *fault; /* the first one; `now` is then the snapshot that shows it */
};

static bool look(struct watch *watch)
{
    if (watch->fault)
        return false;
    watch->before = watch->now;
    watch->now.size = sizeof(watch->now);
    tarn_executor_stats(watch->pool, &watch->now);
    watch->fault = find_fault(&watch->now, &watch->before);
    return !watch->fault;
}

/* Asserts that nothing was wrong, nor is until all has ended. */
static void assert_sound(struct watch *watch)
{
    const tarn_stats *now = &watch->now;
    while (look(watch) && now->queued + now->running > 0)
        continue;
    if (watch->fault)
        fail_msg("%s: queued %" PRIu64 ", running %" PRIu64 ", submitted %" PRIu64, watch->fault,
                 now->queued, now->running, now->submitted);
}

struct crowd {
    tarn_executor *pool;
    tarn_executor *hurried;  /* expires in the queue, or is told so while it runs */
    tarn_executor *stubborn; /* tries again */
    size_t rounds;
    atomic_int busy; /* helpers that are not done */
};

static void submit_and_cancel(void *data)
{
    struct crowd *crowd = data;
    for (size_t i = 0; i < crowd->rounds; i++) {
        tarn_future *futures[8];
        for (int k = 0; k < 8; k++)
            futures[k] = square_submit(crowd->pool, k);
        tarn_cancel(futures[7]);
        tarn_cancel(futures[3]);
        tarn_stop(futures[5], 0);
        tarn_drop_all(futures, 8);
    }
    atomic_fetch_sub(&crowd->busy, 1);
}

static int work_until_told(void)
{
    while (!tarn_stop_requested())
        continue;
    return 1;
}
TARN_TASK(int, work_until_told, void);

static void expire_and_retry(void *data)
{
    struct crowd *crowd = data;
    for (size_t i = 0; i < crowd->rounds; i++) {
        tarn_future *futures[4] = {
            square_submit(crowd->hurried, 3),
            fail_with_submit(crowd->stubborn, 1),
            i % 8 == 0 ? work_until_told_submit(crowd->hurried) : square_submit(crowd->pool, 1),
            fail_with_submit(crowd->stubborn, 2),
        };
        tarn_cancel(futures[3]); /* before, while or between its tries */
        tarn_drop_all(futures, 4);
    }
    atomic_fetch_sub(&crowd->busy, 1);
}

static int look_at(tarn_future *future)
{
    return tarn_done(future);
}
TARN_TASK(int, look_at, tarn_future *);

static void chain(void *data)
{
    struct crowd *crowd = data;
    for (size_t i = 0; i < crowd->rounds; i++) {
        tarn_future *futures[5] = {square_submit(crowd->pool, 3)};
        futures[1] = square_after(crowd->pool, futures[0]);
        futures[2] = tarn_then(crowd->stubborn, &look_at_task, futures[1]);
        futures[3] = square_after(crowd->hurried, futures[2]);
        futures[4] = tarn_all(futures, 4);
        tarn_cancel(futures[i % 4]);
        tarn_drop_all(futures, 5);
    }
    atomic_fetch_sub(&crowd->busy, 1);
}

static void map(void *data)
{
    struct crowd *crowd = data;
    int numbers[50];
    int squares[50];
    for (int k = 0; k < 50; k++)
        numbers[k] = k;
    for (size_t i = 0; i < crowd->rounds / 4; i++)
        square_map(i % 2 ? crowd->pool : crowd->hurried, numbers, 50, squares, NULL,
                   i % 3 ? TARN_FOREVER : tarn_in(1e-5));
    atomic_fetch_sub(&crowd->busy, 1);
}

CONTRACT_TEST(the_sums_hold_in_every_snapshot, 0)
{
    static void (*const parts[])(void *) = {submit_and_cancel, expire_and_retry, chain, map};
    enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
    struct crowd crowd = {.pool = pool_open(), .rounds = test_count(1000)};
    struct helper helpers[PARTS];
    crowd.hurried = tarn_with(crowd.pool, .start_within = 2e-5, .run_limit = 1e-5);
    crowd.stubborn = tarn_with(crowd.pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    atomic_init(&crowd.busy, PARTS);
    for (int i = 0; i < PARTS; i++)
        helper_start(&helpers[i], parts[i], &crowd);

    struct watch watch = {.pool = crowd.pool};
    while (atomic_load(&crowd.busy) > 0 && look(&watch))
        continue;
    for (int i = 0; i < PARTS; i++)
        helper_join(&helpers[i]);
    assert_sound(&watch);
    assert_true(watch.now.ok > 0 && watch.now.failed > 0 && watch.now.cancelled > 0);
    assert_true(watch.now.retried > 0);
    pool_close(crowd.pool);
}

struct witness {
    tarn_future *future;
    atomic_uint round, waited; /* UINT_MAX: there are no more */
};

static void wait_for_each(void *data)
{
    struct witness *witness = data;
    unsigned round, last = 0;
    while ((round = atomic_load(&witness->round)) != UINT_MAX) {
        if (round == last) {
            sched_yield();
            continue;
        }
        tarn_future_wait(witness->future, TARN_FOREVER);
        atomic_store(&witness->waited, last = round);
    }
}

/* Another thread waits, and may be the one that ends the future. */
CONTRACT_TEST(an_end_that_is_seen_is_counted, 0)
{
    struct witness witness = {.future = NULL};
    struct helper helper;
    tarn_executor *pool = pool_open();
    unsigned rounds = (unsigned)test_count(3000);
    helper_start(&helper, wait_for_each, &witness);
    for (unsigned round = 1; round <= rounds; round++) {
        witness.future = square_submit(pool, 3);
        atomic_store(&witness.round, round);
        while (!tarn_done(witness.future))
            continue;
        assert_int_equal(stats_of(pool).ok, round);
        while (atomic_load(&witness.waited) != round)
            sched_yield();
        tarn_drop(witness.future);
    }
    atomic_store(&witness.round, UINT_MAX);
    helper_join(&helper);
    pool_close(pool);
}

struct chainer {
    struct helper helper;
    tarn_executor *pool;
    tarn_future *before;
};

static void chain_until_closed(void *data)
{
    struct chainer *chainer = data;
    bool open = true;
    while (open) {
        tarn_future *after = tarn_then(chainer->pool, &look_at_task, chainer->before);
        open = !tarn_done(after) || tarn_result(after, NULL, NULL, 0) != TARN_CLOSED;
        tarn_drop(after);
    }
}

/* What a shutdown cancels before it could be queued was submitted all the same. */
CONTRACT_TEST(the_sums_hold_while_a_shutdown_ends_chains, GATES)
{
    size_t rounds = test_count(100);
    for (size_t round = 0; round < rounds; round++) {
        struct gate gate = GATE_CLOSED;
        struct chainer chainer = {.pool = pool_open()};
        struct watch watch = {.pool = chainer.pool};
        tarn_promise *promise = tarn_promise_new(NULL);
        chainer.before = tarn_promise_future(promise);
        tarn_future *blocker = stand_at_submit(chainer.pool, &gate, 1);
        gate_await(&gate, 1);
        helper_start(&chainer.helper, chain_until_closed, &chainer);
        while (stats_of(chainer.pool).submitted < 10 + round % 50)
            continue;
        tarn_status status =
            tarn_shutdown(chainer.pool, .cancel_pending = true, .time_limit = 1e-9);
        for (int i = 0; i < 20 && look(&watch); i++)
            continue;
        helper_join(&chainer.helper);
        assert_int_equal(status, TARN_TIMEOUT);
        pool_unblock(&gate, &blocker, 1);
        tarn_drop(chainer.before);
        tarn_promise_drop(promise);
        assert_sound(&watch);
        pool_close(chainer.pool);
    }
}

/* A time limit begins before the back end has said whether it takes the task. */
CONTRACT_TEST(the_sums_hold_for_what_is_refused_as_it_expires, WORKER_THREADS)
{
    size_t rounds = test_count(2000);
    size_t expired = 0;
    tarn_executor *pool = pool_open();
    tarn_executor *hurried = tarn_with(pool, .start_within = 1e-9);
    struct watch watch = {.pool = pool};
    fault_threads(1, 1);
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *futures[8];
        int arguments[8] = {0};
        square_submit_many(hurried, arguments, 8, futures);
        for (int k = 0; k < 8; k++)
            expired += status_of(futures[k]) == TARN_EXPIRED;
        tarn_drop_all(futures, 8);
    }
    fault_end();
    assert_sound(&watch);
    assert_int_equal(watch.now.expired, expired);
    assert_int_equal(watch.now.submitted, expired);
    assert_int_equal(watch.now.rejected, rounds * 8 - expired);
    pool_close(pool);
}
