/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chain.h"

#include "core/count.h"
#include "core/deadlock.h"
#include "core/front.h"
#include "core/future.h"
#include "core/registry.h"
#include "core/release.h"
#include "core/status.h"
#include "core/submit.h"
#include "core/task.h"
#include "platform/memory.h"
#include "platform/process.h"

typedef enum chain_kind { AFTER, THEN, ALL } chain_kind;

struct tn_chain {
    tarn_future *cell;
    chain_kind kind;
    tn_atomic_u64 unsettled; /* hooks before it that are not accounted for */
    tn_atomic_u64 shares;    /* the same, and its own */
    size_t count;
    bool listed; /* among those of its executor; under the mutex of the registry, as the links */
    struct tn_chain *next, *prev;
    tn_wait wait;
    tn_hook own;      /* in cell */
    tn_hook before[]; /* `tag` is the place in here */
};

static tn_chain *chain_of(tn_hook *before)
{
    return (tn_chain *)(void *)((char *)(before - before->tag) - offsetof(tn_chain, before));
}

/* ---- Listed by executor ---------------------------------------------------------------------- */

/* All of this part is under the mutex of the registry. */

static void list(tn_chain *chain, tarn_executor *executor)
{
    tn_chain *first = executor->front->chained;
    chain->listed = true;
    chain->prev = NULL;
    chain->next = first;
    if (first)
        first->prev = chain;
    executor->front->chained = chain;
}

static void unlist(tn_chain *chain, tarn_executor *executor)
{
    if (!chain->listed)
        return;
    chain->listed = false;
    if (chain->next)
        chain->next->prev = chain->prev;
    if (chain->prev)
        chain->prev->next = chain->next;
    else
        executor->front->chained = chain->next;
}

tn_chain *tn_chain_take_all(tarn_executor *executor)
{
    tn_chain *taken = NULL;
    while (executor->front->chained) {
        tn_chain *chain = executor->front->chained;
        unlist(chain, executor);
        /* One that has 16 million handles ends as closed all the same, if not as soon. */
        if (tn_cell_hold(chain->cell)) {
            chain->next = taken;
            taken = chain;
        }
    }
    return taken;
}

/* ---- Settling -------------------------------------------------------------------------------- */

static void end(tarn_future *cell, tarn_status status, const char *text)
{
    if (status == TARN_CANCELLED)
        tn_future_cancel(cell);
    else if (tn_future_seize(cell))
        tn_future_refuse(cell, status, text);
}

/* Ends as another future did. */
static void end_like(tarn_future *cell, const tarn_future *other)
{
    tarn_status status = tn_future_status(other);
    if (status == TARN_CANCELLED) {
        tn_future_cancel(cell);
        return;
    }
    if (!tn_future_seize(cell))
        return;
    const tarn_failure *failure = tarn_error(other);
    tarn_failure copy = *failure;
    copy.worker = -1;
    tn_future_explain(cell, copy, tn_text_copy(failure->text));
    tn_future_finish(cell, status);
}

static void settle_all(tn_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (tn_future_status(chain->before[i].future) != TARN_OK) {
            end_like(chain->cell, chain->before[i].future);
            return;
        }
    }
    if (tn_future_seize(chain->cell))
        tn_future_finish(chain->cell, TARN_OK);
}

/* The result of one becomes the argument of the other; false: no memory. Nobody else looks at the
 * arguments until it is armed. */
static bool pass_on(tn_chain *chain)
{
    tarn_future *cell = chain->cell, *before = chain->before[0].future;
    const tarn_task *task = cell->task;
    unsigned char *args = tn_cell_payload(cell);
    if (task->arg_count == 0)
        return true;
    if (chain->kind == THEN) {
        memcpy(args + task->args[0].offset, &before, sizeof before);
        return true;
    }
    memcpy(args + task->args[0].offset, tn_cell_result(before), task->args[0].size);
    if (task->args[0].kind == TARN_KIND_BYTES) {
        tarn_bytes *bytes = (tarn_bytes *)(void *)(args + task->args[0].offset);
        tn_block *block = tn_block_new(bytes->size);
        if (!block)
            return false;
        if (bytes->size > 0)
            memcpy(block->data, bytes->data, bytes->size);
        bytes->data = block->data;
        block->next = tn_cell_ext(cell)->memory;
        tn_cell_ext(cell)->memory = block;
    }
    if (tn_u32_load_relaxed(&cell->state) & TN_OWNING)
        tn_hold_args(task, args);
    return true;
}

