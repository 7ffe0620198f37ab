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

/* A moment so long past that a wait only looks. */
static inline bool tn_is_past(int64_t until)
{
    return until <= 1;
}

#endif
