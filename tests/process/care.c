/* SPDX-License-Identifier: Apache-2.0 */

/* What a pool sees to without being asked: what its tasks leave behind, who is to go when memory is
 * short, workers that tell nobody of their replies, and callbacks that take their time. */
#include "path.h"
#include "processes.h"
#include "runner.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <tarn.h>
#include <unistd.h>

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* The number in a file, once there is one. */
static int await_number(const path *p)
{
    int number = 0;
    while (number == 0) {
        FILE *file = fopen(p->text, "re");
        assert_non_null(file);
        if (fscanf(file, "%d\n", &number) != 1)
            number = 0;
        fclose(file);
        sched_yield();
    }
    return number;
}

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}
TARN_TASK(void, sleep_for_ever, void);

/* ---- What tasks leave behind ------------------------------------------------------------------- */

/* Its child says who it is. */
static void fork_and_sleep(path p)
{
    if (fork() == 0) {
        FILE *file = fopen(p.text, "we");
        if (file) {
            fprintf(file, "%d\n", (int)getpid());
            fclose(file);
        }
    }
    sleep_for_ever();
}
TARN_TASK(void, fork_and_sleep, path);

TEST(what_a_task_has_forked_is_killed_with_it)
{
    for (int how = 0; how < 2; how++) {
        path p = new_file();
        tarn_executor *pool = tarn_process_pool(.max_workers = 1);
        tarn_future *future = fork_and_sleep_submit(pool, p);
        pid_t left = await_number(&p);
        if (how == 0)
            assert_int_equal(tarn_stop(future, 0), TARN_OK);
        assert_int_equal(tarn_shutdown(pool, .kill_running = true), TARN_OK);
        await_end(left);
        assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_STOPPED);
        tarn_drop(future);
        unlink(p.text);
    }
}

TEST(what_a_task_has_forked_is_killed_with_the_host)
{
    path p = new_file();
    pid_t host = fork();
    if (host == 0) {
        fork_and_sleep_submit(tarn_process_pool(.max_workers = 1), p);
        sleep_for_ever();
    }
    pid_t left = await_number(&p);
    assert_int_equal(kill(host, SIGKILL), 0);
    while (waitpid(host, NULL, 0) < 0)
        assert_int_equal(errno, EINTR);
    await_end(left);
    unlink(p.text);
}

/* ---- Memory ------------------------------------------------------------------------------------ */

static int read_score(void)
{
    int score = 0;
    FILE *file = fopen("/proc/self/oom_score_adj", "re");
    if (!file || fscanf(file, "%d", &score) != 1)
        score = -1;
    if (file)
        fclose(file);
    return score;
}
TARN_TASK(int, read_score, void);

TEST(workers_are_to_go_before_the_host_if_there_is_no_memory)
{
    static const int starts[] = {TARN_START_FORK, TARN_START_SPAWN};
    int own = read_score();
    if (own < 0 || own == 1000)
        skip();
    for (int i = 0; i < 2; i++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = starts[i]);
        int score = -1;
        tarn_future *future = read_score_submit(pool);
        assert_int_equal(read_score_result(future, &score), TARN_OK);
        assert_int_equal(score, own + 500 < 1000 ? own + 500 : 1000);
        tarn_drop(future);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

/* ---- Workers that ring for nothing ------------------------------------------------------------- */

/* From now on this worker cannot. */
static void fall_silent(void)
{
    for (int fd = 3; fd < 100; fd++)
        close(fd);
}
TARN_TASK(void, fall_silent, void);

static void note(tarn_future *future, void *data)
{
    (void)future;
    atomic_fetch_add((atomic_int *)data, 1);
}

static void nothing(void)
{
}
TARN_TASK(void, nothing, void);

TEST(a_reply_that_nobody_is_told_of_is_found)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .idle_timeout = 1000);
    tarn_future *future = fall_silent_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    tarn_drop(future);
    atomic_int ended = 0;
    for (int i = 1; i <= 5; i++) {
        future = nothing_submit(pool);
        assert_int_equal(tarn_on_done(future, note, &ended), TARN_OK);
        tarn_drop(future);
        while (atomic_load(&ended) < i)
            sched_yield();
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Callbacks --------------------------------------------------------------------------------- */

typedef struct block {
    atomic_bool begun, over;
} block;

static void take_time(tarn_future *future, void *data)
{
    block *b = data;
    (void)future;
    atomic_store(&b->begun, true);
    while (!atomic_load(&b->over))
        sched_yield();
}

/* What is to be killed, or to end, does not wait for code of the user. */
TEST(a_callback_that_takes_its_time_holds_up_no_kill_and_no_result)
{
    static block b;
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    tarn_future *first = sleep_for_ever_submit(pool);
    assert_int_equal(tarn_on_done(first, take_time, &b), TARN_OK);
    while (!tarn_running(first))
        sched_yield();
    assert_int_equal(tarn_stop(first, 0), TARN_OK);
    while (!atomic_load(&b.begun))
        sched_yield();
    tarn_future *second = sleep_for_ever_submit(pool), *third = nothing_submit(pool);
    assert_int_equal(tarn_result(third, NULL, NULL, 0), TARN_OK);
    while (!tarn_running(second))
        sched_yield();
    assert_int_equal(tarn_stop(second, 0), TARN_OK);
    assert_int_equal(tarn_result(second, NULL, NULL, 0), TARN_STOPPED);
    assert_int_equal(tarn_drain(pool, tarn_in(0.01)), TARN_TIMEOUT);
    atomic_store(&b.over, true);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    tarn_drop(first);
    tarn_drop(second);
    tarn_drop(third);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
