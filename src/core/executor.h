/* SPDX-License-Identifier: Apache-2.0 */

/* What a cell knows of its executor: a number, which is safe to use when the executor is gone. */
#ifndef TN_CORE_EXECUTOR_H
#define TN_CORE_EXECUTOR_H

#include "platform/atomic.h"

#include <tarn_backend.h>

/* Notes that a queued future of that executor was cancelled or claimed: its queue holds one more
 * entry that is good for nothing. Any number will do, also of executors that are gone. */
void tn_executor_discard(uint32_t id);

/* How many such entries the queue holds. The back end takes away what it threw out. A hint: it may
 * be a few off for a moment, or for good if its number was another's before. */
tn_atomic_u32 *tn_executor_discarded(const tarn_executor *executor);

/* Whether that executor belongs to a process that this one was forked from. false for 0. */
bool tn_executor_is_foreign(uint32_t id);

/* For exit(). All executors of this process stop, with what is queued and what runs. */
void tn_executor_stop_all(void);

/* Waits until each of them has nothing to do, or `until`. */
void tn_executor_drain_all(int64_t until);

#endif
