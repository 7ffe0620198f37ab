/* SPDX-License-Identifier: Apache-2.0 */

/* The public verbs of executors as a whole: checked here, and handed on to the back end. */
#include "core/executor.h"

#include "core/admission.h"
#include "core/chain.h"
#include "core/context.h"
#include "core/deadline.h"
#include "core/front.h"
#include "core/future.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/status.h"

enum { MOST_WORKERS = 32767 };

tarn_future *tn_executor_close(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    tn_u32_or_relaxed(&executor->front->closed,
                      cancel_pending ? TN_CLOSED_TO_NEW | TN_CLOSED_TO_ALL : TN_CLOSED_TO_NEW);
    tarn_future *pending = executor->backend->stop(executor, cancel_pending, kill_running);
    tn_admission_close(executor->id);
    if (kill_running)
        tn_u32_store_relaxed(&executor->front->stopping, 1);
    return pending;
}

/* TARN_OK, or why this executor cannot be ended. */
static tarn_status check_owned(const tarn_executor *executor, const char *call)
{
    if (tn_registry_is_foreign(executor->id))
        return tn_error_format(TARN_CLOSED,
                               "%s: the executor belongs to the process that forked this one; "
                               "leave it",
                               call);
    if (executor != executor->pool)
        return tn_error_format(TARN_INVALID,
                               "%s: this is a view that tarn_with() gave; end the executor", call);
    return TARN_OK;
}

/* What a back end answered, with a text for tarn_last_error() if it gave none since. */
static tarn_status answer(const tarn_executor *executor, const char *call, tarn_status status,
                          unsigned errors)
{
    if (status == TARN_OK)
        return TARN_OK;
    if (status != TARN_TIMEOUT && !tn_is_failure(status))
        return tn_error_format(TARN_SYSTEM,
                               "%s: the back end \"%s\" answered %d, which is no failure", call,
                               executor->backend->kind, (int)status);
    if (tn_error_count() == errors)
        tn_error_format(status, "%s: %s", call, tarn_status_text(status));
    return status;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Waits until nothing is queued or running, on workers or elsewhere. Visitors may have queued
 * something before they left, and the timer visits it for what is queued. */
static tarn_status rest(tarn_executor *executor, int64_t until, const char *call)
{
    tarn_status status = TARN_OK;
    do {
        if (!tn_front_await_visitors(executor, until))
            return tn_error_format(TARN_TIMEOUT,
                                   "%s: a map has not returned, a thread that submitted to a full "
                                   "queue (TARN_FULL_CALLER) still runs a task, or the timer a "
                                   "callback",
                                   call);
        unsigned errors = tn_error_count();
        status = answer(executor, call, executor->backend->drain(executor, until), errors);
    } while (status == TARN_OK && !tn_front_await_visitors(executor, TARN_NOW.ns));
    return status;
}

static tarn_status finish(tarn_executor *executor, int64_t until)
{
    tarn_status status = rest(executor, until, "tarn_shutdown");
    /* The back end knows what still runs, if it is not a visitor who does. */
    if (status != TARN_OK && !tn_front_await_visitors(executor, TARN_NOW.ns))
        return status;
    unsigned errors = tn_error_count();
    status = executor->backend->finish(executor, until);
    return status == TARN_OK ? status : answer(executor, "tarn_shutdown", status, errors);
}

tarn_status(tarn_shutdown)(tarn_executor *executor, const tarn_shutdown_options *options)
{
    if (!executor)
        return TARN_OK;
    tarn_shutdown_options own = {.size = sizeof own};
    if (!tn_options_copy(&own, offsetof(tarn_shutdown_options, tarn_last_), options))
        return tn_error(
            TARN_INVALID,
            "tarn_shutdown: options->size is not that of the struct (write .size = "
            "sizeof(tarn_shutdown_options), or use the macro), or an option is set that this "
            "version does not know");
    if (!(own.time_limit >= 0))
        return tn_error(TARN_INVALID, "tarn_shutdown: time_limit is negative or not a number; give "
                                      "seconds, or 0 for no limit");
    tarn_status status = check_owned(executor, "tarn_shutdown");
    if (status != TARN_OK)
        return status;
    if (tn_is_inside(executor)) {
        tn_executor_close(executor, false, false);
        return tn_error(TARN_DEADLOCK, "tarn_shutdown: called by a worker or callback of this "
                                       "executor, which would wait for itself; call it from "
                                       "outside, or tarn_abandon()");
    }
    int64_t until = own.time_limit > 0 ? tn_clock_after(own.time_limit) : TN_CLOCK_NEVER;
    tarn_future *cancelled = tn_executor_close(executor, own.cancel_pending, own.kill_running);
    tn_inside inside;
    tn_inside_begin(&inside, executor);
    tn_futures_end(cancelled, TARN_CANCELLED, NULL);
    if (own.cancel_pending)
        tn_chain_end_all(executor, TARN_CANCELLED);
    tn_inside_end(&inside);
    /* A callback may have forked, and returned in the child. */
    status = check_owned(executor, "tarn_shutdown");
    if (status != TARN_OK)
        return status;
    tarn_blocking_begin();
    status = finish(executor, until);
    tarn_blocking_end();
    return status;
}

void tarn_abandon(tarn_executor *executor)
{
    if (!executor || check_owned(executor, "tarn_abandon") != TARN_OK)
        return;
    tn_executor_close(executor, false, false);
    tn_front_abandon(executor);
}

tarn_status tarn_drain(tarn_executor *executor, tarn_deadline deadline)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_drain: executor is NULL");
    executor = executor->pool;
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_drain: the executor belongs to the process that forked "
                                     "this one");
    if (tn_is_inside(executor))
        return tn_error(TARN_DEADLOCK, "tarn_drain: called by a worker or callback of this "
                                       "executor, which would wait for itself; call it from "
                                       "outside");
    tarn_blocking_begin();
    tarn_status status = rest(executor, tn_until(deadline), "tarn_drain");
    tarn_blocking_end();
    return status;
}

