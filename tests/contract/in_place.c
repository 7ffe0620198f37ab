/* SPDX-License-Identifier: Apache-2.0 */

/* Tasks that run in place of a wait, a map or a submit: what is left behind if they end the thread,
 * and where nothing is run in place. */
#include "contract.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_int released;

static int leave_thread(int n)
{
    pthread_exit(NULL);
    return n;
}

static void count_release(int n)
{
    (void)n;
    atomic_fetch_add(&released, 1);
}
TARN_TASK_OWNING(int, leave_thread, count_release, void, int);

static int give_back(int n)
{
    return n;
}
TARN_TASK(int, give_back, int);

/* ---- Maps ---- */

static int map_one(tarn_executor *pool)
{
    int in = 1, out;
    return leave_thread_map(pool, &in, 1, &out, NULL, TARN_FOREVER);
}
TARN_TASK(int, map_one, tarn_executor *);

CONTRACT_TEST(a_map_whose_item_ends_its_thread_does_not_keep_the_executor, NESTED)
{
    atomic_store(&released, 0);
    tarn_executor *pool = pool_of(1);
    assert_ended(map_one_submit(pool, pool), TARN_FAILED);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&released), 1);
    pool_close(pool);
}

static void map_from_outside(void *data)
{
    map_one(data);
}

CONTRACT_TEST(nor_does_one_of_a_thread_that_runs_what_does_not_fit, GATES)
{
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_CALLER});
    struct gate gate = GATE_CLOSED;
    struct helper helper;
    tarn_future *blocker = stand_at_submit(pool, &gate, 0);
    gate_await(&gate, 1);
    tarn_future *queued = give_back_submit(pool, 1);
    atomic_store(&released, 0);
    helper_start(&helper, map_from_outside, pool);
    helper_join(&helper);
    assert_int_equal(atomic_load(&released), 1);
    gate_open(&gate);
    assert_ended(blocker, TARN_OK);
    assert_ended(queued, TARN_OK);
    pool_close(pool);
}

/* ---- Waits ---- */

static tarn_status wait_to_the_end(tarn_future *future)
{
    return tarn_future_wait(future, TARN_FOREVER);
}
TARN_TASK(tarn_status, wait_to_the_end, tarn_future *);

/* The one that waits runs the first of the chain in place. */
CONTRACT_TEST(a_wait_for_a_chain_that_ends_its_thread_holds_nothing_of_it, NESTED)
{
    atomic_store(&released, 0);
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker = stand_at_submit(pool, &gate, 0);
    gate_await(&gate, 1);
    tarn_executor *low = tarn_with(pool, .priority = TARN_PRIORITY_LOW);
    tarn_future *first = leave_thread_submit(low, 1);
    tarn_future *after = give_back_after(pool, first);
    tarn_future *waiting = wait_to_the_end_submit(pool, after);
    gate_open(&gate);
    assert_ended(waiting, TARN_FAILED);
    assert_ended(after, TARN_FAILED);
    assert_ended(first, TARN_FAILED);
    assert_ended(blocker, TARN_OK);
    pool_close(pool);
    assert_int_equal(atomic_load(&released), 1);
}

/* ---- Where nothing is run in place ---- */

static atomic_int at_once, most_at_once;

static void be_counted(struct gate *gate)
{
    int n = atomic_fetch_add(&at_once, 1) + 1;
    int most = atomic_load(&most_at_once);
    while (n > most && !atomic_compare_exchange_weak(&most_at_once, &most, n))
        continue;
    gate_pass(gate);
    atomic_fetch_sub(&at_once, 1);
}
TARN_TASK(void, be_counted, struct gate *);

static void submit_in_section(tarn_executor *pool, struct gate *gate)
{
    tarn_blocking_begin();
    for (int i = 0; i < 4; i++)
        tarn_drop(be_counted_submit(pool, gate));
    gate_open(gate);
    tarn_blocking_end();
}
TARN_TASK(void, submit_in_section, tarn_executor *, struct gate *);

CONTRACT_TEST(a_blocking_section_runs_nothing_in_place, NESTED | SPARES)
{
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_CALLER});
    struct gate gate = GATE_CLOSED;
    atomic_store(&most_at_once, 0);
    assert_ended(submit_in_section_submit(pool, pool, &gate), TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&most_at_once), 1);
    pool_close(pool);
}

static void submit_leaver(tarn_future *future, void *data)
{
    (void)future;
    tarn_drop(leave_thread_submit(data, 1));
}

static void note_callback(tarn_future *future, void *data)
{
    (void)future;
    atomic_store((atomic_bool *)data, true);
}

/* The second callback would be lost with the thread. */
CONTRACT_TEST(a_callback_runs_nothing_in_place_that_does_not_fit, GATES)
{
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_CALLER});
    struct gate gate = GATE_CLOSED;
    atomic_bool called = false;
    tarn_future *first = stand_at_submit(pool, &gate, 0);
    gate_await(&gate, 1);
    tarn_future *queued = give_back_submit(pool, 1);
    atomic_store(&released, 0);
    assert_int_equal(tarn_on_done(first, submit_leaver, pool), TARN_OK);
    assert_int_equal(tarn_on_done(first, note_callback, &called), TARN_OK);
    gate_open(&gate);
    assert_ended(queued, TARN_OK);
    assert_ended(first, TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_true(atomic_load(&called));
    assert_int_equal(atomic_load(&released), 1);
    pool_close(pool);
}
