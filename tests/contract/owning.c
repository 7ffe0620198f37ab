/* SPDX-License-Identifier: Apache-2.0 */

/* TARN_TASK_OWNING: for every ending of a task, how often its arguments and its results are
 * released. */
#include "contract.h"
#include "fault.h"

#include <sched.h>
#include <stdatomic.h>

/* What one row of the table counts. */
struct life {
    atomic_int args, results; /* released */
    atomic_int runs;
    struct gate gate;
};

struct thing {
    struct life *life;
    void *memory; /* which a sanitizer misses, or sees freed twice */
};

enum way { GIVE, FAIL, FAIL_TWICE, STAND, UNTIL_STOPPED, END_THREAD };

static struct thing thing_of(struct life *life)
{
    return (struct thing){life, malloc(8)};
}

static void release_argument(struct thing thing, int way)
{
    (void)way;
    atomic_fetch_add(&thing.life->args, 1);
    free(thing.memory);
}

static void release_thing(struct thing thing)
{
    atomic_fetch_add(&thing.life->results, 1);
    free(thing.memory);
}

static struct thing use_thing(struct thing thing, int way)
{
    int run = atomic_fetch_add(&thing.life->runs, 1) + 1;
    if (thing.memory)
        *(char *)thing.memory = 1;
    if (way == FAIL || (way == FAIL_TWICE && run <= 2)) {
        tarn_fail(1, "as it was told");
        return (struct thing){NULL, NULL};
    }
    if (way == STAND)
        gate_pass(&thing.life->gate);
    while (way == UNTIL_STOPPED && !tarn_stop_requested())
        sched_yield();
    if (way == END_THREAD)
        pthread_exit(NULL);
    return thing_of(thing.life);
}
TARN_TASK_OWNING(struct thing, use_thing, release_argument, release_thing, struct thing, int);

static tarn_future *start_thing(tarn_executor *pool, struct life *life, enum way way)
{
    return use_thing_submit(pool, thing_of(life), (int)way);
}

static void assert_released(const struct life *life, int args, int results)
{
    assert_int_equal(atomic_load(&life->args), args);
    assert_int_equal(atomic_load(&life->results), results);
}

/* ---- Endings of one future ---- */

static void done(tarn_executor *pool, struct life *life)
{
    struct thing result;
    tarn_future *future = start_thing(pool, life, GIVE);
    assert_int_equal(use_thing_result(future, &result), TARN_OK);
    assert_ptr_equal(use_thing_args(future)->a1.life, life);
    *(char *)result.memory = 1;
    assert_released(life, 0, 0);
    tarn_drop(future);
}

static void failed(tarn_executor *pool, struct life *life)
{
    assert_ended(start_thing(pool, life, FAIL), TARN_FAILED);
}

static void cancelled(tarn_executor *pool, struct life *life)
{
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = start_thing(pool, life, GIVE);
    assert_true(tarn_cancel(future));
    assert_int_equal(atomic_load(&life->args), 0);
    tarn_drop(future);
    pool_unblock(&gate, blockers, pool_workers());
}

static void refused_as_invalid(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_future *future = start_thing(NULL, life, GIVE);
    assert_released(life, 1, 0);
    assert_ended(future, TARN_INVALID);
}

static void refused_as_full(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_executor *full = pool_bounded(1, TARN_FULL_REFUSE);
    tarn_future *blockers[5];
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i <= pool_workers(); i++) {
        blockers[i] = stand_at_submit(full, &gate, i);
        gate_await(&gate, i < pool_workers() ? i + 1 : i);
    }
    tarn_future *future = start_thing(full, life, GIVE);
    assert_released(life, 1, 0);
    assert_ended(future, TARN_FULL);
    pool_unblock(&gate, blockers, pool_workers() + 1);
    pool_close(full);
}

