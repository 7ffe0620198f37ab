/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/mutex.h"

#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "runner.h"

#include <errno.h>

#define THREADS 4

/* ---- failures of the system ---- */

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int __real_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);

static int init_error;

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    return init_error != 0 ? init_error : __real_pthread_mutex_init(mutex, attributes);
}

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    return init_error != 0 ? init_error : __real_pthread_cond_init(cond, attributes);
}

TEST(init_says_what_failed)
{
    tn_mutex mutex;
    tn_cond cond;

    init_error = ENOMEM;
    assert_int_equal(tn_mutex_init(&mutex), ENOMEM);
    init_error = EAGAIN;
    assert_int_equal(tn_cond_init(&cond), EAGAIN);
    init_error = 0;
}

/* ---- what they are for ---- */

struct shared {
    tn_mutex mutex;
    tn_cond cond;
    size_t rounds;
    size_t count;
    int arrived;
    bool open;
};

static void shared_init(struct shared *shared)
{
    *shared = (struct shared){.rounds = test_count(20000)};
    assert_int_equal(tn_mutex_init(&shared->mutex), 0);
    assert_int_equal(tn_cond_init(&shared->cond), 0);
}

static void shared_destroy(struct shared *shared)
{
    tn_cond_destroy(&shared->cond);
    tn_mutex_destroy(&shared->mutex);
}

static void add(void *data)
{
    struct shared *shared = data;

    for (size_t i = 0; i < shared->rounds; i++) {
        tn_mutex_lock(&shared->mutex);
        shared->count++;
        tn_mutex_unlock(&shared->mutex);
    }
}

static int start_all(tn_thread *threads, void (*run)(void *), void *data)
{
    int started = 0;

    while (started < THREADS && tn_thread_start(&threads[started], 0, "test", run, data) == 0)
        started++;
    return started;
}

static void join_all(const tn_thread *threads, int started)
{
    for (int i = 0; i < started; i++)
        tn_thread_join(threads[i]);
    assert_int_equal(started, THREADS);
}

TEST(one_thread_at_a_time_holds_a_mutex)
{
    struct shared shared;
    tn_thread threads[THREADS];

    shared_init(&shared);
    join_all(threads, start_all(threads, add, &shared));
    assert_int_equal(shared.count, THREADS * shared.rounds);
    shared_destroy(&shared);
}

static tn_mutex static_mutex = TN_MUTEX_INITIAL;
static size_t static_count;

static void add_static(void *data)
{
    (void)data;
    tn_mutex_lock(&static_mutex);
    static_count++;
    tn_mutex_unlock(&static_mutex);
}

static void *try_it(void *mutex)
{
    bool got = tn_mutex_try_lock(mutex);
    if (got)
        tn_mutex_unlock(mutex);
    return got ? mutex : NULL;
}

TEST(a_mutex_is_tried_without_waiting)
{
    static tn_mutex mutex = TN_MUTEX_INITIAL;
    for (int held = 0; held < 2; held++) {
        pthread_t other;
        void *got;
        if (held)
            tn_mutex_lock(&mutex);
        assert_int_equal(pthread_create(&other, NULL, try_it, &mutex), 0);
        assert_int_equal(pthread_join(other, &got), 0);
        assert_int_equal(got == NULL, held);
        if (held)
            tn_mutex_unlock(&mutex);
    }
}

TEST(a_static_mutex_needs_no_init)
{
    tn_thread threads[THREADS];

    join_all(threads, start_all(threads, add_static, NULL));
    assert_int_equal(static_count, THREADS);
}

static void pass(void *data)
{
    struct shared *shared = data;

    tn_mutex_lock(&shared->mutex);
    shared->arrived++;
    while (!shared->open)
        tn_cond_wait(&shared->cond, &shared->mutex);
    shared->arrived--;
    tn_mutex_unlock(&shared->mutex);
}

/* Opens the gate when all are at it. They wait with the mutex given back: else none could come. */
TEST(a_broadcast_wakes_all)
{
    struct shared shared;
    tn_thread threads[THREADS];
    int started, arrived = 0;

    shared_init(&shared);
    started = start_all(threads, pass, &shared);
    while (arrived < started) {
        tn_mutex_lock(&shared.mutex);
        arrived = shared.arrived;
        shared.open = arrived == started;
        tn_mutex_unlock(&shared.mutex);
    }
    tn_cond_broadcast(&shared.cond);
    join_all(threads, started);
    assert_int_equal(shared.arrived, 0);
    shared_destroy(&shared);
}

