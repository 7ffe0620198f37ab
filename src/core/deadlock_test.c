/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deadlock.h"

#include "core/future.h"
#include "platform/memory.h"
#include "runner.h"

/* A task that runs on a worker of its own, and may wait for others. */
enum { MOST = 12 };

typedef struct actor {
    uint16_t runner;
    tarn_future *future;
    tn_wait wait;
    const tarn_future *needs[MOST];
    size_t count;
    bool loose; /* others may end its wait in ways of their own */
} actor;

static bool each_need(const tn_wait *wait, bool (*visit)(const tarn_future *, void *), void *data)
{
    const actor *a = (const void *)((const char *)wait - offsetof(actor, wait));
    for (size_t i = 0; i < a->count && visit(a->needs[i], data); i++)
        continue;
    return !a->loose;
}

static tarn_future *new_future(uint32_t state, uint16_t runner)
{
    tarn_future *future = tn_cell_new(NULL, 0, 0);
    assert_non_null(future);
    tn_u32_or_relaxed(&future->state, state);
    tn_u16_store_relaxed(&future->runner, runner);
    return future;
}

static void begin(actor *actors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        actors[i] = (actor){.wait.each = each_need};
        actors[i].runner = tn_deadlock_enter();
        assert_int_not_equal(actors[i].runner, TN_NO_RUNNER);
        actors[i].future = new_future(TN_RUNNING, actors[i].runner);
    }
}

static void end(actor *actors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tn_deadlock_remove(actors[i].runner);
        tn_deadlock_leave(actors[i].runner);
        tarn_drop(actors[i].future);
    }
}

static void need(actor *a, const tarn_future *future)
{
    a->needs[a->count++] = future;
}

static bool wait_for(actor *a, bool any)
{
    a->wait.any = any;
    return tn_deadlock_add(a->runner, &a->wait);
}

static bool wait_for_one(actor *a, const actor *other)
{
    a->count = 0;
    need(a, other->future);
    return wait_for(a, false);
}

/* ---- chains and cycles ---- */

TEST(a_chain_that_ends_in_a_task_that_runs_is_fine)
{
    actor a[MOST];
    begin(a, MOST);
    for (int i = 0; i + 1 < MOST; i++)
        assert_true(wait_for_one(&a[i], &a[i + 1]));
    end(a, MOST);

    /* Also when the waits come from the other end. */
    begin(a, MOST);
    for (int i = MOST - 2; i >= 0; i--)
        assert_true(wait_for_one(&a[i], &a[i + 1]));
    end(a, MOST);
}

TEST(exactly_the_wait_that_closes_a_cycle_is_refused)
{
    static const int lengths[] = {1, 2, 5, MOST};
    for (int l = 0; l < 4; l++) {
        int n = lengths[l];
        for (int first = 0; first < n; first++) {
            actor a[MOST];
            begin(a, MOST);
            for (int i = 0; i < n; i++) {
                int who = (first + i * 7) % n; /* all of them, in a mixed order */
                assert_int_equal(wait_for_one(&a[who], &a[(who + 1) % n]), i + 1 < n);
            }
            end(a, MOST);
        }
    }
}

TEST(a_refused_wait_leaves_its_task_able_to_go_on)
{
    actor a[3];
    begin(a, 3);
    assert_true(wait_for_one(&a[0], &a[1]));
    assert_false(wait_for_one(&a[1], &a[0]));
    /* a[1] runs on: who waits for it, or for a[0], may. */
    assert_true(wait_for_one(&a[2], &a[1]));
    tn_deadlock_remove(a[2].runner);
    assert_true(wait_for_one(&a[2], &a[0]));
    /* And a[1] may wait for somebody else. */
    tn_deadlock_remove(a[2].runner);
    assert_true(wait_for_one(&a[1], &a[2]));
    end(a, 3);
}

TEST(a_wait_that_is_over_closes_no_cycle)
{
    actor a[2];
    begin(a, 2);
    for (int i = 0; i < 3; i++) {
        assert_true(wait_for_one(&a[0], &a[1]));
        assert_false(wait_for_one(&a[1], &a[0]));
        tn_deadlock_remove(a[0].runner);
        tn_deadlock_remove(a[0].runner);
        assert_true(wait_for_one(&a[1], &a[0]));
        tn_deadlock_remove(a[1].runner);
    }
    end(a, 2);
}

