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

static tarn_status submit(tarn_executor *executor, tarn_future *future)
{
    tn_pool *pool = pool_of(executor);
    int error = 0;
    tn_mutex_lock(&pool->mutex);
    bool closed = pool->closed, broken = pool->broken;
    if (!closed && !broken) {
        error = tn_worker_secure(pool, pool->queue.length + 1);
        if (error == 0)
            tn_queue_push(&pool->queue, future);
    }
    tn_mutex_unlock(&pool->mutex);
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
    if (cancel_pending)
        pending = tn_queue_take_all(&pool->queue);
    for (int i = 0; kill_running && i < pool->max_threads && pool->workers[i]; i++) {
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
    for (int i = 0; i < pool->max_threads && pool->workers[i]; i++) {
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
                           pool->queue.length, running, names);
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

static int worker_limit(const tarn_executor *executor)
{
    return ((const tn_pool *)(const void *)executor)->max_threads;
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
    .worker_limit = worker_limit,
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
    return NULL;
}

static tarn_status check_worker_tasks(const tarn_thread_options *options)
{
    const char *call = "tarn_thread_pool";
    const tarn_task *initializer = options->initializer, *finalizer = options->finalizer;
    if (initializer && tn_task_check(initializer, "tarn_thread_pool: initializer") != TARN_OK)
        return TARN_INVALID;
    if (finalizer && tn_task_check(finalizer, "tarn_thread_pool: finalizer") != TARN_OK)
        return TARN_INVALID;
    if (!initializer && options->initializer_args)
        return tn_error_format(TARN_INVALID, "%s: initializer_args without an initializer", call);
    if (initializer && initializer->args_size > 0 && !options->initializer_args)
        return tn_error_format(TARN_INVALID,
                               "%s: initializer \"%s\" takes arguments; set initializer_args to a "
                               "struct %s_arguments",
                               call, initializer->name, initializer->name);
    if (initializer && options->initializer_args &&
        tn_task_bytes(initializer, options->initializer_args) == SIZE_MAX)
        return tn_error_format(
            TARN_INVALID, "%s: a tarn_bytes in initializer_args has no data for its size", call);
    if (finalizer && finalizer->args_size > 0)
        return tn_error_format(TARN_INVALID, "%s: finalizer \"%s\" must take no argument", call,
                               finalizer->name);
    return TARN_OK;
}

/* Fills in what was asked for; false: no memory. */
static bool set_up(tn_pool *pool, const tarn_thread_options *options)
{
    int spares = options->max_spares == TARN_NONE ? 0
                 : options->max_spares == 0       ? DEFAULT_SPARES
                                                  : options->max_spares;
    pool->max_workers = options->max_workers == 0 ? tn_cpu_count() : options->max_workers;
    pool->max_threads = pool->max_workers + spares;
    pool->serial = pool->max_threads == 1;
    pool->idle_timeout = options->idle_timeout == 0 ? DEFAULT_IDLE_SECONDS : options->idle_timeout;
    pool->stack_size = options->stack_size == 0 ? DEFAULT_STACK : options->stack_size;
    pool->finalizer = options->finalizer;
    pool->workers = tn_alloc_array((size_t)pool->max_threads, sizeof *pool->workers);
    if (!pool->workers)
        return false;
    if (options->name && !(pool->name = tn_text_copy(options->name)))
        return false;
    if (options->initializer &&
        !(pool->initializer =
              tn_task_cell(options->initializer, options->initializer_args,
                           tn_task_bytes(options->initializer, options->initializer_args), 0)))
        return false;
    static tn_atomic_u32 nobody_counts;
    tn_queue_init(&pool->queue, &nobody_counts);
    return true;
}

tarn_executor *(tarn_thread_pool)(const tarn_thread_options *options)
{
    tarn_thread_options own = {.size = sizeof own};
    if (!tn_options_copy(&own, sizeof own, options)) {
        tn_error(TARN_INVALID,
                 "tarn_thread_pool: options->size is 0, or an option is set that this "
                 "version does not know");
        return NULL;
    }
    const char *fault = find_fault(&own);
    if (fault) {
        tn_error_format(TARN_INVALID, "tarn_thread_pool: %s", fault);
        return NULL;
    }
    if (check_worker_tasks(&own) != TARN_OK)
        return NULL;

    tn_pool *pool = tn_pool_new();
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
