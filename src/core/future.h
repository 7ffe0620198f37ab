/* SPDX-License-Identifier: Apache-2.0 */

/* The transitions of a future. They are functions, and the only ones that change its state once it
 * can be seen by others:
 *
 *   PENDING --start--> RUNNING --finish--> FINISHED
 *   RUNNING --retry--> PENDING
 *   PENDING --seize--> (pending, seized) --finish--> FINISHED
 *   PENDING --cancel--> CANCELLED
 *   PENDING, chained --arm--> PENDING
 */
#ifndef TN_CORE_FUTURE_H
#define TN_CORE_FUTURE_H

#include "core/cell.h"
#include "platform/mutex.h"

/* PENDING to RUNNING; false: cancelled, claimed by another worker, seized, or chained. From here on
 * the caller alone writes payload, status and ext. */
bool tn_future_start(tarn_future *future);

/* Makes sure that nobody else starts, cancels or ends it, without saying that it runs; false as
 * tn_future_start(). From here on as there. */
bool tn_future_seize(tarn_future *future);

/* Ends what was started or seized. The last touch: the caller's owner must not be a handle. */
void tn_future_finish(tarn_future *future, tarn_status status);

/* The same for one that was started, of nothing special, if nobody is to be told of it; otherwise false,
 * and it has not ended. It is not counted. */
bool tn_future_finish_untold(tarn_future *future, tarn_status status);

/* PENDING to CANCELLED; false: it was not PENDING. The caller's owner may be a handle. */
bool tn_future_cancel(tarn_future *future);

/* The same, and its queue learns of it. */
bool tn_future_withdraw(tarn_future *future);

/* The same for one that may have been started, too, if nobody has begun with it. */
bool tn_future_call_off(tarn_future *future);

/* RUNNING to PENDING, by its runner: it is to run once more. What it was asked is forgotten. */
void tn_future_retry(tarn_future *future);

/* Ends its being chained: its arguments are there, and it may be queued; false: it was cancelled or
 * seized. */
bool tn_future_arm(tarn_future *future);

/* Notes that the running task has reached its time limit; does nothing to one that does not run. */
void tn_future_overdue(tarn_future *future);

/* Records a failure before the end: its place, and its text, which was allocated and belongs to the
 * future from here on. NULL: that of the status. Without memory all but the status is lost. */
void tn_future_explain(tarn_future *future, tarn_failure failure, char *text);

/* Ends a future that never starts, because of an executor: with a status, and a text unless NULL.
 * The caller seized it, or nobody else has seen it yet. */
void tn_future_refuse(tarn_future *future, tarn_status status, const char *text);

/* Ends a list of queued futures, by `link`, and gives back TN_OWNER_QUEUE of each: TARN_CANCELLED,
 * or another status with its text. Those that have ended or started otherwise are left as they
 * are. */
void tn_futures_end(tarn_future *list, tarn_status status, const char *text);

/* A future of its own that has ended already: one reference, never NULL. */
tarn_future *tn_future_refused(const tarn_task *task, tarn_status status, const char *text);

/* TARN_OK, or TARN_CLOSED for what has not ended in the process that this one was forked from: it
 * never will here, and its hooks and its lock may be in any state. */
tarn_status tn_future_check_process(const tarn_future *future);

/* Of failures that are recorded after the end; for fork(). */
extern tn_mutex tn_failure_mutex;

static inline uint32_t tn_future_word(const tarn_future *future)
{
    return tn_u32_load_acquire(&future->state);
}

static inline bool tn_future_ended(const tarn_future *future)
{
    return tn_future_word(future) & TN_FINISHED;
}

/* How it ended; only after it has. */
static inline tarn_status tn_future_status(const tarn_future *future)
{
    return (tn_future_word(future) & TN_STATE_MASK) == TN_CANCELLED ? TARN_CANCELLED
                                                                    : (tarn_status)future->status;
}

#endif
