/* SPDX-License-Identifier: Apache-2.0 */
#include "core/executor.h"

#include "core/future.h"
#include "core/options.h"
#include "core/process.h"
#include "core/run.h"
#include "core/status.h"
#include "core/task.h"
#include "core/wait.h"
#include "platform/memory.h"
#include "platform/mutex.h"
#include "platform/process.h"
#include "platform/tls.h"

/* ---- Identity -------------------------------------------------------------------------------- */

/* The low half of a number is a slot, the high half how often the slot was given out. Slot 0 is
 * nobody's: 0 is "no executor". Slots are never freed, so a cell that outlived its executor may
 * still count here. */
typedef struct slot {
    tn_atomic_u32 discarded;
    tn_atomic_u32 process;   /* the tn_process_generation() that opened it */
    tarn_executor *executor; /* NULL: the slot is free */
    bool pinned;             /* it must not be closed yet */
    uint16_t uses;
    uint16_t next_free;
} slot;

enum { SLOTS_PER_PAGE = 256, PAGES = 256 };

tn_mutex tn_slots_mutex = TN_MUTEX_INITIAL; /* of all that follows */
static tn_atomic_ptr pages[PAGES];          /* read without it */
static uint16_t free_slot;                  /* 0: none */
static uint32_t fresh_slot = 1;
static tn_cond unpinned = TN_COND_INITIAL;

static slot *slot_of(uint32_t id)
{
    uint32_t index = id & 0xffff;
    slot *page = tn_ptr_load_acquire(&pages[index / SLOTS_PER_PAGE]);
    return &page[index % SLOTS_PER_PAGE];
}

/* Whether it is the number of an executor, or was. */
static bool is_known(uint32_t id)
{
    return id != 0 && tn_ptr_load_acquire(&pages[(id & 0xffff) / SLOTS_PER_PAGE]);
}

/* Under the mutex: a slot that nobody has; 0: there is none. */
static uint16_t take_slot(void)
{
    uint16_t index = free_slot;
    if (index != 0) {
        free_slot = slot_of(index)->next_free;
        return index;
    }
    if (fresh_slot == SLOTS_PER_PAGE * PAGES)
        return 0;
    tn_atomic_ptr *page = &pages[fresh_slot / SLOTS_PER_PAGE];
    if (!tn_ptr_load_relaxed(page)) {
        slot *slots = tn_alloc_array(SLOTS_PER_PAGE, sizeof *slots);
        if (!slots)
            return 0;
        tn_ptr_store_release(page, slots);
    }
    return (uint16_t)fresh_slot++;
}

tarn_status tarn_backend_open(tarn_executor *executor, const tarn_backend *backend)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_backend_open: executor is NULL");
    if (!backend || backend->size != sizeof *backend)
        return tn_error(TARN_INVALID, "tarn_backend_open: backend is NULL, or its size is not "
                                      "sizeof(tarn_backend)");
    tarn_status status = tn_process_enter();
    if (status != TARN_OK)
        return status;
    tn_mutex_lock(&tn_slots_mutex);
    uint16_t index = take_slot();
    if (index != 0) {
        slot *own = slot_of(index);
        tn_u32_store_relaxed(&own->discarded, 0);
        tn_u32_store_relaxed(&own->process, tn_process_generation());
        own->executor = executor;
        executor->id = ((uint32_t)++own->uses << 16) | index;
        executor->backend = backend;
    }
    tn_mutex_unlock(&tn_slots_mutex);
    return index != 0 ? TARN_OK
                      : tn_error(TARN_NO_MEMORY, "tarn_backend_open: no memory, or there are "
                                                 "65,535 executors");
}

void tarn_backend_close(tarn_executor *executor)
{
    if (!executor || executor->id == 0)
        return;
    slot *own = slot_of(executor->id);
    tn_mutex_lock(&tn_slots_mutex);
    while (own->pinned)
        tn_cond_wait(&unpinned, &tn_slots_mutex);
    own->executor = NULL;
    own->next_free = free_slot;
    free_slot = (uint16_t)(executor->id & 0xffff);
    tn_mutex_unlock(&tn_slots_mutex);
}

void tn_executor_discard(uint32_t id)
{
    if (is_known(id))
        tn_u32_add_relaxed(&slot_of(id)->discarded, 1);
}

tn_atomic_u32 *tn_executor_discarded(const tarn_executor *executor)
{
    return &slot_of(executor->id)->discarded;
}

bool tn_executor_is_foreign(uint32_t id)
{
    return is_known(id) && tn_u32_load_relaxed(&slot_of(id)->process) != tn_process_generation();
}

/* What this thread is shutting down: the callbacks of cancelled futures run meanwhile. */
TN_THREAD_LOCAL(tarn_executor *, ending);

/* Whether the executor cannot end, or come to rest, before the caller returns. */
static bool needs_caller(const tarn_executor *executor)
{
    const tn_context *context = tn_context_here();
    return (context && context->executor == executor) || *ending() == executor;
}