TEST(two_tasks_on_one_stack_share_the_wait_of_the_upper_one)
{
    actor a[2];
    begin(a, 2);
    tarn_future *above = new_future(TN_RUNNING, a[0].runner);
    assert_true(wait_for_one(&a[0], &a[1]));
    a[1].count = 0;
    need(&a[1], above);
    assert_false(wait_for(&a[1], false));
    end(a, 2);
    tarn_drop(above);
}

/* ---- what ends by itself ---- */

static void check_live(uint32_t state, bool own_runner)
{
    actor a[2];
    begin(a, 2);
    assert_true(wait_for_one(&a[0], &a[1]));
    /* Its runner, if it has one, is blocked: only its state says that it will end. */
    tarn_future *future = new_future(state, own_runner ? a[0].runner : (uint16_t)TN_NO_RUNNER);
    a[1].count = 0;
    need(&a[1], future);
    assert_true(wait_for(&a[1], false));
    end(a, 2);
    tarn_drop(future);
}

TEST(what_has_not_started_has_ended_or_is_a_promise_is_no_obstacle)
{
    check_live(TN_PENDING, true);
    check_live(TN_PENDING | TN_SEIZED, true);
    check_live(TN_FINISHED, true);
    check_live(TN_CANCELLED, true);
    check_live(TN_PENDING | TN_PROMISE, true);
    check_live(TN_RUNNING, false);
    /* What the helper builds would be an obstacle otherwise. */
    actor a[2];
    begin(a, 2);
    assert_true(wait_for_one(&a[0], &a[1]));
    tarn_future *future = new_future(TN_RUNNING, a[0].runner);
    a[1].count = 0;
    need(&a[1], future);
    assert_false(wait_for(&a[1], false));
    end(a, 2);
    tarn_drop(future);
}

/* ---- any and all ---- */

TEST(a_wait_for_any_needs_one_that_lives)
{
    actor a[4];
    begin(a, 4);
    assert_true(wait_for_one(&a[1], &a[0]));
    assert_true(wait_for_one(&a[2], &a[0]));
    need(&a[0], a[1].future);
    need(&a[0], a[2].future);
    need(&a[0], a[3].future);
    assert_true(wait_for(&a[0], true));
    end(a, 4);
}

TEST(a_wait_for_any_of_the_dead_is_refused)
{
    actor a[4];
    begin(a, 4);
    for (int i = 1; i < 4; i++) {
        assert_true(wait_for_one(&a[i], &a[0]));
        need(&a[0], a[i].future);
    }
    assert_false(wait_for(&a[0], true));
    end(a, 4);
}

TEST(a_wait_for_all_needs_all_alive)
{
    actor a[4];
    begin(a, 4);
    assert_true(wait_for_one(&a[3], &a[0]));
    need(&a[0], a[1].future);
    need(&a[0], a[2].future);
    need(&a[0], a[3].future);
    assert_false(wait_for(&a[0], false));
    a[0].count = 2;
    assert_true(wait_for(&a[0], false));
    end(a, 4);
}

TEST(a_ring_with_a_way_out_is_found_to_live)
{
    /* 0: all of 1, 2. 1: any of 0, 3. 2: all of 1. 3 runs. */
    actor a[4];
    begin(a, 4);
    need(&a[1], a[0].future);
    need(&a[1], a[3].future);
    assert_true(wait_for(&a[1], true));
    need(&a[2], a[1].future);
    assert_true(wait_for(&a[2], false));
    need(&a[0], a[1].future);
    need(&a[0], a[2].future);
    assert_true(wait_for(&a[0], false));

    /* The way out closes: 3 waits for 0, and only that is refused. */
    assert_false(wait_for_one(&a[3], &a[0]));
    end(a, 4);
}

/* ---- against another way to find out ---- */

static uint32_t random_state = 12345;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % n;
}

/* Who could end, if every task that does not wait ended now, and then those who waited for it. */
static bool can_all_end(const actor *a, const bool *waits, int n)
{
    bool ended[MOST] = {false};
    for (int round = 0; round <= n; round++) {
        for (int i = 0; i < n; i++) {
            size_t have = 0;
            for (size_t j = 0; j < a[i].count; j++) {
                for (int k = 0; k < n; k++)
                    have += a[i].needs[j] == a[k].future && ended[k];
            }
            ended[i] = ended[i] || !waits[i] || (a[i].wait.any ? have > 0 : have == a[i].count);
        }
    }
    for (int i = 0; i < n; i++) {
        if (!ended[i])
            return false;
    }
    return true;
}

