/* SPDX-License-Identifier: Apache-2.0 */

/* At each step of the protocol (src/process/README.md) whoever is there dies, or one of the others
 * does while it stands there. What then becomes of each task is known exactly. */
#include "runner.h"
#include "scene.h"

#include <stdlib.h>

enum { TASKS = 3 };

/* ---- Retries, and how workers begin ---------------------------------------------------------- */

static void run_both(scene s)
{
    for (s.retries = 0; s.retries < 2; s.retries++)
        run_scene(&s);
}

static void run_all_four(scene s)
{
    s.start = TARN_START_FORK;
    run_both(s);
    s.start = TARN_START_SPAWN;
    run_both(s);
}

/* ---- The worker's steps ---------------------------------------------------------------------- */

/* Calls of a worker, in order: see burst(). */
enum { CALLS_BEFORE = 3, CALLS_AFTER = 2, RUNS_BEFORE = 1, RUNS_AFTER = 1 };

static bool is_of_each_call(int step)
{
    return step == TN_STEP_CLAIMING || step == TN_STEP_CLAIMED || step == TN_STEP_WRITTEN ||
           step == TN_STEP_REPLY_MARKED || step == TN_STEP_PUBLISHED || step == TN_STEP_TOLD;
}

static unsigned passes_of_worker(int step, int tasks)
{
    return is_of_each_call(step) ? CALLS_BEFORE + (unsigned)tasks + CALLS_AFTER
           : step == TN_STEP_RAN ? RUNS_BEFORE + (unsigned)tasks + RUNS_AFTER
                                 : 1;
}

/* The task that is lost with a worker at a pass of a step; -1: none. */
static int lost_at(int step, unsigned pass, int tasks)
{
    int task = step == TN_STEP_CLAIMED || step == TN_STEP_WRITTEN ? (int)pass - 1 - CALLS_BEFORE
               : step == TN_STEP_RAN                              ? (int)pass - 1 - RUNS_BEFORE
                                                                  : -1;
    return task < tasks ? task : -1;
}

static void die_at_worker_step(int step, deed what, int tasks)
{
    for (unsigned pass = 1; pass <= passes_of_worker(step, tasks); pass++) {
        int lost = lost_at(step, pass, tasks);
        scene s = {.play = burst,
                   .tasks = tasks,
                   .rules = {{.step = step, .pass = pass, .deed = what}},
                   .lost = lost < 0 ? -1 : lost,
                   .ran = step != TN_STEP_CLAIMED,
                   .start = step == TN_STEP_RECEIVING ? TARN_START_SPAWN : TARN_START_FORK};
        if (step > TN_STEP_RECEIVING && step <= TN_STEP_MAPPED)
            run_all_four(s);
        else
            run_both(s);
    }
}

static const scene crowded = {
    .play = crowd, .crowded = true, .bare = true, .tasks = 40, .lost = -1};

static void die_in_crowd(int step, deed what)
{
    scene s = crowded;
    s.rules[0] = (rule){.step = step, .pass = 1, .deed = what};
    run_both(s);
}

static void test_worker_step(int step)
{
    size_t rounds = test_count_at_night(10);
    for (deed what = KILL_WORKERS; what <= KILL_HOST; what++) {
        for (size_t i = 0; i < rounds; i++) {
            if (step == TN_STEP_SKIPPED)
                die_in_crowd(step, what);
            else
                die_at_worker_step(step, what, TASKS + 5 * (int)i);
        }
    }
}

/* ---- The server's steps ---------------------------------------------------------------------- */

static unsigned passes_of_server(int step)
{
    switch (step) {
    case TN_STEP_SPAWN_TAKEN:
    case TN_STEP_EXECUTED:
    case TN_STEP_CHILD_MADE:
    case TN_STEP_SPAWN_TOLD:
    case TN_STEP_DEATH_SEEN:
    case TN_STEP_BURIED:
    case TN_STEP_DEATH_TOLD:
        return 3; /* life() needs so many workers */
    default:
        return 1;
    }
}

static bool has_workers(int step)
{
    return step == TN_STEP_EXECUTED || step == TN_STEP_CHILD_MADE || step == TN_STEP_SPAWN_TOLD ||
           step == TN_STEP_KILL_TAKEN;
}

