/* SPDX-License-Identifier: Apache-2.0 */
#include "core/front.h"

#include "core/registry.h"
#include "platform/memory.h"

tn_front *tn_front_new(void)
{
    tn_front *front = tn_alloc(sizeof *front);
    if (!front)
        return NULL;
    if (tn_mutex_init(&front->mutex) != 0)
        goto no_mutex;
    if (tn_cond_init(&front->left) != 0)
        goto no_cond;
    return front;

no_cond:
    tn_mutex_destroy(&front->mutex);
no_mutex:
    tn_free(front);
    return NULL;
}

void tn_front_free(tn_front *front)
{
    if (front->views)
        tn_views_close(front->views);
    tn_cond_destroy(&front->left);
    tn_mutex_destroy(&front->mutex);
    tn_free(front);
}

tn_views *tn_front_views(tarn_executor *executor)
{
    tn_front *front = executor->front;
    tn_mutex_lock(&front->mutex);
    if (!front->views)
        front->views = tn_views_new(executor);
    tn_views *views = front->views;
    tn_mutex_unlock(&front->mutex);
    return views;
}

/* ---- Counts ---------------------------------------------------------------------------------- */

void tn_front_add_books(tarn_executor *executor, tn_books *books)
{
    tn_front *front = executor->front;
    tn_mutex_lock(&front->mutex);
    books->executor = executor->id;
    books->next = front->books;
    front->books = books;
    tn_mutex_unlock(&front->mutex);
}

uint64_t tn_front_counted(const tarn_executor *executor, tn_event event)
{
    uint64_t sum = tn_registry_counted(executor->id, event);
    tn_mutex_lock(&executor->front->mutex);
    for (const tn_books *books = executor->front->books; books; books = books->next)
        sum += tn_u64_load_acquire(&books->counts[event]);
    tn_mutex_unlock(&executor->front->mutex);
    return sum;
}

/* ---- Visitors -------------------------------------------------------------------------------- */

void tn_front_visit(tarn_executor *executor)
{
    tn_mutex_lock(&executor->front->mutex);
    executor->front->visitors++;
    tn_mutex_unlock(&executor->front->mutex);
}

void tn_front_leave(tarn_executor *executor)
{
    tn_front *front = executor->front;
    tn_mutex_lock(&front->mutex);
    bool last = --front->visitors == 0;
    bool abandoned = last && front->abandoned;
    /* The last touch, unless it was abandoned: who waits may end the executor. */
    if (last) {
        front->abandoned = false;
        tn_cond_broadcast(&front->left);
    }
    tn_mutex_unlock(&front->mutex);
    if (abandoned)
        executor->backend->abandon(executor);
}

bool tn_front_await_visitors(tarn_executor *executor, int64_t until)
{
    tn_front *front = executor->front;
    bool in_time = true;
    tn_mutex_lock(&front->mutex);
    while (front->visitors > 0 && in_time)
        in_time = tn_cond_wait_until(&front->left, &front->mutex, until);
    bool none = front->visitors == 0;
    tn_mutex_unlock(&front->mutex);
    return none;
}

void tn_front_abandon(tarn_executor *executor)
{
    tn_front *front = executor->front;
    tn_mutex_lock(&front->mutex);
    bool now = front->visitors == 0;
    front->abandoned = !now;
    tn_mutex_unlock(&front->mutex);
    if (now)
        executor->backend->abandon(executor);
}
