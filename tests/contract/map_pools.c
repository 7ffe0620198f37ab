/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_map and what its pool is and does meanwhile: full, closed, broken, or the one that runs the
 * caller. */
#include "contract.h"
#include "fault.h"
#include "items.h"

#include <sched.h>

struct mapper {
    struct helper helper;
    struct items *items;
    tarn_status status;
};

static void map_items(void *data)
{
    struct mapper *mapper = data;
    mapper->status = items_map(mapper->items->pool, mapper->items, TARN_FOREVER);
}

/* ---- Inside of tasks ---- */

/* The sum of the squares of 0 to n - 1. */
static int sum_of_squares(tarn_executor *pool, int n)
{
    int in[64] = {0};
    int out[64] = {0};
    int sum = 0;
    for (int i = 0; i < n; i++)
        in[i] = i;
    tarn_status status = square_map(pool, in, (size_t)n, out, NULL, TARN_FOREVER);
    if (status != TARN_OK)
        tarn_fail(status, "%s", tarn_last_error());
    for (int i = 0; i < n; i++)
        sum += out[i];
    return sum;
}
TARN_TASK(int, sum_of_squares, tarn_executor *, int);

CONTRACT_TEST(a_task_may_map_in_its_own_pool, NESTED)
{
    tarn_executor *pool = pool_of(1);
    int sum = 0;
    tarn_future *future = sum_of_squares_submit(pool, pool, 64);
    assert_int_equal(sum_of_squares_result(future, &sum), TARN_OK);
    assert_int_equal(sum, 85344);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(all_workers_of_a_pool_may_map_in_it_at_once, NESTED)
{
    enum { TASKS = 40 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = sum_of_squares_submit(pool, pool, 50);
    for (int i = 0; i < TASKS; i++) {
        int sum = 0;
        assert_int_equal(sum_of_squares_result(futures[i], &sum), TARN_OK);
        assert_int_equal(sum, 40425);
    }
    tarn_drop_all(futures, TASKS);
    pool_close(pool);
}

/* Each item maps 3 of the level below: 3 to the power of `level`. */
static int count_leaves(tarn_executor *pool, int level);
TARN_TASK(int, count_leaves, tarn_executor *, int);

static int count_leaves(tarn_executor *pool, int level)
{
    const struct count_leaves_arguments below = {pool, level - 1};
    const struct count_leaves_arguments in[3] = {below, below, below};
    int out[3] = {0, 0, 0};
    if (level == 0)
        return 1;
    tarn_status status = count_leaves_map(pool, in, 3, out, NULL, TARN_FOREVER);
    if (status != TARN_OK)
        tarn_fail(status, "%s", tarn_last_error());
    return out[0] + out[1] + out[2];
}

CONTRACT_TEST(maps_may_be_nested, NESTED)
{
    tarn_executor *pool = pool_open();
    const struct count_leaves_arguments in[2] = {{pool, 5}, {pool, 4}};
    int out[2] = {0, 0};
    assert_int_equal(count_leaves_map(pool, in, 2, out, NULL, TARN_FOREVER), TARN_OK);
    assert_int_equal(out[0], 243);
    assert_int_equal(out[1], 81);
    pool_close(pool);
}

/* In a blocking section no task is run in place, and the only worker there is stands in it. */
static int map_in_section(struct items *items)
{
    tarn_blocking_begin();
    tarn_status status = items_map(items->pool, items, TARN_FOREVER);
    tarn_blocking_end();
    return status;
}
TARN_TASK(int, map_in_section, struct items *);

CONTRACT_TEST(a_map_that_nobody_could_run_answers_deadlock, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    struct items *items = items_new(20);
    items->pool = pool;
    tarn_future *future = map_in_section_submit(pool, items);
    int status = TARN_OK;
    assert_int_equal(map_in_section_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_DEADLOCK);
    tarn_drop(future);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_CANCELLED), 20);
    items_free(items);
}

static int map_for_a_while(struct items *items)
{
    return items_map(items->pool, items, tarn_in(0.02));
}
TARN_TASK(int, map_for_a_while, struct items *);

