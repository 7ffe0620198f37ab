/* SPDX-License-Identifier: Apache-2.0 */
#include "core/future.h"

#include "core/admission.h"
#include "core/count.h"
#include "core/hook.h"
#include "core/registry.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/memory.h"
#include "platform/process.h"

/* ---- Transitions ----------------------------------------------------------------------------- */

static bool leave_pending(tarn_future *future, uint32_t unless, uint32_t change)
{
    uint32_t state = tn_u32_load_relaxed(&future->state);
    do {
        if (state & (TN_STATE_MASK | TN_SEIZED | unless))
            return false;
        /* acquire: what the submitter wrote; the queue's lock gives it to workers, but a claim
         * comes without. */
    } while (!tn_u32_cas_weak_acquire(&future->state, &state, (state & ~TN_COUNTED) | change));
    if (state & TN_COUNTED)
        tn_admission_leave(future->executor, 1);
    return true;
}

bool tn_future_start(tarn_future *future)
{
    return leave_pending(future, TN_CHAINED, TN_RUNNING);
}

bool tn_future_seize(tarn_future *future)
{
    return leave_pending(future, 0, TN_SEIZED);
}

void tn_future_finish(tarn_future *future, tarn_status status)
{
    /* Nobody else leaves RUNNING or SEIZED: what is read here stays until the end. */
    uint32_t from = tn_u32_load_relaxed(&future->state) & (TN_STATE_MASK | TN_SEIZED);
    future->status = (int16_t)status;
    tn_count_end(future->executor, status, from == TN_RUNNING || tn_cell_was_tried(future));
    tn_hooks_end(future, from, TN_FINISHED);
}

bool tn_future_finish_untold(tarn_future *future, tarn_status status)
{
    uint32_t state = tn_u32_load_relaxed(&future->state);
    future->status = (int16_t)status;
    do {
        if (state & (TN_WAITER | TN_HOOK_LOCK | TN_HOOKS | TN_SPECIAL | TN_OWNING))
            return false;
        /* release: result and status. */
    } while (
        !tn_u32_cas_weak_release(&future->state, &state, (state & ~TN_STATE_MASK) | TN_FINISHED));
    return true;
}

bool tn_future_cancel(tarn_future *future)
{
    return tn_hooks_end(future, TN_PENDING, TN_CANCELLED);
}

bool tn_future_withdraw(tarn_future *future)
{
    uint32_t executor = future->executor;
    bool queued = !(tn_future_word(future) & TN_CHAINED);
    if (!tn_future_cancel(future))
        return false;
    if (queued)
        tn_registry_discard(executor);
    return true;
}

void tn_future_retry(tarn_future *future)
{
    uint32_t state = tn_u32_load_relaxed(&future->state);
    /* Its next runner says who it is only after the start, and the former one may sleep by then, in
     * a wait of its own that holds up nothing here. */
    tn_u16_store_relaxed(&future->runner, TN_NO_RUNNER);
    /* release: whoever starts it next sees what this try left behind. */
    while (!tn_u32_cas_weak_release(&future->state, &state,
                                    (state & ~(TN_STATE_MASK | TN_OVERDUE)) | TN_PENDING))
        ;
}

bool tn_future_arm(tarn_future *future)
{
    uint32_t state = tn_u32_load_relaxed(&future->state);
    do {
        if (state & (TN_STATE_MASK | TN_SEIZED))
            return false;
        /* release: the arguments. */
    } while (!tn_u32_cas_weak_release(&future->state, &state, state & ~TN_CHAINED));
    return true;
}

void tn_future_overdue(tarn_future *future)
{
    uint32_t state = tn_u32_load_relaxed(&future->state);
    while ((state & TN_STATE_MASK) == TN_RUNNING &&
           !tn_u32_cas_weak_relaxed(&future->state, &state, state | TN_OVERDUE))
        ;
}

/* ---- Failures -------------------------------------------------------------------------------- */

