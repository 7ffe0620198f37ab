/* SPDX-License-Identifier: Apache-2.0 */

/* The process around the executors: exit() and fork(). */
#ifndef TN_CORE_PROCESS_H
#define TN_CORE_PROCESS_H

#include "platform/mutex.h"

#include <tarn.h>

/* Makes sure that exit() and fork() are noticed, before the first executor is opened. */
tarn_status tn_process_enter(void);

/* The locks that all threads share. fork() takes them, so that the child finds what they guard in
 * order. None is held while another one of them is taken, but for what `tn_slots_mutex` says. */
extern tn_mutex tn_slots_mutex;    /* executor.c; held around a back end's stop() in exit() */
extern tn_mutex tn_graph_mutex;    /* deadlock.c */
extern tn_mutex tn_heaps_mutex;    /* heap.c */
extern tn_mutex tn_failures_mutex; /* future.c */

#endif