/* Queues it: it is owed, whatever the limit of the queue. The executor is pinned. */
static void queue(tn_chain *chain, tarn_executor *executor)
{
    tarn_future *cell = chain->cell;
    /* Before anybody can start it; the timer looks again until it may end it. */
    tn_limit_queue(cell);
    if (!tn_future_arm(cell)) {
        /* What ended it knew of no arguments. */
        if (tn_u32_load_relaxed(&cell->state) & TN_OWNING)
            tn_release_args(cell->task, tn_cell_payload(cell), false);
        return;
    }
    tn_u32_add_relaxed(&cell->owners, TN_OWNER_QUEUE);
    unsigned errors = tn_error_count();
    tarn_status status = executor->backend->submit(executor, cell, 1, true);
    if (status == TARN_OK)
        return;
    const char *text = tn_error_count() == errors ? NULL : tarn_last_error();
    if (status == TARN_CLOSED && tn_u32_load_relaxed(&executor->front->closed) & TN_CLOSED_TO_ALL)
        status = TARN_CANCELLED;
    end(cell, tn_is_failure(status) ? status : TARN_SYSTEM, text);
    tn_cell_release(cell, TN_OWNER_QUEUE);
}

static void settle_task(tn_chain *chain)
{
    tarn_future *cell = chain->cell, *before = chain->before[0].future;
    tn_mutex_lock(&tn_registry_mutex);
    tarn_executor *executor = tn_registry_find(cell->executor);
    if (executor) {
        unlist(chain, executor);
        tn_registry_pin(executor);
    }
    tn_mutex_unlock(&tn_registry_mutex);

    if (tn_future_ended(cell))
        ;
    else if (chain->kind == AFTER && tn_future_status(before) != TARN_OK)
        end_like(cell, before);
    else if (!executor)
        end(cell, TARN_CLOSED, "the executor was gone before the task could be queued");
    else if (!pass_on(chain))
        end(cell, TARN_NO_MEMORY, NULL);
    else
        queue(chain, executor);

    if (executor)
        tn_registry_let_go(executor);
}

static void give_share(tn_chain *chain)
{
    /* acq_rel: whoever comes last frees what the others have used. */
    if (tn_u64_sub_acq_rel(&chain->shares, 1) != 1)
        return;
    for (size_t i = 0; i < chain->count; i++)
        tn_cell_release(chain->before[i].future, TN_HANDLE);
    tn_cell_release(chain->cell, TN_OWNER_CHAIN);
}

/* One of those before it has ended, or need not be waited for any more. */
static void account_for(tn_chain *chain)
{
    if (tn_u64_sub_acq_rel(&chain->unsettled, 1) == 1) {
        if (chain->kind != ALL)
            settle_task(chain);
        else if (!tn_future_ended(chain->cell))
            settle_all(chain);
    }
    give_share(chain);
}

static void before_ended(tn_hook *hook)
{
    account_for(chain_of(hook));
}

static void own_ended(tn_hook *hook)
{
    tn_chain *chain = (tn_chain *)(void *)((char *)hook - offsetof(tn_chain, own));
    for (size_t i = 0; i < chain->count; i++) {
        if (tn_hook_remove(&chain->before[i]))
            account_for(chain);
    }
    give_share(chain);
}

void tn_chain_end_list(tn_chain *list, tarn_status status)
{
    while (list) {
        tn_chain *chain = list;
        list = list->next;
        tarn_future *cell = chain->cell;
        if (tn_future_word(cell) & TN_CHAINED)
            end(cell, status, "the executor was shut down before the task could be queued");
        tn_cell_release(cell, TN_HANDLE);
    }
}

void tn_chain_end_all(tarn_executor *executor, tarn_status status)
{
    tn_mutex_lock(&tn_registry_mutex);
    tn_chain *taken = tn_chain_take_all(executor);
    tn_mutex_unlock(&tn_registry_mutex);
    tn_chain_end_list(taken, status);
}

tarn_future *tn_chain_unseen_before(tarn_future *future, size_t *i)
{
    tarn_future *unseen = NULL;
    /* What has not ended keeps those before it. */
    if (!(tn_future_word(future) & TN_CHAINED) || !tn_hooks_lock(future))
        return NULL;
    const tn_chain *chain = tn_cell_ext(future)->chain;
    while (!unseen && *i < chain->count) {
        tarn_future *before = chain->before[(*i)++].future;
        if (!(tn_future_word(before) & (TN_FINISHED | TN_SEEN)) && tn_cell_hold(before))
            unseen = before;
    }
    tn_hooks_unlock(future);
    return unseen;
}

