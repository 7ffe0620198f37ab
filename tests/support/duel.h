/* SPDX-License-Identifier: Apache-2.0 */

/* Two functions that run at the same time, again and again: for races between two verbs. */
#ifndef TESTS_SUPPORT_DUEL_H
#define TESTS_SUPPORT_DUEL_H

#include "platform/futex.h"
#include "platform/thread.h"

#include <limits.h>

typedef struct duel {
    void (*right)(void *data);
    void *data;
    tn_atomic_u32 round; /* counts rounds; the last one is UINT32_MAX */
    tn_atomic_u32 done;  /* how many rounds `right` has run */
} duel;

static inline void duel_await(tn_atomic_u32 *word, uint32_t old)
{
    while (tn_u32_load_acquire(word) == old)
        tn_futex_wait(word, old, INT64_MAX);
}

static inline void duel_tell(tn_atomic_u32 *word, uint32_t value)
{
    tn_u32_store_release(word, value);
    tn_futex_wake(word, INT_MAX);
}

static inline void duel_rounds(void *data)
{
    duel *d = data;
    for (uint32_t round = 0;; round++) {
        duel_await(&d->round, round);
        if (tn_u32_load_acquire(&d->round) == UINT32_MAX)
            return;
        d->right(d->data);
        duel_tell(&d->done, round + 1);
    }
}

/* Each round: prepare(data), then left(data) here and right(data) on a thread of its own at once,
 * then check(data). All but right() may assert. 0, or the errno of a thread that did not start. */
static inline int duel_run(size_t rounds, void (*prepare)(void *data), void (*left)(void *data),
                           void (*right)(void *data), void (*check)(void *data), void *data)
{
    /* A failed assertion leaves this frame while the other thread still uses it. */
    static duel d;
    tn_thread thread;
    d = (duel){.right = right, .data = data};
    int error = tn_thread_start(&thread, (size_t)256 * 1024, "duel", duel_rounds, &d);
    if (error != 0)
        return error;
    for (uint32_t round = 0; round < rounds; round++) {
        prepare(data);
        duel_tell(&d.round, round + 1);
        left(data);
        duel_await(&d.done, round);
        check(data);
    }
    duel_tell(&d.round, UINT32_MAX);
    tn_thread_join(thread);
    return 0;
}

#endif
