/* SPDX-License-Identifier: Apache-2.0 */

/* dlclose() of a module whose tasks are pending, running, or finished and not yet forgotten: it
 * stays loaded. Each test loads a copy of its own. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn.h>

#include "runner.h"
#include "unloaded.h"

/* ---- A copy of the module -------------------------------------------------------------------- */

static char path[200];
static void *handle;

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static const struct unloaded *load(void)
{
    static int copies;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/tarn-unload-%d-%d.so", folder ? folder : "/tmp", (int)getpid(),
             copies++);
    copy_file(MODULE, path);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail_msg("%s", dlerror());
    const struct unloaded *module = dlsym(handle, "unloaded");
    assert_non_null(module);
    return module;
}

static void unload(void)
{
    assert_int_equal(dlclose(handle), 0);
}

/* musl unloads nothing, ever. */
static void skip_if_all_stay(void)
{
#ifndef __GLIBC__
    skip();
#endif
}

/* Whether it is still there; and its file, which nobody needs any more, goes. */
static bool stayed(void)
{
    void *again = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (again)
        dlclose(again);
    unlink(path);
    return again != NULL;
}

/* ---- What the program has of its own --------------------------------------------------------- */

static int one_more(int n)
{
    return n + 1;
}
TARN_TASK(int, one_more, int);

static tarn_executor *open_pool(void)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    return pool;
}

static void assert_value(tarn_future *future, int value)
{
    int result = -1;
    assert_int_equal(tarn_result(future, NULL, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, value);
    tarn_drop(future);
}

/* ---- Modules that stay ----------------------------------------------------------------------- */

TEST(a_module_whose_task_runs_stays)
{
    tarn_executor *pool = open_pool();
    atomic_int word;
    atomic_init(&word, 0);
    tarn_future *future = load()->submit_tripled_word(pool, &word);
    while (!tarn_running(future))
        continue;
    unload();
    assert_true(stayed());
    atomic_store(&word, 5);
    assert_value(future, 15);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_module_whose_task_is_queued_stays)
{
    tarn_executor *pool = open_pool();
    atomic_int word;
    atomic_init(&word, 0);
    const struct unloaded *module = load();
    tarn_future *first = module->submit_tripled_word(pool, &word);
    tarn_future *second = module->submit_tripled(pool, 4);
    unload();
    assert_true(stayed());
    assert_string_equal(tarn_future_state(second), "PENDING");
    atomic_store(&word, 1);
    assert_value(first, 3);
    assert_value(second, 12);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* The failure names the task and the file, which are the module's. */
TEST(a_module_whose_future_was_not_dropped_stays)
{
    tarn_executor *pool = open_pool();
    tarn_future *future = load()->submit_failing(pool, 4);
    assert_int_equal(tarn_future_wait(future, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unload();
    assert_true(stayed());
    assert_string_equal(tarn_error(future)->task, "failing");
    assert_non_null(strstr(tarn_error(future)->file, "unloaded.c"));
    tarn_drop(future);
}

TEST(a_module_whose_submit_was_refused_stays)
{
    tarn_future *future = load()->submit_failing(NULL, 4);
    unload();
    assert_true(stayed());
    assert_string_equal(tarn_error(future)->task, "failing");
    tarn_drop(future);
}

TEST(a_module_whose_task_waits_for_another_stays)
{
    tarn_executor *pool = open_pool();
    tarn_promise *promise = tarn_promise_new(&one_more_task);
    tarn_future *before = tarn_promise_future(promise);
    tarn_future *after = load()->triple_after(pool, before);
    unload();
    assert_true(stayed());
    int value = 7;
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    assert_value(after, 21);
    tarn_drop(before);
    tarn_promise_drop(promise);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(a_module_that_made_a_promise_stays)
{
    tarn_promise *promise = load()->promise_tripled();
    tarn_future *future = tarn_promise_future(promise);
    unload();
    assert_true(stayed());
    assert_int_equal(tarn_promise_fail(promise, 1, "as it should"), TARN_OK);
    assert_string_equal(tarn_error(future)->task, "tripled");
    tarn_drop(future);
    tarn_promise_drop(promise);
}

TEST(a_module_whose_initializer_and_finalizer_are_used_stays)
{
    atomic_int times;
    atomic_init(&times, 0);
    tarn_executor *pool = load()->open_counting(&times);
    assert_non_null(pool);
    unload();
    assert_true(stayed());
    assert_value(one_more_submit(pool, 3), 4);
    assert_int_equal(atomic_load(&times), 1);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(atomic_load(&times), 2);
}

/* ---- Modules that go ------------------------------------------------------------------------- */

TEST(a_module_that_submitted_nothing_may_go)
{
    skip_if_all_stay();
    load();
    unload();
    assert_false(stayed());
}

TEST(a_module_that_only_asked_for_a_result_may_go)
{
    skip_if_all_stay();
    tarn_executor *pool = open_pool();
    tarn_future *future = one_more_submit(pool, 3);
    int value = 0;
    assert_int_equal(load()->read_tripled(future, &value), TARN_MISMATCH);
    unload();
    assert_false(stayed());
    assert_value(future, 4);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
