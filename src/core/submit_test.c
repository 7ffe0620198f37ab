/* SPDX-License-Identifier: Apache-2.0 */

/* A submit that waited for room, and a shutdown that begins when it has found some. */
#include "core/admission.h"
#include "platform/atomic.h"
#include "platform/clock.h"
#include "runner.h"

#include <sched.h>

/* Runs until it is told to go on. */
static tn_atomic_u32 go_on;

static int hold(int n)
{
    while (!tn_u32_load_acquire(&go_on))
        sched_yield();
    return n;
}
TARN_TASK(int, hold, int);

/* The library's calls come here: see cmake/TarnTests.cmake. */

static tarn_executor *closing; /* the first submit that waits for room in it finds it closed then */
static tarn_status closed;

tarn_status __real_tn_admission_enter(uint32_t executor, size_t limit, size_t wanted, int64_t until,
                                      size_t *taken);
tarn_status __wrap_tn_admission_enter(uint32_t executor, size_t limit, size_t wanted, int64_t until,
                                      size_t *taken);
tarn_status __wrap_tn_admission_enter(uint32_t executor, size_t limit, size_t wanted, int64_t until,
                                      size_t *taken)
{
    tarn_executor *pool = until == TN_CLOCK_NEVER ? closing : NULL;
    if (pool) {
        closing = NULL;
        tn_u32_store_release(&go_on, 1);
    }
    tarn_status status = __real_tn_admission_enter(executor, limit, wanted, until, taken);
    if (pool)
        closed = tarn_shutdown(pool, .time_limit = 0.05);
    return status;
}

TEST(an_executor_stays_until_a_submit_that_waited_for_room_in_it_has_returned)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1, .queue_limit = 1);
    tarn_future *futures[3] = {hold_submit(pool, 1), NULL, NULL};
    while (!tarn_running(futures[0]))
        sched_yield();
    futures[1] = hold_submit(pool, 2);
    closing = pool;
    closed = TARN_END;
    futures[2] = hold_submit(pool, 3);
    assert_int_equal(closed, TARN_TIMEOUT);
    assert_int_equal(tarn_result(futures[2], NULL, NULL, 0), TARN_CLOSED);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    tarn_drop_all(futures, 3);
}
