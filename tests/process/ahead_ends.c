/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of what was given ahead when workers and servers die, leave or are too many, and when
 * the pool is shut down. */
#include "ahead.h"
#include "processes.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { N = 6 };

/* ---- Deaths ---------------------------------------------------------------------------------- */

TEST(a_crash_costs_the_task_that_ran_alone)
{
    scene s;
    tarn_future *futures[2 * N + 1];
    size_t rounds = test_count(50);
    size_t given = 0;
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds || given == 0; k++) {
        make_fast(&s);
        for (uint32_t i = 0; i < 2 * N + 1; i++)
            futures[i] = i == N ? crash_submit(s.pool, s.paper, i, k % 2 == 0 ? SIGSEGV : SIGKILL)
                                : note_submit(s.pool, s.paper, i);
        given += is_given(futures[N + 1]) && !tarn_done(futures[N]);
        assert_ended(futures + N, 1, TARN_LOST);
        assert_int_equal(runs_of(&s, N), 1);
        tarn_drop(futures[N]);
        assert_right(&s, futures, N, 0);
        assert_right(&s, futures + N + 1, N, N + 1);
        forget_books(&s);
    }
    scene_close(&s);
}

TEST(a_kill_by_the_pool_costs_the_task_that_ran_alone)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(50);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        await_begun(&s, 0);
        assert_int_equal(tarn_stop(futures[0], 0.0), TARN_OK);
        assert_ended(futures, 1, TARN_STOPPED);
        tarn_drop(futures[0]);
        assert_right(&s, futures + 1, N - 1, 1);
        forget_books(&s);
    }
    scene_close(&s);
}

/* It may have gone on to the next by then. */
TEST(a_kill_that_comes_late_costs_nobody)
{
    enum { CROWD = 16 };
    scene s;
    tarn_future *futures[CROWD];
    size_t rounds = test_count(300);
    scene_open(&s, .max_workers = 1);
    for (uint32_t k = 0; k < rounds; k++) {
        uint32_t which = k % CROWD;
        make_fast(&s);
        for (uint32_t i = 0; i < CROWD; i++)
            futures[i] = note_submit(s.pool, s.paper, i);
        assert_int_equal(tarn_stop(futures[which], 0.0), TARN_OK);
        tarn_status status = tarn_result(futures[which], NULL, NULL, 0);
        assert_true(status == TARN_OK || status == TARN_STOPPED || status == TARN_CANCELLED);
        assert_true(runs_of(&s, which) <= (status != TARN_CANCELLED));
        tarn_drop(futures[which]);
        assert_right(&s, futures, which, 0);
        assert_right(&s, futures + which + 1, CROWD - 1 - which, which + 1);
        forget_books(&s);
    }
    scene_close(&s);
}

static void kill_behind_a_crowd(bool server)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(50);
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds; k++) {
        crowd_all(&s, s.pool, futures, N);
        int pid = await_begun(&s, 0);
        assert_int_equal(kill(server ? find_server() : pid, SIGKILL), 0);
        assert_ended(futures, 1, TARN_LOST);
        assert_int_equal(tarn_error(futures[0])->lost, TARN_LOST_KILLED);
        assert_int_equal(tarn_error(futures[0])->pid, pid);
        assert_int_equal(runs_of(&s, 0), 1);
        tarn_drop(futures[0]);
        assert_right(&s, futures + 1, N - 1, 1);
        forget_books(&s);
    }
    scene_close(&s);
}

TEST(a_kill_from_outside_costs_the_task_that_ran_alone)
{
    kill_behind_a_crowd(false);
}

TEST(the_death_of_the_server_costs_the_task_that_ran_alone)
{
    kill_behind_a_crowd(true);
}

/* Nor does it end with its server if it has changed its rights. */
static uint32_t outlive(paper sheet, uint32_t number, int gate)
{
    struct block_arguments own = {sheet, number, gate};
    uint32_t result = 0;
    prctl(PR_SET_PDEATHSIG, 0);
    block_task.call(&own, &result);
    return result;
}
TARN_TASK(uint32_t, outlive, paper, uint32_t, int);

TEST(what_outlives_its_server_is_ended_before_its_task_is_lost)
{
    scene s;
    tarn_future *futures[N];
    size_t rounds = test_count(20), given = 0;
    scene_open(&s, .max_workers = 1);
    for (size_t k = 0; k < rounds || given == 0; k++) {
        make_fast(&s);
        for (uint32_t i = 0; i < N; i++)
            futures[i] =
                i == 0 ? outlive_submit(s.pool, s.paper, i, 0) : note_submit(s.pool, s.paper, i);
        pid_t worker = await_begun(&s, 0);
        given += is_given(futures[N - 1]);
        kill(find_server(), SIGKILL);
        assert_ended(futures, 1, TARN_LOST);
        char state = state_of(worker);
        assert_true(state == 0 || state == 'Z' || state == 'X');
        tarn_drop(futures[0]);
        assert_right(&s, futures + 1, N - 1, 1);
        forget_books(&s);
    }
    scene_close(&s);
}

