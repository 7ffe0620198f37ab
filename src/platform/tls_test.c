/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/tls.h"

#include "platform/thread.h"
#include "runner.h"

struct pair {
    int first;
    void *second;
};

TN_THREAD_LOCAL(int, counter);
TN_THREAD_LOCAL(struct pair, pair);

struct report {
    int counter_at_start;
    struct pair pair_at_start;
    int *address;
};

static void look(void *data)
{
    struct report *report = data;

    report->counter_at_start = *counter();
    report->pair_at_start = *pair();
    report->address = counter();
    *counter() = 7;
    pair()->first = 8;
}

TEST(each_thread_starts_with_zero)
{
    struct report report = {.counter_at_start = -1, .pair_at_start = {-1, &report}};
    tn_thread thread;

    *counter() = 1;
    pair()->second = &report;
    assert_int_equal(tn_thread_start(&thread, 0, "other", look, &report), 0);
    tn_thread_join(thread);
    assert_int_equal(report.counter_at_start, 0);
    assert_int_equal(report.pair_at_start.first, 0);
    assert_null(report.pair_at_start.second);
}

TEST(no_thread_sees_what_another_writes)
{
    struct report report = {0};
    tn_thread thread;

    *counter() = 1;
    *pair() = (struct pair){2, NULL};
    assert_int_equal(tn_thread_start(&thread, 0, "other", look, &report), 0);
    tn_thread_join(thread);
    assert_ptr_not_equal(report.address, counter());
    assert_int_equal(*counter(), 1);
    assert_int_equal(pair()->first, 2);
}

TEST(the_address_stays_in_a_thread)
{
    int *first = counter();

    *first = 3;
    assert_ptr_equal(counter(), first);
    assert_int_equal(*counter(), 3);
}
