/* SPDX-License-Identifier: Apache-2.0 */

/* Workers, their server and their host are killed at any moment. Each task writes its number to a
 * file as it begins, and the books are checked against that file, not against the library's own. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tarn.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, SUBMITTERS = 4, MOST_TASKS = 1 << 20 };

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* ---- Calls that signals interrupt ------------------------------------------------------------ */

static pid_t wait_for(pid_t pid, int *how, int flags)
{
    pid_t waited;
    do
        waited = waitpid(pid, how, flags);
    while (waited < 0 && errno == EINTR);
    return waited;
}

static ssize_t read_all(int fd, void *to, size_t size)
{
    ssize_t n;
    do
        n = read(fd, to, size);
    while (n < 0 && errno == EINTR);
    return n;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

typedef struct audit_path {
    char name[64];
} audit_path;

static uint32_t work(audit_path path, uint32_t number)
{
    static int file = -1; /* of the worker */
    if (file < 0)
        file = open(path.name, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (write(file, &number, sizeof(number)) != sizeof(number))
        tarn_fail(1, "the file cannot be written");
    /* Most are so short that others are given ahead behind them. */
    for (volatile int i = 0; number % 16 == 0 && i < 20000; i++)
        continue;
    return number * 3 + 1;
}
TARN_TASK(uint32_t, work, audit_path, uint32_t);

static int sleep_for_ever(void)
{
    for (;;)
        pause();
    return 0;
}
TARN_TASK(int, sleep_for_ever, void);

static int crash(int signal_)
{
    raise(signal_);
    return 0;
}
TARN_TASK(int, crash, int);

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

/* ---- Killers --------------------------------------------------------------------------------- */

/* Sleeping is its work: 1.5 ms, and longer until another task has begun. A machine may be so slow that
 * no worker lives long enough to begin one, and a pool that gets nowhere gives up in the end. */
static void pause_between_kills(int file, off_t *size)
{
    enum { LONGEST = 200 };
    struct stat now = {.st_size = 0};
    for (int i = 0; i < LONGEST; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1500 * 1000}, NULL);
        if (fstat(file, &now) != 0 || now.st_size != *size)
            break;
    }
    *size = now.st_size;
}

/* Of its own process: it kills a worker of the host every 1.5 ms, and the server every 200 ms. */
static void kill_at_random(pid_t host, int file, atomic_size_t *killed)
{
    enum { WORKERS_A_SERVER = 133 };
    unsigned seed = 1;
    off_t size = 0;
    for (size_t i = 1; getppid() == host; i++) {
        pid_t servers[2], pids[WORKERS * 2];
        size_t n = children_of(host, servers, 2);
        pid_t server = n == 0 ? 0 : servers[0] != getpid() ? servers[0] : n > 1 ? servers[1] : 0;
        n = server > 0 ? children_of(server, pids, WORKERS * 2) : 0;
        if (n > 0 && kill(pids[(unsigned)rand_r(&seed) % n], SIGKILL) == 0)
            atomic_fetch_add(killed, 1);
        if (server > 0 && i % WORKERS_A_SERVER == 0)
            kill(server, SIGKILL);
        pause_between_kills(file, &size);
    }
}

/* ---- Books ----------------------------------------------------------------------------------- */

typedef struct books {
    audit_path path;
    tarn_executor *pool;
    uint32_t tasks; /* of each submitter */
    uint32_t first;
    size_t ok, lost, other, wrong;
    bool *was_ok; /* by number */
} books;

static void *submit_and_wait(void *data)
{
    enum { WINDOW = 64 };
    books *b = data;
    for (uint32_t done = 0; done < b->tasks;) {
        tarn_future *futures[WINDOW];
        uint32_t n = b->tasks - done < WINDOW ? b->tasks - done : WINDOW;
        for (uint32_t i = 0; i < n; i++)
            futures[i] = work_submit(b->pool, b->path, b->first + done + i);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t number = b->first + done + i, result = 0;
            tarn_status status = work_result(futures[i], &result);
            b->ok += status == TARN_OK;
            b->lost += status == TARN_LOST;
            b->other += status != TARN_OK && status != TARN_LOST;
            if (status != TARN_OK && status != TARN_LOST && b->other == 1)
                fprintf(stderr, "task %u ended %s: %s\n", (unsigned)number,
                        tarn_status_name(status), tarn_error(futures[i])->text);
            b->wrong += status == TARN_OK && result != number * 3 + 1;
            b->was_ok[number] = status == TARN_OK;
            tarn_drop(futures[i]);
        }
        done += n;
    }
    return NULL;
}

