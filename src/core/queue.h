/* SPDX-License-Identifier: Apache-2.0 */

/* The queue of a pool: three levels of priority, in each first in, first out, linked through the
 * cells. It has no lock of its own: the pool's mutex is held around every call but tn_queue_init()
 * and tn_queue_bury(). */
#ifndef TN_CORE_QUEUE_H
#define TN_CORE_QUEUE_H

#include "core/cell.h"

enum { TN_LEVELS = 3 }; /* from high to low */

typedef struct tn_level {
    tarn_future *first, **last;
} tn_level;

typedef struct tn_queue {
    tn_level levels[TN_LEVELS];
    size_t length;            /* entries, the dead ones among them */
    unsigned turn;            /* counts starts, so that each level has its turn */
    tn_atomic_u32 *discarded; /* how many are dead, about (see core/registry.h) */
    tarn_future *dead; /* entries that were thrown out, by link: to be freed without the mutex,
                                 as that may run code of the user */
} tn_queue;

void tn_queue_init(tn_queue *queue, tn_atomic_u32 *discarded);

/* Adds n entries, linked from `first` on, each of which brings TN_OWNER_QUEUE along. Throws out the
 * dead ones first when there are more of them than of the others, and more than 1,024: a queue that
 * nobody serves does not grow by futures that were cancelled. */
void tn_queue_push(tn_queue *queue, tarn_future *first, size_t n);

/* Puts one back that was taken, and is pending again: before the others of its level. */
void tn_queue_put_back(tn_queue *queue, tarn_future *future);

/* Takes out an entry that may be in it, near the front; false: it is not. */
bool tn_queue_remove(tn_queue *queue, tarn_future *future);

/* Throws out the dead ones before the first entry of each level that can still be started: what is left
 * has one that can, or is nothing. */
void tn_queue_trim(tn_queue *queue);

/* Takes the next entry that can still be started, and starts it; NULL: there is none. */
tarn_future *tn_queue_start(tn_queue *queue);

/* The same for somebody who will not begin with it at once: NULL, too, if the next one has a limit of
 * time, as that would run meanwhile. */
tarn_future *tn_queue_start_ahead(tn_queue *queue);

/* How many entries can still be started: looks at all of them. */
size_t tn_queue_count(const tn_queue *queue);

/* Empties the queue; the entries are a list by `link`, the dead ones among them. */
tarn_future *tn_queue_take_all(tn_queue *queue);

/* What has been thrown out since the last call; and its end, without the mutex. */
tarn_future *tn_queue_take_dead(tn_queue *queue);
void tn_queue_bury(tarn_future *dead);

#endif
