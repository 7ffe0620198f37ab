/* SPDX-License-Identifier: Apache-2.0 */

/* The workers of a pool, seen by those who need one. */
#ifndef TN_THREADS_WORKER_H
#define TN_THREADS_WORKER_H

#include "threads/pool.h"

/* Makes sure that `length` queued futures will be served: wakes or starts one worker if there are
 * permits. 0; otherwise the errno of a thread that could not be started, and nobody else is awake
 * who would ever look at the queue. Under the mutex. */
int tn_worker_secure(tn_pool *pool, size_t length);

/* Wakes all idle workers. Under the mutex. */
void tn_worker_wake_all(tn_pool *pool);

/* As tarn_backend says. */
bool tn_worker_block(tarn_executor *executor, bool timed);
void tn_worker_unblock(tarn_executor *executor);

#endif
