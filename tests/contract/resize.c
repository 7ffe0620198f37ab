/* SPDX-License-Identifier: Apache-2.0 */

/* How many workers there are: tarn_resize(), the default, and tarn_worker_limit(). */
#include "contract.h"
#include "fault.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

/* Both kinds of pool: with the default number of spares, and with none. */
static const int spares[] = {0, TARN_NONE};
enum { KINDS = sizeof(spares) / sizeof(spares[0]) };

static tarn_executor *sized_pool(int max_workers, int max_spares)
{
    return pool_with(&(struct pool_options){.max_workers = max_workers, .max_spares = max_spares});
}

static void submit_standing(tarn_executor *pool, struct gate *gate, tarn_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        futures[i] = stand_at_submit(pool, gate, i);
}

/* Asserts that of many tasks exactly so many run at once. */
static void assert_saturated_by(tarn_executor *pool, int workers)
{
    enum { N = 30 };
    tarn_future *futures[N];
    struct gate gate = GATE_CLOSED;
    submit_standing(pool, &gate, futures, N);
    gate_await(&gate, workers);
    int running = 0;
    for (int i = 0; i < N; i++)
        running += tarn_running(futures[i]);
    assert_int_equal(running, workers);
    assert_int_equal(gate_arrived(&gate), workers);
    pool_unblock(&gate, futures, N);
}

/* ---- Up and down ----------------------------------------------------------------------------- */

CONTRACT_TEST(what_is_queued_gets_the_new_workers_at_once, GATES | PARALLEL)
{
    for (int kind = 0; kind < KINDS; kind++) {
        tarn_future *futures[9];
        struct gate gate = GATE_CLOSED;
        tarn_executor *pool = sized_pool(1, spares[kind]);
        submit_standing(pool, &gate, futures, 9);
        gate_await(&gate, 1);
        assert_int_equal(tarn_resize(pool, 8), TARN_OK);
        gate_await(&gate, 8);
        assert_int_equal(gate_arrived(&gate), 8);
        assert_int_equal(stats_of(pool).max_workers, 8);
        pool_unblock(&gate, futures, 9);
        pool_close(pool);
    }
}

CONTRACT_TEST(workers_that_are_too_many_leave_after_their_tasks, GATES | PARALLEL)
{
    for (int kind = 0; kind < KINDS; kind++) {
        tarn_future *futures[8];
        struct gate gate = GATE_CLOSED;
        int threads = threads_count();
        tarn_executor *pool = sized_pool(8, spares[kind]);
        pool_block(pool, &gate, futures, 8);
        assert_int_equal(tarn_resize(pool, 2), TARN_OK);
        assert_int_equal(stats_of(pool).running, 8);
        pool_unblock(&gate, futures, 8);
        threads_await_at_most(threads + 2);
        assert_saturated_by(pool, 2);
        pool_close(pool);
    }
}

CONTRACT_TEST(idle_workers_that_are_too_many_leave, GATES | PARALLEL)
{
    for (int kind = 0; kind < KINDS; kind++) {
        tarn_future *futures[6];
        struct gate gate = GATE_CLOSED;
        int threads = threads_count();
        tarn_executor *pool = sized_pool(6, spares[kind]);
        pool_block(pool, &gate, futures, 6);
        pool_unblock(&gate, futures, 6);
        while (stats_of(pool).idle < 6)
            sched_yield();
        assert_int_equal(tarn_resize(pool, 1), TARN_OK);
        threads_await_at_most(threads + 1);
        assert_saturated_by(pool, 1);
        pool_close(pool);
    }
}

static void note_waiting(struct gate *waiting, tarn_future *future, struct gate *gate)
{
    gate_pass(waiting);
    tarn_future_wait(future, tarn_in(3600));
    gate_pass(gate);
}
TARN_TASK(void, note_waiting, struct gate *, tarn_future *, struct gate *);

/* Workers that come back from a wait run on, over the new limit; then they leave like the
 * others. */
CONTRACT_TEST(workers_that_wait_meanwhile_leave_after_their_tasks, GATES | SPARES | PARALLEL)
{
    struct gate waiting = GATE_OPEN;
    struct gate gate = GATE_CLOSED;
    tarn_future *waiters[5];
    int threads = threads_count();
    tarn_executor *pool = sized_pool(5, 0);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *promised = tarn_promise_future(promise);
    for (int i = 0; i < 5; i++)
        waiters[i] = note_waiting_submit(pool, &waiting, promised, &gate);
    gate_await(&waiting, 5);
    assert_int_equal(tarn_resize(pool, 1), TARN_OK);
    assert_saturated_by(pool, 1);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    gate_await(&gate, 5);
    pool_unblock(&gate, waiters, 5);
    threads_await_at_most(threads + 1);
    assert_saturated_by(pool, 1);
    tarn_drop(promised);
    tarn_promise_drop(promise);
    pool_close(pool);
}

