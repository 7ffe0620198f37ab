/* SPDX-License-Identifier: Apache-2.0 */

/* No false alarm: waits without a cycle never meet one, whatever their number and kind. */
#include "contract.h"
#include "fault.h"

#include <stdatomic.h>

enum { WEB = 200, WEB_FAN = 3 };

struct web {
    tarn_future *futures[WEB];
    struct gate go;
    double patience; /* seconds of the timed waits, which sleep even where no spare can be had */
    atomic_long waits;
    atomic_long cycles;   /* "cycle": always false here */
    atomic_long no_spare; /* only where threads fail */
    atomic_long others;   /* any other answer than TARN_OK */
};

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void web_note(struct web *web, tarn_status status)
{
    atomic_fetch_add(&web->waits, 1);
    if (status == TARN_OK || (status == TARN_TIMEOUT && web->patience < 1))
        return;
    if (status == TARN_DEADLOCK && strstr(tarn_last_error(), "no spare thread"))
        atomic_fetch_add(&web->no_spare, 1);
    else if (status == TARN_DEADLOCK)
        atomic_fetch_add(&web->cycles, 1);
    else
        atomic_fetch_add(&web->others, 1);
}

static tarn_status wait_by_next(tarn_future **futures, size_t n)
{
    size_t tag = 0;
    tarn_completions *completed = tarn_as_completed(futures, n, TARN_FOREVER);
    tarn_status status = tarn_next(completed, &tag);
    tarn_completions_drop(completed);
    return status;
}

/* Waits for tasks of lower numbers only, in a random way: there is never a cycle. */
static void wait_for_lower(struct web *web, int i, uint32_t seed)
{
    gate_pass(&web->go);
    if (i == 0)
        return;
    for (int k = 0; k < 2; k++) {
        tarn_future *lower[WEB_FAN];
        size_t n = 1 + random_next(&seed) % WEB_FAN;
        for (size_t j = 0; j < n; j++)
            lower[j] = web->futures[random_next(&seed) % (uint32_t)i];
        switch (random_next(&seed) % 6) {
        case 0:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_ALL, TARN_FOREVER, NULL));
            break;
        case 1:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_FIRST, TARN_FOREVER, NULL));
            break;
        case 2:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_ALL, tarn_in(web->patience), NULL));
            break;
        case 3:
            web_note(web, wait_by_next(lower, n));
            break;
        default:
            web_note(web, tarn_future_wait(lower[0], TARN_FOREVER));
            break;
        }
    }
}
TARN_TASK(void, wait_for_lower, struct web *, int, uint32_t);

/* Submits them in a random order, so that some start before those that they wait for. */
static void web_round(struct web *web, tarn_executor *pools[2], uint32_t *seed)
{
    int order[WEB];
    for (int i = 0; i < WEB; i++)
        order[i] = i;
    for (int i = WEB - 1; i > 0; i--) {
        int j = (int)(random_next(seed) % (uint32_t)(i + 1));
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    web->go = (struct gate)GATE_CLOSED;
    for (int i = 0; i < WEB; i++) {
        uint32_t task_seed = random_next(seed);
        web->futures[order[i]] =
            wait_for_lower_submit(pools[i % 2], web, order[i], task_seed ? task_seed : 1);
    }
    gate_open(&web->go);
    for (int i = 0; i < WEB; i++)
        assert_int_equal(status_of(web->futures[i]), TARN_OK);
    tarn_drop_all(web->futures, WEB);
}

static void web_init(struct web *web, double patience)
{
    web->patience = patience;
    atomic_init(&web->waits, 0);
    atomic_init(&web->cycles, 0);
    atomic_init(&web->no_spare, 0);
    atomic_init(&web->others, 0);
}

static void web_run(struct web *web, tarn_executor *pools[2], long waits)
{
    uint32_t seed = 20240229;
    while (atomic_load(&web->waits) < waits)
        web_round(web, pools, &seed);
    assert_int_equal(atomic_load(&web->cycles), 0);
    assert_int_equal(atomic_load(&web->others), 0);
}

static tarn_executor *web_pool(int workers)
{
    return pool_with(&(struct pool_options){.max_workers = workers, .stack_size = 1 << 20});
}

CONTRACT_TEST(a_million_random_acyclic_waits_meet_no_deadlock, NESTED | PARALLEL | SPARES)
{
    tarn_executor *pool = web_pool(4);
    tarn_executor *pools[2] = {pool, pool};
    struct web web;
    web_init(&web, 1000);
    web_run(&web, pools, (long)test_count(1000000));
    assert_int_equal(atomic_load(&web.no_spare), 0);
    pool_close(pool);
}

CONTRACT_TEST(random_acyclic_waits_across_pools_meet_no_deadlock, NESTED | PARALLEL | SPARES)
{
    tarn_executor *pools[2] = {web_pool(1), web_pool(3)};
    struct web web;
    web_init(&web, 1000);
    web_run(&web, pools, (long)test_count(200000));
    assert_int_equal(atomic_load(&web.no_spare), 0);
    pool_close(pools[0]);
    pool_close(pools[1]);
}

CONTRACT_TEST(a_million_waits_meet_no_false_cycle_while_threads_fail, NESTED | PARALLEL | SPARES)
{
    tarn_executor *pool = web_pool(4);
    tarn_executor *pools[2] = {pool, pool};
    struct web web;
    web_init(&web, 0.0005);
    assert_ended(square_submit(pool, 1), TARN_OK);
    fault_threads(3, 4);
    web_run(&web, pools, (long)test_count(1000000));
    fault_end();
    pool_close(pool);
}
