/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wait.h"

#include "core/closure.h"
#include "core/future.h"
#include "core/hook.h"
#include "core/registry.h"
#include "core/run.h"
#include "core/status.h"
#include "platform/futex.h"
#include "platform/memory.h"

static tarn_status check_process(tarn_future *const *futures, size_t n)
{
    tarn_status status = TARN_OK;
    for (size_t i = 0; i < n && status == TARN_OK; i++)
        status = tn_future_check_process(futures[i]);
    return status;
}

/* ---- One or all: each future's own word ------------------------------------------------------ */

void tn_wait_help(uint32_t id, bool (*over)(void *data), void *data, int64_t until)
{
    tarn_executor *executor = tn_registry_is_remote(id) ? tn_registry_hold(id) : NULL;
    if (!executor)
        return;
    if (executor->backend->help)
        executor->backend->help(executor, over, data, until);
    tn_registry_let_go(executor);
}

/* Does what its executor can do about it on this thread. One that is chained is with none yet. */
static void await(tarn_future *future, int64_t until)
{
    if (!tn_registry_is_remote(future->executor) || tn_future_word(future) & TN_CHAINED)
        return;
    tarn_executor *executor = tn_registry_hold(future->executor);
    if (!executor)
        return;
    if (executor->backend->await)
        executor->backend->await(executor, future, until);
    tn_registry_let_go(executor);
}

/* False: the time is up and it has not ended. */
static bool sleep_until_ended(tarn_future *future, int64_t until)
{
    await(future, until);
    uint32_t state = tn_future_word(future);
    while (!(state & TN_FINISHED)) {
        if (!(state & TN_WAITER) &&
            !tn_u32_cas_weak_acquire(&future->state, &state, state | TN_WAITER))
            continue;
        if (!tn_futex_wait(&future->state, state | TN_WAITER, until))
            return tn_future_ended(future);
        state = tn_future_word(future);
    }
    return true;
}

typedef struct many {
    tn_wait wait;
    tarn_future *const *futures;
    size_t count;
    tn_closure closure; /* what the chained ones among them depend on */
} many;

static bool each_of_many(const tn_wait *wait, bool (*visit)(const tarn_future *, void *),
                         void *data)
{
    const many *all = (const void *)wait;
    for (size_t i = 0; i < all->count && visit(all->futures[i], data); i++)
        ;
    return true;
}

static bool have_ended(tarn_future *const *futures, size_t n)
{
    size_t i = 0;
    while (i < n && tn_future_ended(futures[i]))
        i++;
    return i == n;
}

/* Drops a closure if what is run in place ends the thread. */
typedef struct guard {
    tn_undo undo; /* first */
    tn_closure closure;
} guard;

static void undo_closure(tn_undo *undo)
{
    guard *g = (guard *)(void *)undo;
    tn_closure_drop(&g->closure);
    tn_free(g);
}

/* NULL: there is nothing to guard, or no memory to do so, when such an end would leak it. */
static guard *guard_closure(const tn_closure *closure)
{
    guard *g = closure->count > 0 ? tn_alloc(sizeof *g) : NULL;
    if (g) {
        *g = (guard){.undo.undo = undo_closure, .closure = *closure};
        tn_undo_begin(&g->undo);
    }
    return g;
}

/* Runs what may be run here of those that a worker waits for. What chained ones depend on comes
 * first: when that has ended, they are queued, and can be run as well. Without memory for the
 * closure they are waited for like any other. */
static void run_claimed(tn_context *context, many *all)
{
    all->wait.deep = tn_closure_collect(&all->closure, all->futures, all->count);
    guard *g = guard_closure(&all->closure);
    for (size_t i = 0; i < all->closure.count; i++) {
        if (!tn_future_ended(all->closure.futures[i]))
            tn_run_claimed(context, all->closure.futures[i]);
    }
    for (size_t i = all->count; i-- > 0;) {
        if (!tn_future_ended(all->futures[i]))
            tn_run_claimed(context, all->futures[i]);
    }
    if (g)
        tn_undo_end(&g->undo);
    tn_free(g);
}

/* Sleeps on one after the other: no memory, no hooks, and at most as many wake-ups as futures. */
static tarn_status sleep_on_all(tn_context *context, many *all, int64_t until)
{
    tarn_status status = check_process(all->futures, all->count);
    if (status != TARN_OK)
        return status;
    status = tn_sleep_begin(context, &all->wait, until != TN_CLOCK_NEVER);
    if (status != TARN_OK)
        return have_ended(all->futures, all->count) ? TARN_OK : status;
    for (size_t i = 0; i < all->count && status == TARN_OK; i++) {
        if (!sleep_until_ended(all->futures[i], until))
            status = TARN_TIMEOUT;
    }
    tn_sleep_end(context);
    return status;
}