TEST(a_loss_with_retries_is_tried_again_and_what_stood_behind_it_is_not)
{
    scene s;
    tarn_future *futures[N];
    scene_open(&s, .max_workers = 1);
    tarn_executor *again = tarn_with(s.pool, .retries = 2);
    make_fast(&s);
    for (uint32_t i = 0; i < N; i++)
        futures[i] =
            i == 0 ? crash_submit(again, s.paper, i, SIGSEGV) : note_submit(again, s.paper, i);
    assert_ended(futures, 1, TARN_LOST);
    assert_int_equal(tarn_error(futures[0])->attempts, 3);
    assert_int_equal(tarn_error(futures[0])->lost, TARN_LOST_POISON);
    assert_int_equal(runs_of(&s, 0), 3);
    tarn_drop(futures[0]);
    assert_right(&s, futures + 1, N - 1, 1);
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_drain(s.pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_executor_stats(s.pool, &stats), TARN_OK);
    assert_int_equal(stats.retried, 2);
    assert_int_equal(stats.lost, 1);
    assert_int_equal(stats.queued + stats.running, 0);
    scene_close(&s);
}

TEST(a_strict_pool_breaks_for_what_was_given_ahead_too)
{
    size_t rounds = test_count(20);
    for (size_t k = 0; k < rounds; k++) {
        scene s;
        tarn_future *futures[N];
        scene_open(&s, .max_workers = 1, .strict = true);
        crowd_all(&s, s.pool, futures, N);
        kill(await_begun(&s, 0), SIGKILL);
        assert_ended(futures, 1, TARN_LOST);
        assert_ended(futures + 1, N - 1, TARN_BROKEN);
        for (uint32_t i = 1; i < N; i++)
            assert_int_equal(runs_of(&s, i), 0);
        tarn_drop_all(futures, N);
        scene_close(&s);
    }
}

/* ---- Leaving --------------------------------------------------------------------------------- */

/* Whether each thread of this process sleeps but for this one. */
static bool all_sleep(void)
{
    pid_t threads[64];
    size_t n = threads_of_self(threads, 64), asleep = 0;
    for (size_t i = 0; i < n; i++)
        asleep += state_of(threads[i]) == 'S';
    return asleep + 1 == n;
}

/* It is looked at when it has ended something, and not all the time before. */
TEST(a_worker_that_leaves_at_once_is_not_watched)
{
    enum { LOOKS = 100 };
    scene s;
    tarn_stats stats = {.size = sizeof(stats)};
    scene_open(&s, .max_workers = 1, .idle_timeout = -1);
    for (uint32_t k = 0; k < 10; k++) {
        tarn_future *future = block_submit(s.pool, s.paper, k, 0);
        await_begun(&s, k);
        for (int looks = 0; looks < LOOKS; looks = all_sleep() ? looks + 1 : 0)
            sched_yield();
        gate_open(&s, 0);
        assert_right(&s, &future, 1, k);
        gate_close(&s, 0);
        do {
            assert_int_equal(tarn_executor_stats(s.pool, &stats), TARN_OK);
            sched_yield();
        } while (stats.workers > 0);
    }
    scene_close(&s);
}

static paper own_paper; /* of a worker, for what takes no argument */

enum { BEGUN = 3000, FINISHED = 3001 };

static void begin(paper sheet)
{
    struct note_arguments args = {sheet, BEGUN};
    uint32_t result;
    own_paper = sheet;
    note_task.call(&args, &result);
}
TARN_TASK(void, begin, paper);

static void finish(void)
{
    struct note_arguments args = {own_paper, FINISHED};
    uint32_t result;
    note_task.call(&args, &result);
}
TARN_TASK(void, finish, void);

/* Of each worker: how many tasks, between its beginning and its end. */
static void assert_lives(const entry *entries, size_t n, size_t most)
{
    for (size_t i = 0; i < n; i++) {
        size_t tasks = 0;
        bool ended = false;
        if (entries[i].number != BEGUN)
            continue;
        for (size_t k = i + 1; k < n; k++) {
            if (entries[k].pid != entries[i].pid)
                continue;
            assert_false(ended);
            assert_int_not_equal(entries[k].number, BEGUN);
            ended = entries[k].number == FINISHED;
            tasks += !ended;
        }
        assert_true(ended);
        assert_true(tasks <= most);
    }
}