static void refused_as_closed(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_executor *closed = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    pool_block(closed, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(closed, .time_limit = 1e-9), TARN_TIMEOUT);
    tarn_future *future = start_thing(closed, life, GIVE);
    assert_released(life, 1, 0);
    assert_ended(future, TARN_CLOSED);
    pool_unblock(&gate, &blocker, 1);
    pool_close(closed);
}

/* What the thread has in its cache of cells is used up first. */
static void refused_without_memory(tarn_executor *pool, struct life *life)
{
    enum { MOST = 200000 };
    static tarn_future *futures[MOST];
    struct life others = {.gate = GATE_CLOSED};
    struct thing thing = thing_of(life);
    tarn_status status = TARN_OK;
    size_t count = 0;
    assert_ended(square_submit(pool, 1), TARN_OK);
    fault_memory(0, FAULT_ALWAYS);
    while (count < MOST && status != TARN_NO_MEMORY) {
        futures[count] = use_thing_submit(pool, (struct thing){&others, NULL}, FAIL);
        status = tarn_done(futures[count]) ? status_of(futures[count]) : TARN_OK;
        count++;
    }
    tarn_future *refused = use_thing_submit(pool, thing, GIVE);
    fault_end();
    assert_released(life, 1, 0);
    assert_ended(refused, TARN_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tarn_future_wait(futures[i], TARN_FOREVER), TARN_OK);
    assert_released(&others, 1, 0);
    tarn_drop_all(futures, count);
    while (atomic_load(&others.args) < (int)count)
        sched_yield();
}

static void refused_as_broken(tarn_executor *pool, struct life *life)
{
    (void)pool;
    static struct fail_with_arguments arguments = {3};
    tarn_executor *broken = pool_with(
        &(struct pool_options){.initializer = &fail_with_task, .initializer_args = &arguments});
    assert_ended(start_thing(broken, life, GIVE), TARN_BROKEN);
    pool_close(broken);
}

static void expired_in_the_queue(tarn_executor *pool, struct life *life)
{
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    assert_ended(start_thing(tarn_with(pool, .start_within = 0.002), life, GIVE), TARN_EXPIRED);
    pool_unblock(&gate, blockers, pool_workers());
}

static void expired_while_it_ran(tarn_executor *pool, struct life *life)
{
    tarn_future *future = start_thing(tarn_with(pool, .run_limit = 0.002), life, UNTIL_STOPPED);
    assert_int_equal(tarn_future_wait(future, TARN_FOREVER), TARN_OK);
    assert_released(life, 0, 1);
    assert_ended(future, TARN_EXPIRED);
}

static void stopped(tarn_executor *pool, struct life *life)
{
    tarn_future *future = start_thing(pool, life, UNTIL_STOPPED);
    while (!tarn_running(future))
        sched_yield();
    assert_int_equal(tarn_stop(future, 1000), TARN_OK);
    assert_released(life, 0, 1);
    assert_ended(future, TARN_STOPPED);
}

static void retried(tarn_executor *pool, struct life *life)
{
    tarn_executor *stubborn = tarn_with(pool, .retries = 5, .retry_on = TARN_RETRY_FAILED);
    assert_ended(start_thing(stubborn, life, FAIL_TWICE), TARN_OK);
    assert_int_equal(atomic_load(&life->runs), 3);
}

static void expired_three_times(tarn_executor *pool, struct life *life)
{
    tarn_executor *stubborn =
        tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_EXPIRED, .run_limit = 0.002);
    assert_ended(start_thing(stubborn, life, UNTIL_STOPPED), TARN_EXPIRED);
    assert_int_equal(atomic_load(&life->runs), 3);
}

static void dropped_while_it_ran(tarn_executor *pool, struct life *life)
{
    tarn_future *future = start_thing(pool, life, STAND);
    gate_await(&life->gate, 1);
    tarn_drop(future);
    gate_open(&life->gate);
}

