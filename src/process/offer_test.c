/* SPDX-License-Identifier: Apache-2.0 */
#include "process/offer.h"

#include "platform/clock.h"
#include "platform/cpu.h"
#include "runner.h"

void __wrap_tn_cpu_yield(void);

/* Nanoseconds that others have this CPU once it is offered. */
static int64_t taken;
static int yields;

void __wrap_tn_cpu_yield(void)
{
    yields++;
    for (int64_t until = tn_clock_now() + taken; tn_clock_now() < until;)
        continue;
}

/* One at a time at which it may be made; returns the pause that follows. */
static int64_t offer(tn_offers *offers, int64_t time)
{
    offers->not_before = 0;
    taken = time;
    tn_offer(offers);
    return offers->not_before == 0 ? 0 : offers->pause;
}

TEST(a_cpu_that_others_keep_is_not_offered_for_a_while)
{
    tn_offers offers = {0};
    yields = 0;
    int64_t pause = offer(&offers, 500 * 1000);
    assert_int_equal(yields, 1);
    assert_true(pause > 0);
    assert_true(offers.not_before > tn_clock_now());
    tn_offer(&offers);
    assert_int_equal(yields, 1);
}

TEST(each_pause_is_twice_as_long_as_the_one_before_up_to_a_limit)
{
    tn_offers offers = {0};
    int64_t pause = offer(&offers, 500 * 1000), most = 0;
    for (int i = 0; i < 20; i++) {
        most = pause;
        pause = offer(&offers, 500 * 1000);
        assert_true(pause == 2 * most || (pause >= most && pause < 2 * most));
    }
    assert_int_equal(pause, most);
    assert_in_range(pause, 1, INT64_C(60) * 1000 * 1000 * 1000);
}

/* Sooner or later nobody takes this CPU. */
TEST(an_offer_that_nobody_takes_ends_that)
{
    tn_offers offers = {0};
    int64_t pause = offer(&offers, 500 * 1000);
    for (int i = 0; i < 1000 && pause > 0; i++)
        pause = offer(&offers, 0);
    assert_int_equal(pause, 0);
    yields = 0;
    tn_offer(&offers);
    assert_int_equal(yields, 1);
}
