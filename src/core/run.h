/* SPDX-License-Identifier: Apache-2.0 */

/* Running tasks on this thread. */
#ifndef TN_CORE_RUN_H
#define TN_CORE_RUN_H

#include "core/context.h"

/* Runs the task of a future that this worker started, ends it, and gives back `owner`, which is not
 * a handle. There is room for its frame. errno is left as it was. */
void tn_run(tn_context *context, tarn_future *future, uint32_t owner);

/* Runs an initializer or finalizer; true: it did not fail. Otherwise its text is in `text`. */
bool tn_run_for_worker(tn_context *context, const tarn_task *task, const void *args, char *text,
                       size_t size);

/* Runs the task on this stack, now, if it has not started, belongs to this worker's own executor
 * and enough stack is left; true: it has ended. The caller has a handle. */
bool tn_run_claimed(tn_context *context, tarn_future *future);

#endif
