/* SPDX-License-Identifier: Apache-2.0 */

/* Whoever waits takes the replies of a worker: many threads at once, for what was given ahead, in
 * callbacks and tasks, and while one of them does not come back. */
#include "ahead.h"
#include "processes.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { N = 6, WAITERS = 8 };

typedef struct waiter {
    pthread_t thread;
    tarn_future *future;
    tarn_deadline deadline;
    tarn_status status;
    atomic_int tid; /* 0: it has not begun */
} waiter;

static void *wait_for_one(void *data)
{
    waiter *w = data;
    atomic_store(&w->tid, (int)syscall(SYS_gettid));
    w->status = tarn_future_wait(w->future, w->deadline);
    return NULL;
}

static void waiter_start(waiter *w, tarn_future *future, tarn_deadline deadline)
{
    *w = (waiter){.future = future, .deadline = deadline};
    assert_int_equal(pthread_create(&w->thread, NULL, wait_for_one, w), 0);
}

/* Until it sleeps, if it does. */
static void waiter_await_sleep(const waiter *w)
{
    while (atomic_load(&w->tid) == 0 || (state_of(atomic_load(&w->tid)) != 'S'))
        sched_yield();
}

static tarn_status waiter_join(waiter *w)
{
    pthread_join(w->thread, NULL);
    return w->status;
}

static void end_crowd(scene *s, tarn_future **futures)
{
    gate_open(s, 0);
    assert_right(s, futures, N, 0);
    gate_close(s, 0);
    forget_books(s);
}

/* ---- Many ------------------------------------------------------------------------------------ */

/* Asleep, or about to be. */
static void wait_by_many(bool same, bool asleep)
{
    scene s;
    tarn_future *futures[N];
    waiter waiters[WAITERS];
    size_t rounds = test_count(100);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        for (size_t i = 0; i < WAITERS; i++)
            waiter_start(&waiters[i], futures[same ? k % N : i % N], TARN_FOREVER);
        for (int i = 0; asleep && i < WAITERS; i++)
            waiter_await_sleep(&waiters[i]);
        gate_open(&s, 0);
        for (int i = 0; i < WAITERS; i++)
            assert_int_equal(waiter_join(&waiters[i]), TARN_OK);
        end_crowd(&s, futures);
    }
    scene_close(&s);
}

TEST(many_threads_wait_for_the_same_future)
{
    wait_by_many(true, true);
    wait_by_many(true, false);
}

TEST(many_threads_wait_for_what_one_worker_has)
{
    wait_by_many(false, true);
    wait_by_many(false, false);
}

TEST(a_deadline_passes_while_the_future_is_given_ahead)
{
    scene s;
    tarn_future *futures[N];
    waiter waiters[WAITERS];
    size_t rounds = test_count(50);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        for (int i = 0; i < WAITERS; i++)
            waiter_start(&waiters[i], futures[i % N],
                         i % 2 == 0 ? tarn_in(1e-4 * i) : tarn_in(600));
        for (int i = 0; i < WAITERS; i += 2) {
            assert_int_equal(waiter_join(&waiters[i]), TARN_TIMEOUT);
            assert_false(tarn_done(futures[i % N]));
        }
        gate_open(&s, 0);
        for (int i = 1; i < WAITERS; i += 2)
            assert_int_equal(waiter_join(&waiters[i]), TARN_OK);
        end_crowd(&s, futures);
    }
    scene_close(&s);
}

/* ---- Inside ---------------------------------------------------------------------------------- */

typedef struct visit {
    tarn_future *other;
    atomic_bool done;
    tarn_status status;
    uint32_t result;
} visit;

static void wait_in_callback(tarn_future *future, void *data)
{
    visit *v = data;
    (void)future;
    v->status = tarn_result(v->other, NULL, &v->result, sizeof(v->result));
    atomic_store(&v->done, true);
}

TEST(a_callback_waits_for_what_was_given_ahead)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(100);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        visit last = {.other = NULL};
        crowd_all(&s, s.pool, futures, N);
        last.other = futures[N - 1];
        assert_int_equal(tarn_on_done(futures[0], wait_in_callback, &last), TARN_OK);
        gate_open(&s, 0);
        while (!atomic_load(&last.done))
            sched_yield();
        assert_int_equal(last.status, TARN_OK);
        assert_int_equal(last.result, 3 * (N - 1) + 1);
        end_crowd(&s, futures);
    }
    scene_close(&s);
}