/* ---- The end of the process ------------------------------------------------------------------ */

/* Under the mutex: the executor in that slot, if it belongs to this process. */
static tarn_executor *executor_at(uint32_t index)
{
    tarn_executor *executor = slot_of(index)->executor;
    return executor && !tn_executor_is_foreign(executor->id) ? executor : NULL;
}

void tn_executor_stop_all(void)
{
    for (uint32_t index = 1;; index++) {
        tn_mutex_lock(&tn_slots_mutex);
        bool more = index < fresh_slot;
        tarn_executor *executor = more ? executor_at(index) : NULL;
        tarn_future *cancelled = executor ? executor->backend->stop(executor, true, true) : NULL;
        tn_mutex_unlock(&tn_slots_mutex);
        if (!more)
            return;
        tn_futures_end(cancelled, TARN_CANCELLED, NULL);
    }
}

void tn_executor_drain_all(int64_t until)
{
    tn_mutex_lock(&tn_slots_mutex);
    for (uint32_t index = 1; index < fresh_slot; index++) {
        tarn_executor *executor = executor_at(index);
        if (!executor || needs_caller(executor))
            continue;
        slot *own = slot_of(index);
        own->pinned = true;
        tn_mutex_unlock(&tn_slots_mutex);
        executor->backend->drain(executor, until);
        tn_mutex_lock(&tn_slots_mutex);
        own->pinned = false;
        tn_cond_broadcast(&unpinned);
    }
    tn_mutex_unlock(&tn_slots_mutex);
}

/* ---- Submit ---------------------------------------------------------------------------------- */

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

static tarn_status check_submit(const tarn_executor *executor, const tarn_task *task,
                                const void *args, size_t size)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_submit: executor is NULL");
    if (tn_executor_is_foreign(executor->id))
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
    if (tn_task_bytes(task, args) == SIZE_MAX)
        return tn_error_format(TARN_INVALID,
                               "tarn_submit: a tarn_bytes argument of \"%s\" has no data for its "
                               "size",
                               task->name);
    return check_kinds(executor, task);
}

tarn_future *tarn_submit(tarn_executor *executor, const tarn_task *task, const void *args,
                         size_t size)
{
    tarn_status status = check_submit(executor, task, args, size);
    if (status != TARN_OK)
        return tn_future_refused(task, status, tarn_last_error());
    tarn_future *future = tn_task_cell(task, args, TN_OWNER_QUEUE);
    if (!future) {
        tn_error(TARN_NO_MEMORY, "tarn_submit: no memory");
        return tn_future_refused(task, TARN_NO_MEMORY, NULL);
    }
    future->executor = executor->id;
    unsigned errors = tn_error_count();
    status = executor->backend->submit(executor, future);
    if (status == TARN_OK)
        return future;
    if (tn_error_count() == errors)
        tn_error(status, tarn_status_text(status));
    tn_cell_release(future, TN_OWNER_QUEUE);
    tn_cell_release(future, TN_HANDLE);
    return tn_future_refused(task, status, tarn_last_error());
}

/* ---- Run and refuse, for back ends ---------------------------------------------------------------------- */

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
    bool seized = tn_future_seize(future);
    if (seized)
        tn_future_refuse(future, status, text);
    tn_cell_release(future, TN_OWNER_QUEUE);
    return seized;
}

/* ---- The other public verbs ------------------------------------------------------------------ */

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
    if (tn_executor_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_shutdown: the executor belongs to the process that "
                                     "forked this one; leave it");
    if (needs_caller(executor)) {
        executor->backend->stop(executor, false, false);
        return tn_error(TARN_DEADLOCK, "tarn_shutdown: called by a worker or callback of this "
                                       "executor, which would wait for itself; call it from "
                                       "outside, or tarn_abandon()");
    }
    int64_t until = own.time_limit > 0 ? tn_clock_after(own.time_limit) : TN_CLOCK_NEVER;
    tarn_future *cancelled =
        executor->backend->stop(executor, own.cancel_pending, own.kill_running);
    tarn_executor *outer = *ending();
    *ending() = executor;
    tn_futures_end(cancelled, TARN_CANCELLED, NULL);
    *ending() = outer;
    tarn_blocking_begin();
    tarn_status status = executor->backend->finish(executor, until);
    tarn_blocking_end();
    return status;
}

void tarn_abandon(tarn_executor *executor)
{
    if (!executor || tn_executor_is_foreign(executor->id))
        return;
    executor->backend->stop(executor, false, false);
    executor->backend->abandon(executor);
}

tarn_status tarn_drain(tarn_executor *executor, tarn_deadline deadline)
{
    if (!executor)
        return tn_error(TARN_INVALID, "tarn_drain: executor is NULL");
    if (tn_executor_is_foreign(executor->id))
        return tn_error(TARN_CLOSED, "tarn_drain: the executor belongs to the process that forked "
                                     "this one");
    if (needs_caller(executor))
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
