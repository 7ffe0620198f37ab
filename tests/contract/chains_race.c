/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures against everything that may happen at the same time, many times over. */
#include "chained.h"

#include <sched.h>
#include <stdatomic.h>

/* Gives a value on a thread of its own, at once or a little later. */
struct giver {
    struct helper helper;
    struct source source;
    size_t pause;
};

static void give_it(void *data)
{
    struct giver *giver = data;
    for (size_t i = 0; i < giver->pause; i++)
        sched_yield();
    int value = 2;
    tarn_promise_set(giver->source.promise, &value, sizeof(value));
}

static void giver_start(struct giver *giver, struct source source, size_t pause)
{
    giver->source = source;
    giver->pause = pause;
    helper_start(&giver->helper, give_it, giver);
}

static void giver_join(struct giver *giver)
{
    helper_join(&giver->helper);
    tarn_promise_drop(giver->source.promise);
    tarn_drop(giver->source.future);
}

static void assert_one_of(tarn_future *future, tarn_status status, tarn_status other)
{
    tarn_status ended = status_of(future);
    if (ended != status)
        assert_int_equal(ended, other);
    tarn_drop(future);
}

/* ---- The executor goes while what its tasks wait for ends elsewhere ---- */

enum closing { SHUTDOWN, IMPATIENT, ABANDON, CLOSINGS };

CONTRACT_TEST(an_executor_goes_while_what_it_waits_for_ends, POINTERS | SHARED_MEMORY)
{
    size_t rounds = test_count(600);
    for (size_t round = 0; round < rounds; round++) {
        enum closing closing = round % CLOSINGS;
        struct giver giver;
        struct source source = source_new();
        tarn_executor *pool = pool_open();
        tarn_executor *view = tarn_with(pool, .start_within = 1000, .run_limit = 1000);
        tarn_future *futures[5];
        futures[0] = square_after(pool, source.future);
        futures[1] = square_after(view, futures[0]);
        futures[2] = tarn_then(view, &link_observe_task, source.future);
        futures[3] = nothing_after(pool, futures[2]);
        futures[4] = tarn_all(futures, 4);
        /* In some rounds it has a thread. */
        if (round % 2)
            assert_ended(square_submit(pool, 1), TARN_OK);
        giver_start(&giver, source, round % 7);
        if (closing == ABANDON)
            tarn_abandon(pool);
        else
            assert_int_equal(tarn_shutdown(pool, .cancel_pending = closing == IMPATIENT), TARN_OK);
        tarn_status other = closing == IMPATIENT ? TARN_CANCELLED : TARN_CLOSED;
        for (int i = 0; i < 5; i++) {
            /* The last is none of its own: it may be about to end on the other thread. */
            assert_true(closing == ABANDON || i == 4 || tarn_done(futures[i]));
            assert_one_of(futures[i], TARN_OK, other);
        }
        giver_join(&giver);
    }
}

/* The predecessor is a task of another pool: its worker queues into the one that goes. */
CONTRACT_TEST(an_executor_goes_while_anothers_worker_queues_into_it, POINTERS | SHARED_MEMORY)
{
    size_t rounds = test_count(600);
    tarn_executor *other = pool_open();
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_open();
        struct gate gate = GATE_CLOSED;
        tarn_future *before = stand_at_submit(other, &gate, 3);
        tarn_future *after = square_after(pool, before);
        tarn_future *back = square_after(other, after);
        tarn_drop(before);
        gate_await(&gate, 1);
        gate_open(&gate);
        for (size_t i = 0; i < round % 5; i++)
            sched_yield();
        pool_close(pool);
        assert_true(tarn_done(after));
        assert_one_of(after, TARN_OK, TARN_CLOSED);
        assert_one_of(back, TARN_OK, TARN_CLOSED);
        /* The gate is on this stack. */
        assert_int_equal(tarn_drain(other, TARN_FOREVER), TARN_OK);
    }
    pool_close(other);
}

/* ---- Cancelled, dropped, extended while it goes on ---- */

CONTRACT_TEST(a_chain_is_cancelled_while_it_runs_on, SHARED_MEMORY)
{
    enum { N = 6 };
    size_t rounds = test_count(2000);
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .start_within = 1000, .run_limit = 1000);
    for (size_t round = 0; round < rounds; round++) {
        struct giver giver;
        struct source source = source_new();
        tarn_future *links[N];
        for (int i = 0; i < N; i++)
            links[i] = link_add_after(i % 2 ? view : pool, i ? links[i - 1] : source.future);
        giver_start(&giver, source, round % 3);
        size_t at = round % N;
        for (size_t i = 0; i < round % 11; i++)
            sched_yield();
        bool cancelled = tarn_cancel(links[at]);
        for (size_t i = 0; i < N; i++) {
            tarn_status expected = cancelled && i >= at ? TARN_CANCELLED : TARN_OK;
            assert_ended(links[i], expected);
        }
        giver_join(&giver);
    }
    pool_close(pool);
}

static atomic_int given_back;

static tarn_buffer *link_share(tarn_buffer *buffer)
{
    return tarn_buffer_hold(buffer);
}

static void note_given_back(tarn_buffer *buffer)
{
    (void)buffer;
    atomic_fetch_add(&given_back, 1);
}
TARN_TASK_OWNING(tarn_buffer *, link_share, void, note_given_back, tarn_buffer *);

