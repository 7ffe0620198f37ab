/* SPDX-License-Identifier: Apache-2.0 */

/* The workers themselves: when they start and end, what each has of its own. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

/* Counted by the initializer and the finalizer below; one test runs at a time. */
static atomic_int started;
static atomic_int finished;

static void reset_counters(void)
{
    atomic_store(&started, 0);
    atomic_store(&finished, 0);
}

static void note_start(int *base, int offset)
{
    *tarn_worker_local() = base + offset;
    atomic_fetch_add(&started, 1);
}
TARN_TASK(void, note_start, int *, int);

static void note_finish(void)
{
    if (*tarn_worker_local())
        atomic_fetch_add(&finished, 1);
}
TARN_TASK(void, note_finish, void);

static int numbers[8];

static struct pool_options counting(void)
{
    static struct note_start_arguments arguments;
    arguments.a1 = numbers;
    arguments.a2 = 3;
    reset_counters();
    return (struct pool_options){
        .initializer = &note_start_task,
        .initializer_args = &arguments,
        .finalizer = &note_finish_task,
    };
}

static int local_is_set(void)
{
    return *tarn_worker_local() == &numbers[3];
}
TARN_TASK(int, local_is_set, void);

CONTRACT_TEST(the_initializer_runs_before_a_workers_first_task, GATES | WORKER_LOCAL)
{
    struct pool_options options = counting();
    tarn_executor *pool = pool_with(&options);
    tarn_future *blockers[4];
    tarn_future *futures[20];
    struct gate gate = GATE_CLOSED;
    assert_int_equal(atomic_load(&started), 0);
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(atomic_load(&started), pool_workers());
    for (int i = 0; i < 20; i++)
        futures[i] = local_is_set_submit(pool);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < 20; i++) {
        int set = 0;
        assert_int_equal(local_is_set_result(futures[i], &set), TARN_OK);
        assert_true(set);
    }
    tarn_drop_all(futures, 20);
    pool_close(pool);
    assert_int_equal(atomic_load(&started), pool_workers());
    assert_int_equal(atomic_load(&finished), pool_workers());
}

CONTRACT_TEST(no_worker_starts_before_the_first_task, GATES | WORKER_LOCAL)
{
    struct pool_options options = counting();
    tarn_executor *pool = pool_with(&options);
    pool_close(pool);
    assert_int_equal(atomic_load(&started), 0);
    assert_int_equal(atomic_load(&finished), 0);
}

static int fails_to_start(struct gate *gate, int code)
{
    gate_pass(gate);
    tarn_fail(code, "no licence for worker code %d", code);
    return 0;
}
TARN_TASK(int, fails_to_start, struct gate *, int);

CONTRACT_TEST(a_failing_initializer_breaks_the_executor, GATES | WORKER_LOCAL)
{
    struct gate gate = GATE_CLOSED;
    struct gate ran = GATE_OPEN;
    struct fails_to_start_arguments arguments = {&gate, 12};
    struct pool_options options = {
        .initializer = &fails_to_start_task,
        .initializer_args = &arguments,
    };
    tarn_executor *pool = pool_with(&options);
    tarn_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = stand_at_submit(pool, &ran, i);
    gate_open(&gate);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(status_of(futures[i]), TARN_BROKEN);
        assert_int_equal(tarn_error(futures[i])->status, TARN_BROKEN);
        assert_contains(tarn_error(futures[i])->text, "no licence for worker code 12");
    }
    tarn_drop_all(futures, 10);
    tarn_future *later = square_submit(pool, 2);
    assert_int_equal(status_of(later), TARN_BROKEN);
    assert_contains(tarn_error(later)->text, "no licence for worker code 12");
    tarn_drop(later);
    pool_close(pool);
    assert_int_equal(gate_arrived(&ran), 0);
}

CONTRACT_TEST(a_broken_executor_leaves_no_thread, GATES | WORKER_LOCAL)
{
    int threads = threads_count();
    for (int round = 0; round < 10; round++) {
        struct gate gate = GATE_OPEN;
        struct fails_to_start_arguments arguments = {&gate, 1};
        tarn_executor *pool = pool_with(&(struct pool_options){
            .initializer = &fails_to_start_task,
            .initializer_args = &arguments,
        });
        assert_ended(square_submit(pool, 3), TARN_BROKEN);
        pool_close(pool);
    }
    threads_await_at_most(threads);
}