CONTRACT_TEST(a_map_inside_a_task_keeps_its_deadline, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    struct items *items = items_new(20);
    items->pool = pool;
    tarn_future *future = map_for_a_while_submit(pool, items);
    int status = TARN_OK;
    assert_int_equal(map_for_a_while_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_TIMEOUT);
    tarn_drop(future);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_CANCELLED), 20);
    items_free(items);
}

/* ---- Full ---- */

CONTRACT_TEST(a_map_waits_for_room_in_a_full_queue, GATES)
{
    tarn_executor *pool = pool_bounded(1, TARN_FULL_BLOCK);
    struct items *items = items_new(500);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_OK);
    assert_int_equal(stats_of(pool).rejected, 0);
    assert_int_equal(stats_of(pool).over_limit, 0);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

CONTRACT_TEST(a_map_that_waits_for_room_keeps_its_deadline, GATES)
{
    tarn_executor *pool = pool_bounded(1, TARN_FULL_BLOCK);
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct items *items = items_new(50);
    for (int i = 0; i < pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    assert_int_equal(items_map(pool, items, tarn_in(0.02)), TARN_TIMEOUT);
    assert_int_equal(items_count(items, TARN_CANCELLED), 50);
    assert_int_equal(stats_of(pool).queued, 0);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    items_check(items);
    items_free(items);
}

/* As a submit of each would be. */
CONTRACT_TEST(a_map_is_refused_what_a_full_queue_refuses, GATES)
{
    tarn_executor *pool = pool_bounded(2, TARN_FULL_REFUSE);
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct mapper mapper = {.items = items_new(50)};
    mapper.items->pool = pool;
    for (int i = 0; i < pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    helper_start(&mapper.helper, map_items, &mapper);
    while (stats_of(pool).rejected == 0)
        sched_yield();
    pool_unblock(&gate, blockers, pool_workers());
    helper_join(&mapper.helper);
    pool_close(pool);
    items_check(mapper.items);
    assert_int_equal(mapper.status, TARN_FULL);
    assert_int_equal(mapper.items->statuses[0], TARN_OK);
    assert_true(items_count(mapper.items, TARN_FULL) > 0);
    assert_int_equal(items_count(mapper.items, TARN_OK) + items_count(mapper.items, TARN_FULL), 50);
    items_free(mapper.items);
}

CONTRACT_TEST(the_first_item_that_a_full_queue_refused_is_named, GATES)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.queue_limit = 1, .submit_within = 0.002});
    tarn_future *blockers[5];
    struct gate gate = GATE_CLOSED;
    struct items *items = items_new(20);
    for (int i = 0; i <= pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i < pool_workers() ? i + 1 : i);
    }
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FULL);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_contains(tarn_last_error(), "queue_limit");
    assert_int_equal(items_count(items, TARN_FULL), 20);
    pool_unblock(&gate, blockers, pool_workers() + 1);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

CONTRACT_TEST(the_caller_of_a_map_runs_what_a_full_queue_does_not_take, GATES)
{
    tarn_executor *pool = pool_bounded(1, TARN_FULL_CALLER);
    tarn_future *blockers[5];
    struct gate gate = GATE_CLOSED;
    struct items *items = items_new(500);
    items_act(items, FAIL, 100, 500);
    for (int i = 0; i <= pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i < pool_workers() ? i + 1 : i);
    }
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FAILED);
    items_check(items);
    assert_int_equal(items_count(items, TARN_OK), 499);
    pool_unblock(&gate, blockers, pool_workers() + 1);
    pool_close(pool);
    items_free(items);
}

CONTRACT_TEST(a_map_inside_a_task_is_taken_over_the_limit, NESTED)
{
    tarn_executor *pool = pool_bounded(1, TARN_FULL_BLOCK);
    int sum = 0;
    tarn_future *future = sum_of_squares_submit(pool, pool, 64);
    assert_int_equal(sum_of_squares_result(future, &sum), TARN_OK);
    assert_int_equal(sum, 85344);
    tarn_drop(future);
    pool_close(pool);
}

/* ---- Closed and broken ---- */

CONTRACT_TEST(a_map_in_a_closed_pool_says_so_of_each_item, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    struct items *items = items_new(300);
    tarn_future *blocker;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_CLOSED);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_int_equal(items_count(items, TARN_CLOSED), 300);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