/* What a link owns is given back once, whether it ran or not. */
CONTRACT_TEST(a_chain_that_owns_things_is_dropped_while_it_runs, POINTERS | SHARED_MEMORY)
{
    size_t rounds = test_count(1000);
    tarn_executor *pool = pool_open();
    for (size_t round = 0; round < rounds; round++) {
        tarn_promise *promise = tarn_promise_new(&link_share_task);
        tarn_future *first = tarn_promise_future(promise);
        tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
        atomic_store(&given_back, 0);
        tarn_future *links[3] = {link_share_after(pool, first)};
        for (int i = 1; i < 3; i++)
            links[i] = link_share_after(pool, links[i - 1]);
        tarn_future *all = tarn_all(links, 3);
        assert_int_equal(tarn_promise_set(promise, &buffer, sizeof(buffer)), TARN_OK);
        tarn_drop(first);
        tarn_promise_drop(promise);
        tarn_drop(links[0]);
        tarn_drop(links[1]);
        bool cancelled = tarn_cancel(links[2]);
        tarn_drop(links[2]);
        assert_one_of(all, cancelled ? TARN_CANCELLED : TARN_OK, TARN_OK);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
        assert_int_equal(atomic_load(&given_back), cancelled ? 3 : 4);
    }
    pool_close(pool);
}

struct extender {
    struct helper helper;
    tarn_executor *pool;
    tarn_future *before;
    size_t count;
    tarn_future *after[60];
    struct gate *go;
};

static void extend_many(void *data)
{
    struct extender *e = data;
    gate_pass(e->go);
    for (size_t i = 0; i < 60; i++)
        e->after[i] = i % 3 ? square_after(e->pool, i % 3 == 1 ? e->before : e->after[i - 1])
                            : tarn_all(&e->before, 1);
}

/* Each is queued, whether it came before the end or after it. */
CONTRACT_TEST(many_threads_chain_to_one_future_while_it_ends, SHARED_MEMORY)
{
    enum { THREADS = 3 };
    size_t rounds = test_count(200);
    tarn_executor *pool = pool_open();
    for (size_t round = 0; round < rounds; round++) {
        struct source source = source_new();
        struct giver giver;
        struct extender extenders[THREADS];
        struct gate go = GATE_CLOSED;
        for (int i = 0; i < THREADS; i++) {
            extenders[i] = (struct extender){.pool = pool, .before = source.future, .go = &go};
            helper_start(&extenders[i].helper, extend_many, &extenders[i]);
        }
        gate_open(&go);
        giver_start(&giver, source, round % 20);
        for (int i = 0; i < THREADS; i++) {
            helper_join(&extenders[i].helper);
            for (int k = 0; k < 60; k++) {
                if (k % 3)
                    assert_result(extenders[i].after[k], &square_task, k % 3 == 1 ? 4 : 16);
                else
                    assert_ended(extenders[i].after[k], TARN_OK);
            }
        }
        giver_join(&giver);
    }
    pool_close(pool);
}

/* ---- Many ends at once ---- */

CONTRACT_TEST(all_of_many_that_end_at_once_ends_once, SHARED_MEMORY)
{
    enum { N = 64 };
    size_t rounds = test_count(1000);
    tarn_executor *pools[2] = {pool_open(), pool_open()};
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        size_t failing = round % (2 * N);
        for (size_t i = 0; i < N; i++)
            futures[i] = i == failing ? fail_with_submit(pools[i % 2], (int)i)
                                      : square_submit(pools[i % 2], (int)i);
        tarn_future *all = tarn_all(futures, N);
        tarn_future *reversed[2] = {all, tarn_all(futures, N)};
        tarn_future *both = tarn_all(reversed, 2);
        tarn_future *after = nothing_after(pools[0], both);
        tarn_status expected = failing < N ? TARN_FAILED : TARN_OK;
        assert_ended(after, expected);
        for (size_t i = 0; i < N; i++)
            assert_true(tarn_done(futures[i]));
        if (failing < N)
            assert_int_equal(tarn_error(both)->code, failing);
        assert_ended(both, expected);
        tarn_drop_all(reversed, 2);
        tarn_drop_all(futures, N);
    }
    pool_close(pools[0]);
    pool_close(pools[1]);
}

/* A cancel of the whole, while its parts end. */
CONTRACT_TEST(all_is_cancelled_while_its_futures_end, SHARED_MEMORY)
{
    enum { N = 16 };
    size_t rounds = test_count(3000);
    tarn_executor *pool = pool_open();
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        for (int i = 0; i < N; i++)
            futures[i] = square_submit(pool, i);
        tarn_future *all = tarn_all(futures, N);
        tarn_future *after = nothing_after(pool, all);
        for (size_t i = 0; i < round % 13; i++)
            sched_yield();
        bool cancelled = tarn_cancel(all);
        assert_ended(after, cancelled ? TARN_CANCELLED : TARN_OK);
        assert_ended(all, cancelled ? TARN_CANCELLED : TARN_OK);
        for (int i = 0; i < N; i++)
            assert_ended(futures[i], TARN_OK);
    }
    pool_close(pool);
}

/* ---- Time limits ---- */

/* What expires is queued just then, or cancelled, or begins. */
CONTRACT_TEST(a_chained_task_expires_while_it_begins, SHARED_MEMORY)
{
    size_t rounds = test_count(1500);
    tarn_executor *pool = pool_open();
    tarn_executor *views[3];
    for (int i = 0; i < 3; i++)
        views[i] = tarn_with(pool, .start_within = 1e-6 * (1 + i * 20), .run_limit = 1000);
    for (size_t round = 0; round < rounds; round++) {
        struct source source = source_new();
        tarn_future *after = square_after(views[round % 3], source.future);
        tarn_future *last = square_after(pool, after);
        source_give(&source, 2);
        bool cancelled = round % 4 == 0 && tarn_cancel(after);
        tarn_status status = status_of(after);
        assert_true(status == TARN_EXPIRED || status == (cancelled ? TARN_CANCELLED : TARN_OK));
        assert_ended(last, status);
        tarn_drop(after);
        tarn_drop(source.future);
    }
    pool_close(pool);
}
