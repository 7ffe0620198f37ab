/* SPDX-License-Identifier: Apache-2.0 */

/* What a worker was given ahead: that it is taken back for others, that it can be cancelled, and what
 * becomes of it when workers die and pools are shut down. */
#include "ahead.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { N = 6 }; /* futures of a crowd, by default: fewer than a slow machine gives ahead */

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* ---- Taken back ------------------------------------------------------------------------------ */

TEST(what_stands_behind_a_long_task_runs_on_another_worker)
{
    enum { CROWD = 10 };
    size_t rounds = test_count(20);
    for (size_t i = 0; i < rounds; i++) {
        scene s;
        tarn_future *futures[CROWD];
        scene_open(&s, .max_workers = 2);
        crowd_all(&s, s.pool, futures, CROWD);
        await_begun(&s, 0);
        await_begun(&s, 1);
        gate_open(&s, 1);
        /* Half of them stood behind the other one, which stays. */
        assert_right(&s, futures + 1, CROWD - 1, 1);
        assert_false(tarn_done(futures[0]));
        gate_open(&s, 0);
        assert_right(&s, futures, 1, 0);
        scene_close(&s);
    }
}

/* Without anybody who has nothing to do. */
TEST(what_stands_behind_a_long_task_is_pending_before_long)
{
    scene s;
    tarn_future *futures[N];
    scene_open(&s, .max_workers = 1);
    crowd_all(&s, s.pool, futures, N);
    for (int i = 1; i < N; i++) {
        while (is_given(futures[i]))
            sched_yield();
        assert_string_equal(tarn_future_state(futures[i]), "PENDING");
    }
    assert_true(is_given(futures[0]));
    gate_open(&s, 0);
    assert_right(&s, futures, N, 0);
    scene_close(&s);
}

TEST(what_is_taken_back_keeps_its_order_and_its_priority)
{
    scene s;
    tarn_future *futures[N + 2];
    entry entries[N + 2];
    scene_open(&s, .max_workers = 1);
    crowd_all(&s, s.pool, futures, N);
    for (int i = 1; i < N; i++) {
        while (is_given(futures[i]))
            sched_yield();
    }
    futures[N] = note_submit(s.pool, s.paper, N);
    futures[N + 1] = note_submit(tarn_with(s.pool, .priority = TARN_PRIORITY_HIGH), s.paper, N + 1);
    gate_open(&s, 0);
    assert_right(&s, futures, N + 2, 0);
    assert_int_equal(read_books(&s, entries, N + 2), N + 2);
    assert_int_equal(entries[1].number, N + 1);
    for (uint32_t i = 2; i < N + 2; i++)
        assert_int_equal(entries[i].number, i - 1);
    scene_close(&s);
}