static void record(tarn_future *future, tn_ext *ext, tarn_failure failure, char *text)
{
    failure.size = sizeof failure;
    failure.text = text ? text : tarn_status_text(failure.status);
    failure.task = tn_task_name(future->task);
    if (tn_future_word(future) & TN_SPECIAL)
        failure.attempts = ext->attempts;
    /* There is another one if this was not the first try. */
    tn_free(ext->text);
    ext->failure = failure;
    ext->text = text;
}

void tn_future_explain(tarn_future *future, tarn_failure failure, char *text)
{
    tn_ext *ext = tn_cell_need_ext(future);
    if (ext)
        record(future, ext, failure, text);
    else
        tn_free(text);
}

static void explain_refusal(tarn_future *future, tarn_status status, const char *text)
{
    if (text)
        tn_future_explain(future, (tarn_failure){.status = status, .worker = -1},
                          tn_text_copy(text));
}

void tn_futures_end(tarn_future *list, tarn_status status, const char *text)
{
    while (list) {
        tarn_future *future = list;
        list = list->link;
        if (status == TARN_CANCELLED)
            tn_future_cancel(future);
        else if (tn_future_seize(future))
            tn_future_refuse(future, status, text);
        tn_cell_release(future, TN_OWNER_QUEUE);
    }
}

void tn_future_refuse(tarn_future *future, tarn_status status, const char *text)
{
    explain_refusal(future, status, text);
    tn_future_finish(future, status);
}

/* For refusals when there is no memory to say so; one for each status. */
#define IMMORTAL(status_, text) \
    [-(status_)] = {.state = TN_ATOMIC_INIT(TN_FINISHED | TN_IMMORTAL), .status = (status_)},

static tarn_future immortals[] = {TN_STATUSES(IMMORTAL)};

tarn_future *tn_future_refused(const tarn_task *task, tarn_status status, const char *text)
{
    tarn_future *future = status == TARN_NO_MEMORY ? NULL : tn_cell_new(task, 0, 0);
    if (!future)
        return &immortals[-status];
    future->status = (int16_t)status;
    explain_refusal(future, status, text);
    tn_u32_or_relaxed(&future->state, TN_FINISHED);
    return future;
}

/* What no executor runs belongs to whoever chained it; promises are not looked at. */
static bool is_foreign(const tarn_future *future)
{
    if (future->executor == 0 && tn_future_word(future) & TN_CHAINED)
        return tn_cell_ext(future)->process != tn_process_generation();
    return tn_registry_is_foreign(future->executor);
}

tarn_status tn_future_check_process(const tarn_future *future)
{
    if (!is_foreign(future) || tn_future_ended(future))
        return TARN_OK;
    return tn_error(TARN_CLOSED, "the future belongs to the process that forked this one, and "
                                 "cannot end here");
}

/* ---- Public verbs ---------------------------------------------------------------------------- */

bool tarn_done(const tarn_future *future)
{
    return future && tn_future_ended(future);
}

/* Whether whoever was given a future that was started has not begun with it. */
static bool is_only_given(const tarn_future *future)
{
    if (!tn_registry_is_remote(future->executor))
        return false;
    tarn_executor *executor = tn_registry_hold(future->executor);
    if (!executor)
        return false;
    bool given = executor->backend->begun &&
                 !executor->backend->begun(executor, (tarn_future *)(uintptr_t)future);
    tn_registry_let_go(executor);
    return given;
}

static uint32_t state_of(const tarn_future *future)
{
    uint32_t state = tn_future_word(future) & TN_STATE_MASK;
    return state == TN_RUNNING && is_only_given(future) ? TN_PENDING : state;
}

bool tarn_running(const tarn_future *future)
{
    return future && state_of(future) == TN_RUNNING;
}

bool tarn_cancelled(const tarn_future *future)
{
    return future && (tn_future_word(future) & TN_STATE_MASK) == TN_CANCELLED;
}

const char *tarn_future_state(const tarn_future *future)
{
    static const char *const names[] = {[TN_PENDING] = "PENDING",
                                        [TN_RUNNING] = "RUNNING",
                                        [TN_FINISHED] = "FINISHED",
                                        [TN_CANCELLED] = "CANCELLED"};
    return future ? names[state_of(future)] : "NULL";
}

