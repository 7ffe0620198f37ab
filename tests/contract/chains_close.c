/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures when their executor, or the process, ends. */
#include "chained.h"
#include "child.h"

#include <stdatomic.h>

/* ---- Shutdown ---- */

/* The executor is closed when it returns, and kept by what stands at the gate. */
static tarn_future *close_around(tarn_executor *pool, struct gate *gate)
{
    tarn_future *blocker;
    pool_block(pool, gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    return blocker;
}

CONTRACT_TEST(shutdown_finishes_what_its_own_tasks_trigger, NESTED)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *link[7] = {blocker};
    for (int i = 1; i < 4; i++)
        link[i] = link_add_after(pool, link[i - 1]);
    link[4] = tarn_all(link, 4);
    link[5] = tarn_then(pool, &link_observe_task, link[4]);
    link[6] = nothing_after(pool, link[5]);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    gate_open(&gate);
    pool_close(pool);
    for (int i = 0; i < 7; i++) {
        assert_true(tarn_done(link[i]));
        assert_ended(link[i], TARN_OK);
    }
}

CONTRACT_TEST(shutdown_does_not_wait_for_what_others_have_to_end, POINTERS | SHARED_MEMORY)
{
    enum { N = 6 };
    tarn_executor *pool = pool_open();
    tarn_executor *other = pool_open();
    struct source source = source_new();
    tarn_future *futures[N];
    futures[0] = square_after(pool, source.future);
    futures[1] = tarn_then(pool, &link_observe_task, source.future);
    futures[2] = square_after(pool, futures[0]);
    /* This one the shutdown itself triggers. */
    futures[3] = tarn_then(pool, &link_observe_task, futures[0]);
    futures[4] = square_after(other, futures[2]);
    futures[5] = tarn_all(futures, 5);
    pool_close(pool);
    for (int i = 0; i < N; i++) {
        assert_true(tarn_done(futures[i]));
        assert_int_equal(status_of(futures[i]), TARN_CLOSED);
    }
    assert_contains(tarn_error(futures[0])->text, "shut down");
    assert_false(tarn_done(source.future));
    source_give(&source, 1);
    assert_int_equal(status_of(futures[0]), TARN_CLOSED);
    tarn_drop_all(futures, N);
    tarn_drop(source.future);
    pool_close(other);
}

CONTRACT_TEST(a_closed_executor_takes_what_others_trigger_in_time, GATES)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *after = square_after(pool, source.future);
    tarn_future *last = square_after(pool, after);
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker = close_around(pool, &gate);
    assert_ended(square_after(pool, source.future), TARN_CLOSED);
    source_give(&source, 2);
    assert_false(tarn_done(after) && status_of(after) == TARN_CLOSED);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
    assert_result(after, &square_task, 4);
    assert_result(last, &square_task, 16);
    tarn_drop(source.future);
}

static void note_ending(tarn_future *future, void *data)
{
    tarn_status *ending = data;
    *ending = tarn_result(future, NULL, NULL, 0);
}

