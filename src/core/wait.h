/* SPDX-License-Identifier: Apache-2.0 */

/* Blocking, and what a worker that blocks owes to the others. */
#ifndef TN_CORE_WAIT_H
#define TN_CORE_WAIT_H

#include "core/deadline.h"
#include "core/deadlock.h"
#include "core/run.h"

/* Waits until the future has ended, or `until` (see platform/clock.h); runs it here if that is
 * allowed. TARN_OK, TARN_TIMEOUT, TARN_DEADLOCK. */
tarn_status tn_wait_one(tarn_future *future, int64_t until);

/* Around every sleep of a thread that may be a worker: gives back the permit to run, so that a
 * spare can take its place, and makes sure that the sleep can end. `wait` is NULL for a sleep with a
 * deadline, or whose end nobody can foresee. TARN_OK: to be followed by tn_sleep_end();
 * TARN_DEADLOCK: it must not sleep. Does nothing on other threads (context NULL). */
tarn_status tn_sleep_begin(tn_context *context, tn_wait *wait, bool timed);
void tn_sleep_end(tn_context *context);

/* Closes the blocking sections that the topmost task left open. */
void tn_sleep_end_all(tn_context *context);

#endif
