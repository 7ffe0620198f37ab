/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a worker: start, loop, sleep, block, leave. */
#include "threads/worker.h"

#include "core/front.h"
#include "core/future.h"
#include "core/run.h"
#include "platform/clock.h"
#include "platform/memory.h"

#include <errno.h>
#include <stdio.h>

static void run_worker(void *data);
static void lost(tn_context *context);

/* ---- Waking and starting --------------------------------------------------------------------- */

/* Takes a worker out of the stack of the idle. */
static void leave_idle(tn_pool *pool, tn_worker *worker)
{
    if (worker->above)
        worker->above->below = worker->below;
    else
        pool->idle = worker->below;
    if (worker->below)
        worker->below->above = worker->above;
    pool->idlers--;
}

/* The worker that slept for the shortest time: its stack is still in the cache. */
static void wake_one(tn_pool *pool)
{
    tn_worker *worker = pool->idle;
    leave_idle(pool, worker);
    worker->woken = true;
    pool->woken++;
    pool->wakes++;
    tn_cond_signal(&worker->wake);
}

void tn_worker_wake_all(tn_pool *pool)
{
    while (pool->idle)
        wake_one(pool);
}

static tn_worker *find_place(tn_pool *pool)
{
    int index = 0;
    while (pool->workers[index] && pool->workers[index]->exists)
        index++;
    if (pool->workers[index])
        return pool->workers[index];

    tn_worker *worker = tn_alloc(sizeof *worker);
    if (!worker)
        return NULL;
    if (tn_cond_init(&worker->wake) != 0) {
        tn_free(worker);
        return NULL;
    }
    worker->pool = pool;
    worker->context.executor = &pool->executor;
    worker->context.index = index;
    worker->context.stopping = &worker->stopping;
    worker->context.stack_size = pool->stack_size;
    worker->context.lost = lost;
    tn_front_add_books(&pool->executor, &worker->context.books);
    return pool->workers[index] = worker;
}

/* Under the mutex, although it takes its time: whoever needs a thread must know whether there will
 * be one before anybody decides to sleep. */
static int start_worker(tn_pool *pool)
{
    tn_worker *worker = find_place(pool);
    if (!worker)
        return pool->start_error = ENOMEM;
    char name[32];
    int index = worker->context.index;
    /* The system keeps 15 bytes: what is cut off is the end of the pool's name. */
    int digits = snprintf(NULL, 0, "-%d", index);
    snprintf(name, sizeof name, "%.*s-%d", 15 - digits, pool->name ? pool->name : "tarn", index);
    pool->start_error =
        tn_thread_start(&worker->thread, pool->stack_size, name, run_worker, worker);
    if (pool->start_error != 0)
        return pool->start_error;
    pool->start_logged = false;
    worker->exists = true;
    worker->counted = &pool->starting;
    pool->threads++;
    pool->starting++;
    return 0;
}

/* `over`: a worker more than there may be is better than none. */
static int secure(tn_pool *pool, size_t length, bool over)
{
    /* A worker that starts may be long in its initializer: it does not keep an idle one asleep. */
    if (pool->idle && pool->running + pool->woken < pool->max_workers) {
        /* One at a time: the one that comes wakes the next if there is still need. */
        if (pool->woken == 0)
            wake_one(pool);
        return 0;
    }
    int coming = pool->starting + pool->woken;
    if (pool->running + coming >= pool->max_workers || length <= (size_t)coming)
        return 0;
    /* A resize may have lowered the limit to those that wait: nobody would be left to serve. */
    over = over && pool->running + coming == 0 && pool->threads < pool->places;
    if (pool->threads >= pool->max_threads && !over)
        return 0;
    int error = start_worker(pool);
    return pool->running + coming > 0 ? 0 : error;
}

int tn_worker_secure(tn_pool *pool, size_t length)
{
    return secure(pool, length, true);
}

/* ---- Blocking -------------------------------------------------------------------------------- */

/* Whether a blocked worker is about to come back: it was woken, but has not had the mutex since. */
static bool somebody_wakes(const tn_pool *pool)
{
    for (int i = 0; i < pool->places && pool->workers[i]; i++) {
        if (pool->workers[i]->wait && tn_wait_is_over(pool->workers[i]->wait))
            return true;
    }
    return false;
}

bool tn_worker_block(tarn_executor *executor, bool timed)
{
    tn_pool *pool = (tn_pool *)(void *)executor;
    tn_worker *worker = (tn_worker *)(void *)tn_context_here();
    tn_mutex_lock(&pool->mutex);
    --*worker->counted;
    pool->blocked++;
    int error = pool->queue.length > 0 ? secure(pool, pool->queue.length, false) : 0;
    bool alone = pool->running + pool->starting + pool->woken + pool->idlers == 0;
    bool full = pool->threads - pool->leaving >= pool->max_threads;
    bool refused = !timed && alone && (full || error != 0) && !somebody_wakes(pool);
    if (refused) {
        pool->blocked--;
        ++*worker->counted;
    } else {
        worker->wait = worker->context.wait;
    }
    tn_pool_unlock(pool);
    return !refused;
}

