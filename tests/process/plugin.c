/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin for plugins.c: it brings the library, and tasks, to a program that has neither. */
#include "plugin.h"

#include <signal.h>
#include <tarn.h>

static int square(int n)
{
    if (n < 0)
        tarn_fail(n, "not for negative numbers");
    return n * n;
}
TARN_TASK(int, square, int);

static int crash(int signal_)
{
    raise(signal_);
    return 0;
}
TARN_TASK(int, crash, int);

static int sum_squares(const char *worker_program, int n)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .worker_program = worker_program);
    tarn_status status = TARN_OK;
    int sum = 0;
    for (int i = 1; i <= n && status == TARN_OK; i++) {
        int result = 0;
        tarn_future *future = square_submit(pool, i);
        status = square_result(future, &result);
        tarn_drop(future);
        sum += result;
    }
    tarn_future *future = square_submit(pool, -1);
    if (status == TARN_OK && tarn_result(future, NULL, NULL, 0) != TARN_FAILED)
        status = TARN_MISMATCH;
    tarn_drop(future);
    if (status == TARN_OK)
        status = tarn_shutdown(pool);
    return status == TARN_OK ? sum : (int)status;
}

static int crash_one(const char *worker_program, int signal_)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .worker_program = worker_program);
    tarn_future *future = crash_submit(pool, signal_);
    tarn_status status = tarn_result(future, NULL, NULL, 0);
    tarn_drop(future);
    tarn_shutdown(pool);
    return status;
}

static const char *why_not(void)
{
    return tarn_process_pool(.max_workers = 1) ? "" : tarn_last_error();
}

TARN_API const struct process_plugin process_plugin;
const struct process_plugin process_plugin = {sum_squares, crash_one, why_not};
