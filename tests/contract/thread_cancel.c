/* SPDX-License-Identifier: Apache-2.0 */

/* pthread_cancel() of a worker's thread: it ends the task that runs there, and nothing else; and no
 * call of the library is a place where it can act. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* What a task tells of the thread it runs on. */
struct told {
    pthread_t thread;
    int number;
    struct gate there;    /* passed once the above is known */
    atomic_bool returned; /* from the call that it was to be cancelled in */
};

#define TOLD_NOTHING \
    { \
        .there = GATE_OPEN \
    }

static void tell(struct told *told)
{
    told->thread = pthread_self();
    told->number = (int)gettid();
    gate_pass(&told->there);
}

static void run_until_cancelled(struct told *told)
{
    tell(told);
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
}
TARN_TASK(void, run_until_cancelled, struct told *);

static void assert_thread_ended(tarn_future *future)
{
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_contains(tarn_error(future)->text, "ended its thread");
    tarn_drop(future);
}

CONTRACT_TEST(a_cancelled_thread_ends_its_task_and_is_replaced, GATES)
{
    tarn_executor *pool = pool_open();
    for (int round = 0; round < 5; round++) {
        tarn_future *futures[4];
        struct told told[4];
        for (int i = 0; i < pool_workers(); i++) {
            told[i] = (struct told)TOLD_NOTHING;
            futures[i] = run_until_cancelled_submit(pool, &told[i]);
            gate_await(&told[i].there, 1);
        }
        tarn_future *next = square_submit(pool, round);
        for (int i = 0; i < pool_workers(); i++) {
            assert_int_equal(pthread_cancel(told[i].thread), 0);
            assert_thread_ended(futures[i]);
        }
        assert_ended(next, TARN_OK);

        /* There are as many as before. */
        struct gate gate = GATE_CLOSED;
        pool_block(pool, &gate, futures, pool_workers());
        pool_unblock(&gate, futures, pool_workers());
    }
    pool_close(pool);
}

static void cancel_in_wait(struct told *told, tarn_future *future)
{
    tell(told);
    tarn_future_wait(future, tarn_in(3600));
    atomic_store(&told->returned, true);
    pthread_testcancel();
}
TARN_TASK(void, cancel_in_wait, struct told *, tarn_future *);

/* A wait goes on to its end; the cancellation acts at the next place that is one. */
CONTRACT_TEST(a_task_cancelled_in_a_wait_goes_on_to_its_end, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *promised = tarn_promise_future(promise);
    struct told told = TOLD_NOTHING;
    tarn_future *future = cancel_in_wait_submit(pool, &told, promised);
    gate_await(&told.there, 1);
    thread_await_sleep(told.number);
    assert_int_equal(pthread_cancel(told.thread), 0);
    assert_false(tarn_done(future));
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_thread_ended(future);
    assert_true(atomic_load(&told.returned));
    assert_ended(square_submit(pool, 3), TARN_OK);
    tarn_drop(promised);
    tarn_promise_drop(promise);
    pool_close(pool);
}

/* ---- With a cancellation on its way ---------------------------------------------------------- */

static void note_ending(tarn_future *future, void *data)
{
    (void)future;
    ++*(int *)data;
}

static void wake_a_poller(void)
{
    tarn_promise *promise = tarn_promise_new(&square_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *completions = tarn_as_completed(&future, 1, TARN_NOW);
    int fd = tarn_completions_fd(completions);
    int value = 3;
    size_t tag;
    (void)fd;
    tarn_promise_set(promise, &value, sizeof(value));
    while (tarn_next(completions, &tag) == TARN_OK)
        continue;
    tarn_completions_drop(completions);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

/* Whatever the library does with files, descriptors, threads, memory and sleep. */
static void use_everything_in(tarn_executor *pool)
{
    tarn_executor *view = tarn_with(pool, .start_within = 3600, .run_limit = 3600);
    tarn_future *futures[4] = {square_submit(view, 2), fail_with_submit(pool, 1)};
    tarn_stats stats = {.size = sizeof(stats)};
    int numbers[20] = {0};
    int squares[20];
    int endings = 0;
    futures[2] = square_after(pool, futures[0]);
    futures[3] = tarn_all(futures, 3);
    tarn_on_done(futures[3], note_ending, &endings);
    tarn_wait(futures, 4, TARN_WAIT_FIRST, tarn_in(3600), NULL);
    tarn_wait(futures, 4, TARN_WAIT_ALL, tarn_in(3600), NULL);
    tarn_drop_all(futures, 4);
    square_map(pool, numbers, 20, squares, NULL, tarn_in(3600));
    tarn_executor_stats(pool, &stats);
    tarn_resize(pool, 0);
    tarn_drop(echo_submit(pool, (tarn_bytes){numbers, sizeof(numbers)}));
    tarn_drain(pool, tarn_in(3600));
    wake_a_poller();
}

static void use_everything_cancelled(struct told *told)
{
    pthread_cancel(pthread_self());
    tarn_executor *pool = tarn_thread_pool(.max_workers = 2, .affinity = "0-8191");
    use_everything_in(pool);
    tarn_shutdown(pool, .time_limit = 3600);
    tarn_executor *broken = tarn_thread_pool(.affinity = "nonsense");
    tarn_shutdown(broken);
    tarn_abandon(tarn_thread_pool(.max_workers = 1));
    atomic_store(&told->returned, true);
    pthread_testcancel();
    atomic_store(&told->returned, false);
}
TARN_TASK(void, use_everything_cancelled, struct told *);

CONTRACT_TEST(no_call_of_the_library_is_a_cancellation_point, GATES)
{
    tarn_executor *pool = pool_open();
    struct told told = TOLD_NOTHING;
    assert_thread_ended(use_everything_cancelled_submit(pool, &told));
    assert_true(atomic_load(&told.returned));
    assert_ended(square_submit(pool, 3), TARN_OK);
    pool_close(pool);
}

static void use_everything_outside(void *data)
{
    struct told *told = data;
    use_everything_cancelled(told);
}

CONTRACT_TEST(nor_is_it_on_a_thread_of_the_programs_own, 0)
{
    struct told told = TOLD_NOTHING;
    struct helper helper;
    helper_start(&helper, use_everything_outside, &told);
    void *ending = NULL;
    assert_int_equal(pthread_join(helper.thread, &ending), 0);
    assert_ptr_equal(ending, PTHREAD_CANCELED);
    assert_true(atomic_load(&told.returned));
}
