/* SPDX-License-Identifier: Apache-2.0 */

/* What CPython's tests ask of a pool of processes, as far as it is not in the contract or in the other
 * files here: test_concurrent_futures, of test_process_pool, test_init, test_deadlock, test_shutdown. */
#include "path.h"
#include "processes.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tarn.h>
#include <time.h>
#include <unistd.h>

/* Of the environment, which a server has from its host: the path of a file. While that is there, no
 * worker can be made. */
static const char no_forks[] = "TARN_TEST_NO_FORKS";

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
    const char *name = getenv(no_forks);
    if (name && access(name, F_OK) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return __real_fork();
}

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* The exit status of a child; -1: it ended in another way. */
static int exit_status_of(pid_t child)
{
    int how = 0;
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

/* In each way in which a program can. */
static int end_process(int how, int code)
{
    switch (how) {
    case 0:
        exit(code);
    case 1:
        _exit(code);
    default:
        quick_exit(code);
    }
}
TARN_TASK(int, end_process, int, int);

static int end_by_signal(int number)
{
    return raise(number);
}
TARN_TASK(int, end_by_signal, int);

static int fork_and_wait(int code)
{
    pid_t child = fork();
    if (child == 0)
        exit(code);
    return exit_status_of(child);
}
TARN_TASK(int, fork_and_wait, int);

/* The child comes back to where the task was called. */
static int fork_and_return(int round)
{
    pid_t child = fork();
    return child == 0 ? round : exit_status_of(child);
}
TARN_TASK(int, fork_and_return, int);

static void refuse(void)
{
    tarn_fail(3, "not today");
}
TARN_TASK(void, refuse, void);

static int drop_ok(tarn_future *future)
{
    int value = 0;
    assert_int_equal(tarn_result(future, NULL, &value, sizeof(value)), TARN_OK);
    tarn_drop(future);
    return value;
}

static size_t count_workers(void)
{
    pid_t pids[16];
    return children_of(find_server(), pids, 16);
}

/* ---- How many processes ---------------------------------------------------------------------- */

TEST(one_task_after_the_other_needs_one_process)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 4);
    assert_int_equal(count_workers(), 0);
    int first = drop_ok(own_pid_submit(pool));
    for (int i = 0; i < 20; i++)
        assert_int_equal(drop_ok(own_pid_submit(pool)), first);
    assert_int_equal(count_workers(), 1);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(many_that_block_have_all_workers_and_no_more)
{
    enum { WORKERS = 4, TASKS = 60 };
    path p = new_path();
    tarn_executor *pool = tarn_process_pool(.max_workers = WORKERS);
    tarn_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = wait_for_file_submit(pool, p);
    tarn_stats stats = {.size = sizeof(stats)};
    do
        assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    while (stats.running < WORKERS);
    assert_int_equal(count_workers(), WORKERS);
    assert_int_equal(stats.queued, TASKS - WORKERS);
    open_way(&p);
    for (int i = 0; i < TASKS; i++)
        drop_ok(futures[i]);
    assert_in_range(count_workers(), 1, WORKERS);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}

/* ---- Workers that end ------------------------------------------------------------------------ */

TEST(a_task_that_ends_its_process_is_lost_with_its_code)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    for (int how = 0; how < 3; how++) {
        tarn_future *future = end_process_submit(pool, how, 10 + how);
        assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
        const tarn_failure *failure = tarn_error(future);
        assert_int_equal(failure->exit_status, 10 + how);
        assert_int_equal(failure->signal, 0);
        assert_non_null(strstr(failure->text, "end_process"));
        tarn_drop(future);
        drop_ok(own_pid_submit(pool));
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* What is said of one is not said of another. */
TEST(each_loss_is_told_for_itself)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    tarn_future *futures[] = {end_by_signal_submit(pool, SIGKILL), end_process_submit(pool, 1, 9),
                              end_by_signal_submit(pool, SIGTERM)};
    for (int i = 0; i < 3; i++)
        assert_int_equal(tarn_result(futures[i], NULL, NULL, 0), TARN_LOST);
    const tarn_failure *killed = tarn_error(futures[0]), *ended = tarn_error(futures[1]),
                       *asked = tarn_error(futures[2]);
    assert_int_equal(killed->signal, SIGKILL);
    assert_int_equal(ended->exit_status, 9);
    assert_int_equal(asked->signal, SIGTERM);
    assert_int_not_equal(killed->pid, ended->pid);
    assert_int_not_equal(ended->pid, asked->pid);
    assert_ptr_not_equal(killed->text, asked->text);
    tarn_drop_all(futures, 3);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* It dies when all is closed, and others are queued behind it. */
TEST(a_worker_that_dies_in_a_shutdown_holds_nobody_up)
{
    for (int i = 0; i < 10; i++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1 + i % 2);
        tarn_future *futures[6];
        for (int k = 0; k < 6; k++)
            futures[k] = k % 2 == 0 ? end_by_signal_submit(pool, SIGKILL) : own_pid_submit(pool);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
        for (int k = 0; k < 6; k++) {
            assert_true(tarn_done(futures[k]));
            assert_int_equal(tarn_result(futures[k], NULL, NULL, 0),
                             k % 2 == 0 ? TARN_LOST : TARN_OK);
        }
        tarn_drop_all(futures, 6);
    }
}

