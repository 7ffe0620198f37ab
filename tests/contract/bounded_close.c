/* SPDX-License-Identifier: Apache-2.0 */

/* The end of an executor to which threads wait to submit. */
#include "child.h"
#include "full.h"

enum { WAITERS = 3 };

static const struct pool_options blocking = {.queue_limit = 2};

struct scene {
    struct full full;
    struct gate open;
    struct submitter waiters[WAITERS];
};

static void waiters_block(struct scene *scene, tarn_executor *pool)
{
    scene->open = (struct gate)GATE_OPEN;
    for (int i = 0; i < WAITERS; i++)
        submitter_block(&scene->waiters[i], pool, &scene->open);
}

static void scene_open(struct scene *scene, const struct pool_options *options)
{
    full_open(&scene->full, options);
    waiters_block(scene, scene->full.pool);
}

/* Those who waited have learnt of it, although nothing has made room. */
static void assert_woken(struct scene *scene)
{
    for (int i = 0; i < WAITERS; i++) {
        tarn_future *future = submitter_join(&scene->waiters[i]);
        assert_true(tarn_done(future));
        assert_contains(tarn_error(future)->text, "shut down");
        assert_ended(future, TARN_CLOSED);
    }
    assert_int_equal(gate_arrived(&scene->open), 0);
}

