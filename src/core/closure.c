/* SPDX-License-Identifier: Apache-2.0 */
#include "core/closure.h"

#include "core/chain.h"
#include "core/deadlock.h"
#include "core/future.h"
#include "platform/memory.h"

/* A walk in depth, on a stack of its own: a chain may have a million links. What was met is marked
 * in its state, under the mutex of the graph, so that it is met once. No handle is given back under
 * that mutex: the last one runs code of the user. */
typedef struct step {
    tarn_future *future; /* with a handle */
    size_t next;         /* which of those before it is to be looked at next */
} step;

typedef struct walk {
    step *steps;
    size_t depth, room;
} walk;

/* Makes room for one more; false: no memory. */
static bool grow(void **array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t larger = *room == 0 ? 64 : *room * 2;
    void *grown = tn_alloc_array(larger, size);
    if (!grown)
        return false;
    if (count > 0)
        memcpy(grown, *array, count * size);
    tn_free(*array);
    *array = grown;
    *room = larger;
    return true;
}

static bool make_room(walk *w, tn_closure *closure)
{
    void *steps = w->steps, *futures = closure->futures;
    bool room = grow(&steps, &w->room, w->depth, sizeof *w->steps) &&
                grow(&futures, &closure->room, closure->count, sizeof *closure->futures);
    w->steps = steps;
    closure->futures = futures;
    return room;
}

static void enter(walk *w, tarn_future *future)
{
    tn_u32_or_relaxed(&future->state, TN_SEEN);
    w->steps[w->depth++] = (step){.future = future};
}

/* All that this one depends on, then itself; false: no memory, and the steps are left. */
static bool collect(walk *w, tn_closure *closure, tarn_future *target)
{
    if (!make_room(w, closure) || !tn_cell_hold(target))
        return false;
    enter(w, target);
    while (w->depth > 0) {
        if (!make_room(w, closure))
            return false;
        step *top = &w->steps[w->depth - 1];
        tarn_future *before = tn_chain_unseen_before(top->future, &top->next);
        if (before)
            enter(w, before);
        else
            closure->futures[closure->count++] = w->steps[--w->depth].future;
    }
    return true;
}

static void forget(tarn_future *future)
{
    tn_u32_and_relaxed(&future->state, ~TN_SEEN);
}

/* The first from i on that is chained; n: there is none. */
static size_t next_chained(tarn_future *const *futures, size_t i, size_t n)
{
    while (i < n && (tn_future_word(futures[i]) & (TN_CHAINED | TN_FINISHED)) != TN_CHAINED)
        i++;
    return i;
}

bool tn_closure_collect(tn_closure *closure, tarn_future *const *futures, size_t n)
{
    walk w = {NULL, 0, 0};
    bool complete = true;
    *closure = (tn_closure){NULL, 0, 0};
    size_t i = next_chained(futures, 0, n);
    if (i == n)
        return true;
    tn_mutex_lock(&tn_deadlock_mutex);
    for (; i < n && complete; i = next_chained(futures, i + 1, n)) {
        if (!(tn_future_word(futures[i]) & TN_SEEN))
            complete = collect(&w, closure, futures[i]);
    }
    for (size_t k = 0; k < closure->count; k++)
        forget(closure->futures[k]);
    for (size_t k = 0; k < w.depth; k++)
        forget(w.steps[k].future);
    tn_mutex_unlock(&tn_deadlock_mutex);

    while (w.depth > 0)
        tn_cell_release(w.steps[--w.depth].future, TN_HANDLE);
    tn_free(w.steps);
    if (!complete)
        tn_closure_drop(closure);
    return complete;
}

void tn_closure_drop(tn_closure *closure)
{
    while (closure->count > 0)
        tn_cell_release(closure->futures[--closure->count], TN_HANDLE);
    tn_free(closure->futures);
    *closure = (tn_closure){NULL, 0, 0};
}
