/* SPDX-License-Identifier: Apache-2.0 */

/* Limits of queues and of time where there is no memory, and no thread. */
#include "fault.h"
#include "full.h"

#include <stdio.h>

/* Asserts happen after fault_end() only: cmocka needs memory itself. */

CONTRACT_TEST(without_a_thread_there_is_no_view_with_a_time_limit, 0)
{
    tarn_executor *pool = pool_open();
    fault_threads(1, 1);
    tarn_executor *queued = tarn_with(pool, .start_within = 1);
    char error[200];
    snprintf(error, sizeof(error), "%s", tarn_last_error());
    tarn_executor *running = tarn_with(pool, .run_limit = 1);
    tarn_executor *other = tarn_with(pool, .retries = 1);
    fault_end();
    assert_null(queued);
    assert_contains(error, "thread");
    assert_null(running);
    assert_non_null(other);
    /* The next one may be had, and so may that. */
    queued = tarn_with(pool, .start_within = 600);
    assert_non_null(queued);
    assert_ended(square_submit(queued, 3), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(without_memory_there_is_no_view, 0)
{
    for (long spared = 0; spared < 3; spared++) {
        tarn_executor *pool = pool_open();
        fault_memory(spared, FAULT_ALWAYS);
        tarn_executor *first = tarn_with(pool, .retries = 1);
        tarn_executor *second = tarn_with(pool, .retries = 2);
        fault_end();
        assert_true(!first || spared > 0);
        assert_true(!second || spared > 1);
        assert_non_null(tarn_with(pool, .retries = 1));
        assert_ended(square_submit(tarn_with(pool, .retries = 2), 3), TARN_OK);
        pool_close(pool);
    }
}

/* Wherever the memory ends: a refused submit has taken no place, and no limit is left behind. */
CONTRACT_TEST(a_submit_without_memory_gives_its_place_back, GATES)
{
    enum { LIMIT = 4 };
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = LIMIT, .when_full = TARN_FULL_REFUSE});
    for (int i = 0; i < LIMIT; i++) {
        assert_true(tarn_cancel(full.queued[i]));
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    tarn_executor *view = tarn_with(full.pool, .start_within = 600, .run_limit = 600);
    static char large[1 << 16];
    bool failed = true;
    for (long spared = 0; failed; spared++) {
        tarn_bytes bytes[2] = {{large, sizeof(large)}, {large, sizeof(large)}};
        struct echo_arguments args[2] = {{bytes[0]}, {bytes[1]}};
        tarn_future *futures[3];
        fault_memory(spared, FAULT_ALWAYS);
        tarn_status status = tarn_submit_many(view, &echo_task, args, 2, futures);
        futures[2] = echo_submit(view, bytes[0]);
        failed = fault_end() > 0;
        assert_int_equal(status == TARN_OK, !tarn_done(futures[0]) && !tarn_done(futures[1]));
        for (int i = 0; i < 3; i++) {
            assert_true(tarn_cancel(futures[i]) || status_of(futures[i]) == TARN_NO_MEMORY);
            tarn_drop(futures[i]);
        }
        for (int i = 0; i < LIMIT; i++) {
            full.queued[i] = square_submit(full.pool, i);
            assert_false(tarn_done(full.queued[i]));
        }
        assert_ended(square_submit(full.pool, 1), TARN_FULL);
        for (int i = 0; i < LIMIT; i++) {
            assert_true(tarn_cancel(full.queued[i]));
            tarn_drop(full.queued[i]);
            full.queued[i] = NULL;
        }
    }
    full_close(&full);
}

CONTRACT_TEST(what_a_caller_has_no_memory_to_run_is_queued, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_CALLER});
    bool here = false;
    long spared = 0;
    for (; !here; spared++) {
        fault_memory(spared, FAULT_ALWAYS);
        tarn_future *future = square_submit(full.pool, 3);
        fault_end();
        here = tarn_done(future) && status_of(future) == TARN_OK;
        assert_true(here || tarn_cancel(future) || status_of(future) == TARN_NO_MEMORY);
        tarn_drop(future);
    }
    assert_true(spared > 1);
    assert_true(stats_of(full.pool).over_limit > 0);
    full_close(&full);
}