TEST(where_no_worker_can_be_made_what_waits_ends_with_the_reason)
{
    path p = new_path();
    setenv(no_forks, p.text, 1);
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .max_tasks_per_worker = 1);
    drop_ok(own_pid_submit(pool));
    open_way(&p);
    /* One worker that was asked for before may still come. */
    tarn_future *futures[8];
    tarn_status last = TARN_OK;
    for (int i = 0; i < 8; i++)
        futures[i] = own_pid_submit(pool);
    for (int i = 0; i < 8; i++) {
        last = tarn_result(futures[i], NULL, NULL, 0);
        assert_true(last == TARN_BROKEN || (last == TARN_OK && i < 2));
    }
    assert_non_null(strstr(tarn_error(futures[7])->text, "no worker process can be started"));
    assert_non_null(strstr(tarn_error(futures[7])->text, strerror(EAGAIN)));
    tarn_drop_all(futures, 8);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
    unsetenv(no_forks);
}

/* Not for long. */
TEST(a_pool_gets_over_a_while_in_which_no_worker_can_be_made)
{
    path p = new_path();
    open_way(&p);
    setenv(no_forks, p.text, 1);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_future_wait(future, tarn_in(0.1)), TARN_TIMEOUT);
    unlink(p.text);
    drop_ok(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unsetenv(no_forks);
}

/* ---- Initializers ---------------------------------------------------------------------------- */

TEST(an_initializer_that_fails_breaks_the_pool_and_leaves_nothing)
{
    int descriptors = count_descriptors();
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .initializer = &refuse_task);
    tarn_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = own_pid_submit(pool);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(tarn_result(futures[i], NULL, NULL, 0), TARN_BROKEN);
        assert_non_null(strstr(tarn_error(futures[i])->text, "not today"));
        assert_int_equal(tarn_error(futures[i])->attempts, 0);
    }
    tarn_drop_all(futures, 10);
    tarn_future *late = own_pid_submit(pool);
    assert_int_equal(tarn_result(late, NULL, NULL, 0), TARN_BROKEN);
    tarn_drop(late);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(find_server(), 0);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(count_memory_files(), 0);
}

static void never_begin(void)
{
    for (;;)
        pause();
}
TARN_TASK(void, never_begin, void);

typedef struct drainer {
    tarn_executor *pool;
    atomic_int thread;
    tarn_status status;
} drainer;

static void *drain(void *data)
{
    drainer *d = data;
    atomic_store(&d->thread, (int)syscall(SYS_gettid));
    d->status = tarn_drain(d->pool, TARN_FOREVER);
    return NULL;
}

/* No worker comes for what was cancelled, and nobody waits for it. What is not has its time limit, though
 * the initializer has none. */