static void dropped_before_its_start(tarn_executor *pool, struct life *life)
{
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_drop(start_thing(pool, life, GIVE));
    pool_unblock(&gate, blockers, pool_workers());
}

static void held_and_dropped_by_many(tarn_executor *pool, struct life *life)
{
    tarn_future *futures[3] = {start_thing(pool, life, GIVE)};
    futures[1] = tarn_hold(futures[0]);
    futures[2] = tarn_hold(futures[0]);
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    tarn_drop_all(futures, 3);
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK;)
        continue;
    tarn_completions_drop(completed);
}

static void abandoned_with_its_pool(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_executor *abandoned = pool_of(1);
    tarn_future *first = start_thing(abandoned, life, STAND);
    tarn_future *second = start_thing(abandoned, life, GIVE);
    tarn_drop(second);
    tarn_abandon(abandoned);
    gate_open(&life->gate);
    assert_ended(first, TARN_OK);
    while (atomic_load(&life->args) < 2 || atomic_load(&life->results) < 2)
        sched_yield();
}

static void cancelled_by_a_shutdown(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_executor *other = pool_of(1);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(other, &gate, &blocker, 1);
    tarn_future *future = start_thing(other, life, GIVE);
    assert_int_equal(tarn_shutdown(other, .cancel_pending = true, .time_limit = 1e-9),
                     TARN_TIMEOUT);
    assert_ended(future, TARN_CANCELLED);
    pool_unblock(&gate, &blocker, 1);
    pool_close(other);
}

static void ended_its_thread(tarn_executor *pool, struct life *life)
{
    assert_ended(start_thing(pool, life, END_THREAD), TARN_FAILED);
}

static void run_by_its_caller(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_executor *full = pool_bounded(1, TARN_FULL_CALLER);
    tarn_future *blockers[5];
    struct gate gate = GATE_CLOSED;
    for (int i = 0; i <= pool_workers(); i++) {
        blockers[i] = stand_at_submit(full, &gate, i);
        gate_await(&gate, i < pool_workers() ? i + 1 : i);
    }
    tarn_future *future = start_thing(full, life, GIVE);
    assert_true(tarn_done(future));
    assert_ended(future, TARN_OK);
    pool_unblock(&gate, blockers, pool_workers() + 1);
    pool_close(full);
}

static int start_inside(tarn_executor *pool, struct life *life)
{
    tarn_future *future = start_thing(pool, life, GIVE);
    tarn_status status = status_of(future);
    tarn_drop(future);
    return status;
}
TARN_TASK(int, start_inside, tarn_executor *, struct life *);