static uint32_t wait_in_task(tarn_future *future)
{
    uint32_t result = 0;
    tarn_status status = tarn_result(future, NULL, &result, sizeof(result));
    return status == TARN_OK ? result : 0;
}
TARN_TASK(uint32_t, wait_in_task, tarn_future *);

TEST(tasks_of_threads_wait_for_what_was_given_ahead)
{
    scene s;
    tarn_future *futures[N], *waits[N];
    tarn_executor *threads = tarn_thread_pool(.max_workers = 2);
    size_t rounds = test_count(100);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        for (int i = 0; i < N; i++)
            waits[i] = wait_in_task_submit(threads, futures[i]);
        gate_open(&s, 0);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t result = 0;
            assert_int_equal(wait_in_task_result(waits[i], &result), TARN_OK);
            assert_int_equal(result, 3 * i + 1);
        }
        tarn_drop_all(waits, N);
        end_crowd(&s, futures);
    }
    scene_close(&s);
    assert_int_equal(tarn_shutdown(threads), TARN_OK);
}

/* Nobody takes replies while he sleeps on several: the pool does. */
TEST(who_waits_for_any_gets_what_stands_before_a_long_task)
{
    scene s;
    tarn_future *futures[N + 1];
    size_t rounds = test_count(100), given = 0;
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds || given == 0; k++) {
        make_fast(&s);
        for (uint32_t i = 0; i < N + 1; i++)
            futures[i] =
                i == N ? block_submit(s.pool, s.paper, i, 0) : note_submit(s.pool, s.paper, i);
        given += is_given(futures[N]);
        if (k % 2 == 0) {
            tarn_completions *all = tarn_as_completed(futures, N + 1, tarn_in(60));
            for (size_t i = 0, tag; i < N; i++) {
                assert_int_equal(tarn_next(all, &tag), TARN_OK);
                assert_int_not_equal(tag, N);
            }
            tarn_completions_drop(all);
        } else {
            for (int i = 0; i < N; i++) {
                tarn_future *two[] = {futures[N], futures[i]};
                assert_int_equal(tarn_wait(two, 2, TARN_WAIT_FIRST, tarn_in(60), NULL), TARN_OK);
                assert_true(tarn_done(futures[i]));
            }
        }
        assert_false(tarn_done(futures[N]));
        gate_open(&s, 0);
        assert_right(&s, futures, N + 1, 0);
        gate_close(&s, 0);
        forget_books(&s);
    }
    scene_close(&s);
}

/* ---- One that does not come back ------------------------------------------------------------- */

static int held[2];
static atomic_bool is_held;

static void hold_thread(int signal_)
{
    int saved = errno;
    char byte;
    (void)signal_;
    atomic_store(&is_held, true);
    while (read(held[0], &byte, 1) < 0 && errno == EINTR)
        ;
    atomic_store(&is_held, false);
    errno = saved;
}

typedef enum other_waiter { BY_WAIT, BY_FIRST, BY_COMPLETIONS, BY_LOOKING, BY_DRAIN } other_waiter;

static void get_otherwise(scene *s, other_waiter how, tarn_future **futures, size_t n)
{
    size_t tag;
    tarn_completions *all =
        how == BY_COMPLETIONS ? tarn_as_completed(futures, n, tarn_in(60)) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (how == BY_WAIT)
            assert_int_equal(tarn_future_wait(futures[i], tarn_in(60)), TARN_OK);
        else if (how == BY_FIRST)
            assert_int_equal(tarn_wait(&futures[i], 1, TARN_WAIT_FIRST, tarn_in(60), NULL),
                             TARN_OK);
        else if (how == BY_COMPLETIONS)
            assert_int_equal(tarn_next(all, &tag), TARN_OK);
        else if (how == BY_DRAIN)
            assert_int_equal(tarn_drain(s->pool, tarn_in(60)), TARN_OK);
        while (!tarn_done(futures[i]))
            sched_yield();
    }
    tarn_completions_drop(all);
}

