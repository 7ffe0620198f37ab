/* SPDX-License-Identifier: Apache-2.0 */

/* The thread that keeps the time limits of one executor: it ends what did not start in time, and
 * asks what runs too long to stop. It sleeps until the first limit there is, or was: one that is
 * taken back does not wake it, one that comes earlier does. */
#include "core/context.h"
#include "core/deadline.h"
#include "core/front.h"
#include "core/future.h"
#include "core/registry.h"
#include "core/view.h"

enum { STACK = 8 << 20 }; /* callbacks run on it */

/* Takes those whose time is up out of a ring; the rest of it begins with the first that is not.
 * The moment of that one, or TN_CLOCK_NEVER. */
static int64_t look_at(tn_limit *ring, int64_t now, void (*due)(tn_limit *limit, void *data),
                       void *data)
{
    tn_limit *limit = ring->next;
    while (limit != ring && limit->moment <= now) {
        tn_limit *next = limit->next;
        due(limit, data);
        limit = next;
    }
    return limit == ring ? TN_CLOCK_NEVER : limit->moment;
}

/* What was seized and is to be ended, by `next`, in the order of time. */
typedef struct seized {
    tn_limit *first, **last;
} seized;

/* Has not started in time. If somebody else has just started or ended it, he will unlink it: until
 * then it stays alive, and linked. */
static void seize(tn_limit *limit, void *data)
{
    tarn_future *future = limit->hook.future;
    seized *list = data;
    tn_u32_add_relaxed(&future->owners, TN_OWNER_TIMER);
    if (!tn_future_seize(future)) {
        tn_cell_release(future, TN_OWNER_TIMER);
        return;
    }
    tn_limit_unlink(limit);
    limit->views->shares--;
    limit->next = NULL;
    *list->last = limit;
    list->last = &limit->next;
}

/* Runs for too long. */
static void ask_to_stop(tn_limit *limit, void *data)
{
    (void)data;
    tarn_executor *executor = limit->views->executor;
    tn_future_overdue(limit->hook.future);
    if (executor->backend->press)
        executor->backend->press(executor, limit->hook.future, false);
    tn_limit_unlink(limit);
    limit->views->shares--;
}

/* Gives the mutex back meanwhile, and runs callbacks. */
static void end_all(tn_views *views, tn_limit *limit)
{
    tn_mutex_unlock(&views->mutex);
    while (limit) {
        tarn_future *future = limit->hook.future;
        limit = limit->next;
        tn_registry_discard(future->executor);
        tn_future_refuse(future, TARN_EXPIRED, "the task had not started within its time limit");
        /* A callback has forked, and returned in the child: there, nobody needs this thread. */
        if (tn_registry_is_foreign(future->executor))
            tn_thread_exit();
        tn_cell_release(future, TN_OWNER_TIMER);
    }
    tn_front_leave(views->executor);
    tn_mutex_lock(&views->mutex);
}

static void run(void *data)
{
    tn_views *views = data;
    tn_inside inside;
    /* A callback that waits for the executor would wait for itself. */
    tn_inside_begin(&inside, views->executor);
    tn_mutex_lock(&views->mutex);
    while (!views->closed) {
        int64_t now = tn_clock_now(), next = TN_CLOCK_NEVER;
        seized list = {.last = &list.first};
        /* From before something is seized, and so nothing in a queue, until its callbacks have
         * returned, the executor does not come to rest, and stays. */
        bool due = views->planned <= now;
        if (due)
            tn_front_visit(views->executor);
        for (tn_view *view = views->views; view; view = view->next) {
            int64_t queued = look_at(&view->queued, now, seize, &list);
            int64_t running = look_at(&view->running, now, ask_to_stop, NULL);
            next = queued < next ? queued : next;
            next = running < next ? running : next;
        }
        views->planned = next;
        if (due)
            end_all(views, list.first);
        else
            tn_cond_wait_until(&views->news, &views->mutex, next);
    }
    tn_inside_end(&inside);
    tn_views_leave(views);
}

int tn_timer_start(tn_views *views)
{
    if (views->ticking)
        return 0;
    int error = tn_thread_start(&views->timer, STACK, "tarn-timer", run, views);
    if (error == 0) {
        views->ticking = true;
        views->shares++;
    }
    return error;
}

void tn_timer_join(tn_views *views)
{
    /* Only the timer is inside of an executor that is gone. */
    if (tn_is_inside(views->executor))
        tn_thread_detach(views->timer);
    else
        tn_thread_join(views->timer);
}
