/* SPDX-License-Identifier: Apache-2.0 */

/* Submit: a cell with a copy of the arguments, a place in the queue, and then the back end's. */
#include "core/submit.h"

#include "core/admission.h"
#include "core/callback.h"
#include "core/count.h"
#include "core/deadline.h"
#include "core/front.h"
#include "core/future.h"
#include "core/registry.h"
#include "core/release.h"
#include "core/run.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/tls.h"

/* ---- Checks ---------------------------------------------------------------------------------- */

tarn_status tn_submit_check_kinds(const tarn_backend *backend, const tarn_task *task)
{
    if (backend->capabilities & TARN_CAN_POINTERS)
        return TARN_OK;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind == TARN_KIND_BUFFER)
            return tn_error_format(TARN_UNSUPPORTED,
                                   "argument %u of \"%s\" is a tarn_buffer, which workers of kind "
                                   "\"%s\" do not take yet; pass a value or tarn_bytes",
                                   i + 1, task->name, backend->kind);
        if (task->args[i].kind == TARN_KIND_POINTER)
            return tn_error_format(TARN_UNSUPPORTED,
                                   "argument %u of \"%s\" is a pointer (%s), which means nothing "
                                   "to workers of kind \"%s\"; pass a value or tarn_bytes",
                                   i + 1, task->name, task->args[i].type, backend->kind);
    }
    if (task->result.kind == TARN_KIND_POINTER || task->result.kind == TARN_KIND_BUFFER)
        return tn_error_format(TARN_UNSUPPORTED,
                               "the result of \"%s\" is a pointer (%s), which means nothing here "
                               "when a worker of kind \"%s\" returns it; return a value or "
                               "tarn_bytes",
                               task->name, task->result.type, backend->kind);
    return TARN_OK;
}

tarn_status tn_submit_check(tarn_executor *executor, const tarn_task *task, const char *call)
{
    if (!executor)
        return tn_error_format(TARN_INVALID, "%s: executor is NULL", call);
    if (tn_registry_is_foreign(executor->id))
        return tn_error_format(TARN_CLOSED,
                               "%s: the executor belongs to the process that forked this one; "
                               "open another",
                               call);
    return tn_submit_check_kinds(executor->backend, task);
}

/* ---- A place in the queue -------------------------------------------------------------------- */

enum { MOST_VISITS = 64 }; /* tasks that a submit runs itself, one within the other */

TN_THREAD_LOCAL(unsigned, visits);

/* Not in a callback, which would be lost with a task that ends the thread; nor in a blocking section,
 * which has given its permit to run away. */
static bool can_run_here(void)
{
    tn_context *context = tn_context_here();
    return *visits() < MOST_VISITS && tn_callbacks_running() == 0 &&
           (!context || (context->sections == 0 && tn_context_has_stack(context) &&
                         tn_context_reserve(context)));
}

/* What a submit may do with up to `wanted` futures. */
typedef struct admission {
    size_t taken;
    bool counted; /* they count against the limit */
    bool here;    /* the submit is to run it itself */
    bool pinned;  /* the executor stays until all that the call submits is over */
} admission;

/* Keeps an executor whose shutdown may begin while a submit waits for room; false: it has ended. */
static bool pin(uint32_t id, admission *a)
{
    a->pinned = a->pinned || tn_registry_hold(id);
    return a->pinned;
}

static void unpin(tarn_executor *pool, const admission *a)
{
    if (a->pinned)
        tn_registry_let_go(pool);
}

/* A full queue, by the executor's rule. */
static tarn_status admit_to_full(tarn_executor *pool, size_t wanted, bool inside, admission *a)
{
    bool caller = pool->when_full == TARN_FULL_CALLER;
    if (caller && can_run_here()) {
        *a = (admission){.taken = 1, .here = true, .pinned = a->pinned};
        return TARN_OK;
    }
    if (!caller && !(inside && pool->when_full == TARN_FULL_BLOCK))
        return tn_error_format(TARN_FULL,
                               "tarn_submit: the queue is full (queue_limit is %zu); submit "
                               "later, or raise it",
                               pool->queue_limit);
    a->taken = wanted;
    a->counted = tn_admission_force(pool->id, wanted);
    tn_count_many(pool->id, TN_OVER_LIMIT, wanted);
    return TARN_OK;
}

