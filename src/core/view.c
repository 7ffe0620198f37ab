/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_with(): finding the view with these options, or making it. */
#include "core/view.h"

#include "core/deadline.h"
#include "core/front.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/status.h"
#include "platform/memory.h"

#include <math.h>

enum { MOST_VIEWS = 1024 };

tn_views *tn_views_new(tarn_executor *executor)
{
    tn_views *views = tn_alloc(sizeof *views);
    if (!views)
        return NULL;
    if (tn_mutex_init(&views->mutex) != 0)
        goto no_mutex;
    if (tn_cond_init(&views->news) != 0)
        goto no_cond;
    views->executor = executor;
    views->planned = TN_CLOCK_NEVER;
    views->shares = 1;
    return views;

no_cond:
    tn_mutex_destroy(&views->mutex);
no_mutex:
    tn_free(views);
    return NULL;
}

void tn_views_leave(tn_views *views)
{
    bool last = --views->shares == 0;
    tn_mutex_unlock(&views->mutex);
    if (!last)
        return;
    while (views->views) {
        tn_view *view = views->views;
        views->views = view->next;
        tn_free(view);
    }
    tn_cond_destroy(&views->news);
    tn_mutex_destroy(&views->mutex);
    tn_free(views);
}

void tn_views_close(tn_views *views)
{
    tn_mutex_lock(&views->mutex);
    views->closed = true;
    tn_cond_signal(&views->news);
    bool ticking = views->ticking;
    tn_mutex_unlock(&views->mutex);
    if (ticking)
        tn_timer_join(views);
    tn_mutex_lock(&views->mutex);
    tn_views_leave(views);
}

bool tn_view_apply(tn_view *view, tarn_future *future)
{
    tn_ext *ext = tn_cell_need_ext(future);
    if (!ext)
        return false;
    ext->view = view;
    tn_u32_or_relaxed(&future->state, TN_SPECIAL);
    if (view->options.start_within <= 0 && view->options.run_limit <= 0)
        return true;
    ext->limit = tn_alloc(sizeof *ext->limit);
    if (!ext->limit)
        return false;
    ext->limit->hook = (tn_hook){.future = future, .owner = &tn_limit_owner};
    ext->limit->views = view->all;
    return tn_hook_add(&ext->limit->hook);
}

/* ---- tarn_with() ----------------------------------------------------------------------------- */

static const char *find_fault(const tarn_task_options *options)
{
    if (!(options->start_within >= 0))
        return "start_within is negative or not a number; give seconds, or 0 for no limit";
    if (!(options->run_limit >= 0))
        return "run_limit is negative or not a number; give seconds, or 0 for no limit";
    if (options->priority < TARN_PRIORITY_LOW || options->priority > TARN_PRIORITY_HIGH)
        return "priority is not a TARN_PRIORITY_ constant";
    if (options->retries < 0)
        return "retries is negative; give a number, or 0 for none";
    if (options->retry_on & ~(TARN_RETRY_LOST | TARN_RETRY_EXPIRED | TARN_RETRY_FAILED))
        return "retry_on has more than TARN_RETRY_ constants";
    return NULL;
}

/* What is given replaces what the view has; different ways to say the same become one. */
static tarn_task_options combine(const tn_view *view, const tarn_task_options *given)
{
    tarn_task_options options = view ? view->options : (tarn_task_options){.size = sizeof options};
    if (given->start_within > 0)
        options.start_within = isinf(given->start_within) ? 0 : given->start_within;
    if (given->run_limit > 0)
        options.run_limit = isinf(given->run_limit) ? 0 : given->run_limit;
    if (given->priority != 0)
        options.priority = given->priority;
    if (given->retries != 0)
        options.retries = given->retries;
    if (given->retry_on != 0)
        options.retry_on = given->retry_on;
    return options;
}

static bool is_same(const tarn_task_options *a, const tarn_task_options *b)
{
    return a->start_within == b->start_within && a->run_limit == b->run_limit &&
           a->priority == b->priority && a->retries == b->retries && a->retry_on == b->retry_on;
}

/* Under the mutex: a new view; NULL, and why in tarn_last_error(). */
static tn_view *add_view(tn_views *views, const tarn_task_options *options)
{
    if (views->count == MOST_VIEWS) {
        tn_error(TARN_FULL, "tarn_with: the executor has 1,024 views; use the same options again");
        return NULL;
    }
    if (options->start_within > 0 || options->run_limit > 0) {
        int error = tn_timer_start(views);
        if (error != 0) {
            tn_error_format(TARN_SYSTEM,
                            "tarn_with: no thread for time limits: %s; raise the limit on threads "
                            "or memory",
                            strerror(error));
            return NULL;
        }
    }
    tn_view *view = tn_alloc(sizeof *view);
    if (!view) {
        tn_error(TARN_NO_MEMORY, "tarn_with: no memory");
        return NULL;
    }
    view->executor = *views->executor;
    view->options = *options;
    view->all = views;
    view->queued.next = view->queued.prev = &view->queued;
    view->running.next = view->running.prev = &view->running;
    view->next = views->views;
    views->views = view;
    views->count++;
    return view;
}

static tarn_executor *find_view(tn_views *views, const tarn_task_options *options)
{
    tn_mutex_lock(&views->mutex);
    tn_view *view = views->views;
    while (view && !is_same(&view->options, options))
        view = view->next;
    if (!view)
        view = add_view(views, options);
    tn_mutex_unlock(&views->mutex);
    return view ? &view->executor : NULL;
}

tarn_executor *(tarn_with)(tarn_executor *executor, const tarn_task_options *options)
{
    tarn_task_options given = {.size = sizeof given};
    if (!executor) {
        tn_error(TARN_INVALID, "tarn_with: executor is NULL");
        return NULL;
    }
    if (tn_registry_is_foreign(executor->id)) {
        tn_error(TARN_CLOSED, "tarn_with: the executor belongs to the process that forked this "
                              "one; open another");
        return NULL;
    }
    if (!tn_options_copy(&given, offsetof(tarn_task_options, tarn_last_), options)) {
        tn_error(
            TARN_INVALID,
            "tarn_with: options->size is not that of the struct (write .size = "
            "sizeof(tarn_task_options), or use the macro), or an option is set that this version "
            "does not know");
        return NULL;
    }
    const char *fault = find_fault(&given);
    if (fault) {
        tn_error_format(TARN_INVALID, "tarn_with: %s", fault);
        return NULL;
    }
    tarn_task_options combined = combine(tn_view_of(executor), &given);
    static const tarn_task_options none;
    if (is_same(&combined, &none))
        return executor->pool;
    tn_views *views = tn_front_views(executor->pool);
    if (!views) {
        tn_error(TARN_NO_MEMORY, "tarn_with: no memory");
        return NULL;
    }
    return find_view(views, &combined);
}
