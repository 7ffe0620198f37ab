/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting inside tasks: a wait for one or for all without a deadline runs the awaited task here and
 * now, and no wait ever runs another. */
#include "contract.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- Claiming: a wait for one or for all, without a deadline ---- */

enum { FRAME = 32 * 1024 };

TARN_TASK_DECLARE(int, descend, tarn_executor *, int);

static int descend(tarn_executor *pool, int depth)
{
    volatile char frame[FRAME];
    for (size_t i = 0; i < sizeof(frame); i += 1024)
        frame[i] = (char)depth;
    int below = 0;
    if (depth > 1) {
        tarn_future *future = descend_submit(pool, pool, depth - 1);
        if (descend_result(future, &below) != TARN_OK)
            tarn_fail(depth, "at depth %d: %s", depth, tarn_last_error());
        tarn_drop(future);
    }
    return below + (frame[1024] == (char)depth);
}
TARN_TASK_DEFINE(int, descend, tarn_executor *, int);

CONTRACT_TEST(nested_to_depth_1000_on_a_pool_of_one, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *future = descend_submit(pool, pool, 1000);
    int depth = 0;
    assert_int_equal(descend_result(future, &depth), TARN_OK);
    assert_int_equal(depth, 1000);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(nested_as_deep_as_the_stack_without_a_spare, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = descend_submit(pool, pool, 100);
    int depth = 0;
    assert_int_equal(descend_result(future, &depth), TARN_OK);
    assert_int_equal(depth, 100);
    tarn_drop(future);
    pool_close(pool);
}

TARN_TASK_DECLARE(int, fib, tarn_executor *, int);

static int fib(tarn_executor *pool, int n)
{
    if (n < 2)
        return n;
    tarn_future *left = fib_submit(pool, pool, n - 1);
    tarn_future *right = fib_submit(pool, pool, n - 2);
    int a = 0;
    int b = 0;
    if (fib_result(left, &a) != TARN_OK || fib_result(right, &b) != TARN_OK)
        tarn_fail(n, "%s", tarn_last_error());
    tarn_drop(left);
    tarn_drop(right);
    return a + b;
}
TARN_TASK_DEFINE(int, fib, tarn_executor *, int);

CONTRACT_TEST(a_tree_of_calls_needs_no_more_threads_than_the_pool_has, NESTED)
{
    tarn_executor *pool = pool_open();
    int n = test_count(10) < 10 ? 10 : 17;
    tarn_future *future = fib_submit(pool, pool, n);
    int result = 0;
    assert_int_equal(fib_result(future, &result), TARN_OK);
    assert_int_equal(result, n == 10 ? 55 : 1597);
    tarn_drop(future);
    pool_close(pool);
}

static int wait_for_all_children(tarn_executor *pool)
{
    tarn_future *children[10];
    size_t done = 0;
    for (int i = 0; i < 10; i++)
        children[i] = i == 4 ? fail_with_submit(pool, i + 1) : square_submit(pool, i);
    tarn_status status = tarn_wait(children, 10, TARN_WAIT_ALL, TARN_FOREVER, &done);
    int failed = status_of(children[4]) == TARN_FAILED;
    tarn_drop_all(children, 10);
    return status == TARN_OK && done == 10 && failed;
}
TARN_TASK(int, wait_for_all_children, tarn_executor *);

CONTRACT_TEST(a_wait_for_all_runs_them, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = wait_for_all_children_submit(pool, pool);
    int fine = 0;
    assert_int_equal(wait_for_all_children_result(future, &fine), TARN_OK);
    assert_true(fine);
    tarn_drop(future);
    pool_close(pool);
}

static void count_up(atomic_int *runs)
{
    atomic_fetch_add(runs, 1);
}
TARN_TASK(void, count_up, atomic_int *);

static int wait_at_once(tarn_executor *pool, atomic_int *runs, int children)
{
    int wrong = 0;
    for (int i = 0; i < children; i++) {
        tarn_future *child = count_up_submit(pool, runs);
        wrong += tarn_future_wait(child, TARN_FOREVER) != TARN_OK || atomic_load(runs) < i + 1;
        tarn_drop(child);
    }
    return wrong;
}
TARN_TASK(int, wait_at_once, tarn_executor *, atomic_int *, int);

/* The waiter's claim meets the other workers' start of the same task. */
CONTRACT_TEST(a_claimed_task_runs_once, NESTED)
{
    enum { PARENTS = 4 };
    tarn_executor *pool = pool_open();
    int children = (int)test_count(10000);
    tarn_future *parents[PARENTS];
    atomic_int runs[PARENTS];
    for (int i = 0; i < PARENTS; i++) {
        atomic_init(&runs[i], 0);
        parents[i] = wait_at_once_submit(pool, pool, &runs[i], children);
    }
    for (int i = 0; i < PARENTS; i++) {
        int wrong = -1;
        assert_int_equal(wait_at_once_result(parents[i], &wrong), TARN_OK);
        assert_int_equal(wrong, 0);
        assert_int_equal(atomic_load(&runs[i]), children);
        tarn_drop(parents[i]);
    }
    pool_close(pool);
}

/* What a claimed task must leave as it was. */
static int disturb(int code)
{
    errno = ERANGE;
    void **local = tarn_worker_local();
    tarn_fail(code, "the inner task's own");
    return local != NULL;
}
TARN_TASK(int, disturb, int);

struct surroundings {
    int error;
    int index_before;
    int index_after;
    bool local_same;
    tarn_status inner;
    bool stop;
};

static struct surroundings surround(tarn_executor *pool)
{
    struct surroundings seen = {.index_before = tarn_worker_index()};
    void **local = tarn_worker_local();
    tarn_future *inner = disturb_submit(pool, 4);
    errno = EXDEV;
    tarn_status waited = tarn_future_wait(inner, TARN_FOREVER);
    seen.error = errno;
    seen.inner = waited == TARN_OK ? status_of(inner) : waited;
    seen.index_after = tarn_worker_index();
    seen.local_same = tarn_worker_local() == local;
    seen.stop = tarn_stop_requested();
    tarn_drop(inner);
    return seen;
}
TARN_TASK(struct surroundings, surround, tarn_executor *);

CONTRACT_TEST(a_claimed_task_leaves_its_host_as_it_was, NESTED)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *future = surround_submit(pool, pool);
    struct surroundings seen;
    assert_int_equal(surround_result(future, &seen), TARN_OK);
    assert_int_equal(seen.error, EXDEV);
    assert_int_equal(seen.inner, TARN_FAILED);
    assert_int_equal(seen.index_after, seen.index_before);
    assert_true(seen.local_same);
    assert_false(seen.stop);
    assert_null(tarn_error(future));
    tarn_drop(future);
    pool_close(pool);
}