/* Compares with the file: `most` runs of each, and one or more of what ended well. */
static void check_file(int file, const bool *was_ok, uint32_t tasks, unsigned most)
{
    static unsigned runs[MOST_TASKS];
    uint32_t number;
    memset(runs, 0, sizeof(runs));
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    while (read_all(file, &number, sizeof(number)) == sizeof(number)) {
        assert_true(number < tasks);
        runs[number]++;
    }
    for (uint32_t i = 0; i < tasks; i++) {
        assert_true(runs[i] <= most);
        assert_true(!was_ok[i] || runs[i] >= 1);
    }
}

static void survive(int prefetch, int retries, uint32_t tasks)
{
    pthread_t submitters[SUBMITTERS];
    atomic_size_t *killed =
        mmap(NULL, sizeof(*killed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    books all[SUBMITTERS];
    size_t ok = 0, lost = 0;
    audit_path path = {"/tmp/tarn-survival-XXXXXX"};
    int file = mkostemp(path.name, O_CLOEXEC);
    assert_true(file >= 0);
    bool *was_ok = calloc(SUBMITTERS * (size_t)tasks, 1);
    pid_t ids[16];
    size_t threads = threads_of_self(ids, 16);
    int descriptors = count_descriptors();
    pid_t host = getpid(), killer = fork();
    if (killer == 0) {
        kill_at_random(host, file, killed);
        _exit(0);
    }

    tarn_executor *pool = tarn_process_pool(.max_workers = WORKERS, .prefetch = prefetch);
    assert_non_null(pool);
    tarn_executor *view = retries > 0 ? tarn_with(pool, .retries = retries) : pool;
    for (uint32_t i = 0; i < SUBMITTERS; i++) {
        all[i] = (books){path, view, tasks, i * tasks, 0, 0, 0, 0, was_ok};
        pthread_create(&submitters[i], NULL, submit_and_wait, &all[i]);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i], NULL);
    kill(killer, SIGKILL);
    wait_for(killer, NULL, 0);
    pid_t server = find_server();
    assert_int_equal(tarn_shutdown(pool), TARN_OK);

    for (int i = 0; i < SUBMITTERS; i++) {
        assert_int_equal(all[i].wrong, 0);
        assert_int_equal(all[i].other, 0);
        ok += all[i].ok;
        lost += all[i].lost;
    }
    assert_int_equal(ok + lost, SUBMITTERS * tasks);
    assert_true(atomic_load(killed) > 0);
    munmap(killed, sizeof(*killed));
    check_file(file, was_ok, SUBMITTERS * tasks, 1 + (unsigned)retries);

    /* Nothing is left. */
    if (server > 0)
        await_end(server);
    assert_int_equal(children_of(getpid(), &server, 1), 0);
    assert_int_equal(wait_for(-1, NULL, WNOHANG), -1);
    assert_int_equal(count_memory_files(), 0);
    assert_int_equal(count_descriptors(), descriptors);
    /* The system takes a moment with those that have been joined. */
    while (threads_of_self(ids, 16) != threads)
        sched_yield();
    close(file);
    unlink(path.name);
    free(was_ok);
}

TEST(every_future_ends_and_nothing_runs_twice_whoever_is_killed)
{
    survive(0, 0, (uint32_t)test_count_at_night(250000));
}

TEST(nothing_runs_twice_either_if_nothing_is_given_ahead)
{
    survive(1, 0, (uint32_t)test_count_at_night(250000));
}

TEST(with_retries_a_task_runs_as_often_as_they_allow)
{
    survive(0, 3, (uint32_t)test_count_at_night(250000));
}

TEST(with_retries_and_nothing_ahead_a_task_runs_as_often_as_they_allow)
{
    survive(1, 3, (uint32_t)test_count_at_night(250000));
}

/* Dies at its first run, and not again: there is a file by then. */
static int die_once(audit_path path)
{
    int file = open(path.name, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        raise(SIGKILL);
    return 7;
}
TARN_TASK(int, die_once, audit_path);

/* Without .retry_on it is losses that retries are for. */
TEST(what_is_lost_is_tried_again)
{
    audit_path path = {"/tmp/tarn-survival-XXXXXX"};
    close(mkostemp(path.name, O_CLOEXEC));
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    int result = 0;
    for (int retries = 0; retries < 2; retries++) {
        unlink(path.name);
        tarn_executor *view = retries > 0 ? tarn_with(pool, .retries = retries) : pool;
        tarn_future *future = die_once_submit(view, path);
        assert_int_equal(die_once_result(future, &result), retries > 0 ? TARN_OK : TARN_LOST);
        tarn_drop(future);
    }
    assert_int_equal(result, 7);
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.retried, 1);
    assert_int_equal(stats.lost, 1);
    assert_int_equal(stats.ok, 1);
    assert_int_equal(stats.queued + stats.running, 0);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(path.name);
}

/* ---- The host -------------------------------------------------------------------------------- */

/* A host of its own, with a child that outlives it and holds its descriptors. Writes the numbers of
 * its server and workers, and waits to be killed. */
static void be_host(int report)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    tarn_future *pid = own_pid_submit(pool);
    int first = 0;
    if (!pool || own_pid_result(pid, &first) != TARN_OK)
        _exit(1);
    tarn_future *futures[2] = {sleep_for_ever_submit(pool), sleep_for_ever_submit(pool)};
    pid_t pids[8];
    pid_t server = find_server();
    while (children_of(server, pids + 1, 7) < 2 || !tarn_running(futures[1]))
        sched_yield();
    pids[0] = server;
    size_t n = children_of(server, pids + 1, 7) + 1;
    pid_t sleeper = fork();
    if (sleeper == 0) {
        close(report);
        for (;;)
            pause();
    }
    pids[n++] = sleeper;
    if (write(report, pids, n * sizeof(*pids)) < 0)
        _exit(2);
    for (;;)
        pause();
}

