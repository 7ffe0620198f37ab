/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_map: what ends it, or some of its items, before all have been called. */
#include "contract.h"
#include "items.h"

#include <sched.h>

static uint64_t queued_in(const tarn_executor *pool)
{
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    return stats.queued;
}

/* ---- Deadlines ---- */

/* What ended before has ended as it did, also in the chunk of the one that is stuck. */
CONTRACT_TEST(a_map_returns_at_its_deadline_although_an_item_is_stuck, GATES)
{
    enum { N = 300, STUCK = 25 };
    bool in_time = false;
    for (double seconds = 0.03; !in_time; seconds *= 2) {
        tarn_executor *pool = pool_of(1);
        tarn_deadline deadline = tarn_in(seconds);
        struct items *items = items_new(N);
        items_act(items, FAIL, 4, 10);
        items_act(items, STAND, STUCK, N);
        assert_int_equal(items_map(pool, items, deadline), TARN_TIMEOUT);
        assert_contains(tarn_last_error(), "deadline");
        long long stood_at = atomic_load(&items->stood_at);
        in_time = stood_at != 0 && stood_at < deadline.ns - 1000000;
        /* What still runs must not touch them; what did not begin by now never will. */
        items_move(items);
        gate_open(&items->gate);
        pool_close(pool);
        items_check(items);
        for (size_t i = 0; in_time && i < STUCK; i++)
            assert_int_equal(items->statuses[i], i % 10 == 4 ? TARN_FAILED : TARN_OK);
        for (size_t i = STUCK; in_time && i < N; i++) {
            assert_true(items->statuses[i] == TARN_TIMEOUT ||
                        (items->statuses[i] == TARN_CANCELLED && i > STUCK));
            assert_int_equal(atomic_load(&items->runs[i]), i == STUCK);
        }
        items_free(items);
    }
}

/* Each stuck item holds a worker: the rest cannot have begun. */
CONTRACT_TEST(what_a_map_had_not_begun_by_its_deadline_never_runs, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(1000);
    items_act(items, STAND, 0, 1);
    assert_int_equal(items_map(pool, items, tarn_in(0.05)), TARN_TIMEOUT);
    items_move(items);
    assert_int_equal(items_count(items, TARN_OK), 0);
    assert_in_range(items_count(items, TARN_TIMEOUT), 0, pool_workers());
    gate_open(&items->gate);
    pool_close(pool);
    items_check(items);
    /* One that a worker had just taken may have been spared, too. */
    assert_in_range(gate_arrived(&items->gate), 0, items_count(items, TARN_TIMEOUT));
    items_free(items);
}

CONTRACT_TEST(what_a_map_leaves_running_is_asked_to_stop, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(100);
    items_act(items, UNTIL_STOPPED, 0, 1);
    assert_int_equal(items_map(pool, items, tarn_in(0.02)), TARN_TIMEOUT);
    items_move(items);
    /* It would never be idle again. */
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

CONTRACT_TEST(a_map_with_a_deadline_that_has_passed_calls_nothing, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(50);
    assert_int_equal(items_map(pool, items, TARN_NOW), TARN_TIMEOUT);
    assert_int_equal(items_map(pool, items, tarn_in(-1)), TARN_TIMEOUT);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_CANCELLED), 50);
    items_free(items);
}

CONTRACT_TEST(a_map_of_nothing_has_ended_whatever_its_deadline, MAPS)
{
    tarn_executor *pool = pool_open();
    assert_int_equal(square_map(pool, NULL, 0, NULL, NULL, TARN_NOW), TARN_OK);
    assert_int_equal(square_map(pool, NULL, 0, NULL, NULL, TARN_FOREVER), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_map_that_ends_before_its_deadline_says_so, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(2000);
    assert_int_equal(items_map(pool, items, tarn_in(1000)), TARN_OK);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_OK), 2000);
    items_free(items);
}

/* What the items were given is the map's own: a tarn_bytes with its data. */
static struct gate readers;
static int sum_read;

static void read_late(tarn_bytes text)
{
    gate_pass(&readers);
    for (size_t i = 0; i < text.size; i++)
        sum_read += ((const char *)text.data)[i];
}
TARN_TASK(void, read_late, tarn_bytes);