/* The thread that sleeps for a worker's reply is stopped meanwhile. */
TEST(a_waiter_that_is_held_up_holds_up_nobody)
{
    struct sigaction action = {.sa_handler = hold_thread}, before;
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(50);
#ifdef __SANITIZE_THREAD__
    skip(); /* it runs no handler while the thread sleeps */
#endif
    assert_int_equal(pipe(held), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        waiter a;
        crowd_all(&s, s.pool, futures, N);
        waiter_start(&a, futures[0], TARN_FOREVER);
        waiter_await_sleep(&a);
        pthread_kill(a.thread, SIGUSR1);
        while (!atomic_load(&is_held))
            sched_yield();
        /* With nothing ahead the pool does not look by itself before long. */
        for (int i = 1; k % 2 == 0 && i < N; i++) {
            while (is_given(futures[i]))
                sched_yield();
        }
        gate_open(&s, 0);
        get_otherwise(&s, (other_waiter)(k % 5), futures, N);
        assert_true(atomic_load(&is_held));
        assert_int_equal(write(held[1], "", 1), 1);
        assert_int_equal(waiter_join(&a), TARN_OK);
        end_crowd(&s, futures);
    }
    scene_close(&s);
    sigaction(SIGUSR1, &before, NULL);
    close(held[0]);
    close(held[1]);
}

/* ---- Nothing but what was taken back --------------------------------------------------------- */

static atomic_bool enough;

/* Takes replies all the time, as it never waits long enough to sleep. */
static void *wait_again_and_again(void *future)
{
    while (!atomic_load(&enough))
        tarn_future_wait(future, tarn_in(1e-5));
    return NULL;
}

/* A worker that was stopped has begun with nothing, and finds all of it taken back: that is no reply,
 * but the worker is to have what is queued. */
TEST(a_worker_that_finds_all_taken_back_is_given_what_is_queued)
{
    scene s;
    size_t rounds = test_count(200);
    scene_open(&s, .max_workers = 2, .prefetch = 1, .idle_timeout = 1000);
    tarn_future *blocked[] = {block_submit(s.pool, s.paper, 0, 0)};
    await_begun(&s, 0);
    atomic_store(&enough, false);
    pthread_t other;
    pthread_create(&other, NULL, wait_again_and_again, blocked[0]);
    tarn_future *first = note_submit(s.pool, s.paper, 1);
    assert_ended(&first, 1, TARN_OK);
    tarn_drop(first);
    pid_t worker = worker_of(&s, 1);
    for (uint32_t k = 0; k < rounds; k++) {
        kill(worker, SIGSTOP);
        while (state_of(worker) != 'T')
            sched_yield();
        tarn_future *given = note_submit(s.pool, s.paper, 2);
        assert_true(is_given(given));
        assert_true(tarn_cancel(given));
        tarn_drop(given);
        tarn_future *queued = note_submit(s.pool, s.paper, 3 + k);
        assert_false(is_given(queued));
        kill(worker, SIGCONT);
        assert_right(&s, &queued, 1, 3 + k);
    }
    assert_int_equal(runs_of(&s, 2), 0);
    atomic_store(&enough, true);
    pthread_join(other, NULL);
    gate_open(&s, 0);
    assert_right(&s, blocked, 1, 0);
    scene_close(&s);
}

TEST(a_shutdown_does_not_wait_for_who_found_all_taken_back)
{
    size_t rounds = test_count(20);
    for (size_t k = 0; k < rounds; k++) {
        scene s;
        pthread_t other;
        scene_open(&s, .max_workers = 2, .idle_timeout = 1000);
        tarn_future *blocked[] = {block_submit(s.pool, s.paper, 0, 0)};
        await_begun(&s, 0);
        tarn_future *first = note_submit(s.pool, s.paper, 1);
        assert_ended(&first, 1, TARN_OK);
        tarn_drop(first);
        pid_t worker = worker_of(&s, 1);
        atomic_store(&enough, false);
        pthread_create(&other, NULL, wait_again_and_again, blocked[0]);
        kill(worker, SIGSTOP);
        while (state_of(worker) != 'T')
            sched_yield();
        tarn_future *given = note_submit(s.pool, s.paper, 2);
        assert_int_equal(tarn_shutdown(s.pool, .cancel_pending = true, .time_limit = 0.01),
                         TARN_TIMEOUT);
        assert_ended(&given, 1, TARN_CANCELLED);
        tarn_drop(given);
        kill(worker, SIGCONT);
        await_end(worker);
        atomic_store(&enough, true);
        pthread_join(other, NULL);
        gate_open(&s, 0);
        assert_right(&s, blocked, 1, 0);
        scene_close(&s);
    }
}
