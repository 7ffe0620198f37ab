/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting for futures. */
#ifndef TN_CORE_WAIT_H
#define TN_CORE_WAIT_H

#include "core/cell.h"
#include "core/deadline.h"

/* Waits until the future has ended, or `until` (see platform/clock.h); runs it here if that is
 * allowed. TARN_OK, TARN_TIMEOUT, TARN_DEADLOCK, TARN_CLOSED. */
tarn_status tn_wait_one(tarn_future *future, int64_t until);

#endif
