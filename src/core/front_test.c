/* SPDX-License-Identifier: Apache-2.0 */
#include "core/front.h"

#include "core/deadline.h"
#include "idle_backend.h"

static bool has_visitors(tarn_executor *executor)
{
    return !tn_front_await_visitors(executor, TARN_NOW.ns);
}

TEST(visitors_are_counted)
{
    tarn_executor executor;
    idle_open(&executor);
    assert_false(has_visitors(&executor));
    tn_front_visit(&executor);
    tn_front_visit(&executor);
    tn_front_leave(&executor);
    assert_true(has_visitors(&executor));
    tn_front_leave(&executor);
    assert_false(has_visitors(&executor));
    tarn_backend_close(&executor);
}

TEST(the_wait_for_visitors_ends_at_its_time)
{
    tarn_executor executor;
    idle_open(&executor);
    tn_front_visit(&executor);
    int64_t until = tn_clock_after(0.01);
    assert_false(tn_front_await_visitors(&executor, until));
    assert_true(tn_clock_now() >= until);
    tn_front_leave(&executor);
    assert_true(tn_front_await_visitors(&executor, until));
    tarn_backend_close(&executor);
}

TEST(an_executor_without_visitors_is_given_up_at_once)
{
    tarn_executor executor;
    idle_open(&executor);
    idle_abandoned = 0;
    tn_front_abandon(&executor);
    assert_int_equal(idle_abandoned, 1);
    tarn_backend_close(&executor);
}

TEST(the_last_visitor_gives_it_up_for_whoever_did)
{
    tarn_executor executor;
    idle_open(&executor);
    idle_abandoned = 0;
    tn_front_visit(&executor);
    tn_front_visit(&executor);
    tn_front_abandon(&executor);
    tn_front_leave(&executor);
    assert_int_equal(idle_abandoned, 0);
    tn_front_leave(&executor);
    assert_int_equal(idle_abandoned, 1);
    tarn_backend_close(&executor);
}

/* The timer comes as long as something is queued, also when it is given up: that is said once. */
TEST(a_visit_after_that_does_not_give_it_up_again)
{
    for (int visitors = 0; visitors < 2; visitors++) {
        tarn_executor executor;
        idle_open(&executor);
        idle_abandoned = 0;
        if (visitors)
            tn_front_visit(&executor);
        tn_front_abandon(&executor);
        if (visitors)
            tn_front_leave(&executor);
        tn_front_visit(&executor);
        tn_front_leave(&executor);
        assert_int_equal(idle_abandoned, 1);
        tarn_backend_close(&executor);
    }
}