void tn_worker_unblock(tarn_executor *executor)
{
    tn_pool *pool = (tn_pool *)(void *)executor;
    tn_worker *worker = (tn_worker *)(void *)tn_context_here();
    tn_mutex_lock(&pool->mutex);
    pool->blocked--;
    ++*worker->counted;
    worker->wait = NULL;
    tn_mutex_unlock(&pool->mutex);
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Everything in this part is under the mutex, unless it says otherwise. */

static bool is_ending(const tn_pool *pool)
{
    return (pool->closed || pool->broken) && pool->queue.length == 0;
}

/* Starts the next future if there is a permit for it; NULL: nothing to do for now. */
static tarn_future *take(tn_pool *pool, tn_worker *worker)
{
    if (pool->running >= pool->max_workers)
        return NULL;
    tarn_future *future = tn_queue_start(&pool->queue);
    if (!future)
        return NULL;
    pool->running++;
    worker->task = future->task;
    if (pool->queue.length > 0)
        tn_worker_secure(pool, pool->queue.length);
    return future;
}

/* Runs one future, and frees those that were found dead before it, without the mutex; false: there
 * was nothing to do. */
static bool work(tn_pool *pool, tn_worker *worker)
{
    tarn_future *future = take(pool, worker);
    tarn_future *dead = tn_queue_take_dead(&pool->queue);
    if (!future && !dead)
        return false;
    /* To free them runs code of the user, which may wait, and give a permit back meanwhile. */
    if (!future)
        pool->running++;
    tn_pool_unlock(pool);
    tn_queue_bury(dead);
    if (future)
        tn_run(&worker->context, future, TN_OWNER_QUEUE);
    tn_mutex_lock(&pool->mutex);
    pool->running--;
    if (future) {
        worker->task = NULL;
        tn_u32_store_relaxed(&worker->stopping, 0);
    }
    return true;
}

/* Whether one more thread is there than a resize wants. Those that wait have a spare each. */
static bool is_too_many(tn_pool *pool)
{
    int there = pool->threads - pool->leaving;
    pool->shrinking = pool->shrinking && there > pool->max_workers;
    return pool->shrinking && there - pool->blocked > pool->max_workers;
}

/* Sleeps until woken; false: nobody did, or there are too many, and it may go home. */
static bool sleep_idle(tn_pool *pool, tn_worker *worker)
{
    /* The only thread of a pool is the same one for good. */
    int64_t until = pool->max_threads == 1 ? TN_CLOCK_NEVER : tn_clock_after(pool->idle_timeout);
    if (is_too_many(pool))
        return false;
    pool->parks++;
    worker->woken = false;
    worker->above = NULL;
    worker->below = pool->idle;
    if (worker->below)
        worker->below->above = worker;
    pool->idle = worker;
    pool->idlers++;

    bool in_time = true;
    while (!worker->woken && in_time)
        in_time = tn_cond_wait_until(&worker->wake, &pool->mutex, until);
    if (!worker->woken) {
        leave_idle(pool, worker);
        return false;
    }
    pool->woken--;
    return true;
}

/* Runs what is queued until it is time to go. */
static void serve(tn_pool *pool, tn_worker *worker)
{
    do {
        while (work(pool, worker))
            ;
        tn_pool_tell_watchers(pool);
    } while (!is_ending(pool) && sleep_idle(pool, worker));
}

/* What was queued ends TARN_BROKEN; the pool does not come to rest before. `ending` was counted
 * up. */
static void end_futures(tn_pool *pool, tarn_future *list, const char *text)
{
    tn_futures_end(list, TARN_BROKEN, text);
    tn_mutex_lock(&pool->mutex);
    pool->ending--;
    tn_pool_tell_watchers(pool);
    tn_mutex_unlock(&pool->mutex);
}

/* Not under the mutex: the initializer failed, and so does everything else. */
static void break_pool(tn_pool *pool, const char *text)
{
    tn_mutex_lock(&pool->mutex);
    bool first = !pool->broken;
    if (first)
        snprintf(pool->failure, sizeof pool->failure, "the initializer \"%.40s\" %s",
                 pool->initializer->task->name, text);
    pool->broken = true;
    tarn_future *pending = tn_queue_take_all(&pool->queue);
    pool->ending++;
    tn_worker_wake_all(pool);
    tn_mutex_unlock(&pool->mutex);
    /* Written once, before `broken` was set. */
    end_futures(pool, pending, pool->failure);
    if (first)
        tn_pool_log(pool, TARN_LOG_ERROR, "%s", pool->failure);
}

/* Not under the mutex. false: the pool is broken. */
static bool initialize(tn_pool *pool, tn_worker *worker)
{
    char text[160] = "failed: ";
    size_t length = strlen(text);
    const tarn_future *initializer = pool->initializer;
    if (!initializer ||
        tn_run_for_worker(&worker->context, initializer->task, tn_cell_payload(initializer),
                          text + length, sizeof text - length))
        return true;
    break_pool(pool, text);
    return false;
}

/* 0 if somebody else will look at the queue; otherwise ENOMEM. */
static int others_serve(tn_pool *pool)
{
    if (pool->idle && pool->running < pool->max_workers && pool->woken == 0)
        wake_one(pool);
    return pool->running + pool->starting + pool->woken > 0 ? 0 : ENOMEM;
}

/* The last steps, with the mutex held at first: see the numbered list in README.md. */
static void leave(tn_pool *pool, tn_worker *worker)
{
    /* The place may be another thread's as soon as it is free. */
    tn_thread self = worker->thread;
    pool->threads--;
    pool->leaving--;
    worker->exists = false;
    tarn_future *stranded = NULL;
    /* A worker that could not even begin is not replaced: the next one could not, either. */
    int error = 0;
    if (pool->queue.length > 0)
        error = worker->useless ? others_serve(pool) : tn_worker_secure(pool, pool->queue.length);
    if (error != 0)
        stranded = tn_queue_take_all(&pool->queue);
    pool->ending += stranded != NULL;
    /* Those who sleep because all permits were taken have nothing left to wait for. */
    if (is_ending(pool))
        tn_worker_wake_all(pool);

    bool join_former = pool->has_left;
    tn_thread former = pool->left;
    bool free_pool = pool->threads == 0 && pool->abandoned;
    pool->left = self;
    pool->has_left = true;
    tn_pool_tell_watchers(pool);
    /* Who waits for the pool to be empty joins this thread before it frees it. */
    tn_pool_unlock(pool);

    tn_inside inside;
    tn_inside_begin(&inside, &pool->executor);
    if (stranded)
        end_futures(pool, stranded, "no worker thread can be started");
    tn_inside_end(&inside);
    if (join_former)
        tn_thread_join(former);
    if (free_pool) {
        tn_thread_detach(self);
        tn_pool_free(pool);
    }
}

/* From `leaving` to the end; not under the mutex. */
static void retire(tn_pool *pool, tn_worker *worker)
{
    if (worker->context.ready && pool->finalizer) {
        char text[64];
        worker->context.ready = false;
        tn_run_for_worker(&worker->context, pool->finalizer, NULL, text, sizeof text);
    }
    tn_context_leave(&worker->context);
    tn_mutex_lock(&pool->mutex);
    leave(pool, worker);
}

/* Under the mutex. */
static void count_as_leaving(tn_pool *pool, tn_worker *worker)
{
    pool->leaving++;
    worker->counted = &pool->leaving;
}

static void bind(tn_pool *pool, const tn_worker *worker)
{
    if (!pool->cpus && !pool->pin)
        return;
    int error = tn_cpus_bind(pool->cpus, pool->pin ? worker->context.index : -1);
    if (error != 0)
        tn_pool_log(pool, TARN_LOG_WARNING,
                    "worker %d cannot be bound to its CPUs: %s; check affinity",
                    worker->context.index, strerror(error));
}

static void run_worker(void *data)
{
    tn_worker *worker = data;
    tn_pool *pool = worker->pool;
    bool entered = tn_run_enter(&worker->context);
    bind(pool, worker);
    worker->context.ready = entered && initialize(pool, worker);

    tn_mutex_lock(&pool->mutex);
    pool->starting--;
    worker->counted = &pool->running;
    worker->useless = !entered;
    if (worker->context.ready)
        serve(pool, worker);
    count_as_leaving(pool, worker);
    tn_mutex_unlock(&pool->mutex);
    retire(pool, worker);
}

/* The thread ends inside a task, callback, initializer or finalizer: by pthread_exit(), or
 * cancelled. Its place is given up as by any worker that leaves; whoever is needed takes it. */
static void lost(tn_context *context)
{
    tn_worker *worker = (tn_worker *)(void *)context;
    tn_pool *pool = worker->pool;
    /* Under the mutex: who started the thread may not have written it yet. */
    tn_mutex_lock(&pool->mutex);
    bool starting = worker->counted == &pool->starting;
    tn_mutex_unlock(&pool->mutex);
    if (starting)
        break_pool(pool, "ended its thread");
    else
        tn_pool_log(pool, TARN_LOG_WARNING, "a task ended the thread of worker %d",
                    worker->context.index);
    tn_mutex_lock(&pool->mutex);
    --*worker->counted;
    worker->task = NULL;
    tn_u32_store_relaxed(&worker->stopping, 0);
    count_as_leaving(pool, worker);
    tn_mutex_unlock(&pool->mutex);
    retire(pool, worker);
}