static bool each_before(const tn_wait *wait, bool (*visit)(const tarn_future *, void *), void *data)
{
    const tn_chain *chain = (const void *)((const char *)wait - offsetof(tn_chain, wait));
    /* What has not ended keeps those before it, even what nobody else holds since it has ended. */
    if (!tn_hooks_lock(chain->cell))
        return false;
    for (size_t i = 0; i < chain->count && visit(chain->before[i].future, data); i++)
        ;
    tn_hooks_unlock(chain->cell);
    return true;
}

static tn_hook_owner before_owner = {.later = before_ended};
static tn_hook_owner own_owner = {.later = own_ended};

/* ---- Making ---------------------------------------------------------------------------------- */

/* A chained cell with its chain, not linked to anything yet; NULL: no memory. */
static tarn_future *new_chained(const tarn_task *task, chain_kind kind, size_t count)
{
    if (count > (SIZE_MAX - sizeof(tn_chain)) / sizeof(tn_hook))
        return NULL;
    tarn_future *cell = tn_cell_new(task, task ? tn_layout_of(task).size : 0, TN_OWNER_CHAIN);
    if (!cell)
        return NULL;
    tn_u32_or_relaxed(&cell->state, TN_CHAINED | TN_SPECIAL);
    if (task && tn_owns_anything(task))
        tn_u32_or_relaxed(&cell->state, TN_OWNING);
    tn_ext *ext = tn_cell_need_ext(cell);
    tn_chain *chain = ext ? tn_alloc(sizeof *chain + count * sizeof(tn_hook)) : NULL;
    if (!chain) {
        tn_cell_release(cell, TN_OWNER_CHAIN);
        tn_cell_release(cell, TN_HANDLE);
        return NULL;
    }
    chain->wait = (tn_wait){.each = each_before, .deep = true};
    ext->chain = chain;
    ext->needs = &chain->wait;
    ext->process = tn_process_generation();
    chain->cell = cell;
    chain->kind = kind;
    chain->count = count;
    tn_u64_set(&chain->unsettled, count);
    tn_u64_set(&chain->shares, count + 1);
    chain->own = (tn_hook){.future = cell, .owner = &own_owner};
    tn_hook_add(&chain->own);
    return cell;
}

/* The chain gets a handle to another future, to wait for; false: that has too many. */
static bool wait_for(tn_chain *chain, size_t i, tarn_future *before)
{
    if (!tn_cell_hold(before))
        return false;
    chain->before[i] = (tn_hook){.future = before, .owner = &before_owner, .tag = i};
    return true;
}

/* Throws a cell away that waits for nothing yet. */
static void discard(tarn_future *cell)
{
    tn_chain *chain = tn_cell_ext(cell)->chain;
    for (size_t i = 0; i < chain->count && chain->before[i].future; i++)
        tn_cell_release(chain->before[i].future, TN_HANDLE);
    tn_cell_release(cell, TN_OWNER_CHAIN);
    tn_cell_release(cell, TN_HANDLE);
}

static void start_waiting(tn_chain *chain)
{
    /* The own share is still there, but not for longer than the last hook. */
    size_t count = chain->count;
    for (size_t i = 0; i < count; i++) {
        if (!tn_hook_add(&chain->before[i]))
            account_for(chain);
    }
}

/* Whether the result of *before* is what the task takes. */
static tarn_status check_shape(const tarn_task *task, const tarn_future *before)
{
    const tarn_field *argument = &task->args[0];
    const tarn_field *result = before->task ? &before->task->result : NULL;
    if (task->arg_count == 0)
        return TARN_OK;
    if (tn_future_word(before) & TN_IMMORTAL ||
        (result && result->kind == argument->kind && result->size == argument->size))
        return TARN_OK;
    return tn_error_format(TARN_MISMATCH,
                           "tarn_after: the result of \"%s\" is %s (%zu bytes), but \"%s\" takes "
                           "%s (%zu bytes)",
                           tn_task_name(before->task), result ? result->type : "nothing",
                           result ? result->size : 0, task->name, argument->type, argument->size);
}

