/* SPDX-License-Identifier: Apache-2.0 */
#include "threads/queue.h"

#include "core/future.h"
#include "core/heap.h"
#include "platform/atomic.h"
#include "runner.h"

enum { TOLERATED = 1024 };

static tn_atomic_u32 discarded;

static tn_queue queue;

static void begin(void)
{
    tn_u32_set(&discarded, 0);
    tn_queue_init(&queue, &discarded);
}

static uint32_t count_discarded(void)
{
    return tn_u32_load_relaxed(&discarded);
}

/* A future that only the queue owns, told apart by its executor's number. */
static tarn_future *push(uint32_t number)
{
    tarn_future *future = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_non_null(future);
    future->executor = number;
    tn_queue_push(&queue, future, 1);
    return future;
}

/* What tarn_cancel() and tarn_drop() do. */
static void cancel(tarn_future *future)
{
    assert_true(tn_future_cancel(future));
    tn_u32_add_relaxed(&discarded, 1);
    tarn_drop(future);
}

/* The next to start; what is thrown out on the way to it goes as well. */
static tarn_future *start(void)
{
    tarn_future *future = tn_queue_start(&queue);
    tn_queue_bury(tn_queue_take_dead(&queue));
    return future;
}

static void expect(uint32_t number)
{
    tarn_future *future = start();
    assert_non_null(future);
    assert_int_equal(future->executor, number);
    assert_int_equal(tn_future_word(future) & TN_STATE_MASK, TN_RUNNING);
    tn_cell_release(future, TN_OWNER_QUEUE);
    tarn_drop(future);
}

static void expect_empty(void)
{
    assert_null(start());
    assert_int_equal(queue.length, 0);
    for (int i = 0; i < TN_LEVELS; i++) {
        assert_null(queue.levels[i].first);
        assert_ptr_equal(queue.levels[i].last, &queue.levels[i].first);
    }
}

TEST(an_empty_queue_has_nothing_to_start)
{
    begin();
    expect_empty();
    assert_null(tn_queue_take_all(&queue));
    expect_empty();
}

TEST(first_in_first_out)
{
    begin();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            push(i);
            assert_int_equal(queue.length, i + 1);
        }
        for (uint32_t i = 0; i < 100; i++)
            expect(i);
        expect_empty();
    }
}

TEST(entries_may_come_between_those_that_go)
{
    begin();
    uint32_t in = 0, out = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 3; i++)
            push(in++);
        for (int i = 0; i < 2; i++)
            expect(out++);
    }
    while (out < in)
        expect(out++);
    expect_empty();
}

TEST(dead_entries_are_passed_over_and_given_back)
{
    /* Every pattern of dead and living among six. */
    for (uint32_t pattern = 0; pattern < 64; pattern++) {
        begin();
        tarn_future *futures[6];
        for (uint32_t i = 0; i < 6; i++)
            futures[i] = push(i);
        for (uint32_t i = 0; i < 6; i++) {
            if (pattern & 1u << i)
                cancel(futures[i]);
        }
        for (uint32_t i = 0; i < 6; i++) {
            if (!(pattern & 1u << i))
                expect(i);
        }
        expect_empty();
        assert_int_equal(count_discarded(), 0);
    }
}

/* As a claim does it: started by somebody else while the entry is still here. */
TEST(a_claimed_entry_is_passed_over_and_stays_whole_until_then)
{
    begin();
    tarn_future *claimed = push(1);
    push(2);
    assert_true(tn_future_start(claimed));
    tn_u32_add_relaxed(&claimed->owners, TN_OWNER_CLAIM);
    tn_u32_add_relaxed(&discarded, 1);
    tn_future_finish(claimed, TARN_OK);
    tn_cell_release(claimed, TN_OWNER_CLAIM);
    tarn_drop(claimed);
    assert_int_equal(tn_u32_load_relaxed(&claimed->owners), TN_OWNER_QUEUE);
    expect(2);
    expect_empty();
    assert_int_equal(count_discarded(), 0);
}

TEST(a_seized_entry_is_not_started)
{
    begin();
    tarn_future *seized = push(1);
    assert_true(tn_future_seize(seized));
    push(2);
    expect(2);
    tn_future_finish(seized, TARN_BROKEN);
    tarn_drop(seized);
}

/* ---- a queue that nobody serves ---- */

TEST(cancelled_entries_do_not_pile_up)
{
    begin();
    size_t footprint = 0;
    for (size_t i = 0; i < test_count(500000); i++) {
        cancel(push(1));
        tn_queue_bury(tn_queue_take_dead(&queue));
        assert_true(queue.length <= 2 * TOLERATED);
        if (i == 3 * TOLERATED)
            footprint = tn_heap_footprint();
    }
    if (footprint > 0)
        assert_int_equal(tn_heap_footprint(), footprint);
    expect_empty();
    assert_int_equal(count_discarded(), 0);
}

TEST(the_living_keep_their_order_when_the_dead_are_thrown_out)
{
    begin();
    uint32_t living = 0;
    bool purged = false;
    for (uint32_t i = 0; i < 20000; i++) {
        size_t before = queue.length;
        tarn_future *future = push(living);
        purged = purged || queue.length <= before;
        if (i % 5 == 0)
            living++;
        else
            cancel(future);
        /* Never many more dead than living. */
        assert_true(queue.length <= 2 * (living + 1) + 2 * TOLERATED);
    }
    assert_true(purged);
    /* The newest entry may be thrown out as well: the next one must find the end. */
    push(living++);
    for (uint32_t i = 0; i < living; i++)
        expect(i);
    expect_empty();
}

TEST(a_few_dead_are_left_alone)
{
    begin();
    for (int i = 0; i < TOLERATED; i++)
        cancel(push(1));
    push(2);
    assert_int_equal(queue.length, TOLERATED + 1);
    expect(2);
    expect_empty();
}

/* It counts down as well when an entry goes before it was counted. */
TEST(a_count_below_zero_is_none)
{
    begin();
    tn_u32_sub_relaxed(&discarded, 5);
    push(1);
    push(2);
    expect(1);
    expect(2);
    expect_empty();
}

/* ---- all at once ---- */

TEST(take_all_gives_everything_in_order_and_leaves_an_empty_queue)
{
    begin();
    tarn_future *futures[10];
    for (uint32_t i = 0; i < 10; i++)
        futures[i] = push(i);
    cancel(futures[4]);
    tarn_future *all = tn_queue_take_all(&queue);
    expect_empty();

    /* It can be used on. */
    push(77);
    uint32_t count = 0;
    while (all) {
        tarn_future *future = all;
        all = future->link;
        assert_int_equal(future->executor, count);
        count++;
        bool dead = tn_future_word(future) & TN_FINISHED;
        assert_int_equal(dead, count == 5);
        tn_cell_release(future, TN_OWNER_QUEUE);
        if (!dead)
            tarn_drop(future);
    }
    assert_int_equal(count, 10);
    expect(77);
    expect_empty();
}
