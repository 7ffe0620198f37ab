/* SPDX-License-Identifier: Apache-2.0 */

/* The executors of the process, by number. A cell knows its executor by that number only, which is
 * safe to use when the executor is gone. */
#ifndef TN_CORE_REGISTRY_H
#define TN_CORE_REGISTRY_H

#include "core/count.h"
#include "platform/atomic.h"
#include "platform/mutex.h"

#include <tarn_backend.h>

/* Gives the executor a number of its own, which is not 0, in executor->id; false: no memory, or
 * there are 65,535 executors. */
bool tn_registry_add(tarn_executor *executor);

/* Forgets it. Blocks while it is pinned. */
void tn_registry_remove(tarn_executor *executor);

/* Notes that a queued future of that executor was cancelled or claimed: its queue holds one more
 * entry that is good for nothing. Any number will do, also of executors that are gone. */
void tn_registry_discard(uint32_t id);

/* How many such entries the queue holds. The back end takes away what it threw out. A hint: it may
 * be a few off for a moment, or for good if its number was another's before. */
tn_atomic_u32 *tn_registry_discarded(uint32_t id);

/* The places of its queue, if it has a limit; of admission.c. The upper 16 bits of `word` are those
 * of the executor's number, here as in the counts: what comes too late, when the executor is gone,
 * is not taken for another's. */
typedef struct tn_places {
    tn_atomic_u64 word;
    tn_atomic_u32 room; /* futex: changes when there may be room */
} tn_places;

enum { TN_TAG_SHIFT = 48 };

tn_places *tn_registry_places(uint32_t id);

static inline uint64_t tn_registry_tag(uint32_t id)
{
    return (uint64_t)(id >> 16) << TN_TAG_SHIFT;
}

/* Counts an event of that executor, unless it is gone; and how often it was counted. */
void tn_registry_count(uint32_t id, tn_event event, size_t n);
uint64_t tn_registry_counted(uint32_t id, tn_event event);

/* Whether that executor belongs to a process that this one was forked from. false for 0. */
bool tn_registry_is_foreign(uint32_t id);

/* Under tn_registry_mutex. The executors of this process are among the places 1 to limit - 1; NULL:
 * there is none in that place. */
uint32_t tn_registry_limit(void);
tarn_executor *tn_registry_at(uint32_t place);

/* The executor of that number; NULL: it is gone, or another process's. */
tarn_executor *tn_registry_find(uint32_t id);

/* Keeps an executor from being removed, until it is let go; as often as it is said. */
void tn_registry_pin(tarn_executor *executor);

/* ---- Without the mutex ---- */

/* The executor of that number, pinned; NULL: it is gone, or just going, or another process's. */
tarn_executor *tn_registry_hold(uint32_t id);

/* The end of a pin. */
void tn_registry_let_go(tarn_executor *executor);

/* Whether the executor of that number has a help(), an await() or a begun(): a hint, for one load. */
bool tn_registry_is_remote(uint32_t id);

extern tn_mutex tn_registry_mutex;

#endif