TEST(a_queue_of_what_was_cancelled_is_empty)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .initializer = &never_begin_task);
    tarn_future *futures[3], *late = own_pid_submit(tarn_with(pool, .start_within = 0.01));
    assert_int_equal(tarn_result(late, NULL, NULL, 0), TARN_EXPIRED);
    tarn_drop(late);
    for (int i = 0; i < 3; i++)
        futures[i] = own_pid_submit(pool);
    pthread_t thread;
    drainer d = {.pool = pool};
    assert_int_equal(pthread_create(&thread, NULL, drain, &d), 0);
    while (atomic_load(&d.thread) == 0)
        sched_yield();
    /* Not just on its way, for a moment. */
    for (int looks = 0; looks < 200; looks++) {
        if (state_of(atomic_load(&d.thread)) != 'S')
            looks = 0;
    }
    tarn_stats stats = {.size = sizeof(stats)};
    do
        assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    while (stats.workers < 2);
    for (int i = 0; i < 3; i++)
        assert_true(tarn_cancel(futures[i]));
    pthread_join(thread, NULL);
    assert_int_equal(d.status, TARN_OK);
    tarn_drop_all(futures, 3);
    tarn_future *last = own_pid_submit(pool);
    assert_true(tarn_cancel(last));
    tarn_drop(last);
    pid_t workers[2];
    for (size_t n = children_of(find_server(), workers, 2); n > 0; n--)
        kill(workers[n - 1], SIGKILL);
    do
        assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    while (stats.workers > 0);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* Of memory files, too; and what is told by a signal otherwise. */
TEST(a_limit_on_the_size_of_files_is_named_and_ends_nobody)
{
    struct rlimit before, low;
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 1000 * 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    tarn_future *future = own_pid_submit(pool);
    tarn_status status = tarn_result(future, NULL, NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, "ulimit -f"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Shutdown -------------------------------------------------------------------------------- */

TEST(of_fifty_most_are_cancelled_and_the_others_end)
{
    enum { TASKS = 50, WORKERS = 2 };
    path p = new_path();
    tarn_executor *pool = tarn_process_pool(.max_workers = WORKERS);
    tarn_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = wait_for_file_submit(pool, p);
    while (!tarn_running(futures[0]) || !tarn_running(futures[1]))
        sched_yield();
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .time_limit = 0.01), TARN_TIMEOUT);
    open_way(&p);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    int cancelled = 0, ok = 0;
    for (int i = 0; i < TASKS; i++) {
        cancelled += tarn_cancelled(futures[i]);
        ok += tarn_result(futures[i], NULL, NULL, 0) == TARN_OK;
    }
    assert_int_equal(ok, WORKERS);
    assert_int_equal(cancelled, TASKS - WORKERS);
    tarn_drop_all(futures, TASKS);
    unlink(p.text);
}

static tarn_executor *late_pool;

static void submit_late(void)
{
    tarn_future *future = own_pid_submit(late_pool);
    tarn_status status = tarn_result(future, NULL, NULL, 0);
    tarn_drop(future);
    bool closed = tarn_shutdown(late_pool) == TARN_OK;
    _exit(status == TARN_CLOSED && closed ? 23 : 1);
}

/* In a process of its own; that of the handler, which was registered before the library's. */
TEST(what_is_submitted_in_exit_is_refused)
{
    pid_t child = fork();
    if (child == 0) {
        atexit(submit_late);
        late_pool = tarn_process_pool(.max_workers = 1);
        drop_ok(own_pid_submit(late_pool));
        exit(0);
    }
    assert_int_equal(exit_status_of(child), 23);
}

/* ---- fork() ---------------------------------------------------------------------------------- */

TEST(a_task_may_fork_and_its_child_may_exit)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    tarn_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = fork_and_wait_submit(pool, i);
    for (int i = 0; i < 20; i++)
        assert_int_equal(drop_ok(futures[i]), i);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* That is the end of the child, which is no worker. */
TEST(what_a_task_has_forked_may_return_from_it)
{
    for (int start = TARN_START_FORK; start <= TARN_START_SPAWN; start++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = start);
        for (int i = 1; i < 5; i++)
            assert_int_equal(drop_ok(fork_and_return_submit(pool, i)), 0);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

static bool is_child;

static void leave(void)
{
    if (is_child)
        _exit(0);
}

/* The child's handle is of no use, and its end is of no consequence to the pool. */
TEST(a_forked_child_finds_the_pool_closed_and_leaves_it_alone)
{
    path p = new_path();
    /* After what the library does in exit(), and before a sanitizer misses what only the threads of the
     * parent know. */
    atexit(leave);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *running = wait_for_file_submit(pool, p);
    while (!tarn_running(running))
        sched_yield();
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            tarn_future *future = own_pid_submit(pool);
            bool closed = tarn_result(future, NULL, NULL, 0) == TARN_CLOSED;
            closed &= tarn_result(running, NULL, NULL, 0) == TARN_CLOSED;
            tarn_drop(future);
            tarn_drop(running);
            closed &= tarn_shutdown(pool, .kill_running = true) == TARN_CLOSED;
            if (!closed)
                _exit(1);
            is_child = true;
            exit(1);
        }
        assert_int_equal(exit_status_of(child), 0);
    }
    open_way(&p);
    drop_ok(running);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}

