/* SPDX-License-Identifier: Apache-2.0 */
#include "threads/queue.h"

#include "core/future.h"

enum { TOLERATED_DEAD = 1024 };

void tn_queue_init(tn_queue *queue, tn_atomic_u32 *discarded)
{
    queue->first = NULL;
    queue->last = &queue->first;
    queue->length = 0;
    queue->discarded = discarded;
}

/* The counter runs ahead and behind: a future is dead a moment before it is counted. */
static size_t dead(const tn_queue *queue)
{
    int32_t count = (int32_t)tn_u32_load_relaxed(queue->discarded);
    return count < 0 ? 0 : (size_t)count;
}

static void bury(tn_queue *queue, tarn_future *future)
{
    tn_u32_sub_relaxed(queue->discarded, 1);
    tn_cell_release(future, TN_OWNER_QUEUE);
}

static bool is_dead(const tarn_future *future)
{
    return (tn_future_word(future) & TN_STATE_MASK) != TN_PENDING;
}

static void purge(tn_queue *queue)
{
    tarn_future **link = &queue->first;
    while (*link) {
        tarn_future *future = *link;
        if (is_dead(future)) {
            *link = future->link;
            queue->length--;
            bury(queue, future);
        } else {
            link = &future->link;
        }
    }
    queue->last = link;
    tn_u32_store_relaxed(queue->discarded, 0);
}

void tn_queue_push(tn_queue *queue, tarn_future *future)
{
    size_t count = dead(queue);
    if (count > TOLERATED_DEAD && count > queue->length / 2)
        purge(queue);
    future->link = NULL;
    *queue->last = future;
    queue->last = &future->link;
    queue->length++;
}

static tarn_future *pop(tn_queue *queue)
{
    tarn_future *future = queue->first;
    if (!future)
        return NULL;
    queue->first = future->link;
    if (!queue->first)
        queue->last = &queue->first;
    queue->length--;
    return future;
}

tarn_future *tn_queue_start(tn_queue *queue)
{
    tarn_future *future;
    while ((future = pop(queue)) && !tn_future_start(future))
        bury(queue, future);
    return future;
}

tarn_future *tn_queue_take_all(tn_queue *queue)
{
    tarn_future *all = queue->first;
    tn_queue_init(queue, queue->discarded);
    tn_u32_store_relaxed(queue->discarded, 0);
    return all;
}
