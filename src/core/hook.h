/* SPDX-License-Identifier: Apache-2.0 */

/* Hooks: what is to happen when a future ends.
 *
 * A hook is allocated by whoever waits (completions, a wait for many, a callback), linked into the
 * future's ring under TN_HOOK_LOCK, and removed in constant time, so that a wait that was given up
 * leaves nothing behind. The lock bit is held for a few instructions, and while the hooks of an
 * ended future are told of it. */
#ifndef TN_CORE_HOOK_H
#define TN_CORE_HOOK_H

#include "core/cell.h"

typedef struct tn_hook_owner tn_hook_owner;

typedef struct tn_hook {
    struct tn_hook *next, *prev; /* NULL: not linked. Only under the future's TN_HOOK_LOCK */
    tarn_future *future;
    tn_hook_owner *owner; /* NULL: the hook is a tn_callback */
    size_t tag;
} tn_hook;

_Static_assert(sizeof(tn_hook) == 40 || sizeof(void *) != 8, "one node of a completions");

/* What a wait or completions begins with; one of the two is there. The hook is unlinked already. */
struct tn_hook_owner {
    /* Runs once for each hook, when its future has ended, under that future's TN_HOOK_LOCK, on
     * whatever thread ends it: it publishes and wakes. It never calls out or takes another hook
     * lock, and blocks on nothing but a mutex that is held for a few instructions. */
    void (*ended)(tn_hook_owner *owner, tn_hook *hook);
    /* The same with no lock held, and never within another `later`: what it ends may have further
     * such hooks, of which a list is made. Until then the hook and its future stay, by owners of
     * their own; it is the last to touch them. */
    void (*later)(tn_hook *hook);
};

/* A hook that calls the user's function, with no lock held; frees itself. */
typedef struct tn_callback {
    tn_hook hook;
    void (*fn)(tarn_future *future, void *data);
    void *data;
} tn_callback;

/* Calls fn(future, data), as a callback. */
void tn_callback_run(tarn_future *future, void (*fn)(tarn_future *future, void *data), void *data);

/* Links the hook, whose future and owner are set; false: the future has ended, nothing was done. */
bool tn_hook_add(tn_hook *hook);

/* Unlinks the hook if its future has not ended, and says whether it did. When it returns, nobody
 * touches the hook for this future any more, but for a `later`. */
bool tn_hook_remove(tn_hook *hook);

/* Keeps a future from ending, for a few instructions; false: it has ended. */
bool tn_hooks_lock(tarn_future *future);
void tn_hooks_unlock(tarn_future *future);

/* Sets the future's state to `state` (FINISHED or CANCELLED) if it is `from` in its TN_STATE_MASK
 * and TN_SEIZED bits; then tells hooks and wakes sleepers, and last runs the callbacks. The caller
 * holds an owner; afterwards it must not look at the cell unless that owner is another than a
 * handle which a callback may drop. false: it was not `from`; nothing was done. */
bool tn_hooks_end(tarn_future *cell, uint32_t from, uint32_t state);

#endif