static atomic_int inside;
static atomic_int inside_most;

static void count_together(void)
{
    int now = atomic_fetch_add(&inside, 1) + 1;
    int most = atomic_load(&inside_most);
    while (now > most && !atomic_compare_exchange_weak(&inside_most, &most, now))
        continue;
    sched_yield();
    atomic_fetch_sub(&inside, 1);
}
TARN_TASK(void, count_together, void);

CONTRACT_TEST(after_a_resize_no_more_start_than_it_says, GATES | PARALLEL)
{
    enum { N = 400 };
    for (int kind = 0; kind < KINDS; kind++) {
        tarn_future *blockers[8];
        tarn_future *futures[N];
        struct gate gate = GATE_CLOSED;
        tarn_executor *pool = sized_pool(8, spares[kind]);
        atomic_store(&inside_most, 0);
        pool_block(pool, &gate, blockers, 8);
        for (int i = 0; i < N; i++)
            futures[i] = count_together_submit(pool);
        assert_int_equal(tarn_resize(pool, 2), TARN_OK);
        pool_unblock(&gate, blockers, 8);
        for (int i = 0; i < N; i++)
            assert_ended(futures[i], TARN_OK);
        assert_in_range(atomic_load(&inside_most), 1, 2);
        pool_close(pool);
    }
}

CONTRACT_TEST(down_to_one_and_up_again, GATES | PARALLEL)
{
    static const int sizes[] = {1, 5, 1, 2, 8, 8, 3, 1, 6};
    for (int kind = 0; kind < KINDS; kind++) {
        int threads = threads_count();
        tarn_executor *pool = sized_pool(4, spares[kind]);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            assert_int_equal(tarn_resize(pool, sizes[i]), TARN_OK);
            assert_int_equal(stats_of(pool).max_workers, sizes[i]);
            assert_saturated_by(pool, sizes[i]);
            if (i % 2)
                threads_await_at_most(threads + sizes[i]);
        }
        pool_close(pool);
        threads_await_at_most(threads);
    }
}

/* A pool of one without spares is one thread for good, however it came to that size. */
CONTRACT_TEST(a_pool_that_was_resized_to_one_thread_keeps_it, PARALLEL | WORKER_THREADS)
{
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 3, .max_spares = TARN_NONE, .idle_timeout = -1});
    assert_int_equal(tarn_resize(pool, 1), TARN_OK);
    int first = 0;
    for (int i = 0; i < 50; i++) {
        tarn_future *future = thread_number_submit(pool);
        int number = 0;
        assert_int_equal(thread_number_result(future, &number), TARN_OK);
        tarn_drop(future);
        first = first ? first : number;
        assert_int_equal(number, first);
        while (stats_of(pool).idle == 0 && stats_of(pool).workers > 0)
            sched_yield();
        thread_await_sleep(number);
        assert_int_equal(stats_of(pool).idle, 1);
    }
    pool_close(pool);
}

static struct answer wait_for_spare_of(tarn_executor *pool)
{
    tarn_future *child = square_submit(pool, 3);
    struct answer answer = answer_of(tarn_wait(&child, 1, TARN_WAIT_FIRST, TARN_FOREVER, NULL));
    tarn_drop(child);
    return answer;
}
TARN_TASK(struct answer, wait_for_spare_of, tarn_executor *);

CONTRACT_TEST(there_are_no_more_threads_than_a_resize_left, NESTED | PARALLEL)
{
    tarn_executor *pool = sized_pool(3, TARN_NONE);
    for (int size = 3; size >= 1; size -= 2) {
        struct answer answer = {.status = TARN_INVALID};
        assert_int_equal(tarn_resize(pool, size), TARN_OK);
        while (stats_of(pool).workers > (uint64_t)size)
            sched_yield();
        tarn_future *future = wait_for_spare_of_submit(pool, pool);
        assert_int_equal(wait_for_spare_of_result(future, &answer), TARN_OK);
        assert_int_equal(answer.status, size > 1 ? TARN_OK : TARN_DEADLOCK);
        tarn_drop(future);
    }
    pool_close(pool);
}

/* ---- Who asks, and when ---------------------------------------------------------------------- */

static int resize_and_fill(tarn_executor *pool, struct gate *gate)
{
    int status = tarn_resize(pool, 3);
    gate_pass(gate);
    return status;
}
TARN_TASK(int, resize_and_fill, tarn_executor *, struct gate *);

