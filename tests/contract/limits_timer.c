/* SPDX-License-Identifier: Apache-2.0 */

/* The thread that keeps the time limits: callbacks run on it, and it meets everybody else. */
#include "full.h"

#include <sched.h>
#include <unistd.h>

static const double SOON = 0.01;

/* An executor with one worker at a gate, and what a callback of an expired task does there. */
struct scene {
    tarn_executor *pool;
    tarn_future *blocker;
    struct gate gate;
    struct gate held;   /* where some callbacks stand */
    struct gate called; /* at their end */
    struct answer drain, shutdown;
    tarn_future *more;
    int thread, index;
    bool has_local;
};

static void scene_open(struct scene *scene, const struct pool_options *options)
{
    struct pool_options single = *options;
    single.max_workers = 1;
    *scene = (struct scene){.gate = GATE_CLOSED, .held = GATE_CLOSED, .called = GATE_OPEN};
    scene->pool = pool_with(&single);
    pool_block(scene->pool, &scene->gate, &scene->blocker, 1);
}

struct closer {
    struct helper helper;
    tarn_executor *pool;
    double seconds;
    tarn_status status;
};

static void close_it(void *data)
{
    struct closer *closer = data;
    closer->status = tarn_shutdown(closer->pool, .time_limit = closer->seconds);
}

static void scene_release(struct scene *scene)
{
    pool_unblock(&scene->gate, &scene->blocker, 1);
}

/* A task that expires behind the worker, with this callback. */
static tarn_future *expire_with(struct scene *scene, void (*fn)(tarn_future *, void *))
{
    tarn_future *future = square_submit(tarn_with(scene->pool, .start_within = SOON), 2);
    assert_int_equal(tarn_on_done(future, fn, scene), TARN_OK);
    return future;
}

static void look_around_here(tarn_future *future, void *data)
{
    struct scene *scene = data;
    (void)future;
    scene->thread = (int)gettid();
    scene->index = tarn_worker_index();
    scene->has_local = tarn_worker_local() != NULL;
    tarn_fail(1, "a callback is no task");
    gate_pass(&scene->called);
}

CONTRACT_TEST(a_callback_of_what_expires_is_on_no_worker, GATES)
{
    struct scene scene;
    scene_open(&scene, &(struct pool_options){0});
    tarn_future *future = expire_with(&scene, look_around_here);
    gate_await(&scene.called, 1);
    assert_int_not_equal(scene.thread, gettid());
    assert_int_equal(scene.index, -1);
    assert_false(scene.has_local);
    assert_ended(future, TARN_EXPIRED);
    scene_release(&scene);
    pool_close(scene.pool);
}

static void end_executor(tarn_future *future, void *data)
{
    struct scene *scene = data;
    (void)future;
    scene->drain = answer_of(tarn_drain(scene->pool, TARN_FOREVER));
    scene->shutdown = answer_of(tarn_shutdown(scene->pool));
    gate_pass(&scene->called);
}

CONTRACT_TEST(a_callback_of_what_expires_cannot_end_the_executor, GATES)
{
    struct scene scene;
    scene_open(&scene, &(struct pool_options){0});
    tarn_future *future = expire_with(&scene, end_executor);
    gate_await(&scene.called, 1);
    assert_int_equal(scene.drain.status, TARN_DEADLOCK);
    assert_int_equal(scene.shutdown.status, TARN_DEADLOCK);
    assert_contains(scene.shutdown.error, "executor");
    assert_ended(square_submit(scene.pool, 1), TARN_CLOSED);
    assert_ended(future, TARN_EXPIRED);
    scene_release(&scene);
    pool_close(scene.pool);
}

static void submit_more(tarn_future *future, void *data)
{
    struct scene *scene = data;
    (void)future;
    scene->more = square_submit(scene->pool, 3);
    gate_pass(&scene->called);
}

