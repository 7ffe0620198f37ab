/* SPDX-License-Identifier: Apache-2.0 */

/* Where cells come from: a heap for each thread, and a way home from every other thread. */
#ifndef TN_CORE_HEAP_H
#define TN_CORE_HEAP_H

#include "core/cell.h"
#include "platform/mutex.h"

#define TN_SMALL_CELL (sizeof(tarn_future) + TN_SMALL_PAYLOAD)
#define TN_LARGE_CELL (sizeof(tarn_future) + TN_LARGE_PAYLOAD)

_Static_assert(TN_SMALL_CELL == 64 && TN_LARGE_CELL == 128, "two classes: one or two cache lines");

/* A cell of that class, contents undefined, and the bits of its state word that say where it came
 * from; NULL: no memory, or no heap to be had. */
tarn_future *tn_heap_take(bool large, uint32_t *origin);

/* Gives a cell back, from any thread. `origin` as tn_heap_take() said; other bits are ignored. */
void tn_heap_give(tarn_future *cell, uint32_t origin);

/* Of the list of heaps; for fork(). */
extern tn_mutex tn_heap_mutex;

/* Bytes of pages that all heaps hold. */
size_t tn_heap_footprint(void);

#endif