TEST(nobody_is_left_when_the_host_is_killed)
{
    size_t rounds = test_count(20);
    for (size_t i = 0; i < rounds; i++) {
        int report[2];
        pid_t pids[16];
        assert_int_equal(pipe(report), 0);
        pid_t host = fork();
        if (host == 0) {
            close(report[0]);
            be_host(report[1]);
        }
        close(report[1]);
        ssize_t size = read_all(report[0], pids, sizeof(pids));
        close(report[0]);
        assert_true(size > (ssize_t)(3 * sizeof(pid_t)));
        size_t n = (size_t)size / sizeof(pid_t);
        kill(host, SIGKILL);
        wait_for(host, NULL, 0);
        for (size_t k = 0; k + 1 < n; k++)
            await_end(pids[k]);
        kill(pids[n - 1], SIGKILL);
    }
}

/* ---- Kills ----------------------------------------------------------------------------------- */

TEST(a_failure_names_signal_task_worker_and_process)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *pid = own_pid_submit(pool);
    int worker = 0;
    assert_int_equal(own_pid_result(pid, &worker), TARN_OK);
    tarn_future *future = crash_submit(pool, SIGKILL);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    const tarn_failure *failure = tarn_error(future);
    char text[128];
    snprintf(text, sizeof(text), "SIGKILL in task \"crash\", worker 0, pid %d", worker);
    assert_string_equal(failure->text, text);
    assert_int_equal(failure->signal, SIGKILL);
    assert_int_equal(failure->pid, worker);
    assert_int_equal(failure->worker, 0);
    tarn_drop(future);
    tarn_drop(pid);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(what_runs_is_killed_by_stop_by_its_limit_and_by_shutdown)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 3);
    tarn_future *stopped = sleep_for_ever_submit(pool);
    while (!tarn_running(stopped))
        sched_yield();
    assert_int_equal(tarn_stop(stopped, 0.01), TARN_OK);
    assert_int_equal(tarn_result(stopped, NULL, NULL, 0), TARN_STOPPED);
    assert_non_null(strstr(tarn_error(stopped)->text, "killed on demand: task \"sleep_for_ever\""));
    tarn_future *limited = sleep_for_ever_submit(tarn_with(pool, .run_limit = 0.02));
    assert_int_equal(tarn_result(limited, NULL, NULL, 0), TARN_EXPIRED);
    assert_non_null(strstr(tarn_error(limited)->text, "killed at its run_limit: task"));
    tarn_future *tried = sleep_for_ever_submit(
        tarn_with(pool, .run_limit = 0.02, .retries = 2, .retry_on = TARN_RETRY_EXPIRED));
    assert_int_equal(tarn_result(tried, NULL, NULL, 0), TARN_EXPIRED);
    assert_int_equal(tarn_error(tried)->attempts, 3);
    tarn_future *last = sleep_for_ever_submit(pool);
    while (!tarn_running(last))
        sched_yield();
    assert_int_equal(tarn_shutdown(pool, .kill_running = true), TARN_OK);
    assert_int_equal(tarn_result(last, NULL, NULL, 0), TARN_STOPPED);
    tarn_drop(stopped);
    tarn_drop(limited);
    tarn_drop(tried);
    tarn_drop(last);
}