struct pair {
    tarn_executor *pool;
    tarn_future *inner;
    struct gate submitted;
    struct gate inside;
    tarn_status inner_status;
    bool stop_seen_outside;
};

static void host_of_stopped(struct pair *pair)
{
    pair->inner = work_until_stopped_submit(pair->pool, &pair->inside);
    gate_pass(&pair->submitted);
    pair->inner_status = status_of(pair->inner);
    pair->stop_seen_outside = tarn_stop_requested();
}
TARN_TASK(void, host_of_stopped, struct pair *);

CONTRACT_TEST(stopping_a_claimed_task_does_not_stop_its_host, NESTED)
{
    struct pair pair = {
        .pool = pool_of(1),
        .submitted = GATE_OPEN,
        .inside = GATE_CLOSED,
    };
    tarn_future *host = host_of_stopped_submit(pair.pool, &pair);
    gate_await(&pair.submitted, 1);
    gate_await(&pair.inside, 1);
    assert_int_equal(tarn_stop(pair.inner, 100), TARN_OK);
    assert_int_equal(status_of(host), TARN_OK);
    assert_int_equal(pair.inner_status, TARN_STOPPED);
    assert_false(pair.stop_seen_outside);
    tarn_drop(pair.inner);
    assert_ended(host, TARN_OK);
    pool_close(pair.pool);
}

/* ---- What no wait ever does: run a task that nobody here waits for ---- */