CONTRACT_TEST(an_abandoned_item_keeps_its_bytes, GATES)
{
    tarn_executor *pool = pool_of(1);
    readers = (struct gate)GATE_CLOSED;
    sum_read = 0;
    char *text = malloc(1000);
    tarn_bytes *in = malloc(sizeof(*in));
    memset(text, 2, 1000);
    *in = (tarn_bytes){text, 1000};
    while (gate_arrived(&readers) == 0)
        assert_int_equal(read_late_map(pool, in, 1, NULL, tarn_in(0.01)), TARN_TIMEOUT);
    memset(text, 9, 1000);
    free(text);
    free(in);
    gate_open(&readers);
    pool_close(pool);
    assert_int_equal(sum_read, 2000 * gate_arrived(&readers));
}

/* An item that ended its thread behind the one that is stuck has nothing to do with those that
 * should have followed it. */
CONTRACT_TEST(items_behind_one_that_ended_its_thread_are_cancelled_at_a_deadline, PARALLEL | GATES)
{
    tarn_executor *pool = pool_of(2);
    struct items *items = items_new(2000);
    items_act(items, STAND, 500, 2000);
    items_act(items, END_THREAD, 501, 10);
    assert_int_equal(items_map(pool, items, tarn_in(0.05)), TARN_TIMEOUT);
    items_move(items);
    gate_open(&items->gate);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

/* ---- Stops ---- */

struct mapper {
    struct helper helper;
    tarn_executor *pool;
    struct items *items;
    tarn_status status;
};

static void map_items(void *data)
{
    struct mapper *mapper = data;
    mapper->status = items_map(mapper->pool, mapper->items, TARN_FOREVER);
}

CONTRACT_TEST(items_that_are_told_to_stop_end_so_each_by_itself, GATES)
{
    tarn_executor *pool = pool_open();
    struct mapper mapper = {.pool = pool, .items = items_new(400)};
    items_act(mapper.items, UNTIL_STOPPED, 7, 100);
    helper_start(&mapper.helper, map_items, &mapper);
    gate_await(&mapper.items->gate, 1);
    while (tarn_shutdown(pool, .kill_running = true, .time_limit = 1e-3) == TARN_TIMEOUT)
        sched_yield();
    helper_join(&mapper.helper);
    items_check(mapper.items);
    assert_int_equal(mapper.status, TARN_STOPPED);
    assert_int_equal(mapper.items->statuses[7], TARN_STOPPED);
    assert_true(items_count(mapper.items, TARN_CLOSED) > 0);
    items_free(mapper.items);
}

/* ---- Views ---- */

CONTRACT_TEST(each_item_of_a_map_has_the_run_limit_of_its_view, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(40);
    items_act(items, UNTIL_STOPPED, 1, 4);
    items_act(items, FAIL, 2, 4);
    assert_int_equal(items_map(tarn_with(pool, .run_limit = 0.005), items, TARN_FOREVER),
                     TARN_EXPIRED);
    assert_contains(tarn_last_error(), "item 1 ");
    pool_close(pool);
    items_check(items);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(items->statuses[i], i % 4 == 1   ? TARN_EXPIRED
                                             : i % 4 == 2 ? TARN_FAILED
                                                          : TARN_OK);
    items_free(items);
}

CONTRACT_TEST(an_item_that_reached_its_run_limit_uses_up_nobody_elses, GATES)
{
    tarn_executor *pool = pool_of(1);
    struct items *items = items_new(100);
    items_act(items, LOOK, 0, 1);
    items_act(items, UNTIL_STOPPED, 30, 100);
    assert_int_equal(items_map(tarn_with(pool, .run_limit = 0.5), items, TARN_FOREVER),
                     TARN_EXPIRED);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_OK), 99);
    items_free(items);
}

CONTRACT_TEST(each_item_of_a_map_has_the_start_limit_of_its_view, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct items *items = items_new(40);
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(items_map(tarn_with(pool, .start_within = 0.005), items, TARN_FOREVER),
                     TARN_EXPIRED);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_int_equal(items_count(items, TARN_EXPIRED), 40);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(atomic_load(&items->runs[i]), 0);
    items_free(items);
}

