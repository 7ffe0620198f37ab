/* SPDX-License-Identifier: Apache-2.0 */

/* Which of the queued tasks starts next. */
#include "full.h"

enum { LEVELS = 3, MOST = 600 };

static const int priorities[LEVELS] = {TARN_PRIORITY_LOW, TARN_PRIORITY_NORMAL, TARN_PRIORITY_HIGH};

/* One worker, which stands at a gate while the tasks are queued, and the order in which they
 * ran. */
struct race {
    tarn_executor *pool;
    tarn_executor *views[LEVELS];
    tarn_future *blocker;
    struct gate gate;
    int order[MOST]; /* numbers, as they started; of the worker until it has shut down */
    int started;
    int left; /* for floods: how many more are to come */
};

static void note_start_of(struct race *race, int number)
{
    race->order[race->started++] = number;
}
TARN_TASK(void, note_start_of, struct race *, int);

static void race_open(struct race *race)
{
    *race = (struct race){.gate = GATE_CLOSED};
    race->pool = pool_of(1);
    for (int i = 0; i < LEVELS; i++)
        race->views[i] = tarn_with(race->pool, .priority = priorities[i]);
    pool_block(race->pool, &race->gate, &race->blocker, 1);
}

static void race_run(struct race *race)
{
    pool_unblock(&race->gate, &race->blocker, 1);
    /* A shutdown would refuse what its tasks submit. */
    assert_int_equal(tarn_drain(race->pool, TARN_FOREVER), TARN_OK);
    pool_close(race->pool);
}

CONTRACT_TEST(what_is_not_said_is_normal, GATES)
{
    struct race race;
    race_open(&race);
    assert_ptr_equal(race.views[1], race.pool);
    tarn_executor *limited = tarn_with(race.pool, .retries = 1);
    for (int i = 0; i < 10; i++)
        tarn_drop(note_start_of_submit(i % 2 ? race.pool : limited, &race, i));
    race_run(&race);
    assert_int_equal(race.started, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(race.order[i], i);
}

/* As many as start before a lower one has its turn. */
CONTRACT_TEST(a_higher_one_starts_first_and_equals_in_order, GATES)
{
    struct race race;
    race_open(&race);
    for (int i = 0; i < 12; i++)
        tarn_drop(note_start_of_submit(race.views[i % LEVELS], &race, i));
    race_run(&race);
    static const int expected[] = {2, 5, 8, 11, 1, 4, 7, 10, 0, 3, 6, 9};
    assert_int_equal(race.started, 12);
    assert_memory_equal(race.order, expected, sizeof(expected));
}

CONTRACT_TEST(within_a_level_the_order_is_kept_whatever_comes_between, GATES)
{
    enum { N = 540 };
    struct race race;
    race_open(&race);
    tarn_future *dead[60];
    for (int i = 0, k = 0; i < N; i++) {
        tarn_drop(note_start_of_submit(race.views[i * 7 % LEVELS], &race, i));
        if (i % 9 == 0)
            dead[k++] = note_start_of_submit(race.views[i % LEVELS], &race, -1);
    }
    assert_int_equal(tarn_cancel_all(dead, 60), 60);
    tarn_drop_all(dead, 60);
    race_run(&race);
    assert_int_equal(race.started, N);
    int last[LEVELS] = {-1, -1, -1};
    for (int i = 0; i < N; i++) {
        int level = race.order[i] * 7 % LEVELS;
        assert_true(race.order[i] > last[level]);
        last[level] = race.order[i];
    }
}

/* ---- Floods ---- */

TARN_TASK_DECLARE(void, flow, struct race *, int);

/* Submits another one of its kind before it ends: that level is never empty. */
static void flow(struct race *race, int level)
{
    note_start_of(race, level);
    if (race->left-- > 0)
        tarn_drop(flow_submit(race->views[level], race, level));
}
TARN_TASK_DEFINE(void, flow, struct race *, int);

/* Where in the order the n-th start of a level was; -1: it was not. */
static int find_start(const struct race *race, int level, int n)
{
    for (int i = 0; i < race->started; i++) {
        if (race->order[i] == level && n-- == 0)
            return i;
    }
    return -1;
}

/* Under a flood of the higher level every 16th start is one of the lower: that many are to start
 * while the flood lasts. */
static void run_flood(int high, int low)
{
    enum { LOWER = 10 };
    struct race race;
    race_open(&race);
    for (int i = 0; i < LOWER; i++)
        tarn_drop(note_start_of_submit(race.views[low], &race, low));
    race.left = 16 * (LOWER + 1);
    for (int i = 0; i < 2; i++)
        tarn_drop(flow_submit(race.views[high], &race, high));
    race_run(&race);
    for (int i = 0; i < LOWER; i++) {
        int at = find_start(&race, low, i);
        assert_in_range(at, 16 * i, 16 * (i + 1));
    }
}

CONTRACT_TEST(normal_tasks_start_under_a_flood_of_high_ones, NESTED)
{
    run_flood(2, 1);
}

CONTRACT_TEST(low_tasks_start_under_a_flood_of_high_ones, NESTED)
{
    run_flood(2, 0);
}

CONTRACT_TEST(low_tasks_start_under_a_flood_of_normal_ones, NESTED)
{
    run_flood(1, 0);
}

CONTRACT_TEST(no_level_starves_under_a_flood_of_the_others, NESTED)
{
    struct race race;
    race_open(&race);
    race.left = 540;
    tarn_drop(note_start_of_submit(race.views[0], &race, 0));
    for (int i = 0; i < 2; i++) {
        tarn_drop(flow_submit(race.views[2], &race, 2));
        tarn_drop(flow_submit(race.views[1], &race, 1));
    }
    race_run(&race);
    assert_in_range(find_start(&race, 0, 0), 0, 256);
    for (int i = 0; i < 10; i++)
        assert_in_range(find_start(&race, 1, i), 16 * i, 16 * (i + 2));
}

/* Dead entries before it have no turn of their own. */
CONTRACT_TEST(cancelled_tasks_do_not_keep_a_low_one_waiting, NESTED)
{
    enum { DEAD = 30 };
    struct race race;
    tarn_future *dead[DEAD];
    race_open(&race);
    for (int i = 0; i < DEAD; i++)
        dead[i] = note_start_of_submit(race.views[0], &race, -1);
    tarn_drop(note_start_of_submit(race.views[0], &race, 0));
    assert_int_equal(tarn_cancel_all(dead, DEAD), DEAD);
    tarn_drop_all(dead, DEAD);
    race.left = 60;
    for (int i = 0; i < 2; i++)
        tarn_drop(flow_submit(race.views[2], &race, 2));
    race_run(&race);
    assert_in_range(find_start(&race, 0, 0), 0, 16);
}
