/* SPDX-License-Identifier: Apache-2.0 */
#include "core/queue.h"

#include "core/future.h"
#include "core/view.h"

/* Every 16th start is one of the next lower level that has any, and every 256th one of the lowest:
 * no level starves. */
enum { TOLERATED_DEAD = 1024, TURN_OF_LOWER = 16, TURN_OF_LOWEST = 256 };

void tn_queue_init(tn_queue *queue, tn_atomic_u32 *discarded)
{
    *queue = (tn_queue){.discarded = discarded};
    for (int i = 0; i < TN_LEVELS; i++)
        queue->levels[i].last = &queue->levels[i].first;
}

/* The counter runs ahead and behind: a future is dead a moment before it is counted. */
static size_t dead(const tn_queue *queue)
{
    int32_t count = (int32_t)tn_u32_load_relaxed(queue->discarded);
    return count < 0 ? 0 : (size_t)count;
}

static void throw_out(tn_queue *queue, tarn_future *future)
{
    tn_u32_sub_relaxed(queue->discarded, 1);
    future->link = queue->dead;
    queue->dead = future;
}

static bool is_dead(const tarn_future *future)
{
    return (tn_future_word(future) & (TN_STATE_MASK | TN_SEIZED)) != TN_PENDING;
}

static void purge_level(tn_queue *queue, tn_level *level)
{
    tarn_future **link = &level->first;
    while (*link) {
        tarn_future *future = *link;
        if (is_dead(future)) {
            *link = future->link;
            queue->length--;
            throw_out(queue, future);
        } else {
            link = &future->link;
        }
    }
    level->last = link;
}

static void purge(tn_queue *queue)
{
    for (int i = 0; i < TN_LEVELS; i++)
        purge_level(queue, &queue->levels[i]);
    tn_u32_store_relaxed(queue->discarded, 0);
}

static tn_level *level_of(tn_queue *queue, const tarn_future *future)
{
    const tn_ext *ext =
        tn_u32_load_relaxed(&future->state) & TN_SPECIAL ? tn_cell_ext(future) : NULL;
    int priority = ext && ext->view ? ext->view->options.priority : TARN_PRIORITY_NORMAL;
    return &queue->levels[TARN_PRIORITY_HIGH - priority];
}

void tn_queue_push(tn_queue *queue, tarn_future *first, size_t n)
{
    size_t count = dead(queue);
    if (count > TOLERATED_DEAD && count > queue->length / 2)
        purge(queue);
    queue->length += n;
    for (; n > 0; n--) {
        tarn_future *future = first;
        tn_level *level = level_of(queue, future);
        first = future->link;
        future->link = NULL;
        *level->last = future;
        level->last = &future->link;
    }
}

/* The level whose turn it is: the highest that has any, or so many further down as there are. NULL:
 * all are empty. */
static tn_level *level_of_turn(tn_queue *queue, unsigned turn)
{
    int skip = turn % TURN_OF_LOWEST == 0 ? TN_LEVELS : turn % TURN_OF_LOWER == 0 ? 1 : 0;
    tn_level *level = NULL;
    for (int i = 0; i < TN_LEVELS && skip >= 0; i++) {
        if (queue->levels[i].first) {
            level = &queue->levels[i];
            skip--;
        }
    }
    return level;
}

static tarn_future *pop(tn_queue *queue, tn_level *level)
{
    tarn_future *future = level->first;
    level->first = future->link;
    if (!level->first)
        level->last = &level->first;
    queue->length--;
    return future;
}

void tn_queue_trim(tn_queue *queue)
{
    for (int i = 0; i < TN_LEVELS; i++) {
        tn_level *level = &queue->levels[i];
        while (level->first && is_dead(level->first))
            throw_out(queue, pop(queue, level));
    }
}

void tn_queue_put_back(tn_queue *queue, tarn_future *future)
{
    tn_level *level = level_of(queue, future);
    future->link = level->first;
    if (!level->first)
        level->last = &future->link;
    level->first = future;
    queue->length++;
}

bool tn_queue_remove(tn_queue *queue, tarn_future *future)
{
    tn_level *level = level_of(queue, future);
    tarn_future **link = &level->first;
    while (*link && *link != future)
        link = &(*link)->link;
    if (!*link)
        return false;
    *link = future->link;
    if (!*link)
        level->last = link;
    queue->length--;
    return true;
}

static bool has_limit(const tarn_future *future)
{
    return tn_u32_load_relaxed(&future->state) & TN_SPECIAL && tn_cell_ext(future)->limit;
}

static tarn_future *start(tn_queue *queue, bool ahead)
{
    unsigned turn = queue->turn + 1;
    tn_level *level;
    while ((level = level_of_turn(queue, turn))) {
        if (ahead && has_limit(level->first) && !is_dead(level->first))
            return NULL;
        tarn_future *future = pop(queue, level);
        if (tn_future_start(future)) {
            queue->turn = turn;
            return future;
        }
        throw_out(queue, future);
    }
    return NULL;
}

tarn_future *tn_queue_start(tn_queue *queue)
{
    return start(queue, false);
}

tarn_future *tn_queue_start_ahead(tn_queue *queue)
{
    return start(queue, true);
}

size_t tn_queue_count(const tn_queue *queue)
{
    size_t count = 0;
    for (int i = 0; i < TN_LEVELS; i++) {
        for (const tarn_future *future = queue->levels[i].first; future; future = future->link)
            count += !is_dead(future);
    }
    return count;
}

tarn_future *tn_queue_take_all(tn_queue *queue)
{
    tarn_future *all = queue->dead;
    for (int i = TN_LEVELS; i-- > 0;) {
        *queue->levels[i].last = all;
        all = queue->levels[i].first;
    }
    tn_queue_init(queue, queue->discarded);
    tn_u32_store_relaxed(queue->discarded, 0);
    return all;
}

tarn_future *tn_queue_take_dead(tn_queue *queue)
{
    tarn_future *taken = queue->dead;
    queue->dead = NULL;
    return taken;
}

void tn_queue_bury(tarn_future *dead)
{
    while (dead) {
        tarn_future *future = dead;
        dead = dead->link;
        tn_cell_release(future, TN_OWNER_QUEUE);
    }
}
