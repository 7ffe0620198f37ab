/* SPDX-License-Identifier: Apache-2.0 */

/* What back ends call: include/tarn_backend.h. */
#include "core/chain.h"
#include "core/front.h"
#include "core/future.h"
#include "core/process.h"
#include "core/registry.h"
#include "core/run.h"
#include "core/status.h"

tarn_status tarn_backend_open(tarn_executor *executor, const tarn_backend *backend)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_backend_open: executor is NULL");
    if (!backend || backend->size != sizeof *backend)
        return tn_error(TARN_INVALID, "tarn_backend_open: backend is NULL, or its size is not "
                                      "sizeof(tarn_backend)");
    if (!backend->kind || !backend->submit || !backend->stop || !backend->finish ||
        !backend->abandon || !backend->drain || !backend->resize || !backend->worker_limit ||
        !backend->stats || !backend->block || !backend->unblock)
        return tn_error(TARN_INVALID,
                        "tarn_backend_open: an entry of backend is NULL; fill in all");
    tarn_status status = tn_process_watch_over();
    if (status != TARN_OK)
        return status;
    executor->backend = backend;
    executor->pool = executor;
    executor->front = tn_front_new();
    if (executor->front && tn_registry_add(executor))
        return TARN_OK;
    if (executor->front)
        tn_front_free(executor->front);
    return tn_error(TARN_NO_MEMORY, "tarn_backend_open: no memory, or there are 65,535 executors");
}

void tarn_backend_close(tarn_executor *executor)
{
    if (!executor || executor->id == 0)
        return;
    /* While it can still be found: what ends at the same time takes itself out of its list. */
    tn_inside inside;
    tn_inside_begin(&inside, executor);
    tn_chain_end_all(executor, TARN_CLOSED);
    tn_inside_end(&inside);
    /* Until then exit() may stop it, and chains may offer what they have ready. */
    tn_registry_remove(executor);
    tn_front_free(executor->front);
}

tarn_future **tarn_backend_link(tarn_future *future)
{
    return &future->link;
}

bool tarn_backend_run(tarn_executor *executor, int index, tarn_future *future)
{
    static const tn_atomic_u32 never = TN_ATOMIC_INIT(0);
    tn_context own = {.executor = executor, .index = index, .stopping = &never};
    tn_context *outer = tn_context_here();
    if (outer && !tn_context_reserve(outer))
        return tarn_backend_refuse(future, TARN_NO_MEMORY, NULL);
    if (!tn_future_start(future)) {
        tn_cell_release(future, TN_OWNER_QUEUE);
        return false;
    }
    if (!outer)
        tn_run_enter(&own);
    tn_run(outer ? outer : &own, future, TN_OWNER_QUEUE);
    if (!outer)
        tn_context_leave(&own);
    return true;
}

tarn_status tarn_backend_error(tarn_status status, const char *text)
{
    return tn_error_format(status, "%s", text ? text : tarn_status_text(status));
}

bool tarn_backend_refuse(tarn_future *future, tarn_status status, const char *text)
{
    if (!tn_is_failure(status))
        status = TARN_SYSTEM;
    bool seized = tn_future_seize(future);
    if (seized)
        tn_future_refuse(future, status, text);
    tn_cell_release(future, TN_OWNER_QUEUE);
    return seized;
}
