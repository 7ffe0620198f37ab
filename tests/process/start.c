/* SPDX-License-Identifier: Apache-2.0 */

/* Workers that are executed, each anew, in place of being forked; and programs that are no
 * workers. */
#include "processes.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tarn.h>
#include <unistd.h>

static pid_t executed_as; /* the process whose beginning this program was */

static void *sleep_on(void *data)
{
    for (;;)
        pause();
    return data;
}

/* As a library does that starts a thread before main(), or has the program not come to it. */
__attribute__((constructor)) static void begin_with_a_thread(void)
{
    pthread_t thread;
    executed_as = getpid();
    if (getenv("TARN_TEST_END"))
        _exit(0);
    if (getenv("TARN_TEST_THREAD"))
        pthread_create(&thread, NULL, sleep_on, NULL);
}

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

static pid_t wait_for(pid_t pid, int *how)
{
    pid_t waited;
    do
        waited = waitpid(pid, how, 0);
    while (waited < 0 && errno == EINTR);
    return waited;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

typedef struct birth {
    int pid, executed_as, group, descriptors;
    uint64_t random; /* which the kernel draws for each program that it executes */
    bool signals_are_default;
} birth;

static birth describe_birth(void)
{
    birth b = {(int)getpid(), (int)executed_as, (int)getpgid(0), count_descriptors(), 0, true};
    memcpy(&b.random, (const void *)getauxval(AT_RANDOM), sizeof(b.random));
    struct sigaction action;
    sigset_t blocked;
    sigaction(SIGPIPE, NULL, &action);
    b.signals_are_default = action.sa_handler == SIG_DFL;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    b.signals_are_default &= !sigismember(&blocked, SIGUSR2);
    return b;
}
TARN_TASK(birth, describe_birth, void);

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static int sleep_for_ever(void)
{
    for (;;)
        pause();
    return 0;
}
TARN_TASK(int, sleep_for_ever, void);

typedef struct file_name {
    char text[64];
} file_name;

/* Removes the file as a sign that it has begun. */
static int sleep_and_say_so(file_name name)
{
    unlink(name.text);
    return sleep_for_ever();
}
TARN_TASK(int, sleep_and_say_so, file_name);

static int crash(int signal_)
{
    raise(signal_);
    return 0;
}
TARN_TASK(int, crash, int);

static birth birth_in(tarn_executor *pool)
{
    birth b = {0};
    tarn_future *future = describe_birth_submit(pool);
    assert_int_equal(describe_birth_result(future, &b), TARN_OK);
    tarn_drop(future);
    return b;
}

static void assert_squares(tarn_executor *pool)
{
    enum { N = 200 };
    tarn_future *futures[N];
    for (int i = 0; i < N; i++)
        futures[i] = square_submit(pool, i);
    for (int i = 0; i < N; i++) {
        int result = 0;
        assert_int_equal(square_result(futures[i], &result), TARN_OK);
        assert_int_equal(result, i * i);
    }
    tarn_drop_all(futures, N);
}

/* ---- Executed anew --------------------------------------------------------------------------- */

TEST(each_worker_is_executed_if_that_is_asked_for)
{
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .max_tasks_per_worker = 1, .start = TARN_START_SPAWN);
    birth first = birth_in(pool), second = birth_in(pool);
    assert_int_not_equal(first.pid, second.pid);
    assert_int_equal(first.executed_as, first.pid);
    assert_int_equal(second.executed_as, second.pid);
    assert_true(first.random != second.random);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(workers_are_copies_of_their_server_otherwise)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .max_tasks_per_worker = 1);
    birth first = birth_in(pool), second = birth_in(pool);
    assert_int_not_equal(first.pid, second.pid);
    assert_int_equal(first.executed_as, find_server());
    assert_true(first.random == second.random);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static int changed = 1;

/* Where a file is that says that an atexit() handler has run. */
static file_name at_exit_name;

static void note_at_exit(void)
{
    unlink(at_exit_name.text);
}

typedef struct surroundings {
    int changed;
    bool early, late; /* of the environment: set before the pool was opened, and after */
    char directory[64];
} surroundings;

static surroundings describe_surroundings(file_name name)
{
    surroundings s = {
        .changed = changed, .early = getenv("TARN_TEST_EARLY"), .late = getenv("TARN_TEST_LATE")};
    if (!getcwd(s.directory, sizeof(s.directory)))
        s.directory[0] = '\0';
    at_exit_name = name;
    atexit(note_at_exit);
    return s;
}
TARN_TASK(surroundings, describe_surroundings, file_name);