struct section {
    pthread_mutex_t recursive;
    bool held;
    atomic_int trespasses;
    atomic_int strangers;
};

/* Takes the mutex: on the holder's own thread that would succeed, and see the section held. */
static void stranger(struct section *section)
{
    pthread_mutex_lock(&section->recursive);
    if (section->held)
        atomic_fetch_add(&section->trespasses, 1);
    atomic_fetch_add(&section->strangers, 1);
    pthread_mutex_unlock(&section->recursive);
}
TARN_TASK(void, stranger, struct section *);

static int holder(tarn_executor *pool, struct section *section, struct gate *queued)
{
    gate_pass(queued);
    pthread_mutex_lock(&section->recursive);
    section->held = true;
    int wrong = 0;
    for (int i = 0; i < 3; i++) {
        tarn_future *mine = square_submit(pool, i);
        int result = -1;
        wrong += square_result(mine, &result) != TARN_OK || result != i * i;
        tarn_drop(mine);
    }
    /* A timed wait claims nothing; what a spare runs meanwhile blocks on the mutex. */
    tarn_future *late = square_submit(pool, 9);
    tarn_status status = tarn_future_wait(late, tarn_in(0.02));
    wrong += status != TARN_OK && status != TARN_TIMEOUT;
    tarn_drop(late);
    section->held = false;
    pthread_mutex_unlock(&section->recursive);
    return wrong;
}
TARN_TASK(int, holder, tarn_executor *, struct section *, struct gate *);

CONTRACT_TEST(a_recursive_mutex_held_across_a_wait_never_sees_a_foreign_task, NESTED)
{
    struct section section = {.held = false};
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&section.recursive, &recursive);
    pthread_mutexattr_destroy(&recursive);
    atomic_init(&section.trespasses, 0);
    atomic_init(&section.strangers, 0);

    tarn_executor *pool = pool_open();
    struct gate queued = GATE_CLOSED;
    tarn_future *host = holder_submit(pool, pool, &section, &queued);
    gate_await(&queued, 1);
    tarn_future *strangers[20];
    for (int i = 0; i < 20; i++)
        strangers[i] = stranger_submit(pool, &section);
    gate_open(&queued);
    int wrong = -1;
    assert_int_equal(holder_result(host, &wrong), TARN_OK);
    assert_int_equal(wrong, 0);
    for (int i = 0; i < 20; i++)
        assert_ended(strangers[i], TARN_OK);
    assert_int_equal(atomic_load(&section.trespasses), 0);
    assert_int_equal(atomic_load(&section.strangers), 20);
    tarn_drop(host);
    pool_close(pool);
    pthread_mutex_destroy(&section.recursive);
}

CONTRACT_TEST(an_outside_thread_never_runs_a_task, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    for (int i = 0; i < 200; i++) {
        tarn_future *future = thread_number_submit(pool);
        int thread = 0;
        assert_int_equal(thread_number_result(future, &thread), TARN_OK);
        assert_int_not_equal(thread, gettid());
        tarn_drop(future);
    }
    pool_close(pool);
}

static int ask_serializer(tarn_executor *serializer)
{
    tarn_future *future = thread_number_submit(serializer);
    int thread = 0;
    thread_number_result(future, &thread);
    tarn_drop(future);
    return thread;
}
TARN_TASK(int, ask_serializer, tarn_executor *);

CONTRACT_TEST(a_worker_never_runs_a_task_of_another_pool, NESTED | SPARES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *serializer =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    tarn_future *first = thread_number_submit(serializer);
    int expected = 0;
    assert_int_equal(thread_number_result(first, &expected), TARN_OK);
    tarn_drop(first);
    tarn_future *futures[50];
    for (int i = 0; i < 50; i++)
        futures[i] = ask_serializer_submit(pool, serializer);
    for (int i = 0; i < 50; i++) {
        int thread = 0;
        assert_int_equal(ask_serializer_result(futures[i], &thread), TARN_OK);
        assert_int_equal(thread, expected);
    }
    tarn_drop_all(futures, 50);
    pool_close(pool);
    pool_close(serializer);
}
