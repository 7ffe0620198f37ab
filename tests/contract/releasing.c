/* SPDX-License-Identifier: Apache-2.0 */

/* What release functions may do: all that callbacks may. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

static int *new_number(int n)
{
    int *number = malloc(sizeof(*number));
    *number = n;
    return number;
}

/* ---- Use the pool ---- */

static tarn_executor *busy_pool;
static atomic_int busy_releases;
static atomic_int busy_faults;

static bool give_three(int *number, void *data)
{
    int *given = data;
    *number = *given;
    return (*given)++ < 3;
}

static bool take_any(size_t i, tarn_status status, const int *result, void *data)
{
    (void)data;
    atomic_fetch_add(&busy_faults, status != TARN_OK || *result != (int)(i * i));
    return true;
}

/* Uses the library, and the pool, from one end to the other. Nothing of it fails for the place it
 * is called from, a refused pool excepted. */
static void use_the_pool(tarn_executor *pool)
{
    int in[3] = {1, 2, 3};
    tarn_future *futures[4];
    int given = 0;
    size_t tag;
    bool wrong = square_submit_many(pool, in, 3, futures) != TARN_OK;
    futures[3] = square_after(pool, futures[0]);
    tarn_completions *group = tarn_as_completed(futures, 4, TARN_FOREVER);
    tarn_cancel(futures[2]);
    while (tarn_next(group, &tag) == TARN_OK)
        wrong = wrong || !tarn_done(futures[tag]);
    tarn_completions_drop(group);
    wrong = wrong || tarn_wait(futures, 4, TARN_WAIT_ALL, TARN_FOREVER, NULL) != TARN_OK;
    wrong = wrong || square_map_from(pool, give_three, take_any, &given, TARN_FOREVER) != TARN_OK;
    wrong = wrong || tarn_drain(pool, TARN_NOW) == TARN_INVALID;
    tarn_drop_all(futures, 4);
    atomic_fetch_add(&busy_faults, wrong);
}

static void release_busily(int *number)
{
    use_the_pool(busy_pool);
    atomic_fetch_add(&busy_releases, 1);
    free(number);
}

static int *pass_number(int *number)
{
    return new_number(*number);
}
TARN_TASK_OWNING(int *, pass_number, release_busily, release_busily, int *);

static void be_busy_in(tarn_executor *pool)
{
    busy_pool = pool;
    atomic_store(&busy_releases, 0);
    atomic_store(&busy_faults, 0);
}

/* Here, or the worker; or a submit that refuses. */
CONTRACT_TEST(release_functions_may_use_the_pool_whoever_drops_last, NESTED)
{
    enum { N = 40 };
    tarn_executor *pool = pool_open();
    be_busy_in(pool);
    assert_ended(pass_number_submit(pool, new_number(1)), TARN_OK);
    for (int i = 0; i < N; i++)
        tarn_drop(pass_number_submit(pool, new_number(i)));
    assert_ended(pass_number_submit(NULL, new_number(1)), TARN_INVALID);
    while (atomic_load(&busy_releases) < 2 * N + 3)
        sched_yield();
    assert_int_equal(atomic_load(&busy_faults), 0);
    pool_close(pool);
}