TEST(a_worker_is_the_program_as_far_as_its_boot)
{
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    for (int start = TARN_START_FORK; start <= TARN_START_SPAWN; start++) {
        file_name name = {"/tmp/tarn-start-XXXXXX"};
        close(mkostemp(name.text, O_CLOEXEC));
        changed = 2;
        assert_int_equal(setenv("TARN_TEST_EARLY", "1", 1), 0);
        assert_int_equal(chdir("/tmp"), 0);
        tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = start);
        assert_int_equal(setenv("TARN_TEST_LATE", "1", 1), 0);
        assert_int_equal(chdir("/"), 0);
        surroundings s;
        tarn_future *future = describe_surroundings_submit(pool, name);
        assert_int_equal(describe_surroundings_result(future, &s), TARN_OK);
        tarn_drop(future);
        assert_int_equal(s.changed, 1);
        assert_true(s.early);
        assert_false(s.late);
        assert_string_equal(s.directory, "/tmp");
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
        assert_int_equal(unlink(name.text), 0);
        unsetenv("TARN_TEST_LATE");
    }
    assert_int_equal(chdir(before), 0);
}

static int read_input(void)
{
    char byte;
    return (int)read(STDIN_FILENO, &byte, 1);
}
TARN_TASK(int, read_input, void);

/* The terminal would stop for ever whoever reads from it in another group of processes. */
TEST(workers_have_an_empty_standard_input)
{
    int ends[2], saved = dup(STDIN_FILENO), result = -1;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    dup2(ends[0], STDIN_FILENO);
    for (int start = TARN_START_FORK; start <= TARN_START_SPAWN; start++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = start);
        tarn_future *future = read_input_submit(pool);
        assert_int_equal(read_input_result(future, &result), TARN_OK);
        assert_int_equal(result, 0);
        tarn_drop(future);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
    char left[4];
    assert_int_equal(read(STDIN_FILENO, left, 4), 3);
    if (saved >= 0)
        dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

static void open_it(const char *path)
{
    (void)path;
}
TARN_TASK(void, open_it, const char *);

static void take_much(tarn_bytes bytes)
{
    (void)bytes;
}
TARN_TASK(void, take_much, tarn_bytes);

TEST(what_an_initializer_cannot_be_given_is_refused_at_once)
{
    static char large[80 * 1024];
    struct open_it_arguments path = {"/"};
    struct take_much_arguments much = {{large, sizeof(large)}};
    assert_null(tarn_process_pool(.initializer = &open_it_task, .initializer_args = &path));
    assert_non_null(strstr(tarn_last_error(), "is a pointer"));
    assert_null(tarn_process_pool(.initializer = &take_much_task, .initializer_args = &much));
    assert_non_null(strstr(tarn_last_error(), "initializer \"take_much\""));
}

/* A lock that the other thread had would be locked for ever in a copy. */
TEST(a_server_with_threads_makes_no_copies)
{
    assert_int_equal(setenv("TARN_TEST_THREAD", "1", 1), 0);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    birth b = birth_in(pool);
    unsetenv("TARN_TEST_THREAD");
    assert_int_equal(b.executed_as, b.pid);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Whatever the host has open, ignores and blocks. */
TEST(a_worker_begins_with_what_one_that_is_forked_has)
{
    int open_one = dup(0);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigset_t one, blocked;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    assert_int_equal(sigaction(SIGPIPE, &ignore, &before), 0);
    pthread_sigmask(SIG_BLOCK, &one, &blocked);
    birth births[2];
    for (int start = TARN_START_FORK; start <= TARN_START_SPAWN; start++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = start);
        births[start] = birth_in(pool);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
    close(open_one);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(births[i].group, births[i].pid);
        assert_true(births[i].signals_are_default);
    }
    assert_int_equal(births[0].descriptors, births[1].descriptors);
}

TEST(results_come_and_nothing_is_left)
{
    int descriptors = count_descriptors();
    pid_t child;
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .start = TARN_START_SPAWN);
    assert_squares(pool);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(children_of(getpid(), &child, 1), 0);
    assert_int_equal(count_memory_files(), 0);
    assert_int_equal(count_descriptors(), descriptors);
}