/* ---- Size and counts ------------------------------------------------------------------------- */

int tarn_worker_limit(const tarn_executor *executor)
{
    if (!executor) {
        tn_error(TARN_INVALID, "tarn_worker_limit: executor is NULL");
        return 0;
    }
    if (tn_registry_is_foreign(executor->id)) {
        tn_error(TARN_CLOSED, "tarn_worker_limit: the executor belongs to the process that forked "
                              "this one");
        return 0;
    }
    return executor->backend->worker_limit(executor->pool);
}

tarn_status tarn_resize(tarn_executor *executor, int max_workers)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_resize: executor is NULL");
    if (max_workers < 0)
        return tn_error_format(TARN_INVALID,
                               "tarn_resize: max_workers is %d; give 1 or more, or 0 for the "
                               "default",
                               max_workers);
    if (max_workers > MOST_WORKERS)
        return tn_error_format(
            TARN_INVALID,
            "tarn_resize: max_workers is %d; give as many as the options of this "
            "executor allow, which is never more than 32,767, or 0 for the "
            "default",
            max_workers);
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_resize: the executor belongs to the process that forked "
                                     "this one");
    unsigned errors = tn_error_count();
    return answer(executor, "tarn_resize", executor->backend->resize(executor->pool, max_workers),
                  errors);
}

tarn_status tarn_executor_stats(const tarn_executor *executor, tarn_stats *stats)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_executor_stats: executor is NULL");
    if (!stats || stats->size < sizeof stats->size)
        return tn_error(TARN_INVALID, "tarn_executor_stats: stats is NULL, or stats->size is not "
                                      "sizeof(tarn_stats)");
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_executor_stats: the executor belongs to the process "
                                     "that forked this one");
    executor = executor->pool;
    size_t size = stats->size < sizeof *stats ? stats->size : sizeof *stats;
    tarn_stats all = {.size = stats->size};
    /* First: whoever ends futures under the lock of a back end counts them before he leaves it. */
    executor->backend->stats(executor, &all);
    all.size = stats->size;
    /* In this order: whose end is seen, his beginning is seen as well. */
    uint64_t counts[TN_EVENTS], ended = 0;
    for (int event = 0; event < TN_EVENTS; event++)
        counts[event] = tn_front_counted(executor, (tn_event)event);
    for (int event = TN_ENDED_OK; event <= TN_ENDED_LOST; event++)
        ended += counts[event];

    all.running = counts[TN_STARTED] - counts[TN_ENDED_RUN];
    /* Those that are only given. The counts are of a moment ago. */
    all.running -= all.queued < all.running ? all.queued : all.running;
    all.queued = counts[TN_SUBMITTED] - ended - all.running;
    all.submitted = counts[TN_SUBMITTED];
    all.ok = counts[TN_ENDED_OK];
    all.failed = counts[TN_ENDED_FAILED];
    all.cancelled = counts[TN_ENDED_CANCELLED];
    all.expired = counts[TN_ENDED_EXPIRED];
    all.stopped = counts[TN_ENDED_STOPPED];
    all.lost = counts[TN_ENDED_LOST];
    all.rejected = counts[TN_REJECTED];
    all.retried = counts[TN_RETRIED];
    all.over_limit = counts[TN_OVER_LIMIT];
    memcpy(stats, &all, size);
    return TARN_OK;
}
