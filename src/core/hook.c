/* SPDX-License-Identifier: Apache-2.0 */

/* The protocol, with the argument that no wake-up is lost, is in README.md. */
#include "core/hook.h"

#include "core/admission.h"
#include "core/callback.h"
#include "core/count.h"
#include "core/deadline.h"
#include "platform/futex.h"
#include "platform/memory.h"

#include <limits.h>

/* Sleeps until the lock bit that was seen in `state` may be free. Sleepers on the lock and on the
 * future share TN_WAITER, which is never taken back: an unlock may then wake a thread in vain, an
 * end never wakes too few. */
static void wait_for_lock(tarn_future *cell, uint32_t state)
{
    if (!(state & TN_WAITER) && !tn_u32_cas_weak_relaxed(&cell->state, &state, state | TN_WAITER))
        return;
    tn_futex_wait(&cell->state, state | TN_WAITER, TN_CLOCK_NEVER);
}

bool tn_hooks_lock(tarn_future *cell)
{
    uint32_t state = tn_u32_load_acquire(&cell->state);
    for (;;) {
        if (state & TN_HOOK_LOCK) {
            wait_for_lock(cell, state);
            state = tn_u32_load_acquire(&cell->state);
        } else if (state & TN_FINISHED) {
            return false;
        } else if (tn_u32_cas_weak_acquire(&cell->state, &state, state | TN_HOOK_LOCK)) {
            return true;
        }
    }
}

/* Says in the state whether hooks are left. */
void tn_hooks_unlock(tarn_future *cell)
{
    bool said = tn_u32_load_relaxed(&cell->state) & TN_HOOKS;
    uint32_t change = said == !cell->hooks ? TN_HOOK_LOCK | TN_HOOKS : TN_HOOK_LOCK;
    /* release: the next holder, and whoever ends the future, sees the ring as it is now. */
    if (tn_u32_xor_release(&cell->state, change) & TN_WAITER)
        tn_futex_wake(&cell->state, INT_MAX);
}

static void link_last(tarn_future *cell, tn_hook *hook)
{
    tn_hook *first = cell->hooks;
    if (!first) {
        hook->next = hook->prev = cell->hooks = hook;
        return;
    }
    hook->next = first;
    hook->prev = first->prev;
    first->prev->next = hook;
    first->prev = hook;
}

static void unlink_hook(tarn_future *cell, tn_hook *hook)
{
    if (hook->next == hook) {
        cell->hooks = NULL;
    } else {
        hook->next->prev = hook->prev;
        hook->prev->next = hook->next;
        if (cell->hooks == hook)
            cell->hooks = hook->next;
    }
    hook->next = hook->prev = NULL;
}

bool tn_hook_add(tn_hook *hook)
{
    tarn_future *cell = hook->future;
    if (!tn_hooks_lock(cell))
        return false;
    link_last(cell, hook);
    tn_hooks_unlock(cell);
    return true;
}

bool tn_hook_remove(tn_hook *hook)
{
    tarn_future *cell = hook->future;
    bool linked = false;
    if (tn_hooks_lock(cell)) {
        linked = hook->next;
        if (linked)
            unlink_hook(cell, hook);
        tn_hooks_unlock(cell);
    }
    /* If it has ended, the lock was free since: all hooks were told. */
    return linked;
}

static void append(tn_hook_list *list, tn_hook *hook)
{
    hook->next = NULL;
    if (list->first)
        list->last->next = hook;
    else
        list->first = hook;
    list->last = hook;
}

static tn_hook *take_first(tn_hook_list *list)
{
    tn_hook *hook = list->first;
    if (hook)
        list->first = hook->next;
    return hook;
}

