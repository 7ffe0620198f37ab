/* SPDX-License-Identifier: Apache-2.0 */

/* The protocol, with the argument that no wake-up is lost, is in README.md. */
#include "core/hook.h"

#include "core/deadline.h"
#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/tls.h"

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

/* Takes the hook lock unless the future has ended. */
static bool lock_unless_ended(tarn_future *cell)
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

/* Gives the lock back, saying whether hooks are left. */
static void unlock(tarn_future *cell)
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
    if (!lock_unless_ended(cell))
        return false;
    link_last(cell, hook);
    unlock(cell);
    return true;
}

void tn_hook_remove(tn_hook *hook)
{
    tarn_future *cell = hook->future;
    if (lock_unless_ended(cell)) {
        if (hook->next)
            unlink_hook(cell, hook);
        unlock(cell);
    }
    /* It has ended, and the lock was free since: all hooks were told. */
}

/* Tells the hooks, oldest first, and returns the callbacks among them as a list by `next`. */
static tn_hook *tell_hooks(tarn_future *cell)
{
    tn_hook *callbacks = NULL;
    tn_hook **last = &callbacks;
    while (cell->hooks) {
        tn_hook *hook = cell->hooks;
        unlink_hook(cell, hook);
        if (hook->owner) {
            hook->owner->ended(hook->owner, hook);
        } else {
            *last = hook;
            last = &hook->next;
        }
    }
    return callbacks;
}

TN_THREAD_LOCAL(unsigned, running);

unsigned tn_callbacks_running(void)
{
    return *running();
}

void tn_callback_run(tarn_future *future, void (*fn)(tarn_future *future, void *data), void *data)
{
    ++*running();
    fn(future, data);
    --*running();
}

static void run_callbacks(tarn_future *cell, tn_hook *hooks)
{
    /* A callback may drop the handle that kept the cell alive. */
    tn_u32_add_relaxed(&cell->owners, TN_OWNER_HOOKS);
    while (hooks) {
        tn_callback *callback = (tn_callback *)(void *)hooks;
        hooks = hooks->next;
        tn_callback_run(cell, callback->fn, callback->data);
        tn_free(callback);
    }
    tn_cell_release(cell, TN_OWNER_HOOKS);
}

bool tn_hooks_end(tarn_future *cell, uint32_t from, uint32_t state)
{
    uint32_t old = tn_u32_load_relaxed(&cell->state);
    uint32_t ended;
    for (;;) {
        if ((old & (TN_STATE_MASK | TN_SEIZED)) != from)
            return false;
        if (old & TN_HOOK_LOCK) {
            wait_for_lock(cell, old);
            old = tn_u32_load_relaxed(&cell->state);
            continue;
        }
        ended = (old & ~(TN_STATE_MASK | TN_SEIZED)) | state;
        if (old & TN_HOOKS)
            ended |= TN_HOOK_LOCK;
        /* release: result and status; acquire: the ring of hooks. */
        if (tn_u32_cas_weak_acq_rel(&cell->state, &old, ended))
            break;
    }

    tn_hook *callbacks = NULL;
    if (old & TN_HOOKS) {
        callbacks = tell_hooks(cell);
        /* From here on it wakes: a sleeper may have come while the hooks were told. */
        unlock(cell);
        if (callbacks)
            run_callbacks(cell, callbacks);
    } else if (old & TN_WAITER) {
        tn_futex_wake(&cell->state, INT_MAX);
    }
    return true;
}