CONTRACT_TEST(a_task_may_resize_its_own_executor, NESTED | PARALLEL)
{
    tarn_executor *pool = sized_pool(1, TARN_NONE);
    tarn_future *futures[4];
    struct gate gate = GATE_CLOSED;
    tarn_future *resizer = resize_and_fill_submit(pool, pool, &gate);
    submit_standing(pool, &gate, futures, 4);
    gate_await(&gate, 3);
    assert_int_equal(gate_arrived(&gate), 3);
    gate_open(&gate);
    int status = -1;
    assert_int_equal(resize_and_fill_result(resizer, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    tarn_drop(resizer);
    pool_unblock(&gate, futures, 4);
    pool_close(pool);
}

CONTRACT_TEST(a_view_resizes_its_executor, PARALLEL)
{
    tarn_executor *pool = sized_pool(2, TARN_NONE);
    tarn_executor *view = tarn_with(pool, .priority = TARN_PRIORITY_HIGH);
    assert_int_equal(tarn_resize(view, 5), TARN_OK);
    assert_int_equal(stats_of(pool).max_workers, 5);
    assert_int_equal(tarn_worker_limit(view), 5);
    assert_int_equal(tarn_worker_limit(pool), 5);
    pool_close(pool);
}

CONTRACT_TEST(an_executor_that_is_shutting_down_keeps_its_size, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_int_equal(tarn_resize(pool, 7), TARN_CLOSED);
    assert_contains(tarn_last_error(), "tarn_resize");
    assert_int_equal(stats_of(pool).max_workers, pool_workers());
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

CONTRACT_TEST(without_memory_for_more_workers_the_size_stays, GATES | PARALLEL)
{
    tarn_executor *pool = sized_pool(2, TARN_NONE);
    assert_ended(square_submit(pool, 2), TARN_OK);
    fault_memory(0, FAULT_ALWAYS);
    tarn_status larger = tarn_resize(pool, 30000);
    tarn_status smaller = tarn_resize(pool, 1);
    tarn_status again = tarn_resize(pool, 2);
    fault_end();
    assert_int_equal(larger, TARN_NO_MEMORY);
    assert_int_equal(smaller, TARN_OK);
    assert_int_equal(again, TARN_OK);
    assert_int_equal(tarn_worker_limit(pool), 2);
    assert_saturated_by(pool, 2);
    pool_close(pool);
}

/* ---- The limit ------------------------------------------------------------------------------- */

CONTRACT_TEST(the_worker_limit_never_shrinks, PARALLEL | WORKER_THREADS)
{
    static const struct {
        int size;
        int limit;
    } steps[] = {{5, 5}, {2, 5}, {4, 5}, {6, 6}, {1, 6}};
    tarn_executor *pool = sized_pool(3, TARN_NONE);
    tarn_executor *sparing = sized_pool(3, 10);
    assert_int_equal(tarn_worker_limit(pool), 3);
    assert_int_equal(tarn_worker_limit(sparing), 13);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(tarn_resize(pool, steps[i].size), TARN_OK);
        assert_int_equal(tarn_resize(sparing, steps[i].size), TARN_OK);
        assert_int_equal(tarn_worker_limit(pool), steps[i].limit);
        assert_int_equal(tarn_worker_limit(sparing), steps[i].limit + 10);
    }
    pool_close(pool);
    pool_close(sparing);
}

static int index_at(struct gate *gate)
{
    gate_pass(gate);
    return tarn_worker_index();
}
TARN_TASK(int, index_at, struct gate *);

CONTRACT_TEST(after_a_resize_indexes_are_apart_and_below_the_limit, GATES | PARALLEL)
{
    static const int sizes[] = {4, 8, 2, 6, 1, 3};
    tarn_executor *pool = sized_pool(2, TARN_NONE);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        tarn_future *futures[8];
        struct gate gate = GATE_CLOSED;
        bool seen[8] = {false};
        assert_int_equal(tarn_resize(pool, sizes[s]), TARN_OK);
        int limit = tarn_worker_limit(pool);
        assert_in_range(limit, sizes[s], 8);
        for (int i = 0; i < sizes[s]; i++)
            futures[i] = index_at_submit(pool, &gate);
        gate_await(&gate, sizes[s]);
        gate_open(&gate);
        for (int i = 0; i < sizes[s]; i++) {
            int index = -1;
            assert_int_equal(index_at_result(futures[i], &index), TARN_OK);
            assert_in_range(index, 0, limit - 1);
            assert_false(seen[index]);
            seen[index] = true;
            tarn_drop(futures[i]);
        }
    }
    pool_close(pool);
}

/* ---- Against everything else ----------------------------------------------------------------- */

TARN_TASK_DECLARE(int, leaves, tarn_executor *, int, bool);

/* Counts the leaves of a binary tree, by a task for each branch. It waits so that it may run a
 * branch in place; if there are spares, at every other depth so that one takes its place. */
static int leaves(tarn_executor *pool, int depth, bool spares_help)
{
    int sum = 0;
    tarn_future *branches[2];
    if (tarn_worker_index() >= tarn_worker_limit(pool))
        tarn_fail(1, "an index beyond the limit");
    if (depth == 0)
        return 1;
    for (int i = 0; i < 2; i++)
        branches[i] = leaves_submit(pool, pool, depth - 1, spares_help);
    if (spares_help && depth % 2)
        tarn_wait(branches, 2, TARN_WAIT_ALL, tarn_in(3600), NULL);
    for (int i = 0; i < 2; i++) {
        int part = 0;
        tarn_status status = leaves_result(branches[i], &part);
        if (status != TARN_OK)
            tarn_fail(2, "%s: %s", tarn_status_name(status), tarn_last_error());
        sum += part;
    }
    tarn_drop_all(branches, 2);
    return sum;
}
TARN_TASK_DEFINE(int, leaves, tarn_executor *, int, bool);

struct grower {
    struct helper helper;
    tarn_executor *pool;
    bool spares_help;
    size_t rounds;
    char wrong[200]; /* how the first tree failed; "": none did */
    atomic_int *busy;
};

static void grow(void *data)
{
    struct grower *grower = data;
    for (size_t i = 0; i < grower->rounds; i++) {
        int sum = 0;
        tarn_future *future = leaves_submit(grower->pool, grower->pool, 5, grower->spares_help);
        tarn_status status = leaves_result(future, &sum);
        if ((status != TARN_OK || sum != 32) && !grower->wrong[0])
            snprintf(grower->wrong, sizeof(grower->wrong), "%s with %d leaves: %s",
                     tarn_status_name(status), sum,
                     status == TARN_OK ? "" : tarn_error(future)->text);
        tarn_drop(future);
    }
    atomic_fetch_sub(grower->busy, 1);
}

CONTRACT_TEST(resize_against_submits_and_waits, NESTED | PARALLEL)
{
    enum { GROWERS = 3 };
    for (int kind = 0; kind < KINDS; kind++) {
        struct grower growers[GROWERS];
        atomic_int busy;
        size_t wrong = 0;
        int threads = threads_count();
        tarn_executor *pool = sized_pool(2, spares[kind]);
        atomic_init(&busy, GROWERS);
        for (int i = 0; i < GROWERS; i++) {
            growers[i] = (struct grower){.pool = pool,
                                         .spares_help = spares[kind] != TARN_NONE,
                                         .rounds = test_count(150),
                                         .busy = &busy};
            helper_start(&growers[i].helper, grow, &growers[i]);
        }
        for (int size = 7; atomic_load(&busy) > 0; size = size * 5 % 11)
            wrong += tarn_resize(pool, size % 8 + 1) != TARN_OK;
        for (int i = 0; i < GROWERS; i++) {
            helper_join(&growers[i].helper);
            assert_string_equal(growers[i].wrong, "");
        }
        assert_int_equal(wrong, 0);
        assert_int_equal(tarn_resize(pool, 3), TARN_OK);
        assert_saturated_by(pool, 3);
        threads_await_at_most(threads + 3);
        pool_close(pool);
    }
}

/* ---- What waits is no worker ---- */

static tarn_status wait_for_it(tarn_future *future)
{
    return tarn_future_wait(future, TARN_FOREVER);
}
TARN_TASK(tarn_status, wait_for_it, tarn_future *);

static void set_it(tarn_promise *promise)
{
    tarn_promise_set(promise, NULL, 0);
}
TARN_TASK(void, set_it, tarn_promise *);

/* They were let sleep as there was room for one more thread; then there is not, and nobody is left. */
CONTRACT_TEST(what_is_queued_is_served_when_a_resize_leaves_only_those_that_wait,
              GATES | PARALLEL | NESTED_SUBMIT)
{
    for (int extra = 0; extra < 2; extra++) {
        tarn_executor *pool = pool_with(
            &(struct pool_options){.max_workers = 2, .max_spares = extra == 0 ? TARN_NONE : extra});
        tarn_promise *promise = tarn_promise_new(NULL);
        tarn_future *future = tarn_promise_future(promise), *waiting[2];
        for (int i = 0; i <= extra; i++) {
            waiting[i] = wait_for_it_submit(pool, future);
            while (stats_of(pool).running < (uint64_t)i + 1 || stats_of(pool).idle > 0)
                sched_yield();
        }
        assert_int_equal(tarn_resize(pool, 1), TARN_OK);
        assert_ended(set_it_submit(pool, promise), TARN_OK);
        for (int i = 0; i <= extra; i++)
            assert_ended(waiting[i], TARN_OK);
        tarn_drop(future);
        tarn_promise_drop(promise);
        pool_close(pool);
    }
}
