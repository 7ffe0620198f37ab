/* SPDX-License-Identifier: Apache-2.0 */

/* The rings of futures that have a time limit. */
#include "core/deadline.h"
#include "core/view.h"

static tn_limit *limit_of(tarn_future *future)
{
    return tn_cell_ext(future)->limit;
}

/* Under the mutex. */
static void link_before(tn_limit *next, tn_limit *limit, int64_t moment)
{
    tn_views *views = limit->views;
    limit->moment = moment;
    limit->next = next;
    limit->prev = next->prev;
    next->prev->next = limit;
    next->prev = limit;
    limit->linked = true;
    views->shares++;
    if (limit->moment < views->planned) {
        views->planned = limit->moment;
        tn_cond_signal(&views->news);
    }
}

/* Under the mutex, and the time is taken there, so that the ring is in the order of time. */
static void link_last(tn_limit *ring, tn_limit *limit, double seconds)
{
    link_before(ring, limit, tn_clock_after(seconds));
}

/* Under the mutex: one that was in it before, and is among the first if it is still in time. */
static void link_again(tn_limit *ring, tn_limit *limit)
{
    tn_limit *next = ring->next;
    while (next != ring && next->moment <= limit->start_by)
        next = next->next;
    link_before(next, limit, limit->start_by);
}

bool tn_limit_unlink(tn_limit *limit)
{
    if (!limit->linked)
        return false;
    limit->next->prev = limit->prev;
    limit->prev->next = limit->next;
    limit->linked = false;
    return true;
}

/* Takes the mutex, and takes the limit out of the ring it is in. */
static void lock_and_unlink(tn_limit *limit)
{
    tn_views *views = limit->views;
    tn_mutex_lock(&views->mutex);
    if (tn_limit_unlink(limit))
        views->shares--;
}

static void queue(tarn_future *future, bool again)
{
    tn_limit *limit = limit_of(future);
    tn_view *view = tn_cell_ext(future)->view;
    /* It must not end meanwhile: its hook would be told before there is something to unlink. */
    if (!limit || view->options.start_within <= 0 || !tn_hooks_lock(future))
        return;
    tn_views *views = limit->views;
    tn_mutex_lock(&views->mutex);
    if (again)
        link_again(&view->queued, limit);
    else
        link_last(&view->queued, limit, view->options.start_within);
    limit->start_by = limit->moment;
    tn_mutex_unlock(&views->mutex);
    tn_hooks_unlock(future);
}

void tn_limit_queue(tarn_future *future)
{
    queue(future, false);
}

void tn_limit_queue_again(tarn_future *future)
{
    queue(future, true);
}

/* While a task of it runs, the executor has its share. */
void tn_limit_run(tarn_future *future)
{
    tn_limit *limit = limit_of(future);
    tn_view *view = tn_cell_ext(future)->view;
    if (!limit)
        return;
    lock_and_unlink(limit);
    if (view->options.run_limit > 0)
        link_last(&view->running, limit, view->options.run_limit);
    tn_mutex_unlock(&limit->views->mutex);
}

void tn_limit_pause(tarn_future *future)
{
    tn_limit *limit = limit_of(future);
    if (!limit)
        return;
    lock_and_unlink(limit);
    tn_mutex_unlock(&limit->views->mutex);
}

/* The future's end. Who is linked has a share; who is not may find the views gone, so only he who
 * knows that nobody else unlinks may ask: the timer unlinks what it ends, and what runs, but a run
 * is paused before it ends. */
static void ended(tn_hook_owner *owner, tn_hook *hook)
{
    tn_limit *limit = (tn_limit *)(void *)hook;
    (void)owner;
    if (!limit->linked)
        return;
    tn_mutex_lock(&limit->views->mutex);
    tn_limit_unlink(limit);
    tn_views_leave(limit->views);
}

tn_hook_owner tn_limit_owner = {.ended = ended};

void tn_limit_forget(tarn_future *future)
{
    tn_limit *limit = limit_of(future);
    if (limit && tn_hook_remove(&limit->hook))
        ended(&tn_limit_owner, &limit->hook);
}