/* Two threads count in turn; a lost signal would stop them for ever. */
static void play(struct shared *shared, size_t first)
{
    tn_mutex_lock(&shared->mutex);
    for (size_t turn = first; turn < shared->rounds; turn += 2) {
        while (shared->count != turn)
            tn_cond_wait_until(&shared->cond, &shared->mutex, TN_CLOCK_NEVER);
        shared->count++;
        tn_cond_signal(&shared->cond);
    }
    tn_mutex_unlock(&shared->mutex);
}

static void play_second(void *data)
{
    play(data, 1);
}

TEST(no_signal_is_lost)
{
    struct shared shared;
    tn_thread second;

    shared_init(&shared);
    shared.rounds = 2 * test_count(5000);
    assert_int_equal(tn_thread_start(&second, 0, "second", play_second, &shared), 0);
    play(&shared, 0);
    tn_thread_join(second);
    assert_int_equal(shared.count, shared.rounds);
    shared_destroy(&shared);
}

TEST(a_timed_wait_ends_at_its_time_and_not_before)
{
    struct shared shared;
    int64_t until = tn_clock_after(0.02);

    shared_init(&shared);
    tn_mutex_lock(&shared.mutex);
    while (tn_cond_wait_until(&shared.cond, &shared.mutex, until))
        continue;
    assert_true(tn_clock_now() >= until);
    assert_false(tn_cond_wait_until(&shared.cond, &shared.mutex, 0));
    assert_false(tn_cond_wait_until(&shared.cond, &shared.mutex, INT64_MIN));
    tn_mutex_unlock(&shared.mutex);
    shared_destroy(&shared);
}

static void open_gate(void *data)
{
    struct shared *shared = data;

    tn_mutex_lock(&shared->mutex);
    shared->open = true;
    tn_cond_signal(&shared->cond);
    tn_mutex_unlock(&shared->mutex);
}

TEST(a_signal_ends_the_timed_wait)
{
    struct shared shared;
    int64_t until = tn_clock_after(3600);
    tn_thread thread;
    bool in_time = true;

    shared_init(&shared);
    /* The opener cannot signal before this thread waits, which gives back the mutex. */
    tn_mutex_lock(&shared.mutex);
    assert_int_equal(tn_thread_start(&thread, 0, "opener", open_gate, &shared), 0);
    while (!shared.open && in_time)
        in_time = tn_cond_wait_until(&shared.cond, &shared.mutex, until);
    tn_mutex_unlock(&shared.mutex);
    tn_thread_join(thread);
    assert_true(in_time);
    shared_destroy(&shared);
}

static void pass_cancelled(void *data)
{
    struct shared *shared = data;
    int state;

    pthread_cancel(pthread_self());
    tn_mutex_lock(&shared->mutex);
    tn_cond_wait_until(&shared->cond, &shared->mutex, tn_clock_now());
    shared->arrived++;
    tn_cond_signal(&shared->cond);
    while (!shared->open)
        tn_cond_wait(&shared->cond, &shared->mutex);
    shared->arrived++;
    tn_mutex_unlock(&shared->mutex);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    shared->count = state == PTHREAD_CANCEL_ENABLE;
}

TEST(nothing_is_a_cancellation_point)
{
    struct shared shared;
    tn_thread thread;

    shared_init(&shared);
    assert_int_equal(tn_thread_start(&thread, 0, "cancelled", pass_cancelled, &shared), 0);
    tn_mutex_lock(&shared.mutex);
    while (shared.arrived == 0)
        tn_cond_wait(&shared.cond, &shared.mutex);
    shared.open = true;
    tn_mutex_unlock(&shared.mutex);
    tn_cond_signal(&shared.cond);
    tn_thread_join(thread);
    assert_int_equal(shared.arrived, 2);
    /* Cancellation was enabled again after each wait. */
    assert_int_equal(shared.count, 1);
    shared_destroy(&shared);
}
