/* SPDX-License-Identifier: Apache-2.0 */

/* Plugins whose files are replaced, removed, or reached by another way, between the moment when the
 * program loads them and the one when a worker does; and descriptors that lie in no file. */
#include "runner.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tarn.h>
#include <unistd.h>

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

/* ---- Editions of a plugin -------------------------------------------------------------------- */

typedef struct place {
    char directory[64], path[128];
} place;

static place new_place(void)
{
    place p = {"/tmp/tarn-programs-XXXXXX", ""};
    assert_non_null(mkdtemp(p.directory));
    snprintf(p.path, sizeof(p.path), "%s/plugin.so", p.directory);
    return p;
}

static void remove_place(const place *p)
{
    unlink(p->path);
    assert_int_equal(rmdir(p->directory), 0);
}

/* A new file takes the name, as an installation does it: whoever has the old one keeps that. */
static void install(const place *p, const char *edition)
{
    char temporary[160], block[4096];
    size_t size;
    snprintf(temporary, sizeof(temporary), "%s.new", p->path);
    FILE *from = fopen(edition, "re"), *to = fopen(temporary, "we");
    assert_true(from && to);
    while ((size = fread(block, 1, sizeof(block), from)) > 0)
        assert_int_equal(fwrite(block, 1, size, to), size);
    fclose(from);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(rename(temporary, p->path), 0);
}

static const tarn_task *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    const tarn_task *task = dlsym(library, "price_task");
    assert_non_null(task);
    return task;
}

static tarn_executor *open_pool(void)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    if (!pool)
        fail_msg("%s", tarn_last_error());
    return pool;
}

static void assert_priced(tarn_executor *pool, const tarn_task *task)
{
    int quantity = 5, result = 0;
    tarn_future *future = tarn_submit(pool, task, &quantity, sizeof(quantity));
    if (tarn_result(future, task, &result, sizeof(result)) != TARN_OK)
        fail_msg("%s", tarn_error(future)->text);
    assert_int_equal(result, 15);
    tarn_drop(future);
}

/* Each of the words, which end with NULL, is in the text of the failure. */
static void assert_not_run(tarn_executor *pool, const tarn_task *task, tarn_status status, ...)
{
    int quantity = 5;
    va_list words;
    tarn_future *future = tarn_submit(pool, task, &quantity, sizeof(quantity));
    assert_string_equal(tarn_status_name(tarn_result(future, NULL, NULL, 0)),
                        tarn_status_name(status));
    va_start(words, status);
    for (const char *word; (word = va_arg(words, const char *));) {
        if (!strstr(tarn_error(future)->text, word))
            fail_msg("no \"%s\" in: %s", word, tarn_error(future)->text);
    }
    va_end(words);
    tarn_drop(future);
}

static uintptr_t offset_of(const tarn_task *task)
{
    Dl_info info;
    assert_int_not_equal(dladdr(task, &info), 0);
    return (uintptr_t)task - (uintptr_t)info.dli_fbase;
}

/* ---- What becomes of their tasks ------------------------------------------------------------- */

/* `other` takes the name of `first` after the program has loaded that. */
static void expect_when_replaced(const char *first, const char *other, tarn_status status,
                                 const char *words, const char *remedy)
{
    place p = new_place();
    tarn_executor *pool = open_pool();
    install(&p, first);
    const tarn_task *task = load(p.path);
    install(&p, other);
    assert_not_run(pool, task, status, "\"price\"", p.path, words, remedy, NULL);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    remove_place(&p);
}

static const char other_file[] = "is not the file that the program has loaded",
                  restart[] = "start the program anew", stay[] = "has to stay where it is";

TEST(another_build_by_the_same_name_is_not_run)
{
    expect_when_replaced(FIRST, DEARER, TARN_UNKNOWN_TASK, other_file, restart);
    expect_when_replaced(FIRST_WITHOUT_ID, DEARER_WITHOUT_ID, TARN_UNKNOWN_TASK, other_file,
                         restart);
    expect_when_replaced(FIRST, DEARER_WITHOUT_ID, TARN_UNKNOWN_TASK, other_file, restart);
    expect_when_replaced(FIRST_WITHOUT_ID, DEARER, TARN_UNKNOWN_TASK, other_file, restart);
}

TEST(a_build_with_another_shape_is_a_mismatch)
{
    /* Its descriptor is where that of the first is, or the test shows nothing. */
    assert_int_equal(offset_of(load(FIRST)), offset_of(load(WIDER)));
    assert_int_equal(offset_of(load(FIRST_WITHOUT_ID)), offset_of(load(WIDER_WITHOUT_ID)));
    char words[] = "argument 1 has 8 bytes there, not 4";
    expect_when_replaced(FIRST, WIDER, TARN_MISMATCH, words, restart);
    expect_when_replaced(FIRST_WITHOUT_ID, WIDER_WITHOUT_ID, TARN_MISMATCH, words, restart);
}

TEST(a_file_without_the_task_is_told_of)
{
    expect_when_replaced(FIRST, WITHOUT_TASK, TARN_UNKNOWN_TASK, other_file, restart);
    expect_when_replaced(FIRST, "/proc/self/status", TARN_UNKNOWN_TASK, "cannot load the library",
                         stay);
}