static tarn_status wait_for_all(tarn_future *const *futures, size_t n, int64_t until)
{
    tn_context *context = tn_context_here();
    many all = {.wait = {.each = each_of_many}, .futures = futures, .count = n};
    if (context && until == TN_CLOCK_NEVER)
        run_claimed(context, &all);
    tarn_status status = TARN_OK;
    if (!have_ended(futures, n))
        status = tn_is_past(until) ? TARN_TIMEOUT : sleep_on_all(context, &all, until);
    tn_closure_drop(&all.closure);
    return status;
}

tarn_status tn_wait_one(tarn_future *future, int64_t until)
{
    return tn_future_ended(future) ? TARN_OK : wait_for_all(&future, 1, until);
}

tarn_status tarn_future_wait(tarn_future *future, tarn_deadline deadline)
{
    if (!future)
        return tn_error(TARN_INVALID, "tarn_future_wait: future is NULL");
    tarn_status status = tn_wait_one(future, tn_until(deadline));
    if (status == TARN_TIMEOUT)
        tn_error(status, "tarn_future_wait: the future had not ended by the deadline");
    return status;
}

/* Tells the executor of a running task that it was asked to stop; false: nobody there could end it,
 * or it is gone. */
static bool press(tarn_future *future, bool kill)
{
    tarn_executor *executor = tn_registry_hold(future->executor);
    if (!executor)
        return false;
    bool can = executor->backend->press;
    if (can)
        executor->backend->press(executor, future, kill);
    tn_registry_let_go(executor);
    return can;
}

tarn_status tarn_stop(tarn_future *future, double grace_seconds)
{
    if (!future)
        return tn_error(TARN_INVALID, "tarn_stop: future is NULL");
    if (!(grace_seconds >= 0))
        return tn_error(TARN_INVALID,
                        "tarn_stop: grace_seconds is negative or not a number; give 0 or more");
    if (tn_future_check_process(future) != TARN_OK)
        return TARN_CLOSED;
    if (tarn_cancel(future) || tn_future_ended(future))
        return TARN_OK;
    tn_u32_or_relaxed(&future->state, TN_STOP);
    /* Between two tries it might not have been seen, and wait for a third. */
    if (tarn_cancel(future))
        return TARN_OK;
    press(future, false);
    tarn_status status = tn_wait_one(future, tn_clock_after(grace_seconds));
    if (status == TARN_TIMEOUT && press(future, true))
        status = tn_wait_one(future, TN_CLOCK_NEVER);
    if (status == TARN_TIMEOUT)
        tn_error(status, "tarn_stop: the task was asked to stop, and still runs");
    return status;
}

/* ---- Any: hooks in each future, and one word that they set ----------------------------------- */

typedef struct any_wait {
    tn_hook_owner owner;
    tn_wait wait;
    tn_hook *hooks;
    size_t count;
    bool every;          /* each ending is worth looking again; otherwise errors and the last */
    tn_atomic_u64 left;  /* hooks that have not fired */
    tn_atomic_u32 fired; /* futex: 1 once it is worth looking again */
} any_wait;

static bool is_error(const tarn_future *future)
{
    tarn_status status = tn_future_status(future);
    return status != TARN_OK && status != TARN_CANCELLED;
}

static void any_ended(tn_hook_owner *owner, tn_hook *hook)
{
    any_wait *any = (any_wait *)(void *)owner;
    bool last = tn_u64_sub_relaxed(&any->left, 1) == 1;
    if (!last && !any->every && !is_error(hook->future))
        return;
    /* release: the ending comes first. The waiter stays until the hook lock is free. */
    tn_u32_store_release(&any->fired, 1);
    tn_futex_wake(&any->fired, 1);
}

static bool each_hooked(const tn_wait *wait, bool (*visit)(const tarn_future *, void *), void *data)
{
    const any_wait *any = (const void *)((const char *)wait - offsetof(any_wait, wait));
    for (size_t i = 0; i < any->count && visit(any->hooks[i].future, data); i++)
        ;
    return true;
}

/* Whether the condition holds by now. */
static bool is_satisfied(tarn_future *const *futures, size_t n, tarn_when when)
{
    size_t ended = 0;
    for (size_t i = 0; i < n; i++) {
        if (!tn_future_ended(futures[i]))
            continue;
        ended++;
        if (when == TARN_WAIT_FIRST || is_error(futures[i]))
            return true;
    }
    return ended == n;
}

static bool has_fired(void *any)
{
    return tn_u32_load_acquire(&((any_wait *)any)->fired);
}

