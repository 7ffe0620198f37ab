/* SPDX-License-Identifier: Apache-2.0 */

/* Views: an executor with options for what is submitted through it, and the time limits of that.
 *
 * All views of an executor, and the limits of their futures, have one mutex, and live as long as
 * one of three holds a share: the executor, the timer's thread, and each future that is linked. So
 * whoever ends a future with a limit finds the mutex, even if the executor has gone meanwhile. */
#ifndef TN_CORE_VIEW_H
#define TN_CORE_VIEW_H

#include "core/hook.h"
#include "platform/mutex.h"
#include "platform/thread.h"

#include <tarn_backend.h>

/* A future's place among those that have a time limit, once in it for the queue and once for each
 * run. Its view's limits are all as long, so a ring in the order of linking is one in the order of
 * time, and linking and unlinking take constant time. */
typedef struct tn_limit {
    tn_hook hook;           /* told when the future ends */
    struct tn_views *views; /* there while it is linked */
    struct tn_limit *next, *prev;
    int64_t moment;
    int64_t start_by; /* what it was in the queue */
    bool linked;
} tn_limit;

typedef struct tn_view {
    tarn_executor executor;
    tarn_task_options options;
    struct tn_views *all;
    struct tn_view *next;
    tn_limit queued, running; /* heads of the rings */
} tn_view;

typedef struct tn_views {
    tarn_executor *executor;
    tn_mutex mutex; /* of all that follows, and of the limits */
    tn_view *views;
    int count;
    size_t shares;
    bool closed;     /* the executor is gone */
    bool ticking;    /* the timer has a thread */
    tn_cond news;    /* for the timer */
    int64_t planned; /* when it will look by itself */
    tn_thread timer;
} tn_views;

/* The view of an executor that is one; NULL: it is the executor itself. */
static inline tn_view *tn_view_of(tarn_executor *executor)
{
    return executor == executor->pool ? NULL : (tn_view *)(void *)executor;
}

/* No views yet; NULL: no memory. */
tn_views *tn_views_new(tarn_executor *executor);

/* When the executor is gone: its futures have ended, or are just being ended. Waits for the timer's
 * thread, unless it is the caller. */
void tn_views_close(tn_views *views);

/* The mutex is held; gives it back, and a share with it. */
void tn_views_leave(tn_views *views);

/* Gives a new future, which nobody else has seen, its view; false: no memory. */
bool tn_view_apply(tn_view *view, tarn_future *future);

/* By whoever queues it, for the first time, before anybody can start it: the limit of the queue
 * begins. Nothing if it has ended. */
void tn_limit_queue(tarn_future *future);

/* By whoever has it queued again, as it was started and nobody has begun with it: the same limit, of
 * which time has passed. */
void tn_limit_queue_again(tarn_future *future);

/* By whoever queued it in vain. */
void tn_limit_forget(tarn_future *future);

/* By whoever started it: that limit is over, and the one of the run begins; or is over, too. */
void tn_limit_run(tarn_future *future);
void tn_limit_pause(tarn_future *future);

/* The owner of the limits' hooks. Static: who ends a future may find the views gone. */
extern tn_hook_owner tn_limit_owner;

/* Takes a limit out of its ring, if it is in one. The mutex is held; the share remains. */
bool tn_limit_unlink(tn_limit *limit);

/* Starts the timer's thread, if it is not there; or the errno. The mutex is held. */
int tn_timer_start(tn_views *views);

/* Waits for the end of that thread, or, if the caller is that thread, lets it end by itself. */
void tn_timer_join(tn_views *views);

#endif
