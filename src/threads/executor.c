/* SPDX-License-Identifier: Apache-2.0 */

/* The thread pool as an executor: opening, submit, drain, shutdown. */
#include "threads/worker.h"

#include "core/registry.h"
#include "core/future.h"
#include "core/options.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/cpu.h"
#include "platform/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum { MOST_THREADS = 32767, DEFAULT_SPARES = 256, DEFAULT_IDLE_SECONDS = 30 };

#define DEFAULT_STACK ((size_t)8 << 20)
#define LEAST_STACK   ((size_t)16 << 10)
#define MOST_STACK    ((size_t)64 << 30)

static tn_pool *pool_of(tarn_executor *executor)
{
    return (tn_pool *)(void *)executor;
}

/* ---- Submit ---------------------------------------------------------------------------------- */

/* Whether nothing more is taken. What is owed is taken as long as there is a thread that is waited
 * for. */
static bool is_closed_to(const tn_pool *pool, bool owed)
{
    return pool->closed && (!owed || pool->cancelled || pool->threads == 0);
}

static tarn_status submit(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    tn_pool *pool = pool_of(executor);
    int error = 0;
    tn_mutex_lock(&pool->mutex);
    bool closed = is_closed_to(pool, owed), broken = pool->broken;
    if (!closed && !broken) {
        error = tn_worker_secure(pool, pool->queue.length + n);
        if (error == 0)
            tn_queue_push(&pool->queue, first, n);
    }
    tarn_future *dead = tn_queue_take_dead(&pool->queue);
    tn_pool_unlock(pool);
    if (dead)
        tn_queue_bury(dead);
    if (closed)
        return tn_error(TARN_CLOSED, "tarn_submit: the executor is shut down");
    if (broken)
        return tn_error_format(TARN_BROKEN, "tarn_submit: %s", pool->failure);
    if (error != 0)
        return tn_error_format(TARN_BROKEN,
                               "tarn_submit: no worker thread can be started: %s; raise the limit "
                               "on threads or memory, or lower stack_size",
                               strerror(error));
    return TARN_OK;
}

/* ---- Drain and shutdown ---------------------------------------------------------------------- */

static tarn_future *stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    tn_pool *pool = pool_of(executor);
    tarn_future *pending = NULL;
    tn_mutex_lock(&pool->mutex);
    pool->closed = true;
    if (cancel_pending) {
        pool->cancelled = true;
        pending = tn_queue_take_all(&pool->queue);
    }
    for (int i = 0; kill_running && i < pool->places && pool->workers[i]; i++) {
        if (pool->workers[i]->task)
            tn_u32_store_relaxed(&pool->workers[i]->stopping, 1);
    }
    tn_worker_wake_all(pool);
    tn_pool_tell_watchers(pool);
    tn_mutex_unlock(&pool->mutex);
    return pending;
}

static tarn_status drain(tarn_executor *executor, int64_t until)
{
    tn_pool *pool = pool_of(executor);
    bool in_time = true;
    tn_mutex_lock(&pool->mutex);
    pool->watchers++;
    while (!tn_pool_is_settled(pool) && in_time)
        in_time = tn_cond_wait_until(&pool->settled, &pool->mutex, until);
    pool->watchers--;
    bool settled = tn_pool_is_settled(pool);
    tn_mutex_unlock(&pool->mutex);
    return settled ? TARN_OK
                   : tn_error(TARN_TIMEOUT, "tarn_drain: tasks were queued or running at the "
                                            "deadline");
}

/* Under the mutex. */
static tarn_status name_the_running(const tn_pool *pool)
{
    char names[160] = "";
    size_t length = 0;
    int running = 0;
    for (int i = 0; i < pool->places && pool->workers[i]; i++) {
        const tn_worker *worker = pool->workers[i];
        if (!worker->task)
            continue;
        int written = snprintf(names + length, sizeof names - length, "%s\"%.40s\" (worker %d)",
                               running++ > 0 ? ", " : "", worker->task->name, i);
        if (written > 0 && length + (size_t)written < sizeof names)
            length += (size_t)written;
    }
    names[length] = '\0';
    return tn_error_format(TARN_TIMEOUT, "tarn_shutdown: %zu queued, %d running: %s",
                           tn_queue_count(&pool->queue), running, names);
}

/* All threads have left: the last to leave has joined the one before it, and so on. */
static void join_and_free(tn_pool *pool)
{
    if (pool->has_left)
        tn_thread_join(pool->left);
    tn_pool_free(pool);
}