/* Tells the hooks, oldest first; true: a callback is among them. */
static bool tell_hooks(tarn_future *cell)
{
    tn_aftermath *own = tn_aftermath_here();
    tn_hook *callback = NULL;
    while (cell->hooks) {
        tn_hook *hook = cell->hooks;
        unlink_hook(cell, hook);
        if (!hook->owner)
            append(&own->callbacks, callback = hook);
        else if (hook->owner->later)
            append(&own->later, hook);
        else
            hook->owner->ended(hook->owner, hook);
    }
    /* The last one gives the owner back that keeps the cell for all of them. */
    if (callback)
        callback->tag = 1;
    return callback;
}

void tn_callback_run(tarn_future *future, void (*fn)(tarn_future *future, void *data), void *data)
{
    tn_aftermath saved;
    tn_callback_begin(&saved);
    fn(future, data);
    tn_callback_end(&saved);
}

static void run_callback(tn_callback *callback)
{
    tarn_future *cell = callback->hook.future;
    bool last = callback->hook.tag == 1;
    tn_callback_run(cell, callback->fn, callback->data);
    tn_free(callback);
    if (last)
        tn_cell_release(cell, TN_OWNER_HOOKS);
}

/* A chain of futures that fail one another is as long as it likes, and the stack is not: what is
 * told later ends the next one from this loop, not from within the former's end. */
static void work_off(void)
{
    tn_aftermath *own = tn_aftermath_here();
    if (own->in_use)
        return;
    own->in_use = true;
    while (own->later.first || own->callbacks.first) {
        tn_hook *hook;
        while ((hook = take_first(&own->later)))
            hook->owner->later(hook);
        if ((hook = take_first(&own->callbacks)))
            run_callback((tn_callback *)(void *)hook);
    }
    own->in_use = false;
}

void tn_aftermath_hold(void)
{
    tn_aftermath_here()->in_use = true;
}

static void join_lists(tn_hook_list *to, tn_hook_list *from)
{
    if (!from->first)
        return;
    if (to->first)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
}

void tn_aftermath_give(tn_aftermath *to)
{
    tn_aftermath *own = tn_aftermath_here();
    join_lists(&to->later, &own->later);
    join_lists(&to->callbacks, &own->callbacks);
    *own = (tn_aftermath){.in_use = false};
}

void tn_aftermath_work_off(tn_aftermath *given)
{
    tn_aftermath *own = tn_aftermath_here();
    join_lists(&own->later, &given->later);
    join_lists(&own->callbacks, &given->callbacks);
    *given = (tn_aftermath){.in_use = false};
    work_off();
}

bool tn_hooks_end(tarn_future *cell, uint32_t from, uint32_t state)
{
    uint32_t old = tn_u32_load_relaxed(&cell->state);
    uint32_t executor = cell->executor, ended;
    for (;;) {
        if ((old & (TN_STATE_MASK | TN_SEIZED)) != from)
            return false;
        if (old & TN_HOOK_LOCK) {
            wait_for_lock(cell, old);
            old = tn_u32_load_relaxed(&cell->state);
            continue;
        }
        ended = (old & ~(TN_STATE_MASK | TN_SEIZED | TN_COUNTED)) | state;
        if (old & TN_HOOKS)
            ended |= TN_HOOK_LOCK;
        /* release: result and status; acquire: the ring of hooks. */
        if (tn_u32_cas_weak_acq_rel(&cell->state, &old, ended))
            break;
    }

    if (old & TN_COUNTED)
        tn_admission_leave(executor, 1);
    if (state == TN_CANCELLED)
        tn_count_end(executor, TARN_CANCELLED, tn_cell_was_tried(cell));

    if (old & TN_HOOKS) {
        /* A callback may drop the handle that kept the cell alive, and so may what it wakes. */
        if (tell_hooks(cell))
            tn_u32_add_relaxed(&cell->owners, TN_OWNER_HOOKS);
        /* From here on it wakes: a sleeper may have come while the hooks were told. */
        tn_hooks_unlock(cell);
        work_off();
    } else if (old & TN_WAITER) {
        tn_futex_wake(&cell->state, INT_MAX);
    }
    return true;
}
