/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deadline.h"

#include "runner.h"

#include <math.h>

TEST(all_zero_is_never)
{
    assert_int_equal(TARN_FOREVER.ns, 0);
    assert_true(tn_until(TARN_FOREVER) == TN_CLOCK_NEVER);
    assert_false(tn_is_past(tn_until(TARN_FOREVER)));
}

TEST(now_is_past_and_in_zero_seconds_is_not_never)
{
    assert_true(tn_is_past(tn_until(TARN_NOW)));
    int64_t before = tn_clock_now();
    assert_true(tarn_in(0).ns >= before);
    assert_true(tarn_in(0).ns <= tn_clock_now());
}

/* Such a wait must not give its worker's place away. */
TEST(a_moment_that_has_come_is_past)
{
    assert_true(tn_is_past(tn_clock_now()));
    assert_true(tn_is_past(tn_until(tarn_in(0))));
    assert_false(tn_is_past(tn_until(tarn_in(3600))));
}

TEST(what_is_no_duration_is_now)
{
    assert_int_equal(tarn_in(-1).ns, TARN_NOW.ns);
    assert_int_equal(tarn_in(-INFINITY).ns, TARN_NOW.ns);
    assert_int_equal(tarn_in(NAN).ns, TARN_NOW.ns);
}

TEST(what_the_clock_cannot_reach_is_never)
{
    assert_int_equal(tarn_in(INFINITY).ns, TARN_FOREVER.ns);
    assert_int_equal(tarn_in(1e300).ns, TARN_FOREVER.ns);
    assert_int_equal(tarn_in(1e10).ns, TARN_FOREVER.ns);
}

TEST(seconds_become_nanoseconds)
{
    int64_t before = tn_clock_now();
    int64_t deadline = tarn_in(1.5).ns;
    int64_t after = tn_clock_now();
    assert_true(deadline >= before + 1500000000);
    assert_true(deadline <= after + 1500000000);
}
