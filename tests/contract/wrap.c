/* SPDX-License-Identifier: Apache-2.0 */

/* Counters that run over only after months: more executors, threads and tasks, one after the other,
 * than 16 bits can count. */
#include "contract.h"

enum { BEYOND_16_BITS = 66000 };

CONTRACT_TEST(executors_come_and_go_without_end, WORKER_THREADS)
{
    size_t rounds = test_count(BEYOND_16_BITS);
    tarn_executor *first = pool_open();
    for (size_t i = 0; i < rounds; i++) {
        tarn_executor *pool = pool_try(&(struct pool_options){.name = NULL});
        if (!pool)
            fail_msg("executor %zu: %s", i, tarn_last_error());
        tarn_status status = tarn_shutdown(pool);
        assert_int_equal(status, TARN_OK);
    }
    assert_ended(square_submit(first, 4), TARN_OK);
    pool_close(first);
}

CONTRACT_TEST(workers_come_and_go_without_end, PARALLEL)
{
    size_t rounds = test_count(BEYOND_16_BITS);
    /* A worker that goes home at once: most tasks need a new thread. */
    tarn_executor *pool = pool_with(&(struct pool_options){.idle_timeout = -1});
    for (size_t i = 0; i < rounds; i++)
        assert_ended(square_submit(pool, 3), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(one_worker_runs_tasks_without_end, 0)
{
    size_t rounds = test_count(3 * BEYOND_16_BITS);
    tarn_executor *pool = pool_open();
    tarn_future *batch[100];
    for (size_t i = 0; i < rounds / 100 + 1; i++) {
        for (int k = 0; k < 100; k++)
            batch[k] = square_submit(pool, k);
        for (int k = 0; k < 100; k++)
            assert_ended(batch[k], TARN_OK);
    }
    pool_close(pool);
}
