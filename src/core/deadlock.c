/* SPDX-License-Identifier: Apache-2.0 */

/* Waits without a deadline, made inside tasks, that are asleep or about to be: one for each worker
 * at most, under one mutex, which is taken only on the way to sleep.
 *
 * A future is *live* if it has ended, has not started (a worker will start it), is a promise, or
 * runs on a worker whose wait is not here, or is live. One that is chained waits for all of those
 * before it, as if it were a task in such a wait. A wait for all is live if all of its futures
 * are; a wait for any if one is. A task beneath another on one stack cannot go on before that one
 * has ended: all tasks of a stack share the wait of its topmost.
 *
 * All waits here are live, always: a new one is added only if it is live when it and nothing else
 * is in doubt, and a live one never makes another one dead. So the wait that would close a cycle is
 * the one, and the only one, that is refused. No wait can become dead while it is here: what its
 * futures do by themselves is to start and to end. (A wait for the first failure is woken by each
 * ending and comes back: it must not sleep on the rest without a new look.) */
#include "core/deadlock.h"

#include "core/future.h"

tn_mutex tn_deadlock_mutex = TN_MUTEX_INITIAL; /* of all that follows, and of every tn_wait here */
static tn_wait *waits[TN_NO_RUNNER];           /* by runner */
static uint16_t free_runners[TN_NO_RUNNER];
static uint32_t free_count;
static uint32_t fresh_runner; /* those above were never given out */

uint16_t tn_deadlock_enter(void)
{
    tn_mutex_lock(&tn_deadlock_mutex);
    uint16_t runner = TN_NO_RUNNER;
    if (free_count > 0)
        runner = free_runners[--free_count];
    else if (fresh_runner < TN_NO_RUNNER)
        runner = (uint16_t)fresh_runner++;
    tn_mutex_unlock(&tn_deadlock_mutex);
    return runner;
}

void tn_deadlock_leave(uint16_t runner)
{
    if (runner == TN_NO_RUNNER)
        return;
    tn_mutex_lock(&tn_deadlock_mutex);
    free_runners[free_count++] = runner;
    tn_mutex_unlock(&tn_deadlock_mutex);
}

/* The wait that keeps a future from ending; NULL: it is live without further question. */
static tn_wait *blocker(const tarn_future *future, bool deep)
{
    uint32_t word = tn_future_word(future);
    if ((word & TN_CHAINED) && !(word & TN_FINISHED))
        return deep ? tn_cell_ext(future)->needs : NULL;
    if ((word & (TN_STATE_MASK | TN_PROMISE)) != TN_RUNNING)
        return NULL;
    /* relaxed: whose wait is here stored it before it took the mutex; a value that is about to be
     * stored belongs to a worker that is awake. */
    uint16_t runner = tn_u16_load_relaxed(&future->runner);
    return runner == TN_NO_RUNNER ? NULL : waits[runner];
}

/* A walk over one wait's futures. */
typedef struct look {
    tn_wait *last; /* of the list of reached waits */
    bool any;      /* one that is live decides */
    bool deep;
    bool any_live, any_dead;
} look;

/* Adds the wait that holds the future up to those reached. */
static bool reach(const tarn_future *future, void *data)
{
    look *walk = data;
    tn_wait *wait = blocker(future, walk->deep);
    if (!wait) {
        walk->any_live = true;
        return !walk->any;
    }
    if (!wait->reached) {
        wait->reached = true;
        wait->live = false;
        wait->next = NULL;
        wait->former = walk->last;
        walk->last->next = wait;
        walk->last = wait;
    }
    return true;
}

static bool weigh(const tarn_future *future, void *data)
{
    look *walk = data;
    const tn_wait *wait = blocker(future, walk->deep);
    bool live = !wait || wait->live;
    if (live)
        walk->any_live = true;
    else
        walk->any_dead = true;
    return live != walk->any; /* otherwise it is decided */
}

static bool is_live(const tn_wait *wait)
{
    look walk = {.any = wait->any, .deep = wait->deep};
    if (!wait->each(wait, weigh, &walk))
        return true;
    return wait->any ? walk.any_live : !walk.any_dead;
}

/* Least fixed point: nothing that can be reached is live until it is shown to be. */
static bool can_end(tn_wait *first)
{
    look walk = {.last = first};
    first->reached = true;
    first->live = false;
    first->next = first->former = NULL;
    for (tn_wait *wait = first; wait; wait = wait->next) {
        walk.any = wait->any;
        walk.deep = wait->deep;
        walk.any_live = false;
        bool all = wait->each(wait, reach, &walk);
        wait->live = !all || (wait->any && walk.any_live);
    }

    /* Backwards: what was reached late is what the others depend on, so a chain takes one round. */
    for (bool changed = true; changed && !first->live;) {
        changed = false;
        for (tn_wait *wait = walk.last; wait; wait = wait->former) {
            if (!wait->live && is_live(wait))
                changed = wait->live = true;
        }
    }
    for (tn_wait *wait = first; wait; wait = wait->next)
        wait->reached = false;
    return first->live;
}

static bool try(uint16_t runner, tn_wait *wait, bool stay)
{
    if (runner == TN_NO_RUNNER)
        return true;
    tn_mutex_lock(&tn_deadlock_mutex);
    waits[runner] = wait;
    bool live = can_end(wait);
    if (!live || !stay)
        waits[runner] = NULL;
    tn_mutex_unlock(&tn_deadlock_mutex);
    return live;
}

bool tn_deadlock_add(uint16_t runner, tn_wait *wait)
{
    return try(runner, wait, true);
}

bool tn_deadlock_allows(uint16_t runner, tn_wait *wait)
{
    return try(runner, wait, false);
}

void tn_deadlock_remove(uint16_t runner)
{
    if (runner == TN_NO_RUNNER)
        return;
    tn_mutex_lock(&tn_deadlock_mutex);
    waits[runner] = NULL;
    tn_mutex_unlock(&tn_deadlock_mutex);
}

/* What has ended, and what has not, until one of them decides. */
typedef struct count {
    bool any;
    bool ended, missing;
} count;

static bool count_ended(const tarn_future *future, void *data)
{
    count *seen = data;
    bool ended = tn_future_ended(future);
    if (ended)
        seen->ended = true;
    else
        seen->missing = true;
    return ended != seen->any;
}

bool tn_wait_is_over(const tn_wait *wait)
{
    count seen = {.any = wait->any};
    return wait->each(wait, count_ended, &seen) && (wait->any ? seen.ended : !seen.missing);
}
