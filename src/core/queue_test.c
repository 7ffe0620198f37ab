/* SPDX-License-Identifier: Apache-2.0 */
#include "core/queue.h"

#include "core/future.h"
#include "core/heap.h"
#include "core/view.h"
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

TEST(after_a_trim_an_entry_is_there_if_one_can_start)
{
    for (uint32_t pattern = 0; pattern < 64; pattern++) {
        begin();
        tarn_future *futures[6];
        for (uint32_t i = 0; i < 6; i++)
            futures[i] = push(i);
        uint32_t dead = 0;
        for (uint32_t i = 0; i < 6; i++) {
            if (pattern & 1u << i)
                cancel(futures[i]);
        }
        while (pattern & 1u << dead)
            dead++;
        tn_queue_trim(&queue);
        assert_int_equal(queue.length, 6 - dead);
        tn_queue_bury(tn_queue_take_dead(&queue));
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

/* ---- levels ---- */

enum { HIGH, NORMAL, LOW };

static tn_view views[TN_LEVELS] = {
    [HIGH] = {.options = {.priority = TARN_PRIORITY_HIGH}},
    [NORMAL] = {.options = {.retries = 1}},
    [LOW] = {.options = {.priority = TARN_PRIORITY_LOW}},
};

static tarn_future *push_to(int level, uint32_t number)
{
    tarn_future *future = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_non_null(future);
    future->executor = number;
    tn_cell_need_ext(future)->view = &views[level];
    tn_u32_or_relaxed(&future->state, TN_SPECIAL);
    tn_queue_push(&queue, future, 1);
    return future;
}

/* Starts the next one, and gives its level, which is its number; -1: there is none. */
static int start_level(void)
{
    tarn_future *future = start();
    if (!future)
        return -1;
    int level = (int)future->executor;
    tn_cell_release(future, TN_OWNER_QUEUE);
    tarn_drop(future);
    return level;
}

static void drop_all(void)
{
    while (start_level() >= 0)
        continue;
    expect_empty();
}

TEST(levels_come_one_after_the_other_and_each_in_order)
{
    begin();
    for (uint32_t i = 0; i < 4; i++) {
        for (int level = LOW; level >= HIGH; level--)
            push_to(level, (uint32_t)level * 10 + i);
    }
    push(14);
    static const uint32_t order[] = {0, 1, 2, 3, 10, 11, 12, 13, 14, 20, 21, 22, 23};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        expect(order[i]);
    expect_empty();
}

/* Two levels, in every pair, of which the upper one is never empty. */
TEST(every_16th_start_is_of_the_next_level_that_has_any)
{
    static const int pairs[][2] = {{HIGH, NORMAL}, {HIGH, LOW}, {NORMAL, LOW}};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        begin();
        for (int i = 0; i < 600; i++) {
            push_to(pairs[k][0], (uint32_t)pairs[k][0]);
            push_to(pairs[k][1], (uint32_t)pairs[k][1]);
        }
        for (int turn = 1; turn <= 600; turn++)
            assert_int_equal(start_level(), pairs[k][turn % 16 == 0]);
        drop_all();
    }
}

TEST(every_256th_start_is_of_the_lowest_level)
{
    begin();
    for (int i = 0; i < 1100; i++) {
        for (int level = HIGH; level <= LOW; level++)
            push_to(level, (uint32_t)level);
    }
    for (int turn = 1; turn <= 1100; turn++) {
        int expected = turn % 256 == 0 ? LOW : turn % 16 == 0 ? NORMAL : HIGH;
        assert_int_equal(start_level(), expected);
    }
    drop_all();
}

TEST(a_level_alone_is_served_at_every_turn)
{
    for (int level = HIGH; level <= LOW; level++) {
        begin();
        for (uint32_t i = 0; i < 600; i++)
            push_to(level, i);
        for (uint32_t i = 0; i < 600; i++)
            expect(i);
        expect_empty();
    }
}

TEST(dead_entries_and_looks_in_vain_take_no_turn)
{
    begin();
    for (int i = 0; i < 40; i++) {
        push_to(LOW, LOW);
        push_to(HIGH, HIGH);
    }
    for (int i = 0; i < 100; i++)
        cancel(push_to(i % 2 ? HIGH : LOW, 77));
    for (int turn = 1; turn <= 40; turn++)
        assert_int_equal(start_level(), turn % 16 == 0 ? LOW : HIGH);
    drop_all();

    begin();
    for (int i = 0; i < 15; i++)
        expect_empty();
    push_to(LOW, LOW);
    push_to(HIGH, HIGH);
    assert_int_equal(start_level(), HIGH);
    assert_int_equal(start_level(), LOW);
}

TEST(all_levels_are_given_from_high_to_low)
{
    begin();
    for (uint32_t i = 0; i < 3; i++) {
        for (int level = LOW; level >= HIGH; level--)
            push_to(level, (uint32_t)level * 10 + i);
    }
    tarn_future *all = tn_queue_take_all(&queue);
    expect_empty();
    for (uint32_t i = 0; i < 9; i++) {
        tarn_future *future = all;
        assert_non_null(future);
        assert_int_equal(future->executor, i / 3 * 10 + i % 3);
        all = future->link;
        tn_cell_release(future, TN_OWNER_QUEUE);
        tarn_drop(future);
    }
    assert_null(all);
}

TEST(each_level_keeps_its_order_when_the_dead_are_thrown_out)
{
    begin();
    uint32_t living = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        int level = (int)(i % TN_LEVELS);
        if (i % 10 < 2)
            push_to(level, (uint32_t)level * 100000 + living++);
        else
            cancel(push_to(level, 77));
    }
    assert_true(queue.length <= living + 2 * TOLERATED);
    uint32_t last[TN_LEVELS] = {0};
    for (uint32_t i = 0; i < living; i++) {
        tarn_future *future = start();
        assert_non_null(future);
        uint32_t level = future->executor / 100000, number = future->executor % 100000 + 1;
        assert_true(number > last[level]);
        last[level] = number;
        tn_cell_release(future, TN_OWNER_QUEUE);
        tarn_drop(future);
    }
    expect_empty();
}

