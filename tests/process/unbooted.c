/* SPDX-License-Identifier: Apache-2.0 */

/* A program whose main() does not begin with tarn_boot(), and whose tasks lie in a library that it
 * loads: its workers are tarn-worker. The program has no build-id, so that WORKER_WITHOUT_ID, which
 * has none either, must be told from it otherwise. */
#include "processes.h"
#include "runner.h"
#include "tasks.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct tasks *load(void)
{
    void *library = dlopen(TASKS, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    const struct tasks *tasks = dlsym(library, "tasks");
    assert_non_null(tasks);
    return tasks;
}

static void assert_square(tarn_executor *pool, const tarn_task *square, int n)
{
    int result = 0;
    tarn_future *future = tarn_submit(pool, square, &n, sizeof(n));
    assert_int_equal(tarn_result(future, square, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, n * n);
    tarn_drop(future);
}

static void use(int start)
{
    const struct tasks *tasks = load();
    pid_t server;
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .initializer = tasks->begin,
                                            .start = start, .worker_program = WORKER);
    if (!pool)
        fail_msg("%s", tarn_last_error());
    assert_square(pool, tasks->square, 7);

    bool begun = false;
    tarn_future *future = tarn_submit(pool, tasks->has_begun, NULL, 0);
    assert_int_equal(tarn_result(future, tasks->has_begun, &begun, sizeof(begun)), TARN_OK);
    assert_true(begun);
    tarn_drop(future);

    int code = 17;
    future = tarn_submit(pool, tasks->fail, &code, sizeof(code));
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_FAILED);
    assert_int_equal(tarn_error(future)->code, code);
    assert_string_equal(tarn_error(future)->text, "on purpose");
    tarn_drop(future);

    struct {
        int n;
        char c;
    } twenty = {20, 'x'};
    tarn_bytes bytes = {NULL, 0};
    future = tarn_submit(pool, tasks->repeat, &twenty, sizeof(twenty));
    assert_int_equal(tarn_result(future, tasks->repeat, &bytes, sizeof(bytes)), TARN_OK);
    assert_int_equal(bytes.size, 20);
    assert_memory_equal(bytes.data, "xxxxxxxxxxxxxxxxxxxx", 20);
    tarn_drop(future);

    int signal_ = SIGKILL;
    future = tarn_submit(pool, tasks->crash, &signal_, sizeof(signal_));
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_LOST);
    assert_int_equal(tarn_error(future)->signal, SIGKILL);
    tarn_drop(future);
    assert_square(pool, tasks->square, 8);

    kill_server();
    assert_square(pool, tasks->square, 9);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(children_of(getpid(), &server, 1), 0);
}

TEST(tasks_of_a_library_run_in_copies_of_another_program)
{
    use(TARN_START_FORK);
}

TEST(tasks_of_a_library_run_in_another_program_executed_anew)
{
    use(TARN_START_SPAWN);
}

/* Where its descriptor would be, the worker has something else. */
static int add(int a, int b)
{
    return a + b;
}
TARN_TASK(int, add, int, int);

static void expect_unknown(const char *worker_program)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = worker_program);
    tarn_future *future = add_submit(pool, 1, 2);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_UNKNOWN_TASK);
    const char *text = tarn_error(future)->text;
    if (!strstr(text, "\"add\"") || !strstr(text, "another program; move it to a shared library"))
        fail_msg("%s", text);
    tarn_drop(future);
    assert_square(pool, load()->square, 7);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_task_of_the_program_itself_is_not_the_workers)
{
    expect_unknown(WORKER);
}

TEST(programs_without_build_id_are_told_apart_by_their_files)
{
    expect_unknown(WORKER_WITHOUT_ID);
}

TEST(an_initializer_of_the_program_itself_breaks_the_pool)
{
    static const struct add_arguments two = {1, 2};
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .initializer = &add_task,
                                            .initializer_args = &two, .worker_program = WORKER);
    int n = 3;
    tarn_future *future = tarn_submit(pool, load()->square, &n, sizeof(n));
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_BROKEN);
    assert_non_null(strstr(tarn_error(future)->text, "another program"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(without_a_worker_program_there_is_no_pool)
{
    assert_null(tarn_process_pool(.max_workers = 1));
    assert_non_null(strstr(tarn_last_error(), "tarn-worker"));
}

/* What the library of tasks uses, and the program does not. */
void (*const used[])(void) = {(void (*)(void))tarn_fail_at, (void (*)(void))tarn_result_memory,
                              (void (*)(void))tarn_worker_local};