/* To be followed by unpin(), whatever it answers; it may be repeated before that. */
static tarn_status admit(tarn_executor *pool, size_t wanted, int64_t until, admission *a)
{
    *a = (admission){.taken = wanted, .pinned = a->pinned};
    if (pool->queue_limit == 0)
        return TARN_OK;
    size_t limit = pool->queue_limit < TN_MOST_PLACES ? pool->queue_limit : TN_MOST_PLACES;
    uint32_t id = pool->id;
    /* Of many, the first may have ended, and the executor with them, before the others enter. */
    if (wanted > 1 && !pin(id, a))
        return tn_error(TARN_CLOSED, "tarn_submit: the executor is shut down");
    a->counted = true;
    tarn_status status = tn_admission_enter(id, limit, wanted, TARN_NOW.ns, &a->taken);
    /* A worker that waits for room might be the one that has to make it. */
    bool inside = tn_context_here() || tn_callbacks_running() > 0;
    if (status == TARN_FULL && !inside && pool->when_full == TARN_FULL_BLOCK) {
        int64_t own = pool->submit_within > 0 ? tn_clock_after(pool->submit_within) : until;
        status = pin(id, a)
                     ? tn_admission_enter(id, limit, wanted, own < until ? own : until, &a->taken)
                     : TARN_CLOSED;
    }
    if (status == TARN_CLOSED)
        return tn_error(TARN_CLOSED, "tarn_submit: the executor is shut down");
    return status == TARN_FULL ? admit_to_full(pool, wanted, inside, a) : TARN_OK;
}

/* Runs a future on this thread, which may be a worker of the executor, of another, or of none;
 * false: it cannot. */
static bool run_here(tarn_executor *pool, tarn_future *future)
{
    tn_context *outer = tn_context_here();
    tn_context *own = outer ? NULL : tn_run_enter_visitor();
    if (!outer && !own)
        return false;
    /* Its runner is an owner of another kind than a queue: a further try is made here, too. */
    tn_u32_add_relaxed(&future->owners, TN_OWNER_CLAIM);
    tn_cell_release(future, TN_OWNER_QUEUE);
    ++*visits();
    if (!tn_future_start(future)) {
        /* Its time is up already. */
        tn_cell_release(future, TN_OWNER_CLAIM);
    } else if (outer && outer->executor == pool) {
        tn_run(outer, future, TN_OWNER_CLAIM);
    } else {
        tn_front_visit(pool);
        tn_run_visiting(outer ? outer : own, future, TN_OWNER_CLAIM, pool);
    }
    --*visits();
    if (own)
        tn_run_leave_visitor(own);
    return true;
}

/* ---- Into the back end ----------------------------------------------------------------------- */

/* The status of a back end's refusal, with a text for tarn_last_error(). */
static tarn_status refusal(const tarn_executor *pool, tarn_status status, unsigned errors)
{
    if (!tn_is_failure(status))
        return tn_error_format(TARN_SYSTEM,
                               "tarn_submit: the back end \"%s\" answered %d, which is no failure",
                               pool->backend->kind, (int)status);
    if (tn_error_count() == errors)
        tn_error(status, tarn_status_text(status));
    return status;
}

/* Hands n futures over, linked from `first` on. They go into the books before anybody can end them,
 * the timer included. If they are refused, take_back() is to be called for each. */
static tarn_status hand_over(tarn_executor *pool, tarn_future *first, size_t n, admission a)
{
    uint32_t states = 0;
    for (tarn_future *future = first; future; future = future->link) {
        future->executor = pool->id;
        states |= tn_u32_load_relaxed(&future->state);
        if (a.counted)
            tn_u32_or_relaxed(&future->state, TN_COUNTED);
    }
    tn_count_many(pool->id, TN_SUBMITTED, n);
    /* From here on the timer may end them. */
    for (tarn_future *future = first; future && (states & TN_SPECIAL); future = future->link)
        tn_limit_queue(future);
    if (a.here) {
        if (run_here(pool, first))
            return TARN_OK;
        /* What cannot be run here goes over the limit. */
        tn_count(pool->id, TN_OVER_LIMIT);
    }
    unsigned errors = tn_error_count();
    tarn_status status = pool->backend->submit(pool, first, n, false);
    return status == TARN_OK ? TARN_OK : refusal(pool, status, errors);
}

