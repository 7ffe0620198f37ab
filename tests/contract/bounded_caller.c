/* SPDX-License-Identifier: Apache-2.0 */

/* TARN_FULL_CALLER: whoever finds the queue full runs the task itself. */
#include "full.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

static const struct pool_options calling = {.queue_limit = 1, .when_full = TARN_FULL_CALLER};

struct place {
    int thread;
    int index;
    bool has_local;
    bool asked;
};

static struct place look_around(void)
{
    return (struct place){(int)gettid(), tarn_worker_index(), tarn_worker_local() != NULL,
                          tarn_stop_requested()};
}
TARN_TASK(struct place, look_around, void);

static struct place place_of(tarn_future *future)
{
    struct place place = {0};
    assert_int_equal(look_around_result(future, &place), TARN_OK);
    tarn_drop(future);
    return place;
}

CONTRACT_TEST(what_does_not_fit_runs_on_the_thread_that_submits, GATES)
{
    struct full full;
    full_open(&full, &calling);
    tarn_future *future = look_around_submit(full.pool);
    assert_true(tarn_done(future));
    struct place place = place_of(future);
    assert_int_equal(place.thread, gettid());
    assert_int_equal(place.index, -1);
    assert_false(place.has_local);
    assert_false(place.asked);
    assert_int_equal(tarn_worker_index(), -1);
    assert_null(tarn_worker_local());
    tarn_stats stats = stats_of(full.pool);
    assert_int_equal(stats.ok, 1);
    assert_int_equal(stats.queued, 1);
    assert_int_equal(stats.running, full.workers);
    assert_int_equal(stats.over_limit + stats.rejected, 0);
    full_close(&full);
}

CONTRACT_TEST(what_fits_is_queued_also_if_the_caller_could_run_it, GATES)
{
    struct full full;
    full_open(&full, &calling);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, TARN_FOREVER), TARN_OK);
    struct place place = place_of(look_around_submit(full.pool));
    assert_int_not_equal(place.thread, gettid());
    assert_true(place.index >= 0);
    assert_true(place.has_local);
    pool_close(full.pool);
}

static tarn_bytes greet(int n)
{
    char *text = tarn_result_memory(64);
    memset(text, 'a' + n, 64);
    errno = EDOM;
    return (tarn_bytes){text, 64};
}
TARN_TASK(tarn_bytes, greet, int);

CONTRACT_TEST(what_the_caller_runs_is_a_task_like_any_other, GATES)
{
    struct full full;
    full_open(&full, &calling);
    tarn_future *failed = fail_with_submit(full.pool, 12);
    assert_int_equal(status_of(failed), TARN_FAILED);
    assert_int_equal(tarn_error(failed)->code, 12);
    assert_int_equal(tarn_error(failed)->worker, -1);
    assert_string_equal(tarn_error(failed)->text, "code 12");
    assert_string_equal(tarn_error(failed)->task, "fail_with");
    assert_contains(tarn_error(failed)->file, "tasks.c");
    tarn_drop(failed);

    errno = 7;
    tarn_future *future = greet_submit(full.pool, 2);
    assert_int_equal(errno, 7);
    tarn_bytes bytes = {0};
    assert_int_equal(greet_result(future, &bytes), TARN_OK);
    assert_int_equal(bytes.size, 64);
    assert_int_equal(((const char *)bytes.data)[63], 'c');
    assert_int_equal(greet_args(future)->a1, 2);
    tarn_drop(future);

    /* Outside of it, it is over. */
    tarn_fail(1, "nobody");
    assert_false(tarn_stop_requested());
    full_close(&full);
}

CONTRACT_TEST(submit_many_runs_what_does_not_fit, GATES)
{
    struct full full;
    struct stand_at_arguments args[6];
    tarn_future *futures[6];
    struct gate open = GATE_OPEN;
    for (int i = 0; i < 6; i++)
        args[i] = (struct stand_at_arguments){&open, i};
    full_open(&full, &(struct pool_options){.queue_limit = 3, .when_full = TARN_FULL_CALLER});
    for (int i = 1; i < 3; i++) {
        assert_true(tarn_cancel(full.queued[i]));
        tarn_drop(full.queued[i]);
        full.queued[i] = NULL;
    }
    assert_int_equal(stand_at_submit_many(full.pool, args, 6, futures), TARN_OK);
    for (int i = 0; i < 6; i++)
        assert_int_equal(tarn_done(futures[i]), i >= 2);
    full_release(&full);
    for (int i = 0; i < 6; i++) {
        int value = -1;
        assert_int_equal(stand_at_result(futures[i], &value), TARN_OK);
        assert_int_equal(value, i);
        tarn_drop(futures[i]);
    }
    pool_close(full.pool);
}

/* ---- Within one another ---- */

struct well {
    tarn_executor *pool;
    atomic_int deepest;
    atomic_int runs;
};

TARN_TASK_DECLARE(int, dig, struct well *, int);

static _Thread_local int depth;

