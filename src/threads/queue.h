/* SPDX-License-Identifier: Apache-2.0 */

/* The queue of a pool: first in, first out, linked through the cells. It has no lock of its own:
 * the pool's mutex is held around every call but tn_queue_init(). */
#ifndef TN_THREADS_QUEUE_H
#define TN_THREADS_QUEUE_H

#include "core/cell.h"

typedef struct tn_queue {
    tarn_future *first, **last;
    size_t length;            /* entries, the dead ones among them */
    tn_atomic_u32 *discarded; /* how many are dead, about (see core/registry.h) */
} tn_queue;

void tn_queue_init(tn_queue *queue, tn_atomic_u32 *discarded);

/* Adds an entry, which brings TN_OWNER_QUEUE along. Throws out the dead ones first when there are
 * more of them than of the others, and more than 1,024: a queue that nobody serves does not grow by
 * futures that were cancelled. */
void tn_queue_push(tn_queue *queue, tarn_future *future);

/* Takes the oldest entry that can still be started, and starts it; NULL: there is none. */
tarn_future *tn_queue_start(tn_queue *queue);

/* Empties the queue; the entries are a list by `link`, the dead ones among them. */
tarn_future *tn_queue_take_all(tn_queue *queue);

#endif