/* Takes a refused future out of the books, and away from the timer, which may have ended it
 * already: false; the owner of the queue is given back either way. */
static bool take_back(tarn_future *future)
{
    bool seized = tn_future_seize(future);
    if (seized) {
        tn_count_many(future->executor, TN_SUBMITTED, (size_t)0 - 1);
        future->executor = 0;
        if (tn_u32_load_relaxed(&future->state) & TN_SPECIAL)
            tn_limit_forget(future);
    }
    tn_cell_release(future, TN_OWNER_QUEUE);
    return seized;
}

tarn_status tn_submit_cell(tarn_executor *executor, tarn_future *future, int64_t until)
{
    tarn_executor *pool = executor->pool;
    admission a = {.pinned = false};
    tarn_status status = admit(pool, 1, until, &a);
    if (status == TARN_OK)
        status = hand_over(pool, future, 1, a);
    unpin(pool, &a);
    if (status == TARN_OK)
        return TARN_OK;
    if (future->executor != 0)
        return take_back(future) ? status : TARN_OK;
    tn_cell_release(future, TN_OWNER_QUEUE);
    return status;
}

tarn_future *tn_submit_refused(uint32_t executor, const tarn_task *task, tarn_status status)
{
    tn_count(executor, TN_REJECTED);
    return tn_future_refused(task, status, status == TARN_NO_MEMORY ? NULL : tarn_last_error());
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Some calls of a task, all to one executor. */
typedef struct calls {
    tarn_executor *executor;
    uint32_t id;
    const tarn_task *task;
    const unsigned char *args; /* of the first one; the others follow */
    tarn_future **futures;
} calls;

static const void *args_of(const calls *c, size_t i)
{
    return c->args ? c->args + i * c->task->args_size : NULL;
}

/* Refuses a call whose arguments nobody has copied. */
static void refuse_call(const calls *c, size_t i, tarn_status status)
{
    c->futures[i] = tn_submit_refused(c->id, c->task, status);
    tn_release_refused(c->task, args_of(c, i));
}

/* Refuses a call that has a cell: it goes, and its copy of the arguments with it. */
static void refuse_cell(const calls *c, size_t i, tarn_status status)
{
    tarn_future *cell = c->futures[i];
    c->futures[i] = tn_submit_refused(c->id, c->task, status);
    tn_cell_release(cell, TN_HANDLE);
}

/* Makes the cell of one call, or refuses it. */
static tarn_status make_cell(const calls *c, size_t i)
{
    tn_needs needs = tn_task_needs(c->task, args_of(c, i));
    if (needs.bytes == SIZE_MAX) {
        tn_error_format(TARN_INVALID,
                        "tarn_submit: a tarn_bytes argument of \"%s\" has no data for its size",
                        c->task->name);
        refuse_call(c, i, TARN_INVALID);
        return TARN_INVALID;
    }
    tarn_future *cell = c->futures[i] = tn_task_cell(c->task, args_of(c, i), needs, TN_OWNER_QUEUE);
    tn_view *view = tn_view_of(c->executor);
    bool complete = cell && (!view || tn_view_apply(view, cell));
    if (complete)
        return TARN_OK;
    tn_error(TARN_NO_MEMORY, "tarn_submit: no memory");
    if (cell) {
        tn_cell_release(cell, TN_OWNER_QUEUE);
        refuse_cell(c, i, TARN_NO_MEMORY);
    } else {
        refuse_call(c, i, TARN_NO_MEMORY);
    }
    return TARN_NO_MEMORY;
}

/* Submits the calls from i on that have been admitted; true: some were refused. */
static bool submit_admitted(const calls *c, size_t i, const admission *a)
{
    tarn_executor *pool = c->executor->pool;
    tarn_future *first = NULL, **last = &first;
    size_t end = i + a->taken, cells = 0;
    for (size_t k = i; k < end; k++) {
        if (make_cell(c, k) != TARN_OK)
            continue;
        *last = c->futures[k];
        last = &c->futures[k]->link;
        cells++;
    }
    if (a->counted && cells < a->taken)
        tn_admission_leave(pool->id, a->taken - cells);
    tarn_status status = cells > 0 ? hand_over(pool, first, cells, *a) : TARN_OK;
    for (size_t k = i; status != TARN_OK && k < end; k++) {
        if (c->futures[k]->executor != 0 && take_back(c->futures[k]))
            refuse_cell(c, k, status);
    }
    return status != TARN_OK || cells < a->taken;
}

/* Submits n calls, each of which gets a future; true: some were refused. */
static bool submit(const calls *c, size_t n)
{
    tarn_executor *pool = c->executor->pool;
    bool refused = false;
    admission a = {.pinned = false};
    for (size_t i = 0; i < n;) {
        tarn_status status = admit(pool, n - i, TN_CLOCK_NEVER, &a);
        if (status == TARN_OK) {
            refused |= submit_admitted(c, i, &a);
            i += a.taken;
        } else {
            /* What is closed stays closed. */
            size_t end = status == TARN_CLOSED ? n : i + 1;
            for (; i < end; i++)
                refuse_call(c, i, status);
            refused = true;
        }
    }
    unpin(pool, &a);
    return refused;
}

/* Why the first was refused of those that were: what was taken is an executor's. TARN_OK: none was,
 * as the timer had ended them all before the back end refused. */
static tarn_status first_refusal(const calls *c, size_t n)
{
    size_t i = 0;
    while (i < n && c->futures[i]->executor != 0)
        i++;
    return i == n ? TARN_OK
                  : tn_error_format(tn_future_status(c->futures[i]), "%s",
                                    tarn_error(c->futures[i])->text);
}

/* ---- Public verbs ---------------------------------------------------------------------------- */

static tarn_status check_size(const tarn_task *task, const void *args, size_t size)
{
    if (size != task->args_size)
        return tn_error_format(TARN_INVALID,
                               "tarn_submit: size is %zu, but the arguments of \"%s\" have %zu "
                               "bytes",
                               size, task->name, task->args_size);
    if (!args && size > 0)
        return tn_error(TARN_INVALID, "tarn_submit: args is NULL");
    return TARN_OK;
}

tarn_future *tarn_submit(tarn_executor *executor, const tarn_task *task, const void *args,
                         size_t size)
{
    tarn_future *future;
    uint32_t id = executor ? executor->id : 0;
    calls one = {executor, id, task, args, &future};
    tarn_status status = tn_task_check(task, "tarn_submit");
    if (status == TARN_OK)
        status = check_size(task, args, size);
    if (status != TARN_OK)
        return tn_submit_refused(id, task, status);
    status = tn_submit_check(executor, task, "tarn_submit");
    if (status != TARN_OK)
        refuse_call(&one, 0, status);
    else
        submit(&one, 1);
    return future;
}

tarn_status tarn_submit_many(tarn_executor *executor, const tarn_task *task, const void *args,
                             size_t n, tarn_future **futures)
{
    const char *call = "tarn_submit_many";
    calls all = {executor, executor ? executor->id : 0, task, args, futures};
    tarn_status status = tn_task_check(task, call);
    if (status != TARN_OK)
        return status;
    if (n > PTRDIFF_MAX / sizeof *futures ||
        (task->args_size > 0 && n > PTRDIFF_MAX / task->args_size))
        return tn_error(TARN_INVALID, "tarn_submit_many: n is beyond the address space");
    if (!futures && n > 0)
        return tn_error(TARN_INVALID, "tarn_submit_many: futures is NULL");
    if (!args && n > 0 && task->args_size > 0)
        return tn_error(TARN_INVALID, "tarn_submit_many: args is NULL");
    status = tn_submit_check(executor, task, call);
    if (status == TARN_OK)
        return submit(&all, n) ? first_refusal(&all, n) : TARN_OK;
    for (size_t i = 0; i < n; i++)
        refuse_call(&all, i, status);
    return status;
}