/* Submits the next one while it runs itself; its frame is large. */
static int dig(struct well *well, int left)
{
    volatile char frame[32 * 1024];
    frame[0] = frame[sizeof(frame) - 1] = 1;
    atomic_fetch_add(&well->runs, 1);
    int deepest = atomic_load(&well->deepest);
    depth++;
    while (depth > deepest && !atomic_compare_exchange_weak(&well->deepest, &deepest, depth))
        continue;
    if (left > 0)
        tarn_drop(dig_submit(well->pool, well, left - 1));
    depth--;
    return frame[0];
}
TARN_TASK_DEFINE(int, dig, struct well *, int);

enum { DIGS = 300, SMALL_STACK = 512 * 1024 };

static void *dig_on_small_stack(void *data)
{
    struct well *well = data;
    tarn_drop(dig_submit(well->pool, well, DIGS));
    return NULL;
}

static void well_init(struct well *well, tarn_executor *pool)
{
    well->pool = pool;
    atomic_init(&well->deepest, 0);
    atomic_init(&well->runs, 0);
}

/* As deep as it likes, on a stack that is large enough. */
CONTRACT_TEST(tasks_within_tasks_go_over_the_limit_at_some_depth, NESTED)
{
    struct full full;
    struct well well;
    full_open(&full, &calling);
    well_init(&well, full.pool);
    tarn_drop(dig_submit(full.pool, &well, DIGS));
    assert_in_range(atomic_load(&well.deepest), 2, 100);
    assert_int_equal(stats_of(full.pool).over_limit, 1);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&well.runs), DIGS + 1);
    pool_close(full.pool);
}

CONTRACT_TEST(a_small_stack_is_not_overrun_by_tasks_within_tasks, NESTED)
{
    struct full full;
    struct well well;
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    full_open(&full, &calling);
    well_init(&well, full.pool);
    assert_int_equal(pthread_create(&thread, &attributes, dig_on_small_stack, &well), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    full_release(&full);
    assert_int_equal(tarn_drain(full.pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&well.runs), DIGS + 1);
    pool_close(full.pool);
}

static int dig_behind_a_full_queue(struct well *well, struct gate *gate)
{
    gate_pass(gate);
    return dig(well, DIGS);
}
TARN_TASK(int, dig_behind_a_full_queue, struct well *, struct gate *);

CONTRACT_TEST(the_stack_of_a_worker_is_not_overrun_by_tasks_within_tasks, NESTED)
{
    struct well well;
    struct gate gate = GATE_CLOSED;
    struct pool_options options = calling;
    options.max_workers = 1;
    options.stack_size = SMALL_STACK;
    tarn_executor *pool = pool_with(&options);
    well_init(&well, pool);
    tarn_future *digger = dig_behind_a_full_queue_submit(pool, &well, &gate);
    gate_await(&gate, 1);
    tarn_future *queued = square_submit(pool, 1);
    gate_open(&gate);
    assert_ended(digger, TARN_OK);
    assert_ended(queued, TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&well.runs), DIGS + 1);
    pool_close(pool);
}

/* ---- On workers ---- */

struct onlooker {
    tarn_executor *pool; /* to which it submits */
    struct gate gate;
    struct place own, seen;
};

static void look_from_within(struct onlooker *onlooker)
{
    gate_pass(&onlooker->gate);
    onlooker->own = look_around();
    tarn_future *future = look_around_submit(onlooker->pool);
    if (!tarn_done(future) || look_around_result(future, &onlooker->seen) != TARN_OK)
        tarn_fail(1, "it was not run at once");
    tarn_drop(future);
}
TARN_TASK(void, look_from_within, struct onlooker *);

CONTRACT_TEST(a_worker_of_the_executor_stays_that_worker, NESTED | WORKER_LOCAL)
{
    struct onlooker onlooker = {.gate = GATE_CLOSED};
    tarn_executor *pool = onlooker.pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_CALLER});
    tarn_future *future = look_from_within_submit(pool, &onlooker);
    gate_await(&onlooker.gate, 1);
    tarn_future *queued = square_submit(pool, 1);
    gate_open(&onlooker.gate);
    assert_ended(future, TARN_OK);
    assert_int_equal(onlooker.seen.thread, onlooker.own.thread);
    assert_int_equal(onlooker.seen.index, onlooker.own.index);
    assert_true(onlooker.seen.has_local);
    assert_ended(queued, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_worker_of_another_executor_is_none_of_this_one, NESTED)
{
    struct onlooker onlooker = {.gate = GATE_OPEN};
    struct full full;
    tarn_executor *other = pool_open();
    full_open(&full, &calling);
    onlooker.pool = full.pool;
    assert_ended(look_from_within_submit(other, &onlooker), TARN_OK);
    assert_int_equal(onlooker.seen.thread, onlooker.own.thread);
    assert_true(onlooker.own.index >= 0);
    assert_int_equal(onlooker.seen.index, -1);
    assert_false(onlooker.seen.has_local);
    assert_int_equal(stats_of(full.pool).ok, 1);
    assert_int_equal(stats_of(other).ok, 1);
    full_close(&full);
    pool_close(other);
}