static void run_by_the_task_that_waits(tarn_executor *pool, struct life *life)
{
    int status = TARN_END;
    tarn_future *outer = start_inside_submit(pool, pool, life);
    assert_int_equal(start_inside_result(outer, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    tarn_drop(outer);
}

/* ---- Chains ---- */

static struct thing replace_thing(struct thing thing)
{
    *(char *)thing.memory = 1;
    return thing_of(thing.life);
}
TARN_TASK_OWNING(struct thing, replace_thing, release_thing, release_thing, struct thing);

/* The argument is the other future's result, and released as that. */
static void in_a_chain(tarn_executor *pool, struct life *life)
{
    tarn_future *first = start_thing(pool, life, GIVE);
    tarn_future *second = replace_thing_after(pool, first);
    tarn_drop(first);
    assert_ended(second, TARN_OK);
}

static void in_a_chain_that_failed(tarn_executor *pool, struct life *life)
{
    tarn_future *first = start_thing(pool, life, FAIL);
    tarn_future *second = replace_thing_after(pool, first);
    assert_ended(second, TARN_FAILED);
    assert_ended(first, TARN_FAILED);
}

static void in_a_chain_that_was_cancelled(tarn_executor *pool, struct life *life)
{
    tarn_future *first = start_thing(pool, life, STAND);
    tarn_future *second = replace_thing_after(pool, first);
    assert_true(tarn_cancel(second));
    gate_open(&life->gate);
    assert_ended(second, TARN_CANCELLED);
    assert_ended(first, TARN_OK);
}

static void in_a_chain_that_was_refused(tarn_executor *pool, struct life *life)
{
    tarn_future *first = start_thing(pool, life, GIVE);
    assert_ended(replace_thing_after(NULL, first), TARN_INVALID);
    assert_ended(first, TARN_OK);
}

/* ---- Promises ---- */

static void set_in_a_promise(tarn_executor *pool, struct life *life)
{
    (void)pool;
    tarn_promise *promise = tarn_promise_new(&use_thing_task);
    tarn_future *future = tarn_promise_future(promise);
    struct thing thing = thing_of(life);
    assert_int_equal(tarn_promise_set(promise, &thing, sizeof(thing)), TARN_OK);
    /* What is refused stays the caller's. */
    struct thing other = thing_of(life);
    assert_int_equal(tarn_promise_set(promise, &other, sizeof(other)), TARN_INVALID);
    free(other.memory);
    tarn_promise_drop(promise);
    assert_released(life, 0, 0);
    assert_ended(future, TARN_OK);
}

static void never_set_in_a_promise(tarn_executor *pool, struct life *life)
{
    (void)pool;
    (void)life;
    tarn_promise *promise = tarn_promise_new(&use_thing_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_promise_drop(promise);
    assert_ended(future, TARN_CANCELLED);
}

/* ---- The table ---- */

struct ending {
    const char *name;
    void (*play)(tarn_executor *pool, struct life *life);
    int args, results; /* how often they are to be released */
};

#define ENDING(name, args, results) \
    { \
#name, name, args, results \
    }

static const struct ending endings[] = {
    ENDING(done, 1, 1),
    ENDING(failed, 1, 0),
    ENDING(cancelled, 1, 0),
    ENDING(refused_as_invalid, 1, 0),
    ENDING(refused_as_full, 1, 0),
    ENDING(refused_as_closed, 1, 0),
    ENDING(refused_without_memory, 1, 0),
    ENDING(refused_as_broken, 1, 0),
    ENDING(expired_in_the_queue, 1, 0),
    ENDING(expired_while_it_ran, 1, 1),
    ENDING(stopped, 1, 1),
    ENDING(retried, 1, 1),
    ENDING(expired_three_times, 1, 3),
    ENDING(dropped_while_it_ran, 1, 1),
    ENDING(dropped_before_its_start, 1, 1),
    ENDING(held_and_dropped_by_many, 1, 1),
    ENDING(abandoned_with_its_pool, 2, 2),
    ENDING(cancelled_by_a_shutdown, 1, 0),
    ENDING(ended_its_thread, 1, 0),
    ENDING(run_by_its_caller, 1, 1),
    ENDING(run_by_the_task_that_waits, 1, 1),
    ENDING(in_a_chain, 1, 2),
    ENDING(in_a_chain_that_failed, 1, 0),
    ENDING(in_a_chain_that_was_cancelled, 1, 1),
    ENDING(in_a_chain_that_was_refused, 1, 1),
    ENDING(set_in_a_promise, 0, 1),
    ENDING(never_set_in_a_promise, 0, 0),
};

CONTRACT_TEST(whatever_the_ending_all_is_released_as_often_as_promised, NESTED | WORKER_LOCAL)
{
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const struct ending *ending = &endings[i];
        struct life life = {.gate = GATE_CLOSED};
        tarn_executor *pool = pool_open();
        ending->play(pool, &life);
        /* The executor has let go of all futures when it is gone. */
        pool_close(pool);
        if (atomic_load(&life.args) != ending->args ||
            atomic_load(&life.results) != ending->results)
            fail_msg("%s: arguments released %d times, not %d; results %d times, not %d",
                     ending->name, atomic_load(&life.args), ending->args,
                     atomic_load(&life.results), ending->results);
    }
}