/* Also what is triggered by what the shutdown cancels. */
CONTRACT_TEST(an_impatient_shutdown_cancels_what_is_chained, NESTED)
{
    enum { N = 7 };
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    tarn_future *futures[N];
    tarn_status endings[N];
    struct gate gate = GATE_CLOSED;
    struct shutter shutter;
    struct source source = source_new();
    pool_block(pool, &gate, blockers, pool_workers());
    futures[0] = square_submit(pool, 1);
    futures[1] = square_after(pool, futures[0]);
    futures[2] = tarn_then(pool, &link_observe_task, futures[0]);
    futures[3] = square_after(pool, blockers[0]);
    futures[4] = tarn_then(pool, &link_observe_task, blockers[0]);
    futures[5] = square_after(pool, source.future);
    futures[6] = tarn_then(pool, &link_observe_task, futures[5]);
    for (int i = 0; i < N; i++)
        assert_int_equal(tarn_on_done(futures[i], note_ending, &endings[i]), TARN_OK);
    shutter_start(&shutter, pool, (tarn_shutdown_options){.cancel_pending = true});
    assert_int_equal(tarn_wait(futures, N, TARN_WAIT_ALL, TARN_FOREVER, NULL), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_true(tarn_cancelled(futures[i]));
    for (int i = 0; i < pool_workers(); i++)
        assert_true(tarn_running(blockers[i]));
    pool_unblock(&gate, blockers, pool_workers());
    shutter_join(&shutter);
    for (int i = 0; i < N; i++)
        assert_int_equal(endings[i], TARN_CANCELLED);
    tarn_drop_all(futures, N);
    source_give(&source, 1);
    tarn_drop(source.future);
}

struct meddler {
    tarn_executor *pool;
    tarn_future *before;
    int calls;
    tarn_status status, shut_down, drained, submitted, chained;
};

static void meddle(tarn_future *future, void *data)
{
    struct meddler *m = data;
    m->calls++;
    m->status = tarn_result(future, NULL, NULL, 0);
    m->shut_down = tarn_shutdown(m->pool);
    m->drained = tarn_drain(m->pool, TARN_FOREVER);
    tarn_future *refused[2] = {square_submit(m->pool, 1), square_after(m->pool, m->before)};
    m->submitted = tarn_done(refused[0]) ? status_of(refused[0]) : TARN_OK;
    m->chained = tarn_done(refused[1]) ? status_of(refused[1]) : TARN_OK;
    tarn_drop_all(refused, 2);
}

/* The executor is there until the last callback of what is chained to it has returned. */
CONTRACT_TEST(callbacks_of_what_shutdown_ends_are_inside_of_the_executor, SHARED_MEMORY)
{
    for (int impatient = 0; impatient < 2; impatient++) {
        struct source source = source_new();
        struct meddler m = {.pool = pool_open(), .before = source.future};
        tarn_future *after = square_after(m.pool, source.future);
        assert_int_equal(tarn_on_done(after, meddle, &m), TARN_OK);
        assert_int_equal(tarn_shutdown(m.pool, .cancel_pending = impatient), TARN_OK);
        assert_int_equal(m.calls, 1);
        assert_int_equal(m.status, impatient ? TARN_CANCELLED : TARN_CLOSED);
        assert_int_equal(m.shut_down, TARN_DEADLOCK);
        assert_int_equal(m.drained, TARN_DEADLOCK);
        assert_int_equal(m.submitted, TARN_CLOSED);
        assert_int_equal(m.chained, TARN_CLOSED);
        tarn_drop(after);
        source_cancel(&source);
        tarn_drop(source.future);
    }
}

/* ---- Abandon ---- */

CONTRACT_TEST(an_abandoned_executor_finishes_what_its_own_tasks_trigger, GATES)
{
    int threads = threads_count();
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *own = link_add_after(pool, blocker);
    tarn_future *last = link_add_after(pool, own);
    tarn_future *foreign = square_after(pool, source.future);
    tarn_abandon(pool);
    assert_false(tarn_done(own) || tarn_done(foreign));
    pool_unblock(&gate, &blocker, 1);
    assert_result(last, &link_add_task, 2);
    assert_result(own, &link_add_task, 1);
    /* This one it does not wait for. */
    assert_ended(foreign, TARN_CLOSED);
    source_give(&source, 1);
    tarn_drop(source.future);
    threads_await_at_most(threads);
}

CONTRACT_TEST(an_executor_that_never_ran_anything_closes_what_is_chained, 0)
{
    struct source source = source_new();
    for (int i = 0; i < 3; i++) {
        tarn_executor *pool = pool_open();
        tarn_future *after = square_after(pool, source.future);
        if (i == 0)
            pool_close(pool);
        else if (i == 1)
            tarn_abandon(pool);
        else
            assert_int_equal(tarn_shutdown(pool, .cancel_pending = true), TARN_OK);
        assert_ended(after, i < 2 ? TARN_CLOSED : TARN_CANCELLED);
    }
    source_give(&source, 1);
    tarn_drop(source.future);
}

/* ---- exit() and fork() ---- */

enum { EXITING = 7 };

static struct gate exit_gate = GATE_CLOSED;
static tarn_future *exit_futures[EXITING];
static atomic_int exit_calls;

static void count_call(tarn_future *future, void *data)
{
    (void)data;
    if (tarn_cancelled(future))
        atomic_fetch_add(&exit_calls, 1);
}

static void look_at_exit(void)
{
    int wrong = 0;
    for (int i = 1; i < EXITING; i++) {
        if (!tarn_cancelled(exit_futures[i]))
            wrong |= 1 << i;
    }
    child_end(wrong ? wrong : atomic_load(&exit_calls) != EXITING - 1);
}

static int exit_with_chains(void *data)
{
    (void)data;
    child_at_exit(look_at_exit);
    tarn_executor *pool = pool_of(1);
    struct source source = source_new();
    tarn_future **futures = exit_futures;
    futures[0] = stand_at_submit(pool, &exit_gate, 1);
    futures[1] = square_submit(pool, 1);
    gate_await(&exit_gate, 1);
    futures[2] = square_after(pool, futures[0]);
    futures[3] = square_after(pool, futures[1]);
    futures[4] = tarn_then(pool, &link_observe_task, futures[1]);
    futures[5] = square_after(pool, source.future);
    futures[6] = tarn_then(pool, &link_observe_task, futures[5]);
    for (int i = 1; i < EXITING; i++)
        tarn_on_done(futures[i], count_call, NULL);
    exit(0);
}

CONTRACT_TEST(exit_cancels_what_is_chained, GATES)
{
    assert_int_equal(in_child(exit_with_chains, NULL), 0);
}

struct inherited {
    tarn_future *futures[3];
    struct pool_options options;
};

static int touch_inherited(void *data)
{
    struct inherited *inherited = data;
    int wrong = 0;
    size_t done;
    for (int i = 0; i < 3; i++) {
        tarn_future *future = inherited->futures[i];
        wrong += tarn_cancel(future) || tarn_done(future) ||
                 tarn_future_wait(future, TARN_FOREVER) != TARN_CLOSED ||
                 tarn_wait(&future, 1, TARN_WAIT_FIRST, TARN_FOREVER, &done) != TARN_CLOSED ||
                 tarn_stop(future, 0) != TARN_CLOSED || tarn_as_completed(&future, 1, TARN_NOW);
        tarn_future *all = tarn_all(&future, 1);
        wrong += tarn_result(all, NULL, NULL, 0) != TARN_CLOSED;
        tarn_drop(all);
        tarn_executor *pool = pool_try(&inherited->options);
        tarn_future *after = nothing_after(pool, future);
        wrong += tarn_result(after, NULL, NULL, 0) != TARN_CLOSED;
        tarn_drop(after);
        tarn_shutdown(pool);
    }
    return wrong;
}

CONTRACT_TEST(a_forked_child_leaves_its_parents_chains_alone, GATES)
{
    child_needs_no_sanitizer();
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    struct inherited inherited = {.options = {.max_workers = 1}};
    tarn_future **futures = inherited.futures;
    futures[0] = square_after(pool, blocker);
    futures[1] = tarn_all(futures, 1);
    futures[2] = nothing_after(pool, futures[1]);
    assert_int_equal(in_child(touch_inherited, &inherited), 0);
    pool_unblock(&gate, &blocker, 1);
    for (int i = 0; i < 3; i++)
        assert_ended(futures[i], TARN_OK);
    pool_close(pool);
}
