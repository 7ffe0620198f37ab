/* SPDX-License-Identifier: Apache-2.0 */

/* The public verbs of executors: checked here, and handed on to the back end. */
#include "core/context.h"
#include "core/deadline.h"
#include "core/future.h"
#include "core/options.h"
#include "core/process.h"
#include "core/registry.h"
#include "core/run.h"
#include "core/status.h"
#include "core/task.h"
#include "core/wait.h"

/* ---- Submit and result ----------------------------------------------------------------------- */

/* TARN_OK if this executor can carry these arguments. */
static tarn_status check_kinds(const tarn_executor *executor, const tarn_task *task)
{
    if (executor->backend->capabilities & TARN_CAN_POINTERS)
        return TARN_OK;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind == TARN_KIND_POINTER)
            return tn_error_format(TARN_UNSUPPORTED,
                                   "argument %u of \"%s\" is a pointer (%s), which means nothing "
                                   "to workers of kind \"%s\"; pass a value or tarn_bytes",
                                   i + 1, task->name, task->args[i].type, executor->backend->kind);
    }
    if (task->result.kind == TARN_KIND_POINTER)
        return tn_error_format(TARN_UNSUPPORTED,
                               "the result of \"%s\" is a pointer (%s), which means nothing here "
                               "when a worker of kind \"%s\" returns it; return a value or "
                               "tarn_bytes",
                               task->name, task->result.type, executor->backend->kind);
    return TARN_OK;
}

/* TARN_OK, with what the tarn_bytes in the arguments add in *bytes. */
static tarn_status check_submit(const tarn_executor *executor, const tarn_task *task,
                                const void *args, size_t size, size_t *bytes)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_submit: executor is NULL");
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_submit: the executor belongs to the process that forked "
                                     "this one; open another");
    tarn_status status = tn_task_check(task, "tarn_submit");
    if (status != TARN_OK)
        return status;
    if (size != task->args_size)
        return tn_error_format(TARN_INVALID,
                               "tarn_submit: size is %zu, but the arguments of \"%s\" have %zu "
                               "bytes",
                               size, task->name, task->args_size);
    if (!args && size > 0)
        return tn_error(TARN_INVALID, "tarn_submit: args is NULL");
    *bytes = tn_task_bytes(task, args);
    if (*bytes == SIZE_MAX)
        return tn_error_format(TARN_INVALID,
                               "tarn_submit: a tarn_bytes argument of \"%s\" has no data for its "
                               "size",
                               task->name);
    return check_kinds(executor, task);
}

tarn_future *tarn_submit(tarn_executor *executor, const tarn_task *task, const void *args,
                         size_t size)
{
    size_t bytes = 0;
    tarn_status status = check_submit(executor, task, args, size, &bytes);
    if (status != TARN_OK)
        return tn_future_refused(task, status, tarn_last_error());
    tarn_future *future = tn_task_cell(task, args, bytes, TN_OWNER_QUEUE);
    if (!future) {
        tn_error(TARN_NO_MEMORY, "tarn_submit: no memory");
        return tn_future_refused(task, TARN_NO_MEMORY, NULL);
    }
    future->executor = executor->id;
    unsigned errors = tn_error_count();
    status = executor->backend->submit(executor, future);
    if (status == TARN_OK)
        return future;
    if (!tn_is_failure(status))
        status = tn_error_format(TARN_SYSTEM,
                                 "tarn_submit: the back end \"%s\" answered %d, which "
                                 "is no failure",
                                 executor->backend->kind, (int)status);
    else if (tn_error_count() == errors)
        tn_error(status, tarn_status_text(status));
    tn_cell_release(future, TN_OWNER_QUEUE);
    tn_cell_release(future, TN_HANDLE);
    return tn_future_refused(task, status, tarn_last_error());
}

tarn_status tarn_result(tarn_future *future, const tarn_task *task, void *result, size_t size)
{
    if (!future)
        return tn_error(TARN_INVALID, "tarn_result: future is NULL");
    bool immortal = tn_future_word(future) & TN_IMMORTAL;
    if (task && future->task != task && !immortal)
        return tn_error_format(TARN_MISMATCH,
                               "tarn_result: the future is one of task \"%s\", not of \"%s\"",
                               tn_task_name(future->task), task->name);
    size_t own = future->task ? future->task->result.size : 0;
    if (!result && (size > 0 || (task && own > 0)))
        return tn_error(TARN_INVALID, "tarn_result: result is NULL");
    if (result && size != own && !immortal)
        return tn_error_format(TARN_INVALID,
                               "tarn_result: size is %zu, but the result of \"%s\" has %zu bytes",
                               size, tn_task_name(future->task), own);

    tarn_status status = tn_wait_one(future, TN_CLOCK_NEVER);
    if (status != TARN_OK)
        return status;
    status = tn_future_status(future);
    if (status == TARN_OK && size > 0)
        memcpy(result, tn_task_result(future), size);
    return status;
}