static void die_at_server_step(int step, deed what, unsigned pass)
{
    scene s = {.play = life,
               .tasks = LIFE_TASKS,
               .rules = {{.step = step, .pass = pass, .deed = what}},
               .lost = -1,
               .start = TARN_START_SPAWN};
    /* The host has heard of the worker, which would take a call. */
    if (step == TN_STEP_SPAWN_TOLD) {
        s.rules[0].once_one_stands = true;
        s.rules[1] = (rule){.step = TN_STEP_MAPPED, .pass = pass, .deed = STAND};
    }
    if (step == TN_STEP_EXECUTED)
        run_both(s);
    else
        run_all_four(s);
}

static void test_server_step(int step)
{
    size_t rounds = test_count_at_night(10);
    for (deed what = KILL_WORKERS; what <= KILL_HOST; what++) {
        if (what == KILL_WORKERS && !has_workers(step))
            continue;
        for (unsigned pass = 1; pass <= passes_of_server(step); pass++) {
            for (size_t i = 0; i < rounds; i++)
                die_at_server_step(step, what, pass);
        }
    }
}

/* ---- The host's steps ------------------------------------------------------------------------ */

/* So many at least there are in a life(). */
static unsigned passes_of_host(int step)
{
    switch (step) {
    case TN_STEP_ASKING:
    case TN_STEP_ASKED:
        return 3;
    case TN_STEP_HEARD:
        return 7;
    case TN_STEP_SLOT_WRITTEN:
    case TN_STEP_CALL_MARKED:
    case TN_STEP_PUSHED:
    case TN_STEP_HARVESTED:
        return 8;
    case TN_STEP_QUEUED:
    case TN_STEP_ENDING:
    case TN_STEP_ENDED:
        return LIFE_TASKS;
    default:
        return 1;
    }
}

static void host_dies_at(int step)
{
    scene s = {.play = life, .tasks = LIFE_TASKS, .lost = -1};
    if (step == TN_STEP_REVOKED)
        s = crowded;
    for (unsigned pass = 1; pass <= passes_of_host(step); pass++) {
        s.rules[0] = (rule){.step = step, .pass = pass, .deed = KILL_HOST};
        s.heir = pass % 2 == 1 && !s.crowded;
        run_both(s);
    }
}

/* While the host stands at a pass of a step, and a worker at one of its own. */
enum { NOBODY, WORKERS, SERVER, BOTH };

static const struct row {
    int host, pass;
    play *play;
    int worker, worker_pass; /* 0: wherever it may be */
    int who;  /* is there to be killed: WORKERS, SERVER or BOTH, one after the other */
    int lost; /* the task, or NONE */
} rows[] = {
#define NONE (-1)
    {TN_STEP_SERVER_STARTED, 1, burst, 0, 0, SERVER, NONE},
    {TN_STEP_HEARD, 1, burst, 0, 0, SERVER, NONE}, /* its greeting */
    {TN_STEP_ASKING, 1, burst, 0, 0, SERVER, NONE},
    {TN_STEP_ASKED, 1, burst, TN_STEP_WORKER_BEGUN, 1, BOTH, NONE},
    {TN_STEP_ASKED, 1, burst, TN_STEP_BOUND, 1, BOTH, NONE},
    {TN_STEP_ASKED, 1, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_HEARD, 2, burst, TN_STEP_MAPPED, 1, BOTH, NONE}, /* that there is a worker */
    /* The first call says what the task is, the second one is task 0. */
    {TN_STEP_SLOT_WRITTEN, 1, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_SLOT_WRITTEN, 2, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_CALL_MARKED, 1, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_CALL_MARKED, 2, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 1, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 1, burst, TN_STEP_CLAIMED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 1, burst, TN_STEP_PUBLISHED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_CLAIMED, 1, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_CLAIMING, 2, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_CLAIMED, 2, BOTH, 0},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_RAN, 1, BOTH, 0},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_WRITTEN, 2, BOTH, 0},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_REPLY_MARKED, 2, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_PUBLISHED, 2, BOTH, NONE},
    {TN_STEP_PUSHED, 2, burst, TN_STEP_TOLD, 2, BOTH, NONE},
    {TN_STEP_QUEUED, 1, burst, TN_STEP_MAPPED, 1, BOTH, NONE},
    {TN_STEP_QUEUED, 1, burst, TN_STEP_CLAIMED, 2, BOTH, 0},
    {TN_STEP_QUEUED, 1, burst, TN_STEP_PUBLISHED, 2, BOTH, NONE},
    {TN_STEP_HARVESTED, 1, burst, TN_STEP_TOLD, 1, BOTH, NONE},
    {TN_STEP_HARVESTED, 2, burst, TN_STEP_TOLD, 2, BOTH, NONE},
    {TN_STEP_ENDING, 1, burst, TN_STEP_TOLD, 2, BOTH, NONE},
    {TN_STEP_ENDED, 1, burst, TN_STEP_TOLD, 2, BOTH, NONE},
    {TN_STEP_KILL_SENT, 1, life, 0, 0, SERVER, NONE},
    /* That the worker has ended that was stopped, is there, and has ended that crashed. */
    {TN_STEP_HEARD, 3, life, 0, 0, SERVER, NONE},
    {TN_STEP_HEARD, 4, life, TN_STEP_MAPPED, 2, BOTH, NONE},
    {TN_STEP_HEARD, 5, life, 0, 0, SERVER, NONE},
    {TN_STEP_SHUT, 1, burst, TN_STEP_TOLD, 1 + TASKS, BOTH, NONE},
    {TN_STEP_FINALIZING, 1, life, 0, 0, BOTH, NONE},
    {TN_STEP_CHANNEL_CLOSED, 1, life, 0, 0, SERVER, NONE},
    {TN_STEP_CHANNEL_CLOSED, 1, burst, TN_STEP_TOLD, 1 + TASKS, BOTH, NONE},
    {TN_STEP_LEAVE_SENT, 1, life, 0, 0, SERVER, NONE},
    {TN_STEP_SOCKET_CLOSED, 1, life, 0, 0, SERVER, NONE},
    {TN_STEP_REVOKED, 1, crowd, 0, 0, BOTH, NONE},