TEST(a_worker_runs_no_more_tasks_than_it_may)
{
    enum { TASKS = 600, MOST = 20 };
    static tarn_future *futures[TASKS];
    static entry entries[MOST_NUMBERS];
    scene s;
    paper path = {"/tmp/tarn-begin-XXXXXX"};
    int file = mkostemp(path.name, 0);
    struct begin_arguments args = {path};
    scene_open(&s, .max_workers = 2, .max_tasks_per_worker = MOST, .initializer = &begin_task,
               .initializer_args = &args, .finalizer = &finish_task);
    memcpy(own_paper.name, s.paper.name, sizeof(own_paper.name));
    for (uint32_t i = 0; i < TASKS; i++)
        futures[i] = note_submit(s.pool, path, i);
    assert_ended(futures, TASKS, TARN_OK);
    tarn_drop_all(futures, TASKS);
    scene_close(&s);
    s.file = file;
    size_t n = read_books(&s, entries, MOST_NUMBERS);
    for (uint32_t i = 0; i < TASKS; i++)
        assert_int_equal(runs_of(&s, i), 1);
    /* Each but the last two to leave has run all that it may. */
    assert_true(runs_of(&s, BEGUN) >= TASKS / MOST);
    assert_int_equal(runs_of(&s, BEGUN), runs_of(&s, FINISHED));
    assert_lives(entries, n, MOST);
    close(file);
    unlink(path.name);
}

TEST(workers_that_are_too_many_leave_with_nothing_of_others)
{
    size_t rounds = test_count(20);
    for (size_t k = 0; k < rounds; k++) {
        scene s;
        tarn_future *futures[N];
        tarn_stats stats = {.size = sizeof(stats)};
        scene_open(&s, .max_workers = 2);
        crowd_all(&s, s.pool, futures, N);
        assert_int_equal(tarn_resize(s.pool, 1), TARN_OK);
        /* The one that is done leaves; what it had, and what the other had, runs. */
        gate_open(&s, 0);
        gate_open(&s, 1);
        assert_right(&s, futures, N, 0);
        do {
            assert_int_equal(tarn_executor_stats(s.pool, &stats), TARN_OK);
            sched_yield();
        } while (stats.workers > 1);
        scene_close(&s);
    }
}

/* ---- Shutdown -------------------------------------------------------------------------------- */

static void shut_down(bool cancel_pending, bool kill_running)
{
    size_t rounds = test_count(20);
    for (size_t k = 0; k < rounds; k++) {
        scene s;
        tarn_future *futures[N];
        scene_open(&s, .max_workers = 1);
        crowd_all(&s, s.pool, futures, N);
        await_begun(&s, 0);
        if (!kill_running)
            gate_open(&s, 0);
        assert_int_equal(
            tarn_shutdown(s.pool, .cancel_pending = cancel_pending, .kill_running = kill_running),
            TARN_OK);
        assert_ended(futures, 1, kill_running ? TARN_STOPPED : TARN_OK);
        for (uint32_t i = 1; i < N; i++) {
            tarn_status status = tarn_result(futures[i], NULL, NULL, 0);
            /* Whoever passes the gate may run it before it is taken back. */
            bool ran = runs_of(&s, i) > 0;
            if (!kill_running)
                assert_int_equal(status, ran ? TARN_OK : TARN_CANCELLED);
            else if (cancel_pending)
                assert_int_equal(status, TARN_CANCELLED);
            else
                assert_int_equal(status, TARN_OK);
            assert_int_equal(runs_of(&s, i), status == TARN_OK);
        }
        tarn_drop_all(futures, N);
        scene_leave(&s);
    }
}

TEST(a_shutdown_that_cancels_takes_back_what_was_given_ahead)
{
    shut_down(true, false);
}

TEST(a_shutdown_that_kills_runs_what_had_not_begun)
{
    shut_down(false, true);
}

TEST(a_shutdown_that_cancels_and_kills_cancels_what_was_given_ahead)
{
    shut_down(true, true);
}

TEST(a_shutdown_in_vain_counts_what_was_given_ahead_as_queued)
{
    scene s;
    tarn_future *futures[N];
    char text[160];
    size_t rounds = test_count(20);
    for (size_t k = 0; k < rounds; k++) {
        scene_open(&s, .max_workers = 1);
        crowd_all(&s, s.pool, futures, N);
        int pid = await_begun(&s, 0);
        assert_int_equal(tarn_shutdown(s.pool, .time_limit = k % 2 == 0 ? 1e-9 : 0.005),
                         TARN_TIMEOUT);
        snprintf(text, sizeof(text),
                 "tarn_shutdown: %d queued, 1 running: \"block\" (worker 0, pid %d)", N - 1, pid);
        assert_string_equal(tarn_last_error(), text);
        gate_open(&s, 0);
        assert_right(&s, futures, N, 0);
        scene_close(&s);
    }
}
