/* SPDX-License-Identifier: Apache-2.0 */

/* Code of the user that runs within a call of the library, and is no part of the task on whose
 * thread it runs: callbacks and release functions. */
#ifndef TN_CORE_CALLBACK_H
#define TN_CORE_CALLBACK_H

#include <stdbool.h>

struct tn_hook;

/* Hooks, linked by `next`. */
typedef struct tn_hook_list {
    struct tn_hook *first, *last;
} tn_hook_list;

/* What this thread has still to do for futures that it ended, once no lock is held; of hook.c. */
typedef struct tn_aftermath {
    tn_hook_list later, callbacks;
    bool in_use; /* somebody further down the stack works it off */
} tn_aftermath;

tn_aftermath *tn_aftermath_here(void);

static inline bool tn_aftermath_is_empty(const tn_aftermath *aftermath)
{
    return !aftermath->later.first && !aftermath->callbacks.first;
}

/* For a thread that must not run callbacks, nor queue what is chained: between the two what it ends
 * has its aftermath put aside, and the second gives it away. Another thread works it off, in order;
 * *to may have some already. */
void tn_aftermath_hold(void);
void tn_aftermath_give(tn_aftermath *to);
void tn_aftermath_work_off(tn_aftermath *given);

/* Around each call of such code. What it ends has an aftermath of its own, which it may wait
 * for. */
void tn_callback_begin(tn_aftermath *saved);
void tn_callback_end(const tn_aftermath *saved);

/* How many lie on this thread's stack: one more than when a task began, and the code that runs is
 * not the task's. */
unsigned tn_callbacks_running(void);

#endif
