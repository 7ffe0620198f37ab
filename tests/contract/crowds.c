/* SPDX-License-Identifier: Apache-2.0 */

/* Many at once, and many one after the other. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

/* ---- Many more threads than CPUs ------------------------------------------------------------- */

/* Lets this thread, and those that it starts, use two CPUs; gives what it could use before. */
static cpu_set_t keep_to_two_cpus(void)
{
    cpu_set_t before;
    cpu_set_t two;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    CPU_ZERO(&two);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&two) < 2; cpu++) {
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &two);
    }
    assert_int_equal(sched_setaffinity(0, sizeof(two), &two), 0);
    return before;
}

struct member {
    struct helper helper;
    tarn_executor *pool;
    size_t rounds;
    size_t wrong;
};

/* Submits a few at a time, and waits for them in one of the ways there are. */
static void submit_and_wait(void *data)
{
    struct member *member = data;
    for (size_t i = 0; i < member->rounds; i++) {
        tarn_future *futures[5];
        size_t done = 0;
        int sum = 0;
        for (int k = 0; k < 5; k++)
            futures[k] = square_submit(member->pool, k);
        if (i % 3 == 0) {
            tarn_wait(futures, 5, TARN_WAIT_ALL, TARN_FOREVER, &done);
        } else if (i % 3 == 1) {
            tarn_completions *completed = tarn_as_completed(futures, 5, TARN_FOREVER);
            for (size_t tag; tarn_next(completed, &tag) == TARN_OK;)
                done++;
            tarn_completions_drop(completed);
        } else {
            while (done < 5)
                done += tarn_wait(&futures[done], 5 - done, TARN_WAIT_FIRST, TARN_FOREVER, NULL) ==
                        TARN_OK;
        }
        for (int k = 0; k < 5; k++) {
            int square = -1;
            if (square_result(futures[k], &square) == TARN_OK)
                sum += square;
        }
        member->wrong += done != 5 || sum != 0 + 1 + 4 + 9 + 16;
        tarn_drop_all(futures, 5);
    }
}

CONTRACT_TEST(sixty_four_threads_submit_and_wait_on_two_cpus, 0)
{
    enum { MEMBERS = 64 };
    static struct member members[MEMBERS];
    size_t rounds = test_count(300);
    cpu_set_t before = keep_to_two_cpus();
    tarn_executor *pool = pool_open();
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){.pool = pool, .rounds = rounds};
        helper_start(&members[i].helper, submit_and_wait, &members[i]);
    }
    size_t wrong = 0;
    for (int i = 0; i < MEMBERS; i++) {
        helper_join(&members[i].helper);
        wrong += members[i].wrong;
    }
    tarn_stats stats = stats_of(pool);
    pool_close(pool);
    sched_setaffinity(0, sizeof(before), &before);
    assert_int_equal(wrong, 0);
    assert_int_equal(stats.ok, MEMBERS * rounds * 5);
}

/* ---- Many executors, one after the other ----------------------------------------------------- */

CONTRACT_TEST(a_hundred_thousand_executors_are_opened_used_and_shut_down, PARALLEL)
{
    size_t rounds = test_count_at_night(100000);
    int threads = threads_count();
    int descriptors = descriptors_count();
    size_t before = 0;
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_executor *pool = pool_of(1 + (int)(i % 4));
        int square = 0;
        tarn_future *future = square_submit(pool, 7);
        tarn_status status = square_result(future, &square);
        tarn_drop(future);
        if (status != TARN_OK || square != 49 || tarn_shutdown(pool) != TARN_OK)
            fail_msg("executor %zu: %s", i, tarn_last_error());
    }
    assert_int_equal(descriptors_count(), descriptors);
    threads_await_at_most(threads);
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
}