static void remember(int value)
{
    void **local = tarn_worker_local();
    if (!*local)
        *local = &numbers[value % 8];
}
TARN_TASK(void, remember, int);

static int remembers(void)
{
    return *tarn_worker_local() != NULL;
}
TARN_TASK(int, remembers, void);

CONTRACT_TEST(worker_local_starts_empty_and_stays, WORKER_LOCAL)
{
    tarn_executor *pool = pool_of(1);
    int there = -1;
    tarn_future *future = remembers_submit(pool);
    assert_int_equal(remembers_result(future, &there), TARN_OK);
    assert_int_equal(there, 0);
    tarn_drop(future);
    assert_ended(remember_submit(pool, 5), TARN_OK);
    future = remembers_submit(pool);
    assert_int_equal(remembers_result(future, &there), TARN_OK);
    assert_int_equal(there, 1);
    tarn_drop(future);
    assert_null(tarn_worker_local());
    pool_close(pool);
}

static int index_now(struct gate *gate)
{
    gate_pass(gate);
    return tarn_worker_index();
}
TARN_TASK(int, index_now, struct gate *);

CONTRACT_TEST(no_two_workers_at_once_have_one_index, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *futures[4];
    bool seen[4] = {false};
    assert_int_equal(tarn_worker_index(), -1);
    for (int i = 0; i < pool_workers(); i++)
        futures[i] = index_now_submit(pool, &gate);
    gate_await(&gate, pool_workers());
    gate_open(&gate);
    for (int i = 0; i < pool_workers(); i++) {
        int index = -1;
        assert_int_equal(index_now_result(futures[i], &index), TARN_OK);
        assert_in_range(index, 0, pool_workers() - 1);
        assert_false(seen[index]);
        seen[index] = true;
        tarn_drop(futures[i]);
    }
    pool_close(pool);
}

CONTRACT_TEST(the_limit_bounds_workers_and_spares, PARALLEL | SPARES)
{
    static const struct {
        int workers;
        int spares;
        int limit;
    } cases[] = {{3, TARN_NONE, 3}, {3, 0, 259}, {3, 2, 5}, {1, TARN_NONE, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tarn_executor *pool = pool_with(
            &(struct pool_options){.max_workers = cases[i].workers, .max_spares = cases[i].spares});
        assert_int_equal(tarn_worker_limit(pool), cases[i].limit);
        pool_close(pool);
    }
}

CONTRACT_TEST(sixty_tasks_saturate_exactly_max_workers, GATES | PARALLEL | WORKER_LOCAL)
{
    static const int sizes[] = {1, 3, 7};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct pool_options options = counting();
        options.max_workers = sizes[s];
        struct gate gate = GATE_CLOSED;
        tarn_future *futures[60];
        tarn_executor *pool = pool_with(&options);
        for (int i = 0; i < 60; i++)
            futures[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, sizes[s]);
        int running = 0;
        for (int i = 0; i < 60; i++)
            running += tarn_running(futures[i]);
        assert_int_equal(running, sizes[s]);
        assert_int_equal(gate_arrived(&gate), sizes[s]);
        pool_unblock(&gate, futures, 60);
        pool_close(pool);
        assert_int_equal(atomic_load(&started), sizes[s]);
    }
}

static atomic_int inside;
static atomic_int inside_most;

static void count_inside(void)
{
    int now = atomic_fetch_add(&inside, 1) + 1;
    int most = atomic_load(&inside_most);
    while (now > most && !atomic_compare_exchange_weak(&inside_most, &most, now))
        continue;
    sched_yield();
    atomic_fetch_sub(&inside, 1);
}
TARN_TASK(void, count_inside, void);

CONTRACT_TEST(never_more_than_max_workers_run_at_once, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    enum { N = 400 };
    tarn_future *futures[N];
    atomic_store(&inside_most, 0);
    for (int i = 0; i < N; i++)
        futures[i] = count_inside_submit(pool);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    pool_close(pool);
    assert_in_range(atomic_load(&inside_most), 1, pool_workers());
}