CONTRACT_TEST(release_functions_of_what_was_cancelled_may_use_the_pool, NESTED)
{
    enum { N = 40 };
    tarn_executor *pool = pool_of(1);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    be_busy_in(pool);
    pool_block(pool, &gate, &blocker, 1);
    for (int i = 0; i < N; i++) {
        tarn_future *future = pass_number_submit(pool, new_number(i));
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    pool_unblock(&gate, &blocker, 1);
    while (atomic_load(&busy_releases) < N)
        sched_yield();
    assert_int_equal(atomic_load(&busy_faults), 0);
    pool_close(pool);
}

/* When there is a lot of it a submit clears the queue, otherwise its worker. */
CONTRACT_TEST(release_functions_of_what_was_cancelled_may_use_another_pool, NESTED | SPARES)
{
    enum { CANCELLED = 1200, EXPIRED = 40 };
    tarn_executor *pool = pool_open();
    tarn_executor *stuck_pool = pool_of(1);
    tarn_executor *limited = tarn_with(stuck_pool, .start_within = 0.002);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    be_busy_in(pool);
    pool_block(stuck_pool, &gate, &blocker, 1);
    for (int i = 0; i < CANCELLED; i++) {
        tarn_future *future = pass_number_submit(stuck_pool, new_number(i));
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    assert_true(atomic_load(&busy_releases) > 0);
    for (int i = 0; i < EXPIRED; i++)
        assert_ended(pass_number_submit(limited, new_number(i)), TARN_EXPIRED);
    pool_unblock(&gate, &blocker, 1);
    pool_close(stuck_pool);
    assert_int_equal(atomic_load(&busy_releases), CANCELLED + EXPIRED);
    assert_int_equal(atomic_load(&busy_faults), 0);
    pool_close(pool);
}

/* ---- Wait ---- */

static tarn_future *awaited;
static struct gate waiting_gate;

static void release_and_wait(int number)
{
    (void)number;
    gate_pass(&waiting_gate);
    tarn_future_wait(awaited, tarn_in(100));
}

static int pass(int number)
{
    return number;
}
TARN_TASK_OWNING(int, pass, release_and_wait, void, int);

static atomic_int inside;
static atomic_int most_inside;

static void count_overlap(void)
{
    int now = atomic_fetch_add(&inside, 1) + 1;
    int most = atomic_load(&most_inside);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        continue;
    for (int i = 0; i < 5; i++)
        sched_yield();
    atomic_fetch_sub(&inside, 1);
}
TARN_TASK(void, count_overlap, void);

/* A worker that clears its queue has no task, and so no permit that it could give back. */
CONTRACT_TEST(while_a_release_function_waits_no_more_tasks_run_than_may, SPARES | GATES)
{
    enum { N = 300 };
    tarn_executor *pool = pool_of(1);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *blocker;
    tarn_future *futures[N];
    struct gate gate = GATE_CLOSED;
    awaited = tarn_promise_future(promise);
    waiting_gate = (struct gate)GATE_OPEN;
    atomic_store(&most_inside, 0);
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *queued = pass_submit(pool, 1);
    assert_true(tarn_cancel(queued));
    tarn_drop(queued);
    pool_unblock(&gate, &blocker, 1);
    gate_await(&waiting_gate, 1);
    assert_int_equal(count_overlap_submit_many(pool, N, futures), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_int_equal(atomic_load(&most_inside), 1);
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    pool_close(pool);
    tarn_drop(awaited);
    tarn_promise_drop(promise);
}

/* ---- Not what tasks may ---- */

static int failures_seen;

static void fail_in_release(int number)
{
    failures_seen += number;
    tarn_fail(number, "a release function is no task");
}

static int late_number(int number)
{
    while (!tarn_stop_requested())
        sched_yield();
    return number;
}
TARN_TASK_OWNING(int, late_number, void, fail_in_release, int);

static int pass_it_on(int number)
{
    return number;
}
TARN_TASK_OWNING(int, pass_it_on, fail_in_release, void, int);

static int drop_inside(tarn_executor *pool)
{
    tarn_future *future = pass_it_on_submit(pool, 5);
    tarn_future_wait(future, TARN_FOREVER);
    tarn_drop(future);
    return 1;
}
TARN_TASK(int, drop_inside, tarn_executor *);

/* It runs on the task's thread, before the task has ended, or in the middle of another. */
CONTRACT_TEST(a_release_function_is_no_part_of_the_task_it_runs_in, NESTED)
{
    tarn_executor *pool = pool_open();
    failures_seen = 0;
    assert_ended(late_number_submit(tarn_with(pool, .run_limit = 0.002), 3), TARN_EXPIRED);
    assert_int_equal(failures_seen, 3);
    assert_ended(drop_inside_submit(pool, pool), TARN_OK);
    pool_close(pool);
    assert_int_equal(failures_seen, 8);
}
