/* SPDX-License-Identifier: Apache-2.0 */

/* From the public deadline to the clock's moments. */
#ifndef TN_CORE_DEADLINE_H
#define TN_CORE_DEADLINE_H

#include "platform/clock.h"

#include <tarn.h>

/* Nanoseconds of the monotonic clock, as all of the platform's waits take them. */
static inline int64_t tn_until(tarn_deadline deadline)
{
    return deadline.ns == 0 ? TN_CLOCK_NEVER : deadline.ns;
}

/* Whether a wait until then only looks: it must give no permit away and start no spare. The clock
 * is read on the way to sleep only, and not for TARN_NOW. */
static inline bool tn_is_past(int64_t until)
{
    return until <= TARN_NOW.ns || (until != TN_CLOCK_NEVER && until <= tn_clock_now());
}

#endif
