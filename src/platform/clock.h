/* SPDX-License-Identifier: Apache-2.0 */

/* Time: nanoseconds of the monotonic clock in an int64_t. It does not jump when the date is set,
 * and stands still while the machine is suspended. A moment until which to wait is absolute. */
#ifndef TN_PLATFORM_CLOCK_H
#define TN_PLATFORM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The moment that does not come: a wait until then has no limit. */
#define TN_CLOCK_NEVER INT64_MAX

/* This moment. Cannot fail; does not block. */
int64_t tn_clock_now(void);

/* The same, but up to some milliseconds ago, at a quarter of the price: a tick of the system's. */
int64_t tn_clock_recent(void);

/* The moment `seconds` from now. Zero, negative and NaN give now; what is too far to be counted,
 * infinity included, gives TN_CLOCK_NEVER. */
int64_t tn_clock_after(double seconds);

/* For the calls below this layer: `until` as seconds and nanoseconds that fit 32 bits. False: it is
 * so late (68 years after the machine's start, or never) that the wait needs no limit, and nothing
 * is written. A moment before the clock's zero becomes zero: both are past. */
bool tn_clock_split(int64_t until, int32_t *seconds, int32_t *nanoseconds);

#endif