const void *tarn_args(const tarn_future *future, const tarn_task *task)
{
    if (!future) {
        tn_error(TARN_INVALID, "tarn_args: future is NULL");
        return NULL;
    }
    if (task && future->task != task) {
        tn_error_format(TARN_MISMATCH, "tarn_args: the future is one of task \"%s\", not of \"%s\"",
                        tn_task_name(future->task), task->name);
        return NULL;
    }
    /* Only what was queued has a copy of its arguments: promises and refusals do not. */
    return future->executor && future->task->args_size > 0 ? tn_cell_payload(future) : NULL;
}

/* ---- For back ends --------------------------------------------------------------------------- */

tarn_status tarn_backend_open(tarn_executor *executor, const tarn_backend *backend)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_backend_open: executor is NULL");
    if (!backend || backend->size != sizeof *backend)
        return tn_error(TARN_INVALID, "tarn_backend_open: backend is NULL, or its size is not "
                                      "sizeof(tarn_backend)");
    if (!backend->kind || !backend->submit || !backend->stop || !backend->finish ||
        !backend->abandon || !backend->drain || !backend->worker_limit || !backend->block ||
        !backend->unblock)
        return tn_error(TARN_INVALID,
                        "tarn_backend_open: an entry of backend is NULL; fill in all");
    tarn_status status = tn_process_watch_over();
    if (status != TARN_OK)
        return status;
    executor->backend = backend;
    if (!tn_registry_add(executor))
        return tn_error(TARN_NO_MEMORY, "tarn_backend_open: no memory, or there are 65,535 "
                                        "executors");
    return TARN_OK;
}

void tarn_backend_close(tarn_executor *executor)
{
    if (executor && executor->id != 0)
        tn_registry_remove(executor);
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
        tn_context_enter(&own);
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

/* ---- Drain and shutdown ---------------------------------------------------------------------- */

tarn_status(tarn_shutdown)(tarn_executor *executor, const tarn_shutdown_options *options)
{
    if (!executor)
        return TARN_OK;
    tarn_shutdown_options own = {.size = sizeof own};
    if (!tn_options_copy(&own, sizeof own, options))
        return tn_error(TARN_INVALID, "tarn_shutdown: options->size is 0, or an option is set that "
                                      "this version does not know");
    if (!(own.time_limit >= 0))
        return tn_error(TARN_INVALID, "tarn_shutdown: time_limit is negative or not a number; give "
                                      "seconds, or 0 for no limit");
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_shutdown: the executor belongs to the process that "
                                     "forked this one; leave it");
    if (tn_is_inside(executor)) {
        executor->backend->stop(executor, false, false);
        return tn_error(TARN_DEADLOCK, "tarn_shutdown: called by a worker or callback of this "
                                       "executor, which would wait for itself; call it from "
                                       "outside, or tarn_abandon()");
    }
    int64_t until = own.time_limit > 0 ? tn_clock_after(own.time_limit) : TN_CLOCK_NEVER;
    tarn_future *cancelled =
        executor->backend->stop(executor, own.cancel_pending, own.kill_running);
    tn_inside inside;
    tn_inside_begin(&inside, executor);
    tn_futures_end(cancelled, TARN_CANCELLED, NULL);
    tn_inside_end(&inside);
    tarn_blocking_begin();
    tarn_status status = executor->backend->finish(executor, until);
    tarn_blocking_end();
    return status;
}

void tarn_abandon(tarn_executor *executor)
{
    if (!executor || tn_registry_is_foreign(executor->id))
        return;
    executor->backend->stop(executor, false, false);
    executor->backend->abandon(executor);
}

tarn_status tarn_drain(tarn_executor *executor, tarn_deadline deadline)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_drain: executor is NULL");
    if (tn_registry_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_drain: the executor belongs to the process that forked "
                                     "this one");
    if (tn_is_inside(executor))
        return tn_error(TARN_DEADLOCK, "tarn_drain: called by a worker or callback of this "
                                       "executor, which would wait for itself; call it from "
                                       "outside");
    tarn_blocking_begin();
    tarn_status status = executor->backend->drain(executor, tn_until(deadline));
    tarn_blocking_end();
    return status;
}

int tarn_worker_limit(const tarn_executor *executor)
{
    if (!executor) {
        tn_error(TARN_INVALID, "tarn_worker_limit: executor is NULL");
        return 0;
    }
    return executor->backend->worker_limit(executor);
}