TEST(the_same_build_in_another_file_is_the_same)
{
    place p = new_place();
    tarn_executor *pool = open_pool();
    install(&p, FIRST);
    const tarn_task *task = load(p.path);
    install(&p, FIRST);
    assert_priced(pool, task);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    remove_place(&p);
}

TEST(a_plugin_that_was_removed_is_told_of)
{
    place p = new_place();
    tarn_executor *pool = open_pool();
    install(&p, FIRST);
    const tarn_task *task = load(p.path);
    unlink(p.path);
    assert_not_run(pool, task, TARN_UNKNOWN_TASK, "\"price\"", p.path, "No such file", stay, NULL);
    /* The worker is as good as before. */
    assert_priced(pool, load(FIRST));
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    remove_place(&p);
}

#ifdef STATIC_WORKER
TEST(a_static_worker_program_is_told_of)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = STATIC_WORKER);
    assert_not_run(pool, load(FIRST), TARN_UNKNOWN_TASK, "\"price\"", "static program",
                   "link the worker program dynamically", NULL);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
#endif

/* A worker that has loaded it needs no file any more. */
TEST(what_a_worker_has_loaded_may_be_replaced)
{
    place p = new_place();
    tarn_executor *pool = open_pool();
    install(&p, FIRST);
    const tarn_task *task = load(p.path);
    assert_priced(pool, task);
    install(&p, DEARER);
    assert_priced(pool, task);
    unlink(p.path);
    assert_priced(pool, task);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    remove_place(&p);
}

/* ---- Descriptors that no worker has ---------------------------------------------------------- */

static int half(int n)
{
    return n / 2;
}
TARN_TASK(int, half, int);

static void begin(void)
{
}
TARN_TASK(void, begin, void);

/* At once, as nothing that a worker does can change it. */
static void assert_refused(tarn_executor *pool, const tarn_task *task)
{
    int n = 5;
    tarn_future *future = tarn_submit(pool, task, &n, sizeof(n));
    assert_true(tarn_done(future));
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_UNSUPPORTED);
    assert_string_equal(tarn_error(future)->text, tarn_last_error());
    assert_non_null(strstr(tarn_last_error(), "\"half\""));
    assert_non_null(strstr(tarn_last_error(), "make it by TARN_TASK()"));
    tarn_drop(future);
}

TEST(a_descriptor_that_is_not_static_is_refused_at_once)
{
    tarn_executor *pool = open_pool();
    tarn_task on_stack = half_task, *on_heap = malloc(sizeof(*on_heap));
    assert_non_null(on_heap);
    *on_heap = half_task;
    assert_refused(pool, &on_stack);
    assert_refused(pool, on_heap);
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.rejected, 2);
    assert_int_equal(stats.workers, 0);

    int quantity = 5, result = 0;
    tarn_future *future = half_submit(pool, quantity);
    assert_int_equal(half_result(future, &result), TARN_OK);
    assert_int_equal(result, 2);
    tarn_drop(future);
    /* With a worker that has the task. */
    assert_refused(pool, on_heap);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    free(on_heap);
}

TEST(neither_is_an_initializer_nor_a_finalizer)
{
    tarn_task on_stack = begin_task;
    assert_null(tarn_process_pool(.initializer = &on_stack));
    assert_non_null(strstr(tarn_last_error(), "tarn_process_pool: initializer: "));
    assert_non_null(strstr(tarn_last_error(), "\"begin\" is not static data"));
    assert_null(tarn_process_pool(.finalizer = &on_stack));
    assert_non_null(strstr(tarn_last_error(), "tarn_process_pool: finalizer: "));
    assert_non_null(strstr(tarn_last_error(), "\"begin\" is not static data"));
}

static void call_half(const void *args, void *result)
{
    half_task.call(args, result);
}

/* The program fills it in, which nobody does in a worker. */
TEST(a_descriptor_that_is_written_at_run_time_is_not_the_workers)
{
    static tarn_task empty, half_empty = {sizeof(half_empty), "half", .call = call_half};
    static const char statically[] = "initialize it statically, as TARN_TASK() does";
    tarn_executor *pool = open_pool();
    empty = half_empty = half_task;
    assert_not_run(pool, &empty, TARN_UNKNOWN_TASK, "\"half\"", "in its copy of the program",
                   statically, NULL);
    assert_not_run(pool, &half_empty, TARN_MISMATCH, "0 arguments there", statically, NULL);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

TEST(a_plugin_is_found_that_was_loaded_by_a_relative_path)
{
    static const char *const editions[] = {FIRST, FIRST_WITHOUT_ID};
    char before[PATH_MAX];
    assert_non_null(getcwd(before, sizeof(before)));
    for (int i = 0; i < 2; i++) {
        place p = new_place();
        tarn_executor *pool = open_pool();
        install(&p, editions[i]);
        assert_int_equal(chdir(p.directory), 0);
        /* The linker loads nothing twice by one name. */
        const tarn_task *task = load(i == 0 ? "./plugin.so" : "././plugin.so");
        assert_int_equal(chdir(before), 0);
        assert_priced(pool, task);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
        remove_place(&p);
    }
}
