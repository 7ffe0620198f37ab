/* SPDX-License-Identifier: Apache-2.0 */

/* The executors of the process, by number. A cell knows its executor by that number only, which is
 * safe to use when the executor is gone. */
#ifndef TN_CORE_REGISTRY_H
#define TN_CORE_REGISTRY_H

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

/* Whether that executor belongs to a process that this one was forked from. false for 0. */
bool tn_registry_is_foreign(uint32_t id);

/* Under tn_registry_mutex. The executors of this process are among the places 1 to limit - 1; NULL:
 * there is none in that place. */
uint32_t tn_registry_limit(void);
tarn_executor *tn_registry_at(uint32_t place);

/* Keeps an executor from being removed, by one thread at a time. */
void tn_registry_pin(tarn_executor *executor, bool pinned);

extern tn_mutex tn_registry_mutex; /* for fork() and exit() */

#endif