CONTRACT_TEST(an_idle_worker_is_used_again, GATES | WORKER_LOCAL)
{
    struct pool_options options = counting();
    tarn_executor *pool = pool_with(&options);
    for (int i = 0; i < 30; i++) {
        assert_ended(square_submit(pool, i), TARN_OK);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    }
    pool_close(pool);
    assert_int_equal(atomic_load(&started), 1);
}

CONTRACT_TEST(idle_workers_retire_and_come_back, GATES | PARALLEL | WORKER_LOCAL)
{
    int threads = threads_count();
    static const double timeouts[] = {-1, 1e-9, 0.01};
    for (size_t t = 0; t < sizeof(timeouts) / sizeof(timeouts[0]); t++) {
        struct pool_options options = counting();
        options.idle_timeout = timeouts[t];
        options.max_workers = 3;
        tarn_executor *pool = pool_with(&options);
        for (int round = 1; round <= 3; round++) {
            tarn_future *blockers[3];
            struct gate gate = GATE_CLOSED;
            pool_block(pool, &gate, blockers, 3);
            pool_unblock(&gate, blockers, 3);
            threads_await_at_most(threads);
            assert_int_equal(atomic_load(&started), 3 * round);
            assert_int_equal(atomic_load(&finished), 3 * round);
        }
        pool_close(pool);
    }
}

static int note_thread(atomic_int *thread)
{
    int number = (int)gettid();
    int none = 0;
    atomic_compare_exchange_strong(thread, &none, number);
    return atomic_load(thread) == number;
}
TARN_TASK(int, note_thread, atomic_int *);

CONTRACT_TEST(a_pool_of_one_without_spares_is_one_thread_for_ever, GATES | WORKER_LOCAL)
{
    struct pool_options options = counting();
    options.max_workers = 1;
    options.max_spares = TARN_NONE;
    options.idle_timeout = -1;
    tarn_executor *pool = pool_with(&options);
    atomic_int thread;
    atomic_init(&thread, 0);
    for (int i = 0; i < 200; i++) {
        tarn_future *future = note_thread_submit(pool, &thread);
        int same = 0;
        assert_int_equal(note_thread_result(future, &same), TARN_OK);
        assert_true(same);
        tarn_drop(future);
        if (i % 50 == 0)
            assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    }
    pool_close(pool);
    assert_int_equal(atomic_load(&started), 1);
    assert_int_equal(atomic_load(&finished), 1);
}

CONTRACT_TEST(two_executors_do_not_disturb_each_other, GATES)
{
    tarn_executor *one = pool_open();
    tarn_executor *two = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(one, &gate, blockers, pool_workers());
    for (int i = 0; i < 20; i++)
        assert_ended(square_submit(two, i), TARN_OK);
    pool_close(two);
    tarn_future *future = square_submit(one, 5);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(future, TARN_OK);
    pool_close(one);
}

static void stand_and_break(struct gate *gate)
{
    gate_pass(gate);
    tarn_fail(1, "not today");
}
TARN_TASK(void, stand_and_break, struct gate *);

static void stand_when_broken(tarn_future *future, void *data)
{
    (void)future;
    gate_pass(data);
}

/* What was queued ends on the worker that failed, and so do its callbacks. */
CONTRACT_TEST(a_broken_executor_is_at_rest_once_its_callbacks_have_returned, GATES | WORKER_LOCAL)
{
    struct gate begin = GATE_CLOSED, called = GATE_CLOSED;
    struct stand_and_break_arguments arguments = {&begin};
    tarn_executor *pool = pool_with(&(struct pool_options){
        .max_workers = 1, .initializer = &stand_and_break_task, .initializer_args = &arguments});
    tarn_future *future = square_submit(pool, 1);
    assert_int_equal(tarn_on_done(future, stand_when_broken, &called), TARN_OK);
    gate_open(&begin);
    gate_await(&called, 1);
    assert_int_equal(tarn_drain(pool, tarn_in(0.01)), TARN_TIMEOUT);
    gate_open(&called);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_ended(future, TARN_BROKEN);
    pool_close(pool);
}
