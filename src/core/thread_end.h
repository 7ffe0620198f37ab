/* SPDX-License-Identifier: Apache-2.0 */

/* What the core has to put in order when a thread of the program ends, be it a worker or not. */
#ifndef TN_CORE_THREAD_END_H
#define TN_CORE_THREAD_END_H

#include <stdbool.h>

/* From now until the calling thread ends, its end is noticed. Cheap to repeat. false: the system
 * has no more room for that. */
bool tn_thread_end_arm(void);

/* The two who have something to do then: run.c, if a task ended its thread, and heap.c. */
void tn_context_end(void);
void tn_heap_end(void);

#endif