/* ---- Put back, and taken ahead --------------------------------------------------------------- */

TEST(what_is_put_back_is_the_next)
{
    begin();
    for (uint32_t i = 0; i < 3; i++)
        push(i);
    tarn_future *first = tn_queue_start(&queue), *second = tn_queue_start(&queue);
    tn_future_retry(second);
    tn_queue_put_back(&queue, second);
    tn_future_retry(first);
    tn_queue_put_back(&queue, first);
    assert_int_equal(queue.length, 3);
    for (uint32_t i = 0; i < 3; i++)
        expect(i);
    expect_empty();
    /* Into an empty one, and more behind it. */
    push(7);
    first = tn_queue_start(&queue);
    tn_future_retry(first);
    tn_queue_put_back(&queue, first);
    push(8);
    expect(7);
    expect(8);
    expect_empty();
}

TEST(what_can_still_start_is_counted)
{
    begin();
    for (uint32_t i = 0; i < 4; i++)
        push(i);
    cancel(queue.levels[1].first->link);
    assert_int_equal(queue.length, 4);
    assert_int_equal(tn_queue_count(&queue), 3);
    expect(0);
    expect(2);
    expect(3);
    expect_empty();
}

TEST(any_entry_can_be_taken_out)
{
    tarn_future *futures[3];
    for (uint32_t out = 0; out < 3; out++) {
        begin();
        for (uint32_t i = 0; i < 3; i++)
            futures[i] = push(i);
        assert_true(tn_queue_remove(&queue, futures[out]));
        assert_false(tn_queue_remove(&queue, futures[out]));
        assert_int_equal(queue.length, 2);
        push(3);
        for (uint32_t i = 0; i < 4; i++) {
            if (i != out)
                expect(i);
        }
        expect_empty();
        tn_cell_release(futures[out], TN_OWNER_QUEUE);
        tarn_drop(futures[out]);
    }
}

TEST(what_has_a_time_limit_is_not_started_ahead)
{
    static tn_limit limit;
    begin();
    push(0);
    tarn_future *limited = push(1);
    push(2);
    tn_ext *ext = tn_cell_need_ext(limited);
    assert_non_null(ext);
    ext->limit = &limit;
    tn_u32_or_relaxed(&limited->state, TN_SPECIAL);
    tarn_future *ahead = tn_queue_start_ahead(&queue);
    assert_int_equal(ahead->executor, 0);
    tn_cell_release(ahead, TN_OWNER_QUEUE);
    tarn_drop(ahead);
    assert_null(tn_queue_start_ahead(&queue));
    assert_int_equal(queue.length, 2);
    /* One that is dead holds nothing up. */
    ext->limit = NULL;
    tn_u32_and_relaxed(&limited->state, ~TN_SPECIAL);
    cancel(limited);
    ahead = tn_queue_start_ahead(&queue);
    assert_int_equal(ahead->executor, 2);
    tn_cell_release(ahead, TN_OWNER_QUEUE);
    tarn_drop(ahead);
    tn_queue_bury(tn_queue_take_dead(&queue));
    expect_empty();
}