TEST(a_crash_costs_the_task_that_crashed)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = TARN_START_SPAWN);
    tarn_future *future = crash_submit(pool, SIGKILL);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    assert_int_equal(tarn_error(future)->signal, SIGKILL);
    tarn_drop(future);
    assert_squares(pool);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_worker_ends_with_its_server_and_both_are_replaced)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .start = TARN_START_SPAWN);
    birth b = birth_in(pool);
    file_name name = {"/tmp/tarn-start-XXXXXX"};
    close(mkostemp(name.text, O_CLOEXEC));
    tarn_future *future = sleep_and_say_so_submit(pool, name);
    while (access(name.text, F_OK) == 0)
        sched_yield();
    kill(find_server(), SIGKILL);
    await_end(b.pid);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    tarn_drop(future);
    assert_squares(pool);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* That it has not become one by then says nothing of the program. */
TEST(a_server_that_is_killed_before_its_greeting_is_replaced)
{
    size_t rounds = test_count(20);
    for (size_t i = 0; i < rounds; i++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 1);
        kill(find_server(), SIGKILL);
        assert_squares(pool);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

/* Its server is killed at any moment of their beginnings. */
TEST(no_worker_is_left_that_has_not_begun)
{
    size_t rounds = test_count(100);
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .start = TARN_START_SPAWN);
    assert_squares(pool);
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *futures[2] = {square_submit(pool, 2), square_submit(pool, 3)};
        pid_t server = find_server(), workers[4];
        for (size_t k = 0; k < 20 * i; k++)
            sched_yield();
        size_t n = server > 0 ? children_of(server, workers, 4) : 0;
        if (server > 0)
            kill(server, SIGKILL);
        for (size_t k = 0; k < n; k++)
            await_end(workers[k]);
        for (int k = 0; k < 2; k++) {
            tarn_status status = tarn_result(futures[k], NULL, NULL, 0);
            assert_true(status == TARN_OK || status == TARN_LOST);
        }
        tarn_drop_all(futures, 2);
        assert_squares(pool);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Writes the numbers of its server and workers, and waits to be killed. */
static void be_host(int report)
{
    pid_t pids[8];
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .start = TARN_START_SPAWN);
    tarn_future *futures[2] = {sleep_for_ever_submit(pool), sleep_for_ever_submit(pool)};
    while (!tarn_running(futures[0]) || !tarn_running(futures[1]))
        sched_yield();
    pids[0] = find_server();
    size_t n = 1 + children_of(pids[0], pids + 1, 7);
    if (write(report, pids, n * sizeof(*pids)) < 0)
        _exit(1);
    for (;;)
        pause();
}

TEST(nobody_is_left_when_the_host_is_killed)
{
    pid_t pids[8];
    int report[2];
    ssize_t size;
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    pid_t host = fork();
    if (host == 0)
        be_host(report[1]);
    close(report[1]);
    do
        size = read(report[0], pids, sizeof(pids));
    while (size < 0 && errno == EINTR);
    close(report[0]);
    assert_int_equal(size, 3 * sizeof(pid_t));
    kill(host, SIGKILL);
    wait_for(host, NULL);
    for (int i = 0; i < 3; i++)
        await_end(pids[i]);
}

static void refuse(void)
{
    tarn_fail(1, "on purpose");
}
TARN_TASK(void, refuse, void);

TEST(the_initializer_runs_in_each)
{
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .initializer = &refuse_task, .start = TARN_START_SPAWN);
    tarn_future *future = square_submit(pool, 2);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, "on purpose"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- No server, or not so many workers --------------------------------------------------------- */

TEST(without_descriptors_the_limit_is_named)
{
    struct rlimit before, low;
    tarn_executor *pool = NULL;
    int lowest = dup(0), more = 0;
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    for (; !pool; more++) {
        low.rlim_cur = (rlim_t)(lowest + more);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        pool = tarn_process_pool(.max_workers = 1);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (!pool && !strstr(tarn_last_error(), "raise the limit on open files"))
            fail_msg("%s", tarn_last_error());
    }
    assert_true(more > 2);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_size_out_of_range_is_told_with_the_range)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    assert_int_equal(tarn_resize(pool, -1), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "max_workers is -1; give 1 or more"));
    assert_int_equal(tarn_resize(pool, 501), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "max_workers is 501; give 1 to 500"));
    assert_int_equal(tarn_resize(pool, 500), TARN_OK);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_program_that_does_not_come_to_its_boot_is_told_what_it_needs)
{
    assert_int_equal(setenv("TARN_TEST_END", "1", 1), 0);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = square_submit(pool, 2);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    unsetenv("TARN_TEST_END");
    const char *text = tarn_error(future)->text;
    if (!strstr(text, "first line of its main()") || !strstr(text, "set-user-ID") ||
        !strstr(text, "loader"))
        fail_msg("%s", text);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Other programs -------------------------------------------------------------------------- */

TEST(a_program_may_be_its_own_worker_program)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    assert_true(length > 0);
    path[length] = '\0';
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = path);
    assert_non_null(pool);
    memset(path, '?', sizeof(path) - 1); /* it was copied */
    assert_squares(pool);
    kill_server();
    assert_squares(pool);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

