/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin for plugins.c: it brings the library, and the tasks of tasks.c, to a program that has
 * neither. */
#include "plugin.h"
#include "tasks.h"

extern const struct tasks tasks;

/* How one call ends in a pool of its own. */
static tarn_status run(const char *worker_program, const tarn_task *task, const void *args)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = worker_program);
    tarn_future *future = tarn_submit(pool, task, args, task->args_size);
    tarn_status status = tarn_result(future, NULL, NULL, 0);
    tarn_drop(future);
    tarn_shutdown(pool);
    return status;
}

static int sum_squares(const char *worker_program, int n)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .worker_program = worker_program);
    tarn_status status = TARN_OK;
    int sum = 0;
    for (int i = 1; i <= n && status == TARN_OK; i++) {
        int result = 0;
        tarn_future *future = tarn_submit(pool, tasks.square, &i, sizeof(i));
        status = tarn_result(future, tasks.square, &result, sizeof(result));
        tarn_drop(future);
        sum += result;
    }
    if (status == TARN_OK)
        status = tarn_shutdown(pool);
    return status == TARN_OK ? sum : (int)status;
}

static int crash(const char *worker_program, int signal_)
{
    return run(worker_program, tasks.crash, &signal_);
}

static int give_up(const char *worker_program)
{
    int code = 17;
    return run(worker_program, tasks.fail, &code);
}

static int allocate(const char *worker_program)
{
    const struct {
        int n;
        char c;
    } twenty = {20, 'x'};
    return run(worker_program, tasks.repeat, &twenty);
}

static const char *why_not(void)
{
    return tarn_process_pool(.max_workers = 1) ? "" : tarn_last_error();
}

TARN_API const struct process_plugin process_plugin;
const struct process_plugin process_plugin = {sum_squares, crash, give_up, allocate, why_not};