/* Takes it back from whoever was given it ahead; true: it was cancelled by that. */
static bool recall(tarn_future *future)
{
    if (tn_future_ended(future) || !tn_registry_is_remote(future->executor))
        return false;
    tarn_executor *executor = tn_registry_hold(future->executor);
    if (!executor)
        return false;
    bool recalled = executor->backend->recall && executor->backend->recall(executor, future);
    tn_registry_let_go(executor);
    if (!recalled)
        return false;
    /* Nobody can start it, but somebody else may have cancelled it. */
    bool cancelled = tn_future_cancel(future);
    tn_cell_release(future, TN_OWNER_QUEUE);
    return cancelled;
}

bool tn_future_call_off(tarn_future *future)
{
    do {
        if (tn_future_withdraw(future) || recall(future))
            return true;
        /* Between the two it may have come back to the queue, and have been given once more. */
    } while (state_of(future) == TN_PENDING && !(tn_future_word(future) & TN_SEIZED));
    return false;
}

bool tarn_cancel(tarn_future *future)
{
    if (!future) {
        tn_error(TARN_INVALID, "tarn_cancel: future is NULL");
        return false;
    }
    if (tn_future_check_process(future) != TARN_OK)
        return false;
    return tn_future_call_off(future) || tarn_cancelled(future);
}

size_t tarn_cancel_all(tarn_future *const *futures, size_t n)
{
    size_t cancelled = 0;
    if (!futures && n > 0)
        tn_error(TARN_INVALID, "tarn_cancel_all: futures is NULL");
    for (size_t i = 0; futures && i < n; i++)
        cancelled += futures[i] && tarn_cancel(futures[i]);
    return cancelled;
}

/* Of what is written to futures that have ended: the failures that nobody recorded before. */
tn_mutex tn_failure_mutex = TN_MUTEX_INITIAL;

const tarn_failure *tarn_error(const tarn_future *future)
{
    if (!future || !tn_future_ended(future))
        return NULL;
    tarn_status status = tn_future_status(future);
    if (status == TARN_OK)
        return NULL;
    if (tn_future_word(future) & TN_IMMORTAL)
        return tn_status_failure(status);

    tarn_future *cell = (tarn_future *)(uintptr_t)future;
    tn_mutex_lock(&tn_failure_mutex);
    tn_ext *ext = tn_cell_need_ext(cell);
    if (ext && ext->failure.status != status)
        record(cell, ext, (tarn_failure){.status = status, .worker = -1}, NULL);
    tn_mutex_unlock(&tn_failure_mutex);
    return ext ? &ext->failure : tn_status_failure(status);
}

tarn_future *tarn_hold(tarn_future *future)
{
    if (!future) {
        tn_error(TARN_INVALID, "tarn_hold: future is NULL");
        return NULL;
    }
    if (!tn_cell_hold(future)) {
        tn_error(TARN_NO_MEMORY, "tarn_hold: the future has 16,777,215 references; drop some");
        return NULL;
    }
    return future;
}

void tarn_drop(tarn_future *future)
{
    if (future)
        tn_cell_release(future, TN_HANDLE);
}

void tarn_drop_all(tarn_future **futures, size_t n)
{
    for (size_t i = 0; futures && i < n; i++) {
        tarn_drop(futures[i]);
        futures[i] = NULL;
    }
}

tarn_status tarn_on_done(tarn_future *future, void (*fn)(tarn_future *future, void *data),
                         void *data)
{
    if (!future)
        return tn_error(TARN_INVALID, "tarn_on_done: future is NULL");
    if (!fn)
        return tn_error(TARN_INVALID, "tarn_on_done: fn is NULL");
    if (tn_future_check_process(future) != TARN_OK)
        return TARN_CLOSED;
    if (!tn_future_ended(future)) {
        tn_callback *callback = tn_alloc(sizeof *callback);
        if (!callback)
            return tn_error(TARN_NO_MEMORY, "tarn_on_done: no memory");
        *callback = (tn_callback){.hook = {.future = future}, .fn = fn, .data = data};
        if (tn_hook_add(&callback->hook))
            return TARN_OK;
        tn_free(callback);
    }
    tn_callback_run(future, fn, data);
    return TARN_OK;
}
