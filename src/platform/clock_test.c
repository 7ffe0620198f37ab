/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"

#include "runner.h"

#include <math.h>

#define SECOND INT64_C(1000000000)

TEST(now_never_goes_back)
{
    int64_t last = tn_clock_now();

    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = tn_clock_now();

        assert_true(now >= last);
        last = now;
    }
}

TEST(recent_is_not_later_than_now_and_comes_after_it)
{
    int64_t first = tn_clock_now(), last = 0;

    while (last <= first) {
        int64_t recent = tn_clock_recent();

        assert_true(recent >= last);
        assert_true(recent <= tn_clock_now());
        last = recent;
    }
}

/* The moment lies `distance` after one between `before` and now. */
static void assert_after(int64_t before, int64_t moment, int64_t distance)
{
    int64_t now = tn_clock_now();

    assert_true(moment >= before + distance);
    assert_true(moment <= now + distance);
}

TEST(after_counts_seconds_from_now)
{
    int64_t before = tn_clock_now();

    assert_after(before, tn_clock_after(1.5), SECOND * 3 / 2);
    assert_after(before, tn_clock_after(1e-9), 1);
    assert_after(before, tn_clock_after(86400.0 * 365 * 100), SECOND * 86400 * 365 * 100);
}

TEST(after_nothing_is_now)
{
    int64_t before = tn_clock_now();

    assert_after(before, tn_clock_after(0.0), 0);
    assert_after(before, tn_clock_after(-1.0), 0);
    assert_after(before, tn_clock_after(-HUGE_VAL), 0);
    assert_after(before, tn_clock_after((double)NAN), 0);
}

TEST(after_too_long_is_never)
{
    assert_true(tn_clock_after(HUGE_VAL) == TN_CLOCK_NEVER);
    assert_true(tn_clock_after(1e300) == TN_CLOCK_NEVER);
    assert_true(tn_clock_after(9223372036.854775807) == TN_CLOCK_NEVER);
    assert_true(tn_clock_after(9e9) < TN_CLOCK_NEVER);
}

TEST(split_gives_seconds_and_the_rest)
{
    int32_t seconds, nanoseconds;

    assert_true(tn_clock_split(3 * SECOND + 7, &seconds, &nanoseconds));
    assert_int_equal(seconds, 3);
    assert_int_equal(nanoseconds, 7);
    assert_true(tn_clock_split(INT32_MAX * SECOND + SECOND - 1, &seconds, &nanoseconds));
    assert_int_equal(seconds, INT32_MAX);
    assert_int_equal(nanoseconds, SECOND - 1);
}

TEST(split_knows_what_has_no_limit)
{
    int32_t seconds, nanoseconds;

    assert_false(tn_clock_split(TN_CLOCK_NEVER, &seconds, &nanoseconds));
    assert_false(tn_clock_split((INT32_MAX + INT64_C(1)) * SECOND, &seconds, &nanoseconds));
}

TEST(split_of_the_past_is_zero)
{
    int32_t seconds, nanoseconds;

    assert_true(tn_clock_split(-1, &seconds, &nanoseconds));
    assert_int_equal(seconds, 0);
    assert_int_equal(nanoseconds, 0);
    assert_true(tn_clock_split(INT64_MIN, &seconds, &nanoseconds));
    assert_int_equal(seconds, 0);
    assert_int_equal(nanoseconds, 0);
}
