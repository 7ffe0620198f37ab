/* SPDX-License-Identifier: Apache-2.0 */
#include "threads/pool.h"

#include "core/callback.h"
#include "platform/memory.h"

#include <stdarg.h>
#include <stdio.h>

tn_pool *tn_pool_new(void)
{
    tn_pool *pool = tn_alloc(sizeof *pool);
    if (!pool)
        return NULL;
    if (tn_mutex_init(&pool->mutex) != 0)
        goto no_mutex;
    if (tn_cond_init(&pool->settled) != 0)
        goto no_cond;
    return pool;

no_cond:
    tn_mutex_destroy(&pool->mutex);
no_mutex:
    tn_free(pool);
    return NULL;
}

void tn_pool_free(tn_pool *pool)
{
    /* First: until then exit() may stop it. */
    tarn_backend_close(&pool->executor);
    for (int i = 0; i < pool->places && pool->workers[i]; i++) {
        tn_cond_destroy(&pool->workers[i]->wake);
        tn_free(pool->workers[i]);
    }
    if (pool->initializer)
        tn_cell_release(pool->initializer, TN_HANDLE);
    tn_cond_destroy(&pool->settled);
    tn_mutex_destroy(&pool->mutex);
    tn_cpus_free(pool->cpus);
    tn_free(pool->workers);
    tn_free(pool->name);
    tn_free(pool);
}

bool tn_pool_is_settled(const tn_pool *pool)
{
    return pool->queue.length == 0 && pool->running + pool->blocked + pool->ending == 0;
}

void tn_pool_tell_watchers(tn_pool *pool)
{
    if (pool->watchers > 0 && (tn_pool_is_settled(pool) || pool->threads == 0))
        tn_cond_broadcast(&pool->settled);
}

void tn_pool_unlock(tn_pool *pool)
{
    int error = pool->start_logged ? 0 : pool->start_error;
    int threads = pool->threads;
    if (error != 0)
        pool->start_logged = true;
    tn_mutex_unlock(&pool->mutex);
    if (error != 0)
        tn_pool_log(
            pool, TARN_LOG_WARNING,
            "no further thread can be started, %d are there: %s; raise the limit on threads "
            "or memory, or lower stack_size",
            threads, strerror(error));
}

void tn_pool_log(tn_pool *pool, tarn_log_level level, const char *format, ...)
{
    char text[300], what[256];
    tn_aftermath saved;
    va_list arguments;
    if (!pool->on_log)
        return;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%.32s: %s", pool->name ? pool->name : "tarn", what);
    tn_callback_begin(&saved);
    pool->on_log(level, text, pool->log_data);
    tn_callback_end(&saved);
}