CONTRACT_TEST(an_item_may_close_the_pool_of_its_map, NESTED)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(5000);
    items->pool = pool;
    items_act(items, CLOSE_THE_POOL, 20, 5000);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_CLOSED);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items->statuses[20], TARN_OK);
    assert_int_equal(items_count(items, TARN_OK) + items_count(items, TARN_CLOSED), 5000);
    assert_int_equal(items->statuses[4999], TARN_CLOSED);
    items_free(items);
}

/* A map that has begun uses the executor: a shutdown waits for it, too. */
CONTRACT_TEST(a_shutdown_waits_until_the_maps_in_the_pool_have_returned, GATES)
{
    size_t rounds = test_count(200);
    for (size_t round = 0; round < rounds; round++) {
        struct mapper mapper = {.items = items_new(2000)};
        mapper.items->pool = pool_open();
        items_act(mapper.items, STAND, 10, 2000);
        helper_start(&mapper.helper, map_items, &mapper);
        gate_await(&mapper.items->gate, 1);
        assert_int_equal(
            tarn_shutdown(mapper.items->pool, .cancel_pending = true, .time_limit = 1e-9),
            TARN_TIMEOUT);
        gate_open(&mapper.items->gate);
        pool_close(mapper.items->pool);
        helper_join(&mapper.helper);
        items_check(mapper.items);
        assert_int_equal(mapper.items->statuses[1999], TARN_CLOSED);
        items_free(mapper.items);
    }
}

static atomic_int initialized;

static void fail_but_once(void)
{
    if (atomic_fetch_add(&initialized, 1) > 0)
        tarn_fail(1, "out of licences");
}
TARN_TASK(void, fail_but_once, void);

CONTRACT_TEST(a_map_in_a_broken_pool_says_so_of_each_item, GATES | WORKER_LOCAL)
{
    tarn_executor *pool = pool_with(&(struct pool_options){.initializer = &fail_but_once_task});
    struct items *items = items_new(300);
    atomic_store(&initialized, 1);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_BROKEN);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_contains(tarn_last_error(), "out of licences");
    assert_int_equal(items_count(items, TARN_BROKEN), 300);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

CONTRACT_TEST(a_pool_may_break_while_a_map_runs, GATES | WORKER_LOCAL | PARALLEL)
{
    size_t rounds = test_count(100);
    for (size_t round = 0; round < rounds; round++) {
        atomic_store(&initialized, 0);
        tarn_executor *pool = pool_with(&(struct pool_options){.initializer = &fail_but_once_task});
        struct items *items = items_new(3000);
        tarn_status status = items_map(pool, items, TARN_FOREVER);
        assert_true(status == TARN_OK || status == TARN_BROKEN);
        pool_close(pool);
        items_check(items);
        assert_int_equal(items_count(items, TARN_OK) + items_count(items, TARN_BROKEN), 3000);
        items_free(items);
    }
}

/* ---- Without memory ---- */

CONTRACT_TEST(a_map_without_memory_says_so, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(2000);
    assert_ended(square_submit(pool, 1), TARN_OK);
    fault_memory(0, FAULT_ALWAYS);
    tarn_status status = items_map(pool, items, TARN_FOREVER);
    fault_end();
    assert_int_equal(status, TARN_NO_MEMORY);
    assert_int_equal(items_count(items, TARN_CANCELLED), 2000);
    pool_close(pool);
    items_check(items);
    items_free(items);
}

/* Wherever the memory ends: what has ended has its result in its own place, and nobody else's. */
CONTRACT_TEST(a_map_that_runs_out_of_memory_mixes_nothing_up, GATES)
{
    for (long spared = 0; spared < 100; spared++) {
        tarn_executor *pool = pool_open();
        struct items *items = items_new(400);
        items_act(items, END_THREAD, 30, 60);
        fault_memory(spared, FAULT_ALWAYS);
        tarn_status status = items_map(pool, items, TARN_FOREVER);
        fault_end();
        assert_true(status < 0);
        pool_close(pool);
        for (size_t i = 0; i < 400; i++)
            assert_in_range(atomic_load(&items->runs[i]), 0, 1);
        for (size_t i = 0; i < 400; i++) {
            int expected = items->statuses[i] == TARN_OK ? result_of(i) : UNTOUCHED;
            assert_int_equal(items->out[i], expected);
        }
        items_free(items);
    }
}