static tarn_status check(tarn_executor *executor, const tarn_task *task, const tarn_future *before,
                         chain_kind kind)
{
    const char *call = kind == THEN ? "tarn_then" : "tarn_after";
    tarn_status status = tn_task_check(task, call);
    if (status == TARN_OK)
        status = tn_submit_check(executor, task, call);
    if (status != TARN_OK)
        return status;
    if (!before)
        return tn_error_format(TARN_INVALID, "%s: before is NULL", call);
    if (tn_future_check_process(before) != TARN_OK)
        return TARN_CLOSED;
    bool fits = kind == THEN ? task->arg_count == 1 && task->args[0].kind == TARN_KIND_POINTER &&
                                   task->args[0].size == sizeof before
                             : task->arg_count <= 1;
    if (!fits)
        return tn_error_format(TARN_MISMATCH, "%s: \"%s\" must take %s", call, task->name,
                               kind == THEN ? "one tarn_future *" : "one argument or none");
    return kind == THEN ? TARN_OK : check_shape(task, before);
}

/* Makes it known to the executor; false: that is closed. It is counted first: once it is listed,
 * others may end it. */
static bool enlist(tarn_future *cell, tarn_executor *pool, uint32_t id)
{
    tn_mutex_lock(&tn_registry_mutex);
    bool open = tn_registry_find(id) == pool && !tn_u32_load_relaxed(&pool->front->closed);
    if (open) {
        cell->executor = id;
        tn_count(id, TN_SUBMITTED);
        list(tn_cell_ext(cell)->chain, pool);
    }
    tn_mutex_unlock(&tn_registry_mutex);
    return open;
}

static tarn_status make(tarn_executor *executor, const tarn_task *task, tarn_future *before,
                        chain_kind kind, tarn_future **made)
{
    tarn_status status = check(executor, task, before, kind);
    if (status != TARN_OK)
        return status;
    const char *call = kind == THEN ? "tarn_then" : "tarn_after";
    tarn_future *cell = new_chained(task, kind, 1);
    tn_view *view = tn_view_of(executor);
    if (!cell)
        return tn_error_format(TARN_NO_MEMORY, "%s: no memory", call);
    if ((view && !tn_view_apply(view, cell)) || !wait_for(tn_cell_ext(cell)->chain, 0, before))
        status = tn_error_format(
            TARN_NO_MEMORY, "%s: no memory, or 16,777,215 references to the other future", call);
    else if (!enlist(cell, executor->pool, executor->id))
        status = tn_error_format(TARN_CLOSED, "%s: the executor is shut down", call);
    if (status == TARN_OK)
        *made = cell;
    else
        discard(cell);
    return status;
}

static tarn_future *chain_to(tarn_executor *executor, const tarn_task *task, tarn_future *before,
                             chain_kind kind)
{
    tarn_future *cell = NULL;
    tarn_status status = make(executor, task, before, kind, &cell);
    if (status != TARN_OK)
        return tn_submit_refused(executor ? executor->id : 0, task, status);
    start_waiting(tn_cell_ext(cell)->chain);
    return cell;
}

tarn_future *tarn_after(tarn_executor *executor, const tarn_task *task, tarn_future *before)
{
    return chain_to(executor, task, before, AFTER);
}

tarn_future *tarn_then(tarn_executor *executor, const tarn_task *task, tarn_future *before)
{
    return chain_to(executor, task, before, THEN);
}

static tarn_status check_all(tarn_future *const *futures, size_t n)
{
    if (!futures && n > 0)
        return tn_error(TARN_INVALID, "tarn_all: futures is NULL");
    if (n > PTRDIFF_MAX / sizeof *futures)
        return tn_error(TARN_INVALID, "tarn_all: n is beyond the address space");
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            return tn_error_format(TARN_INVALID, "tarn_all: futures[%zu] is NULL", i);
        if (tn_future_check_process(futures[i]) != TARN_OK)
            return TARN_CLOSED;
    }
    return TARN_OK;
}

tarn_future *tarn_all(tarn_future *const *futures, size_t n)
{
    tarn_status status = check_all(futures, n);
    if (status != TARN_OK)
        return tn_submit_refused(0, NULL, status);
    tarn_future *cell = new_chained(NULL, ALL, n);
    bool waits = cell;
    for (size_t i = 0; waits && i < n; i++)
        waits = wait_for(tn_cell_ext(cell)->chain, i, futures[i]);
    if (!waits) {
        if (cell)
            discard(cell);
        tn_error(TARN_NO_MEMORY, "tarn_all: no memory, or 16,777,215 references to a future");
        return tn_submit_refused(0, NULL, TARN_NO_MEMORY);
    }
    if (n == 0)
        settle_all(tn_cell_ext(cell)->chain);
    start_waiting(tn_cell_ext(cell)->chain);
    return cell;
}