TEST(with_a_prefetch_of_one_nothing_is_given_ahead)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(200);
    scene_open(&s, .max_workers = 1, .prefetch = 1);
    for (size_t k = 0; k < rounds; k++) {
        make_fast(&s);
        assert_int_equal(crowd(&s, s.pool, futures, N), 0);
        for (int i = 1; i < N; i++)
            assert_string_equal(tarn_future_state(futures[i]), "PENDING");
        gate_open(&s, 0);
        assert_right(&s, futures, N, 0);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

/* ---- Limits of time -------------------------------------------------------------------------- */

static void assert_not_given_ahead(scene *s, tarn_executor *view)
{
    tarn_future *futures[N];
    size_t rounds = test_count(50);
    for (size_t k = 0; k < rounds; k++) {
        make_fast(s);
        assert_int_equal(crowd(s, view, futures, N), 0);
        gate_open(s, 0);
        assert_right(s, futures, N, 0);
        gate_close(s, 0);
        forget_books(s);
    }
}

TEST(what_has_a_limit_of_time_is_not_given_ahead)
{
    scene s;
    scene_open(&s, .max_workers = 1);
    assert_not_given_ahead(&s, tarn_with(s.pool, .run_limit = 100));
    assert_not_given_ahead(&s, tarn_with(s.pool, .start_within = 100));
    scene_close(&s);
}

TEST(a_run_limit_counts_from_the_run)
{
    scene s;
    tarn_future *futures[N + 1];
    scene_open(&s, .max_workers = 1);
    for (int k = 0; k < 3; k++) {
        crowd_all(&s, s.pool, futures, N);
        /* It waits longer than it may run. */
        futures[N] = note_submit(tarn_with(s.pool, .run_limit = 0.05), s.paper, N);
        tarn_future *waited[] = {futures[N]};
        assert_int_equal(tarn_wait(waited, 1, TARN_WAIT_ALL, tarn_in(0.1), NULL), TARN_TIMEOUT);
        assert_string_equal(tarn_future_state(futures[N]), "PENDING");
        gate_open(&s, 0);
        assert_right(&s, futures, N + 1, 0);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

TEST(who_runs_too_long_expires_and_nobody_else)
{
    scene s;
    tarn_future *futures[2 * N + 1];
    scene_open(&s, .max_workers = 1);
    make_fast(&s);
    tarn_executor *limited = tarn_with(s.pool, .run_limit = 0.02);
    for (uint32_t i = 0; i < 2 * N + 1; i++)
        futures[i] =
            i == N ? block_submit(limited, s.paper, i, 0) : note_submit(s.pool, s.paper, i);
    assert_int_equal(tarn_result(futures[N], NULL, NULL, 0), TARN_EXPIRED);
    assert_int_equal(tarn_error(futures[N])->attempts, 1);
    tarn_drop(futures[N]);
    assert_right(&s, futures, N, 0);
    assert_right(&s, futures + N + 1, N, N + 1);
    scene_close(&s);
}

/* ---- Cancelled ------------------------------------------------------------------------------- */

TEST(what_was_given_ahead_can_be_cancelled)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(100);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        await_begun(&s, 0);
        assert_false(tarn_cancel(futures[0]));
        /* From behind, from the front, or all. */
        for (int i = 1; i < N; i++) {
            int which = k % 2 == 0 ? N - i : i;
            assert_true(tarn_cancel(futures[which]));
            assert_true(tarn_cancelled(futures[which]));
        }
        gate_open(&s, 0);
        assert_right(&s, futures, 1, 0);
        assert_ended(futures + 1, N - 1, TARN_CANCELLED);
        for (uint32_t i = 1; i < N; i++)
            assert_int_equal(runs_of(&s, i), 0);
        tarn_drop_all(futures + 1, N - 1);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

TEST(one_that_was_given_ahead_is_cancelled_and_the_others_run)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(100);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        size_t which = 1 + k % (N - 1);
        crowd_all(&s, s.pool, futures, N);
        assert_int_equal(tarn_stop(futures[which], k % 2 == 0 ? 0.0 : 100.0), TARN_OK);
        assert_true(tarn_cancelled(futures[which]));
        gate_open(&s, 0);
        assert_ended(futures + which, 1, TARN_CANCELLED);
        assert_right(&s, futures, which, 0);
        assert_right(&s, futures + which + 1, N - which - 1, (uint32_t)which + 1);
        assert_int_equal(runs_of(&s, (uint32_t)which), 0);
        tarn_drop(futures[which]);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

typedef struct cancellation {
    tarn_future *const *futures;
    size_t n, cancelled;
    atomic_int *ready;
} cancellation;

static void *cancel_each(void *data)
{
    cancellation *c = data;
    atomic_fetch_add(c->ready, 1);
    while (atomic_load(c->ready) < 2)
        continue;
    for (size_t i = 0; i < c->n; i += 2)
        c->cancelled += tarn_cancel(c->futures[i]);
    return NULL;
}

/* One takes back what the other one is about to. */
TEST(two_threads_cancel_what_one_worker_was_given)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(500);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        pthread_t other;
        crowd_all(&s, s.pool, futures, N);
        atomic_int ready = 0;
        cancellation even = {futures + 1, N - 1, 0, &ready}, odd = {futures + 2, N - 2, 0, &ready};
        pthread_create(&other, NULL, cancel_each, &even);
        cancel_each(&odd);
        pthread_join(other, NULL);
        assert_int_equal(even.cancelled + odd.cancelled, N - 1);
        gate_open(&s, 0);
        assert_right(&s, futures, 1, 0);
        assert_ended(futures + 1, N - 1, TARN_CANCELLED);
        tarn_drop_all(futures, N);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

/* Whatever it did by then. */
TEST(who_is_cancelled_at_any_time_has_run_or_was_cancelled)
{
    enum { CROWD = 64 };
    scene s;
    tarn_future *futures[CROWD];
    bool cancelled[CROWD];
    size_t rounds = test_count(200);
    scene_open(&s, .max_workers = 2);
    make_fast(&s);
    for (size_t k = 0; k < rounds; k++) {
        for (uint32_t i = 0; i < CROWD; i++)
            futures[i] = note_submit(s.pool, s.paper, i);
        for (size_t i = k % 3; i < CROWD; i++)
            cancelled[i] = i % 3 == k % 3 && tarn_cancel(futures[i]);
        for (uint32_t i = (uint32_t)(k % 3); i < CROWD; i++) {
            assert_ended(futures + i, 1, cancelled[i] ? TARN_CANCELLED : TARN_OK);
            assert_int_equal(runs_of(&s, i), !cancelled[i]);
        }
        assert_ended(futures, k % 3, TARN_OK);
        tarn_drop_all(futures, CROWD);
        forget_books(&s);
    }
    scene_close(&s);
}
