/* SPDX-License-Identifier: Apache-2.0 */

/* What the core keeps of each executor, beside what its back end does. */
#ifndef TN_CORE_FRONT_H
#define TN_CORE_FRONT_H

#include "core/count.h"
#include "core/view.h"
#include "platform/mutex.h"

#define TN_CLOSED_TO_NEW 1u /* it takes no new work */
#define TN_CLOSED_TO_ALL 2u /* what it still owes is cancelled */

typedef struct tn_front {
    /* Futures that wait for others before they are queued; under the mutex of the registry. */
    struct tn_chain *chained;
    tn_atomic_u32 closed;   /* 0, or of TN_CLOSED_. Set before `chained` is emptied */
    tn_atomic_u32 stopping; /* 1: visitors are asked to stop */

    tn_mutex mutex; /* of all that follows */
    tn_views *views;
    tn_books *books;
    tn_cond left;   /* a visitor has left */
    int visitors;   /* threads from outside that run its tasks or callbacks, or map over it */
    bool abandoned; /* ... and the last of them is to tell the back end */
} tn_front;

/* NULL: no memory. */
tn_front *tn_front_new(void);

/* When the executor is gone, but still there to be pointed at. */
void tn_front_free(tn_front *front);

/* The views of an executor; NULL: no memory. */
tn_views *tn_front_views(tarn_executor *executor);

/* Takes the books of one of its workers into the account, for as long as the executor is there. */
void tn_front_add_books(tarn_executor *executor, tn_books *books);

/* How often it happened, on workers and elsewhere. */
uint64_t tn_front_counted(const tarn_executor *executor, tn_event event);

/* A thread that need not be a worker of the executor runs one of its tasks or callbacks, or a map:
 * the executor must stay, and does not come to rest. tn_front_leave() may end it, if it was
 * abandoned. */
void tn_front_visit(tarn_executor *executor);
void tn_front_leave(tarn_executor *executor);

/* Whether all visitors have left by then. */
bool tn_front_await_visitors(tarn_executor *executor, int64_t until);

/* Gives the executor up: now, or when the last visitor leaves. */
void tn_front_abandon(tarn_executor *executor);

#endif