static tarn_status finish(tarn_executor *executor, int64_t until)
{
    tn_pool *pool = pool_of(executor);
    tarn_status status = TARN_OK;
    bool in_time = true;
    tn_mutex_lock(&pool->mutex);
    pool->watchers++;
    while (pool->threads > 0 && in_time)
        in_time = tn_cond_wait_until(&pool->settled, &pool->mutex, until);
    pool->watchers--;
    if (pool->threads > 0)
        status = name_the_running(pool);
    tn_mutex_unlock(&pool->mutex);
    if (status == TARN_OK)
        join_and_free(pool);
    return status;
}

static void abandon(tarn_executor *executor)
{
    tn_pool *pool = pool_of(executor);
    tn_mutex_lock(&pool->mutex);
    pool->abandoned = true;
    bool nobody = pool->threads == 0;
    tn_mutex_unlock(&pool->mutex);
    if (nobody)
        join_and_free(pool);
}

/* ---- Size ------------------------------------------------------------------------------------ */

/* What a pool has if nothing else is said. */
static int default_workers(const tn_cpus *cpus)
{
    if (!cpus)
        return tn_cpu_count();
    int count = tn_cpus_count(cpus), quota = tn_cpu_quota("");
    return quota > 0 && quota < count ? quota : count;
}

/* Sets the numbers of workers and threads, and makes room for as many places; false: no memory. */
static bool size_pool(tn_pool *pool, int max_workers)
{
    int threads = max_workers + pool->spares;
    if (threads > pool->places) {
        tn_worker **workers = tn_alloc_array((size_t)threads, sizeof *workers);
        if (!workers)
            return false;
        if (pool->places > 0)
            memcpy(workers, pool->workers, (size_t)pool->places * sizeof *workers);
        tn_free(pool->workers);
        pool->workers = workers;
        pool->places = threads;
    }
    pool->max_workers = max_workers;
    pool->max_threads = threads;
    return true;
}

static tarn_status resize(tarn_executor *executor, int max_workers)
{
    tn_pool *pool = pool_of(executor);
    if (max_workers == 0)
        max_workers = default_workers(pool->cpus);
    tn_mutex_lock(&pool->mutex);
    bool closed = pool->closed;
    bool sized = !closed && size_pool(pool, max_workers);
    /* Workers that are too many leave when they wake; those that lacked a permit may have one
     * now. */
    if (sized && (pool->shrinking = pool->threads - pool->leaving > max_workers))
        tn_worker_wake_all(pool);
    if (sized && pool->queue.length > 0)
        tn_worker_secure(pool, pool->queue.length);
    tn_pool_unlock(pool);
    if (closed)
        return tn_error(TARN_CLOSED, "tarn_resize: the executor is shut down");
    return sized ? TARN_OK : tn_error(TARN_NO_MEMORY, "tarn_resize: no memory");
}

static int worker_limit(const tarn_executor *executor)
{
    tn_pool *pool = pool_of((tarn_executor *)(uintptr_t)executor);
    tn_mutex_lock(&pool->mutex);
    int places = pool->places;
    tn_mutex_unlock(&pool->mutex);
    return places;
}

static uint64_t above(int number, int limit)
{
    return number > limit ? (uint64_t)(number - limit) : 0;
}

