/* SPDX-License-Identifier: Apache-2.0 */

/* Full queues, many times over. */
#include "full.h"

#include <sched.h>

/* ---- Producers against workers ---- */

/* What the producers of a test and their tasks have in common. */
struct market {
    tarn_executor *pool;
    size_t count;         /* what each producer submits */
    atomic_size_t bought; /* submits that have returned */
    atomic_size_t served; /* tasks that have begun */
    atomic_size_t most;   /* in the queue at once, or just taken out of it */
    atomic_size_t wrong;
};

static void serve(struct market *market)
{
    atomic_fetch_add(&market->served, 1);
}
TARN_TASK(void, serve, struct market *);

/* Never more than there are: what is served meanwhile is taken off. */
static void note_length(struct market *market)
{
    size_t bought = atomic_load(&market->bought);
    size_t served = atomic_load(&market->served);
    size_t most = atomic_load(&market->most);
    while (bought > served && bought - served > most &&
           !atomic_compare_exchange_weak(&market->most, &most, bought - served))
        continue;
}

/* Submits one; again, if it is refused for want of room. */
static tarn_future *buy(struct market *market)
{
    tarn_future *future = serve_submit(market->pool, market);
    while (tarn_done(future) && status_of(future) == TARN_FULL) {
        tarn_drop(future);
        sched_yield();
        future = serve_submit(market->pool, market);
    }
    atomic_fetch_add(&market->bought, 1);
    note_length(market);
    return future;
}

static void produce(void *data)
{
    struct market *market = data;
    for (size_t i = 0; i < market->count; i++) {
        tarn_future *future = buy(market);
        if (i % 4 == 0)
            atomic_fetch_add(&market->wrong, status_of(future) != TARN_OK);
        tarn_drop(future);
    }
}

static void produce_and_cancel(void *data)
{
    struct market *market = data;
    for (size_t i = 0; i < market->count; i++) {
        tarn_future *future = serve_submit(market->pool, market);
        tarn_status expected = i % 2 && tarn_cancel(future) ? TARN_CANCELLED : TARN_OK;
        atomic_fetch_add(&market->bought, expected == TARN_OK);
        if (i % 8 < 2)
            atomic_fetch_add(&market->wrong, status_of(future) != expected);
        tarn_drop(future);
    }
}

static void market_open(struct market *market, const struct pool_options *options, size_t count)
{
    *market = (struct market){.pool = pool_with(options), .count = count};
    atomic_init(&market->bought, 0);
    atomic_init(&market->served, 0);
    atomic_init(&market->most, 0);
    atomic_init(&market->wrong, 0);
}

/* Runs so many producers, and asserts that nothing was lost. */
static void market_run(struct market *market, int producers, void (*run)(void *data))
{
    struct helper helpers[8];
    assert_in_range(producers, 1, 8);
    for (int i = 0; i < producers; i++)
        helper_start(&helpers[i], run, market);
    for (int i = 0; i < producers; i++)
        helper_join(&helpers[i]);
    assert_int_equal(tarn_drain(market->pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&market->wrong), 0);
    assert_int_equal(atomic_load(&market->served), atomic_load(&market->bought));
    tarn_stats stats = stats_of(market->pool);
    assert_int_equal(stats.ok, atomic_load(&market->served));
    assert_int_equal(stats.queued + stats.running, 0);
    pool_close(market->pool);
}

CONTRACT_TEST(many_producers_never_exceed_the_limit_and_lose_nothing, GATES)
{
    static const size_t limits[] = {1, 3, 50};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct market market;
        market_open(&market, &(struct pool_options){.max_workers = 1, .queue_limit = limits[i]},
                    test_count(4000));
        market_run(&market, 8, produce);
        assert_int_equal(atomic_load(&market.bought), 8 * market.count);
        /* One was taken out, and had not begun. */
        assert_in_range(atomic_load(&market.most), 1, limits[i] + 1);
    }
}

CONTRACT_TEST(many_producers_that_are_refused_come_in_at_last, GATES)
{
    struct market market;
    market_open(
        &market,
        &(struct pool_options){.max_workers = 1, .queue_limit = 3, .when_full = TARN_FULL_REFUSE},
        test_count(1000));
    market_run(&market, 4, produce);
    assert_int_equal(atomic_load(&market.bought), 4 * market.count);
    assert_in_range(atomic_load(&market.most), 1, 4);
}

CONTRACT_TEST(many_producers_may_run_what_does_not_fit, GATES)
{
    struct market market;
    market_open(
        &market,
        &(struct pool_options){.max_workers = 1, .queue_limit = 3, .when_full = TARN_FULL_CALLER},
        test_count(4000));
    market_run(&market, 4, produce);
    assert_int_equal(atomic_load(&market.bought), 4 * market.count);
}

/* A place that came back twice, or not at all, would be missed afterwards. */
CONTRACT_TEST(producers_that_cancel_leave_the_queue_as_long_as_it_was, GATES)
{
    struct market market;
    market_open(&market, &(struct pool_options){.queue_limit = 2}, test_count(4000));
    tarn_executor *pool = market.pool;
    struct helper helpers[4];
    for (int i = 0; i < 4; i++)
        helper_start(&helpers[i], produce_and_cancel, &market);
    for (int i = 0; i < 4; i++)
        helper_join(&helpers[i]);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&market.wrong), 0);
    assert_int_equal(atomic_load(&market.served), atomic_load(&market.bought));

    tarn_future *blockers[FULL_WORKERS];
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i < pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    tarn_future *queued[2] = {square_submit(pool, 1), square_submit(pool, 2)};
    struct submitter submitter;
    submitter_block(&submitter, pool, &gate);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(submitter_join(&submitter), TARN_OK);
    for (int i = 0; i < 2; i++)
        assert_ended(queued[i], TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_limit_of_one_hands_over_one_at_a_time_in_order, GATES)
{
    struct market market;
    size_t count = test_count(20000);
    market_open(&market, &(struct pool_options){.max_workers = 1, .queue_limit = 1}, count);
    market_run(&market, 1, produce);
    assert_int_equal(atomic_load(&market.bought), count);
    assert_in_range(atomic_load(&market.most), 1, 2);
}

/* ---- Nobody serves ---- */

/* Behind workers that stand still: cancelled tasks neither fill the queue nor pile up in it. */
CONTRACT_TEST(cancelled_tasks_neither_take_room_nor_memory, GATES)
{
    struct full full;
    size_t rounds = test_count(300000), before = 0;
    full_open(&full, &(struct pool_options){.queue_limit = 3});
    assert_true(tarn_cancel(full.queued[2]));
    tarn_drop(full.queued[2]);
    full.queued[2] = NULL;
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_future *future = square_submit(full.pool, 1);
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
    assert_int_equal(stats_of(full.pool).cancelled, rounds + 1);
    assert_int_equal(stats_of(full.pool).queued, 2);
    full_close(&full);
}