CONTRACT_TEST(shutdown_wakes_those_who_wait_for_room, GATES)
{
    struct scene scene;
    scene_open(&scene, &blocking);
    assert_int_equal(tarn_shutdown(scene.full.pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_woken(&scene);
    assert_int_equal(stats_of(scene.full.pool).rejected, WAITERS);
    assert_ended(square_submit(scene.full.pool, 1), TARN_CLOSED);
    full_close(&scene.full);
}

CONTRACT_TEST(abandon_wakes_those_who_wait_for_room, GATES)
{
    int threads = threads_count();
    struct scene scene;
    scene_open(&scene, &blocking);
    tarn_abandon(scene.full.pool);
    assert_woken(&scene);
    full_release(&scene.full);
    threads_await_at_most(threads);
}

static tarn_status shut_down_own(tarn_executor *pool, struct gate *gate)
{
    gate_pass(gate);
    return tarn_shutdown(pool);
}
TARN_TASK(tarn_status, shut_down_own, tarn_executor *, struct gate *);

CONTRACT_TEST(a_task_that_closes_its_executor_wakes_those_who_wait_for_room, NESTED)
{
    struct scene scene;
    struct gate gate = GATE_CLOSED;
    tarn_executor *pool = pool_with(&(struct pool_options){.max_workers = 1, .queue_limit = 1});
    tarn_future *closer = shut_down_own_submit(pool, pool, &gate);
    gate_await(&gate, 1);
    tarn_future *queued = square_submit(pool, 1);
    waiters_block(&scene, pool);
    gate_open(&gate);
    assert_woken(&scene);
    tarn_status status = TARN_OK;
    assert_int_equal(shut_down_own_result(closer, &status), TARN_OK);
    assert_int_equal(status, TARN_DEADLOCK);
    tarn_drop(closer);
    assert_ended(queued, TARN_OK);
    pool_close(pool);
}

/* What it cancels makes room in the same moment in which there is to be none any more. */
CONTRACT_TEST(nothing_comes_in_where_a_shutdown_cancels, GATES)
{
    struct scene scene;
    scene_open(&scene, &blocking);
    assert_int_equal(tarn_shutdown(scene.full.pool, .cancel_pending = true, .time_limit = 1e-9),
                     TARN_TIMEOUT);
    for (int i = 0; i < scene.full.limit; i++) {
        assert_ended(scene.full.queued[i], TARN_CANCELLED);
        scene.full.queued[i] = NULL;
    }
    assert_woken(&scene);
    full_close(&scene.full);
}

static int give_no_licence(struct gate *gate)
{
    gate_pass(gate);
    tarn_fail(1, "no licence");
    return 0;
}
TARN_TASK(int, give_no_licence, struct gate *);

CONTRACT_TEST(those_who_wait_for_room_learn_that_the_executor_is_broken, GATES | WORKER_LOCAL)
{
    struct scene scene;
    struct gate gate = GATE_CLOSED;
    struct give_no_licence_arguments arguments = {&gate};
    tarn_executor *pool = pool_with(&(struct pool_options){
        .max_workers = 1,
        .queue_limit = 1,
        .initializer = &give_no_licence_task,
        .initializer_args = &arguments,
    });
    tarn_future *queued = square_submit(pool, 1);
    gate_await(&gate, 1);
    waiters_block(&scene, pool);
    gate_open(&gate);
    assert_ended(queued, TARN_BROKEN);
    for (int i = 0; i < WAITERS; i++)
        assert_ended(submitter_join(&scene.waiters[i]), TARN_BROKEN);
    pool_close(pool);
}

/* Room comes, and the executor goes before those who wait have looked at it. */
CONTRACT_TEST(an_executor_may_be_freed_while_they_wait_for_room, GATES)
{
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        struct scene scene;
        bool limited = round % 2;
        scene_open(&scene, &(struct pool_options){.queue_limit = 1 + round % 3,
                                                  .submit_within = limited ? 60 : 0});
        gate_open(&scene.full.gate);
        assert_int_equal(tarn_shutdown(scene.full.pool, .cancel_pending = round % 5 == 0), TARN_OK);
        int ran = 0;
        for (int i = 0; i < WAITERS; i++) {
            tarn_future *future = submitter_join(&scene.waiters[i]);
            tarn_status status = status_of(future);
            assert_true(status == TARN_OK || status == TARN_CLOSED || status == TARN_CANCELLED);
            ran += status == TARN_OK;
            tarn_drop(future);
        }
        assert_int_equal(gate_arrived(&scene.open), ran);
        for (int i = 0; i < scene.full.workers; i++)
            assert_ended(scene.full.blockers[i], TARN_OK);
        tarn_drop_all(scene.full.queued, (size_t)scene.full.limit);
    }
}

/* It waits more than once, and the executor may go between two waits. */
struct bulk {
    struct helper helper;
    tarn_executor *pool;
    tarn_future *futures[12];
    tarn_status status;
    atomic_bool begun;
};

static void submit_bulk(void *data)
{
    struct bulk *bulk = data;
    static const int numbers[12];
    atomic_store(&bulk->begun, true);
    bulk->status = square_submit_many(bulk->pool, numbers, 12, bulk->futures);
}

CONTRACT_TEST(an_executor_may_be_freed_while_many_are_submitted, GATES)
{
    size_t rounds = test_count(300);
    for (size_t round = 0; round < rounds; round++) {
        struct full full;
        struct bulk bulks[2];
        full_open(&full, &(struct pool_options){.queue_limit = 1 + round % 2});
        for (int i = 0; i < 2; i++) {
            bulks[i].pool = full.pool;
            atomic_init(&bulks[i].begun, false);
            helper_start(&bulks[i].helper, submit_bulk, &bulks[i]);
            await_sleep_in_submit(&bulks[i].helper, &bulks[i].begun);
        }
        gate_open(&full.gate);
        assert_int_equal(tarn_shutdown(full.pool), TARN_OK);
        for (int i = 0; i < 2; i++) {
            helper_join(&bulks[i].helper);
            /* All before the shutdown, and none after it. */
            bool closed = false;
            for (int k = 0; k < 12; k++) {
                tarn_status status = status_of(bulks[i].futures[k]);
                closed = closed || status == TARN_CLOSED;
                assert_int_equal(status, closed ? TARN_CLOSED : TARN_OK);
            }
            assert_int_equal(bulks[i].status, closed ? TARN_CLOSED : TARN_OK);
            tarn_drop_all(bulks[i].futures, 12);
        }
        for (int i = 0; i < full.workers; i++)
            assert_ended(full.blockers[i], TARN_OK);
        tarn_drop_all(full.queued, (size_t)full.limit);
    }
}

/* ---- exit() ---- */

static struct scene exit_scene;

static void check_at_exit(void)
{
    int wrong = 0;
    for (int i = 0; i < WAITERS; i++)
        wrong += status_of(submitter_join(&exit_scene.waiters[i])) != TARN_CLOSED;
    child_end(wrong);
}

static int exit_while_they_wait(void *data)
{
    (void)data;
    child_at_exit(check_at_exit);
    scene_open(&exit_scene, &blocking);
    exit(0);
}

CONTRACT_TEST(exit_wakes_those_who_wait_for_room, GATES)
{
    assert_int_equal(in_child(exit_while_they_wait, NULL), 0);
}