static void begin(void)
{
}
TARN_TASK(void, begin, void);

static void fall_over(void)
{
    raise(SIGABRT);
}
TARN_TASK(void, fall_over, void);

TEST(an_initializer_that_crashes_is_named_as_the_cause)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .initializer = &fall_over_task);
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, "SIGABRT in its initializer"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_finalizer_that_crashes_is_told_to_nobody)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .finalizer = &fall_over_task);
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_pool_whose_server_dies_twenty_times_for_nothing_breaks)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    pid_t last = 0;
    for (int deaths = 0; deaths < 20; deaths++) {
        pid_t server;
        while ((server = find_server()) == 0 || server == last)
            sched_yield();
        kill(server, SIGKILL);
        last = server;
    }
    tarn_future *future;
    while ((future = own_pid_submit(pool)) && tarn_result(future, NULL, NULL, 0) != TARN_BROKEN)
        tarn_drop(future);
    assert_non_null(strstr(tarn_error(future)->text, "has ended 20 times"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_shutdown_in_vain_names_the_initializer_that_hangs)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .initializer = &sleep_for_ever_task);
    tarn_future *future = own_pid_submit(pool), *cancelled = own_pid_submit(pool);
    assert_true(tarn_cancel(cancelled));
    while (tarn_shutdown(pool, .time_limit = 0.01) == TARN_TIMEOUT &&
           !strstr(tarn_last_error(), "1 running"))
        continue;
    assert_non_null(strstr(tarn_last_error(), "1 queued, 1 running: \"sleep_for_ever\""));
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .kill_running = true), TARN_OK);
    tarn_drop(future);
    tarn_drop(cancelled);
}

/* What it has to do to begin is none of them. */
TEST(a_worker_is_replaced_after_its_tasks)
{
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .max_tasks_per_worker = 2, .initializer = &begin_task);
    int pids[4];
    for (int i = 0; i < 4; i++) {
        tarn_future *future = own_pid_submit(pool);
        assert_int_equal(own_pid_result(future, &pids[i]), TARN_OK);
        tarn_drop(future);
    }
    assert_int_equal(pids[0], pids[1]);
    assert_int_equal(pids[2], pids[3]);
    assert_int_not_equal(pids[0], pids[2]);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* A worker is in a group of its own, so the terminal's interrupt is the host's alone. */
TEST(workers_are_in_no_group_of_the_host)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *pid = own_pid_submit(pool);
    int worker = 0;
    assert_int_equal(own_pid_result(pid, &worker), TARN_OK);
    assert_int_not_equal(getpgid(worker), getpgid(0));
    assert_int_not_equal(getpgid(find_server()), getpgid(0));
    tarn_drop(pid);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Where there is none --------------------------------------------------------------------- */

static bool is_refused(void)
{
    return !tarn_process_pool() && strstr(tarn_last_error(), "open it in the program");
}
TARN_TASK(bool, is_refused, void);

TEST(a_worker_opens_no_pool_of_processes)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = is_refused_submit(pool);
    bool refused = false;
    assert_int_equal(is_refused_result(future, &refused), TARN_OK);
    assert_true(refused);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* A child of the host holds the socket of the server, which does not see it closed. */
TEST(a_shutdown_is_not_held_up_by_a_child_of_the_host)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    pid_t server = find_server(), child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    int how = 0;
    assert_int_equal(wait_for(server, &how, WNOHANG), -1);
    kill(child, SIGKILL);
    wait_for(child, NULL, 0);
    tarn_drop(future);
}

/* A server that dies when all is closed, and leaves work that is still owed. */
TEST(a_shutdown_owes_retries_also_when_the_server_dies)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    pid_t server = find_server();
    assert_true(server > 0);
    audit_path path = {"/tmp/tarn-survival-XXXXXX"};
    close(mkostemp(path.name, O_CLOEXEC));
    tarn_future *future = work_submit(tarn_with(pool, .retries = 100), path, 1);
    while (!tarn_running(future) && !tarn_done(future))
        sched_yield();
    kill(server, SIGKILL);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    tarn_drop(future);
    unlink(path.name);
}

static void waste(audit_path path)
{
    (void)path;
    raise(SIGABRT);
}
TARN_TASK(void, waste, audit_path);

TEST(a_pool_whose_workers_cannot_begin_breaks)
{
    struct waste_arguments arguments = {{""}};
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .initializer = &waste_task,
                                            .initializer_args = &arguments);
    tarn_future *future = own_pid_submit(pool);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
