/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting for futures. */
#ifndef TN_CORE_WAIT_H
#define TN_CORE_WAIT_H

#include "core/cell.h"
#include "core/deadline.h"

/* Before a sleep: does for a while what the executor of that number can do on this thread, unless
 * over(data). */
void tn_wait_help(uint32_t executor, bool (*over)(void *data), void *data, int64_t until);

/* Waits until the future has ended, or `until` (see platform/clock.h); runs it here if that is
 * allowed. TARN_OK, TARN_TIMEOUT, TARN_DEADLOCK, TARN_CLOSED. */
tarn_status tn_wait_one(tarn_future *future, int64_t until);

#endif
