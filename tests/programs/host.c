/* SPDX-License-Identifier: Apache-2.0 */

/* A program that has tasks in several places, for a linker to do its worst:
 *
 *     host fork|spawn|WORKER-PROGRAM [PLUGIN]
 *
 * With the path of tarn-worker, which is another program, what lies in this one is unknown there.
 * LOADS: it is a dynamic program, with a shared library and a plugin. */
#include "tasks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef LOADS
#include <dlfcn.h>
#endif

static int failures;

#define EXPECT(condition, task) expect((condition), #condition, (task), __LINE__)

static void expect(bool condition, const char *text, const tarn_task *task, int line)
{
    if (condition)
        return;
    failures++;
    fprintf(stderr, "host.c:%d: %s: not %s\n", line, task->name, text);
}

static tarn_future *submit(tarn_executor *pool, const tarn_task *task, int n)
{
    return tarn_submit(pool, task, &n, sizeof n);
}

static void use(tarn_executor *pool, const tarn_task *task, int digit)
{
    answer got = {0, 0};
    tarn_future *future = submit(pool, task, 7);
    EXPECT(tarn_result(future, task, &got, sizeof got) == TARN_OK, task);
    EXPECT(got.value == 70 + digit, task);
    EXPECT(got.pid != 0 && got.pid != (int)getpid(), task);
    if (tarn_error(future))
        fprintf(stderr, "%s\n", tarn_error(future)->text);
    tarn_drop(future);

    future = submit(pool, task, -7);
    EXPECT(tarn_result(future, NULL, NULL, 0) == TARN_FAILED, task);
    EXPECT(tarn_error(future) && tarn_error(future)->code == 7, task);
    EXPECT(tarn_error(future) && strcmp(tarn_error(future)->text, "less than 0") == 0, task);
    tarn_drop(future);
}

static void expect_unknown(tarn_executor *pool, const tarn_task *task)
{
    tarn_future *future = submit(pool, task, 7);
    EXPECT(tarn_result(future, NULL, NULL, 0) == TARN_UNKNOWN_TASK, task);
    EXPECT(tarn_error(future) && strstr(tarn_error(future)->text, "move it to a shared library"),
           task);
    tarn_drop(future);
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    if (argc < 2)
        return 2;
    const char *worker_program = argv[1][0] == '/' ? argv[1] : NULL;
    int start = strcmp(argv[1], "spawn") == 0 ? TARN_START_SPAWN : TARN_START_FORK;
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .start = start, .worker_program = worker_program);
    if (!pool) {
        fprintf(stderr, "%s\n", tarn_last_error());
        return 1;
    }
    if (worker_program) {
        expect_unknown(pool, &answer_of_program_task);
        expect_unknown(pool, &answer_of_archive_task);
    } else {
        use(pool, &answer_of_program_task, 1);
        use(pool, &answer_of_archive_task, 2);
    }
#ifdef LOADS
    use(pool, &answer_of_library_task, 3);
    /* The worker runs by now, and has to load it by itself. */
    void *plugin = argc > 2 ? dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) : NULL;
    const tarn_task *task = plugin ? dlsym(plugin, "answer_of_plugin_task") : NULL;
    if (!task) {
        fprintf(stderr, "%s\n", argc > 2 ? dlerror() : "no PLUGIN is given");
        return 1;
    }
    use(pool, task, 4);
#endif
    EXPECT(tarn_shutdown(pool) == TARN_OK, &answer_of_program_task);
    return failures != 0;
}