/* ---- The children of the program ------------------------------------------------------------- */

/* By wait() for any, or by the system. */
TEST(who_reaps_all_children_does_no_harm)
{
    for (int ignored = 0; ignored < 2; ignored++) {
        signal(SIGCHLD, ignored ? SIG_IGN : SIG_DFL);
        tarn_executor *pool = tarn_process_pool(.max_workers = 1);
        for (int i = 0; i < 5; i++) {
            drop_ok(own_pid_submit(pool));
            pid_t server = find_server();
            kill(server, SIGKILL);
            while (waitpid(-1, NULL, WNOHANG) == 0 && find_server() == server)
                sched_yield();
        }
        drop_ok(own_pid_submit(pool));
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
    signal(SIGCHLD, SIG_DFL);
}

/* ---- Who submits ----------------------------------------------------------------------------- */

static void await_stop(pid_t server)
{
    kill(server, SIGSTOP);
    while (state_of(server) != 'T')
        sched_yield();
}

/* Nobody waits for a server that does not answer. */
TEST(submits_do_not_wait_for_a_server_that_is_stopped)
{
    enum { TASKS = 300 };
    tarn_executor *pool = tarn_process_pool(.max_workers = 4);
    drop_ok(own_pid_submit(pool));
    pid_t server = find_server();
    await_stop(server);
    tarn_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = own_pid_submit(pool);
    assert_int_equal(state_of(server), 'T');
    /* The worker that was there does it. */
    int result = drop_ok(futures[0]);
    assert_true(result > 0);
    kill(server, SIGCONT);
    for (int i = 1; i < TASKS; i++)
        drop_ok(futures[i]);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_shutdown_in_vain_names_the_processes_that_have_not_ended)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    pid_t worker = drop_ok(own_pid_submit(pool));
    kill(worker, SIGSTOP);
    while (state_of(worker) != 'T')
        sched_yield();
    assert_int_equal(tarn_shutdown(pool, .time_limit = 0.01), TARN_TIMEOUT);
    char text[64];
    snprintf(text, sizeof(text), "have not ended yet: worker 0, pid %d", (int)worker);
    assert_non_null(strstr(tarn_last_error(), text));
    kill(worker, SIGCONT);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(what_is_to_be_killed_is_though_the_server_was_stopped)
{
    for (int how = 0; how < 3; how++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1);
        pid_t worker = drop_ok(own_pid_submit(pool)), server = find_server();
        tarn_future *future = how < 2 ? never_begin_submit(pool) : NULL;
        while (future && !tarn_running(future))
            sched_yield();
        await_stop(server);
        if (how == 0) {
            assert_int_equal(tarn_stop(future, 0), TARN_OK);
            await_end(worker);
        }
        assert_int_equal(tarn_shutdown(pool, .kill_running = true), TARN_OK);
        if (future)
            assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_STOPPED);
        tarn_drop(future);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Stopped again and again while the limit passes: what wakes it once, with the kill, may be in vain. */
TEST(what_is_to_be_killed_is_though_the_server_is_stopped_once_more)
{
    for (int round = 0; round < 4; round++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1);
        drop_ok(own_pid_submit(pool));
        pid_t server = find_server();
        tarn_executor *stubborn =
            tarn_with(pool, .run_limit = 0.005, .retries = 1, .retry_on = TARN_RETRY_EXPIRED);
        tarn_future *future = never_begin_submit(stubborn);
        while (!tarn_running(future))
            sched_yield();
        double until = seconds() + 0.02;
        while (seconds() < until) {
            kill(server, SIGSTOP);
            sched_yield();
        }
        assert_int_equal(tarn_stop(future, 0), TARN_OK);
        tarn_drop(future);
        /* It may have been asked for a worker for the next try, which a shutdown waits for. */
        kill(server, SIGCONT);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}