CONTRACT_TEST(a_callback_of_what_expires_may_submit, GATES)
{
    struct scene scene;
    scene_open(&scene, &(struct pool_options){.queue_limit = 1});
    tarn_future *future = expire_with(&scene, submit_more);
    gate_await(&scene.called, 1);
    assert_ended(future, TARN_EXPIRED);
    scene_release(&scene);
    assert_ended(scene.more, TARN_OK);
    pool_close(scene.pool);
}

/* ---- Who waits for it, and who does not ---- */

static void stand_in_callback(tarn_future *future, void *data)
{
    struct scene *scene = data;
    (void)future;
    gate_pass(&scene->held);
}

/* The callback holds, and all else is over. */
static void hold_callback(struct scene *scene, void (*fn)(tarn_future *, void *))
{
    scene_open(scene, &(struct pool_options){.idle_timeout = -1});
    tarn_drop(expire_with(scene, fn));
    gate_await(&scene->held, 1);
    scene_release(scene);
    /* A pool of one without spares keeps its thread. */
    while (pool_workers() > 1 && stats_of(scene->pool).workers > 0)
        sched_yield();
}

CONTRACT_TEST(drain_waits_for_callbacks_of_what_expired, GATES)
{
    struct scene scene;
    hold_callback(&scene, stand_in_callback);
    assert_int_equal(tarn_drain(scene.pool, tarn_in(0.02)), TARN_TIMEOUT);
    gate_open(&scene.held);
    assert_int_equal(tarn_drain(scene.pool, TARN_FOREVER), TARN_OK);
    pool_close(scene.pool);
}

CONTRACT_TEST(shutdown_does_not_wait_for_them_beyond_its_time_limit, GATES)
{
    struct scene scene;
    hold_callback(&scene, stand_in_callback);
    assert_int_equal(tarn_shutdown(scene.pool, .time_limit = 0.02), TARN_TIMEOUT);
    gate_open(&scene.held);
    pool_close(scene.pool);
}

/* The callback begins after the shutdown, while that waits for the worker. */
CONTRACT_TEST(nor_if_they_begin_in_the_meantime, GATES)
{
    struct scene scene;
    struct closer closer;
    scene_open(&scene, &(struct pool_options){.idle_timeout = -1});
    tarn_drop(expire_with(&scene, stand_in_callback));
    closer = (struct closer){.pool = scene.pool, .seconds = 0.5};
    helper_start(&closer.helper, close_it, &closer);
    gate_await(&scene.held, 1);
    scene_release(&scene);
    helper_join(&closer.helper);
    assert_int_equal(closer.status, TARN_TIMEOUT);
    gate_open(&scene.held);
    pool_close(scene.pool);
}

CONTRACT_TEST(abandon_does_not_wait_for_them, GATES)
{
    int threads = threads_count();
    struct scene scene;
    hold_callback(&scene, stand_in_callback);
    tarn_abandon(scene.pool);
    assert_true(threads_count() > threads);
    gate_open(&scene.held);
    threads_await_at_most(threads);
}

static void abandon_in_callback(tarn_future *future, void *data)
{
    struct scene *scene = data;
    stand_in_callback(future, data);
    tarn_abandon(scene->pool);
    /* It is still there. */
    tarn_drop(square_submit(scene->pool, 1));
    gate_pass(&scene->called);
}

CONTRACT_TEST(a_callback_of_what_expires_may_abandon_the_executor, GATES)
{
    int threads = threads_count();
    for (int round = 0; round < 2; round++) {
        struct scene scene;
        bool worker_first = round == 0;
        scene_open(&scene, &(struct pool_options){.idle_timeout = -1});
        tarn_drop(expire_with(&scene, abandon_in_callback));
        gate_await(&scene.held, 1);
        if (worker_first)
            scene_release(&scene);
        gate_open(&scene.held);
        gate_await(&scene.called, 1);
        if (!worker_first)
            scene_release(&scene);
        threads_await_at_most(threads);
    }
}