static void expect_none(const char *program, const char *words)
{
    assert_null(tarn_process_pool(.worker_program = program));
    if (!strstr(tarn_last_error(), words) || !strstr(tarn_last_error(), program))
        fail_msg("%s", tarn_last_error());
}

TEST(a_program_that_cannot_be_executed_is_refused)
{
    expect_none("/nowhere/at/all", "No such file");
    expect_none("/dev/null", "ermission denied");
    expect_none("/usr", "ermission denied");
}

/* A pool with that program is broken before `limit`, and says why in these words. */
static void assert_no_worker(const char *program, const char *words, tarn_deadline limit)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = program);
    assert_non_null(pool);
    tarn_future *future = square_submit(pool, 2);
    assert_int_equal(tarn_future_wait(future, limit), TARN_OK);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, words));
    assert_non_null(strstr(tarn_error(future)->text, program));
    tarn_drop(future);
    future = square_submit(pool, 2);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Long before such a one is given up that only says nothing. */
static void assert_no_script(const char *text, const char *words, tarn_deadline limit)
{
    char path[] = "/tmp/tarn-start-XXXXXX";
    int file = mkostemp(path, O_CLOEXEC);
    assert_true(file >= 0 && fchmod(file, 0700) == 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    assert_no_worker(path, words, limit);
    unlink(path);
}

TEST(a_program_that_ends_is_found_out_at_once)
{
    assert_no_worker("/bin/true", "tarn_boot()", tarn_in(8));
    assert_no_worker("/bin/cat", "tarn_boot()", tarn_in(8));
    assert_no_worker("/bin/sleep", "tarn_boot()", tarn_in(8));
    /* Whatever the reason is. */
    assert_no_worker("/bin/true", "it ended with exit status 0, see", tarn_in(8));
    assert_no_script("#!/bin/sh\nexit 127\n", "it ended with exit status 127, see", tarn_in(8));
}

TEST(a_program_that_says_something_else_is_found_out_at_once)
{
    assert_no_script("#!/bin/sh\necho hello >&3\nexec sleep 60\n", "tarn_boot()", tarn_in(8));
    assert_no_script("#!/bin/sh\nexec 3>&-\nexec sleep 60\n", "tarn_boot()", tarn_in(8));
}

/* Its greeting is that of a later server. */
TEST(a_worker_of_another_version_is_found_out_at_once)
{
    assert_no_script("#!/bin/sh\n"
                     "printf 'tarn\\001\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\377\\0\\0\\0' >&3\n"
                     "exec sleep 60\n",
                     "another version", tarn_in(8));
}

TEST(a_program_that_says_nothing_is_given_up)
{
    assert_no_script("#!/bin/sh\nexec sleep 60\n", "tarn_boot()", TARN_FOREVER);
}

/* ---- exit() ---------------------------------------------------------------------------------- */

static int end_when_asked(void)
{
    while (!tarn_stop_requested())
        sched_yield();
    return 1;
}
TARN_TASK(int, end_when_asked, void);

static tarn_future *asked, *deaf;

static void look_at_exit(void)
{
    bool right = tarn_result(asked, NULL, NULL, 0) == TARN_STOPPED &&
                 !strstr(tarn_error(asked)->text, "killed") &&
                 tarn_result(deaf, NULL, NULL, 0) == TARN_STOPPED &&
                 strstr(tarn_error(deaf)->text, "killed");
    /* Not by exit() once more, at the end of which ThreadSanitizer wants all threads to be joined. */
    if (right)
        raise(SIGKILL);
    _exit(1);
}

static _Noreturn void exit_amid_tasks(void)
{
    setenv("TARN_EXIT_WAIT", "0.2", 1);
    atexit(look_at_exit);
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    asked = end_when_asked_submit(pool);
    deaf = sleep_for_ever_submit(pool);
    while (!tarn_running(asked) || !tarn_running(deaf))
        sched_yield();
    exit(0);
}

TEST(exit_asks_and_waits_and_then_kills)
{
    int how = 0;
    pid_t child = fork();
    if (child == 0)
        exit_amid_tasks();
    assert_true(child > 0);
    while (waitpid(child, &how, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}