#undef NONE
};

static void play_row(const struct row *row, deed what)
{
    scene s = {.play = row->play,
               .tasks = row->play == life ? LIFE_TASKS : TASKS,
               .bare = row->play == burst,
               .rules = {{.step = row->host,
                          .pass = (unsigned)row->pass,
                          .deed = what,
                          .once_one_stands = row->worker != 0},
                         {.step = row->worker, .pass = (unsigned)row->worker_pass, STAND}},
               .lost = row->lost,
               .ran = row->worker != TN_STEP_CLAIMED};
    if (row->play == crowd) {
        s = crowded;
        s.rules[0] = (rule){.step = row->host, .pass = (unsigned)row->pass, .deed = what};
    }
    run_all_four(s);
}

static void others_die_while_host_is_at(int step)
{
    int n = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].host != step)
            continue;
        n++;
        if (rows[i].who & WORKERS)
            play_row(&rows[i], KILL_WORKERS);
        if (rows[i].who & SERVER)
            play_row(&rows[i], KILL_SERVER);
    }
    bool nobody_is_there = step == TN_STEP_SERVER_BURIED || step == TN_STEP_POOL_LEFT;
    assert_int_equal(n == 0, nobody_is_there);
}

static void test_host_step(int step)
{
    size_t rounds = test_count_at_night(10);
    for (size_t i = 0; i < rounds; i++) {
        host_dies_at(step);
        others_die_while_host_is_at(step);
    }
}

/* ---- A test for each ------------------------------------------------------------------------- */

#define SERVER_TEST(number, name) \
    TEST(deaths_while_the_server_is_at_##number##_##name) \
    { \
        test_server_step(number); \
    }
#define WORKER_TEST(number, name) \
    TEST(deaths_while_a_worker_is_at_##number##_##name) \
    { \
        test_worker_step(number); \
    }
#define HOST_TEST(number, name) \
    TEST(deaths_while_the_host_is_at_##number##_##name) \
    { \
        test_host_step(number); \
    }
TN_SERVER_STEPS(SERVER_TEST)
TN_WORKER_STEPS(WORKER_TEST)
TN_HOST_STEPS(HOST_TEST)

TEST(the_host_dies_at_any_moment_under_load)
{
    enum { MOST_NANOSECONDS = 30 * 1000 * 1000 };
    size_t rounds = test_count_at_night(1000);
    unsigned seed = 1;
    for (size_t i = 0; i < rounds; i++) {
        scene s = {.play = labour,
                   .bare = i % 3 == 0,
                   .heir = i % 2 == 0,
                   .start = i % 4 == 0 ? TARN_START_SPAWN : TARN_START_FORK,
                   .retries = i % 8 < 4,
                   .lost = -1,
                   .kill_after = 1 + rand_r(&seed) % MOST_NANOSECONDS};
        run_scene(&s);
    }
}