/* Sleeps until one of the hooks is worth looking again. */
static tarn_status sleep_on_hooks(tn_context *context, any_wait *any, int64_t until)
{
    tarn_status status = tn_sleep_begin(context, &any->wait, until != TN_CLOCK_NEVER);
    if (status != TARN_OK)
        return status;
    for (size_t i = 0; i < any->count; i++) {
        if (!tn_hook_add(&any->hooks[i]))
            any_ended(&any->owner, &any->hooks[i]);
    }
    if (!has_fired(any))
        tn_wait_help(any->hooks[0].future->executor, has_fired, any, until);
    while (status == TARN_OK && !tn_u32_load_acquire(&any->fired)) {
        if (!tn_futex_wait(&any->fired, 0, until) && !tn_u32_load_acquire(&any->fired))
            status = TARN_TIMEOUT;
    }
    for (size_t i = 0; i < any->count; i++)
        tn_hook_remove(&any->hooks[i]);
    tn_sleep_end(context);
    return status;
}

/* One round: a hook for each future whose ending can still make the difference. */
static tarn_status wait_for_news(tarn_future *const *futures, size_t n, tarn_when when,
                                 tn_hook *hooks, int64_t until, bool deep)
{
    tn_context *context = tn_context_here();
    any_wait any = {.owner = {.ended = any_ended},
                    .wait = {.any = true, .each = each_hooked, .deep = deep}};
    any.hooks = hooks;
    /* A task comes back for each ending: what is left may have become a cycle. */
    any.every = when == TARN_WAIT_FIRST || context;
    for (size_t i = 0; i < n; i++) {
        if (when == TARN_WAIT_FIRST || !tn_future_ended(futures[i]) || is_error(futures[i]))
            hooks[any.count++] = (tn_hook){.future = futures[i], .owner = &any.owner};
    }
    tn_u64_set(&any.left, any.count);
    return any.count == 0 ? TARN_OK : sleep_on_hooks(context, &any, until);
}

static tarn_status wait_for_any(tarn_future *const *futures, size_t n, tarn_when when,
                                int64_t until)
{
    if (is_satisfied(futures, n, when))
        return TARN_OK;
    if (tn_is_past(until))
        return TARN_TIMEOUT;
    tarn_status status = check_process(futures, n);
    if (status != TARN_OK)
        return status;

    tn_hook few[16];
    tn_hook *hooks = n <= sizeof few / sizeof *few ? few : tn_alloc_array(n, sizeof *hooks);
    if (!hooks)
        return tn_error(TARN_NO_MEMORY, "tarn_wait: no memory for so many futures");
    /* Nothing of it is run here: it is held, to be looked through. */
    tn_closure closure = {NULL, 0, 0};
    bool judged = tn_context_here() && until == TN_CLOCK_NEVER;
    bool deep = judged && tn_closure_collect(&closure, futures, n);
    do
        status = wait_for_news(futures, n, when, hooks, until, deep);
    while (status == TARN_OK && !is_satisfied(futures, n, when));
    tn_closure_drop(&closure);
    if (status == TARN_DEADLOCK && is_satisfied(futures, n, when))
        status = TARN_OK;
    if (hooks != few)
        tn_free(hooks);
    return status;
}

tarn_status tarn_wait(tarn_future *const *futures, size_t n, tarn_when when, tarn_deadline deadline,
                      size_t *done)
{
    if (!futures && n > 0)
        return tn_error(TARN_INVALID, "tarn_wait: futures is NULL");
    if (n > PTRDIFF_MAX / sizeof *futures)
        return tn_error(TARN_INVALID, "tarn_wait: n is beyond the address space");
    if (when != TARN_WAIT_ALL && when != TARN_WAIT_FIRST && when != TARN_WAIT_FIRST_ERROR)
        return tn_error_format(TARN_INVALID, "tarn_wait: when is %d; give a TARN_WAIT_ constant",
                               (int)when);
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            return tn_error_format(TARN_INVALID, "tarn_wait: futures[%zu] is NULL", i);
    }

    int64_t until = tn_until(deadline);
    tarn_status status = when == TARN_WAIT_ALL ? wait_for_all(futures, n, until)
                                               : wait_for_any(futures, n, when, until);
    size_t ended = 0;
    for (size_t i = 0; i < n && (done || status == TARN_TIMEOUT); i++)
        ended += tn_future_ended(futures[i]);
    if (done)
        *done = ended;
    if (status == TARN_TIMEOUT)
        tn_error_format(status, "tarn_wait: %zu of %zu futures unfinished", n - ended, n);
    return status;
}