CONTRACT_TEST(an_item_of_a_map_is_tried_again_by_itself, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn = tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    struct items *items = items_new(2000);
    items_act(items, FAIL_TWICE, 3, 50);
    items_act(items, FAIL, 4, 50);
    assert_int_equal(items_map(stubborn, items, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "TARN_FAILED: item 4");
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.retried, 160);
    pool_close(pool);
    items_check(items);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(items->statuses[i], i % 50 == 4 ? TARN_FAILED : TARN_OK);
        assert_int_equal(atomic_load(&items->runs[i]), i % 50 == 3 || i % 50 == 4 ? 3 : 1);
    }
    items_free(items);
}

CONTRACT_TEST(an_item_that_reached_its_run_limit_is_tried_again, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn =
        tarn_with(pool, .retries = 3, .retry_on = TARN_RETRY_EXPIRED, .run_limit = 0.002);
    struct items *items = items_new(8);
    items_act(items, UNTIL_STOPPED, 3, 8);
    assert_int_equal(items_map(stubborn, items, TARN_FOREVER), TARN_EXPIRED);
    pool_close(pool);
    items_check(items);
    assert_int_equal(atomic_load(&items->runs[3]), 4);
    assert_int_equal(items_count(items, TARN_OK), 7);
    items_free(items);
}

/* The request was for the try that took too long. */
CONTRACT_TEST(an_item_that_is_tried_again_has_not_been_asked_to_stop, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn =
        tarn_with(pool, .retries = 10000, .retry_on = TARN_RETRY_EXPIRED, .run_limit = 0.01);
    struct items *items = items_new(4);
    items_act(items, STOP_ONCE, 2, 4);
    assert_int_equal(items_map(stubborn, items, TARN_FOREVER), TARN_OK);
    pool_close(pool);
    items_check(items);
    assert_true(atomic_load(&items->runs[2]) >= 2);
    items_free(items);
}

CONTRACT_TEST(an_item_that_ended_its_thread_is_tried_again, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *stubborn = tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    struct items *items = items_new(600);
    items_act(items, END_ONCE, 20, 100);
    items_act(items, END_THREAD, 50, 300);
    assert_int_equal(items_map(stubborn, items, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "item 50 ");
    pool_close(pool);
    items_check(items);
    for (size_t i = 0; i < 600; i++) {
        bool ends = i % 300 == 50;
        assert_int_equal(items->statuses[i], ends ? TARN_FAILED : TARN_OK);
        assert_int_equal(atomic_load(&items->runs[i]), ends ? 3 : i % 100 == 20 ? 2 : 1);
    }
    items_free(items);
}

static atomic_int turn;

static int take_turn(int unused)
{
    (void)unused;
    return atomic_fetch_add(&turn, 1);
}
TARN_TASK(int, take_turn, int);

struct turns {
    struct helper helper;
    tarn_executor *executor;
    int out[3];
};

static void map_turns(void *data)
{
    struct turns *turns = data;
    const int in[3] = {0, 0, 0};
    take_turn_map(turns->executor, in, 3, turns->out, NULL, TARN_FOREVER);
}

CONTRACT_TEST(items_of_a_map_have_the_priority_of_its_view, GATES)
{
    tarn_executor *pool = pool_of(1);
    struct turns turns = {.executor = tarn_with(pool, .priority = TARN_PRIORITY_HIGH)};
    tarn_future *blocker;
    tarn_future *others[5];
    struct gate gate = GATE_CLOSED;
    atomic_store(&turn, 0);
    pool_block(pool, &gate, &blocker, 1);
    for (int i = 0; i < 5; i++)
        others[i] = take_turn_submit(pool, 0);
    helper_start(&turns.helper, map_turns, &turns);
    while (queued_in(pool) < 8)
        sched_yield();
    pool_unblock(&gate, &blocker, 1);
    helper_join(&turns.helper);
    for (int i = 0; i < 3; i++)
        assert_in_range(turns.out[i], 0, 2);
    for (int i = 0; i < 5; i++)
        assert_ended(others[i], TARN_OK);
    pool_close(pool);
}
