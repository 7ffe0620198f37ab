/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <time.h>

#define NANOSECONDS 1000000000

static int64_t read_clock(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

int64_t tn_clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t tn_clock_recent(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t tn_clock_after(double seconds)
{
    int64_t now = tn_clock_now();
    double nanoseconds = seconds * NANOSECONDS;

    /* The order of the tests decides for NaN, which is greater than nothing. */
    if (!(nanoseconds > 0))
        return now;
    if (nanoseconds >= (double)(TN_CLOCK_NEVER - now))
        return TN_CLOCK_NEVER;
    return now + (int64_t)nanoseconds;
}

bool tn_clock_split(int64_t until, int32_t *seconds, int32_t *nanoseconds)
{
    if (until / NANOSECONDS > INT32_MAX)
        return false;
    if (until < 0)
        until = 0;
    *seconds = (int32_t)(until / NANOSECONDS);
    *nanoseconds = (int32_t)(until % NANOSECONDS);
    return true;
}
