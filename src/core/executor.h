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

#endif