static void stats(const tarn_executor *executor, tarn_stats *stats)
{
    tn_pool *pool = pool_of((tarn_executor *)(uintptr_t)executor);
    tn_mutex_lock(&pool->mutex);
    stats->max_workers = (uint64_t)pool->max_workers;
    stats->workers = (uint64_t)pool->threads;
    stats->spares = above(pool->threads, pool->max_workers);
    stats->idle = (uint64_t)pool->idlers;
    stats->wakes = pool->wakes;
    stats->parks = pool->parks;
    tn_mutex_unlock(&pool->mutex);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static const tarn_backend backend = {
    .size = sizeof backend,
    .kind = "threads",
    .capabilities = TARN_CAN_POINTERS,
    .submit = submit,
    .stop = stop,
    .finish = finish,
    .abandon = abandon,
    .drain = drain,
    .resize = resize,
    .worker_limit = worker_limit,
    .stats = stats,
    .block = tn_worker_block,
    .unblock = tn_worker_unblock,
};

static const char *find_fault(const tarn_thread_options *options)
{
    if (options->max_workers < 0 || options->max_workers > MOST_THREADS)
        return "max_workers must be 1 to 32,767, or 0 for the default";
    if (options->max_spares < TARN_NONE || options->max_spares > MOST_THREADS)
        return "max_spares must be 1 to 32,767, 0 for the default, or TARN_NONE";
    if (options->idle_timeout != options->idle_timeout)
        return "idle_timeout is not a number; give seconds";
    if (options->stack_size != 0 &&
        (options->stack_size < LEAST_STACK || options->stack_size > MOST_STACK))
        return "stack_size must be 16 KiB to 64 GiB in bytes, or 0 for the default";
    if (options->when_full < TARN_FULL_BLOCK || options->when_full > TARN_FULL_CALLER)
        return "when_full is not a TARN_FULL_ constant";
    if (!(options->submit_within >= 0))
        return "submit_within is negative or not a number; give seconds, or 0 for no limit";
    if (options->when_full == TARN_FULL_CALLER && options->initializer)
        return "an initializer cannot be had with TARN_FULL_CALLER: the caller is no worker that "
               "it has run for; use another when_full";
    return NULL;
}

/* Fills in what was asked for; false: no memory. The CPUs are there already. */
static bool set_up(tn_pool *pool, const tarn_thread_options *options)
{
    static tn_atomic_u32 nobody_counts;
    const tarn_task *initializer = options->initializer;
    tn_queue_init(&pool->queue, &nobody_counts);
    pool->spares = options->max_spares == TARN_NONE ? 0
                   : options->max_spares == 0       ? DEFAULT_SPARES
                                                    : options->max_spares;
    pool->idle_timeout = options->idle_timeout == 0 ? DEFAULT_IDLE_SECONDS : options->idle_timeout;
    pool->stack_size = options->stack_size == 0 ? DEFAULT_STACK : options->stack_size;
    pool->pin = options->pin;
    pool->on_log = options->on_log;
    pool->log_data = options->log_data;
    pool->finalizer = options->finalizer;
    pool->executor.queue_limit = options->queue_limit;
    pool->executor.when_full = options->when_full;
    pool->executor.submit_within = options->submit_within;
    if (!size_pool(pool,
                   options->max_workers == 0 ? default_workers(pool->cpus) : options->max_workers))
        return false;
    if (options->name && !(pool->name = tn_text_copy(options->name)))
        return false;
    return !initializer || (pool->initializer = tn_task_cell(
                                initializer, options->initializer_args,
                                tn_task_needs(initializer, options->initializer_args), 0));
}

/* TARN_OK, with the CPUs of the option in *cpus. */
static tarn_status read_affinity(const char *affinity, tn_cpus **cpus)
{
    int error = affinity ? tn_cpus_parse(affinity, cpus) : 0;
    if (error == EINVAL)
        return tn_error_format(TARN_INVALID,
                               "tarn_thread_pool: affinity \"%.60s\" is no list of CPUs of this "
                               "machine; write it as for taskset: \"0-3,8\"",
                               affinity);
    return error == 0 ? TARN_OK : tn_error(TARN_NO_MEMORY, "tarn_thread_pool: no memory");
}

tarn_executor *(tarn_thread_pool)(const tarn_thread_options *options)
{
    tarn_thread_options own = {.size = sizeof own};
    if (!tn_options_copy(&own, offsetof(tarn_thread_options, tarn_last_), options)) {
        tn_error(
            TARN_INVALID,
            "tarn_thread_pool: options->size is not that of the struct (write .size = "
            "sizeof(tarn_thread_options), or use the macro), or an option is set that this version "
            "does not know");
        return NULL;
    }
    const char *fault = find_fault(&own);
    if (fault) {
        tn_error_format(TARN_INVALID, "tarn_thread_pool: %s", fault);
        return NULL;
    }
    tn_cpus *cpus = NULL;
    if (tn_task_check_for_worker("tarn_thread_pool", own.initializer, own.initializer_args,
                                 own.finalizer) != TARN_OK ||
        read_affinity(own.affinity, &cpus) != TARN_OK)
        return NULL;

    tn_pool *pool = tn_pool_new();
    if (pool)
        pool->cpus = cpus;
    else
        tn_cpus_free(cpus);
    /* Known last: from then on exit() may stop it. */
    if (pool && set_up(pool, &own) && tarn_backend_open(&pool->executor, &backend) == TARN_OK) {
        tn_mutex_lock(&pool->mutex);
        pool->queue.discarded = tn_registry_discarded(pool->executor.id);
        tn_mutex_unlock(&pool->mutex);
        return &pool->executor;
    }
    if (pool)
        tn_pool_free(pool);
    tn_error(TARN_NO_MEMORY, "tarn_thread_pool: no memory, or there are 65,535 executors");
    return NULL;
}
