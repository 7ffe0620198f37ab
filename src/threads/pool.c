/* SPDX-License-Identifier: Apache-2.0 */
#include "threads/pool.h"

#include "platform/memory.h"

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
    for (int i = 0; pool->workers && i < pool->max_threads && pool->workers[i]; i++) {
        tn_cond_destroy(&pool->workers[i]->wake);
        tn_free(pool->workers[i]);
    }
    if (pool->initializer)
        tn_cell_release(pool->initializer, TN_HANDLE);
    tn_cond_destroy(&pool->settled);
    tn_mutex_destroy(&pool->mutex);
    tn_free(pool->workers);
    tn_free(pool->name);
    tn_free(pool);
}

bool tn_pool_is_settled(const tn_pool *pool)
{
    return pool->queue.length == 0 && pool->running + pool->blocked == 0;
}

void tn_pool_tell_watchers(tn_pool *pool)
{
    if (pool->watchers > 0 && (tn_pool_is_settled(pool) || pool->threads == 0))
        tn_cond_broadcast(&pool->settled);
}