TEST(random_waits_are_judged_as_if_they_were_played)
{
    size_t refused = 0, rounds = test_count(20000);
    for (size_t round = 0; round < rounds; round++) {
        actor a[MOST];
        bool waits[MOST] = {false};
        int n = 2 + (int)random_below(MOST - 1);
        begin(a, (size_t)n);
        for (int step = 0; step < 2 * n; step++) {
            actor *one = &a[random_below((uint32_t)n)];
            if (waits[one - a]) {
                tn_deadlock_remove(one->runner);
                waits[one - a] = false;
            }
            one->count = 0;
            for (uint32_t i = 1 + random_below(3); i > 0; i--)
                need(one, a[random_below((uint32_t)n)].future);
            one->wait.any = random_below(2);
            waits[one - a] = true;
            bool fine = can_all_end(a, waits, n);
            assert_int_equal(wait_for(one, one->wait.any), fine);
            waits[one - a] = fine;
            refused += !fine;
        }
        end(a, (size_t)n);
    }
    /* Both answers were given, many times. */
    assert_true(refused > rounds);
    assert_true(refused < rounds * MOST);
}

/* ---- places ---- */

TEST(places_are_given_out_once_and_again_after_they_were_given_back)
{
    uint16_t first = tn_deadlock_enter(), second = tn_deadlock_enter();
    assert_int_not_equal(first, second);
    tn_deadlock_leave(first);
    assert_int_equal(tn_deadlock_enter(), first);
    tn_deadlock_leave(second);
    tn_deadlock_leave(first);
}

TEST(without_a_place_a_wait_counts_as_one_that_ends)
{
    uint16_t *all = tn_alloc_array(TN_NO_RUNNER, sizeof *all);
    unsigned char *seen = tn_alloc(TN_NO_RUNNER);
    assert_non_null(all);
    assert_non_null(seen);
    for (size_t i = 0; i < TN_NO_RUNNER; i++) {
        all[i] = tn_deadlock_enter();
        assert_int_not_equal(all[i], TN_NO_RUNNER);
        assert_false(seen[all[i]]);
        seen[all[i]] = 1;
    }
    assert_int_equal(tn_deadlock_enter(), TN_NO_RUNNER);
    assert_int_equal(tn_deadlock_enter(), TN_NO_RUNNER);

    /* It waits for one that waits for it, and nobody can tell. */
    actor a[2] = {{.wait.each = each_need}, {.wait.each = each_need}};
    a[0].runner = all[TN_NO_RUNNER - 1];
    a[1].runner = TN_NO_RUNNER;
    for (int i = 0; i < 2; i++)
        a[i].future = new_future(TN_RUNNING, a[i].runner);
    assert_true(wait_for_one(&a[0], &a[1]));
    assert_true(wait_for_one(&a[1], &a[0]));
    tn_deadlock_remove(a[1].runner);
    tn_deadlock_remove(a[0].runner);
    tarn_drop(a[0].future);
    tarn_drop(a[1].future);

    tn_deadlock_leave(TN_NO_RUNNER);
    assert_int_equal(tn_deadlock_enter(), TN_NO_RUNNER);
    for (size_t i = 0; i < TN_NO_RUNNER; i++)
        tn_deadlock_leave(all[i]);
    uint16_t again = tn_deadlock_enter();
    assert_int_not_equal(again, TN_NO_RUNNER);
    tn_deadlock_leave(again);
    tn_free(seen);
    tn_free(all);
}

TEST(a_wait_that_others_may_end_counts_as_live)
{
    actor a[3];
    begin(a, 3);
    for (size_t i = 0; i < 3; i++) {
        a[i].needs[0] = a[(i + 1) % 3].future;
        a[i].count = 1;
    }
    a[1].loose = true;
    assert_true(tn_deadlock_add(a[0].runner, &a[0].wait));
    assert_true(tn_deadlock_add(a[1].runner, &a[1].wait));
    assert_true(tn_deadlock_add(a[2].runner, &a[2].wait));
    end(a, 3);
}
