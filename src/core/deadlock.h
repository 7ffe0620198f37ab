/* SPDX-License-Identifier: Apache-2.0 */

/* The waits-for graph: who, of all tasks that are blocked, can never go on. */
#ifndef TN_CORE_DEADLOCK_H
#define TN_CORE_DEADLOCK_H

#include "core/cell.h"
#include "platform/mutex.h"

/* What one blocked wait without a deadline waits for. */
typedef struct tn_wait {
    bool any; /* one ending is enough; otherwise all are needed */
    /* Calls visit(future, data) for the futures, until it returns false. Called by any thread,
     * under the mutex of the graph, or of the back end that the waiting worker has told. false:
     * others may end the wait in ways of their own, so that it has to count as live. */
    bool (*each)(const struct tn_wait *wait, bool (*visit)(const tarn_future *, void *),
                 void *data);
    /* Whoever waits holds all that the chained ones among them depend on (see closure.h): they may
     * be looked through. Otherwise they count as live. */
    bool deep;

    /* Of deadlock.c. */
    bool reached, live;
    struct tn_wait *next, *former;
} tn_wait;

/* A place in the graph for the calling thread; TN_NO_RUNNER: all 65,535 are taken, and its waits
 * count as waits that end. */
uint16_t tn_deadlock_enter(void);
void tn_deadlock_leave(uint16_t runner);

/* Adds the wait of that worker; false: it could never end, and was not added. Exactly one wait of
 * each cycle is told so: the one that would close it. */
bool tn_deadlock_add(uint16_t runner, tn_wait *wait);

/* Whether it would be added now: for a worker that may still be refused for other reasons. */
bool tn_deadlock_allows(uint16_t runner, tn_wait *wait);
void tn_deadlock_remove(uint16_t runner);

/* Whether who sleeps so has been woken, or is about to be. */
bool tn_wait_is_over(const tn_wait *wait);

/* Of the graph; for fork(). */
extern tn_mutex tn_deadlock_mutex;

#endif
