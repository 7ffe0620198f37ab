/* SPDX-License-Identifier: Apache-2.0 */

/* All that some futures depend on through chains: what a wait for them waits for, too. */
#ifndef TN_CORE_CLOSURE_H
#define TN_CORE_CLOSURE_H

#include "core/cell.h"

/* Futures with a handle each, every one after those that it waits for, and once. */
typedef struct tn_closure {
    tarn_future **futures;
    size_t count, room;
} tn_closure;

/* Collects what the chained ones of n futures depend on, themselves included. false: no memory, and
 * nothing is collected. */
bool tn_closure_collect(tn_closure *closure, tarn_future *const *futures, size_t n);

void tn_closure_drop(tn_closure *closure);

#endif
