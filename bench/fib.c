/* SPDX-License-Identifier: Apache-2.0 */

/* What does waiting inside tasks cost? Every call of fib is a task with a future, and waits for two
 * more. */
#include <tarn.h>

#include "bench.h"

static int64_t fib(int n, tarn_executor *pool);
TARN_TASK_DECLARE(int64_t, fib, int, tarn_executor *);

static int64_t fib(int n, tarn_executor *pool)
{
    if (n < 2)
        return n;

    tarn_future *a = fib_submit(pool, n - 1, pool);
    tarn_future *b = fib_submit(pool, n - 2, pool);
    int64_t x, y;
    if (fib_result(a, &x) != TARN_OK || fib_result(b, &y) != TARN_OK) {
        tarn_fail(1, "fib(%d) lost a part", n);
        x = y = 0;
    }
    tarn_drop(a);
    tarn_drop(b);
    return x + y;
}
TARN_TASK_DEFINE(int64_t, fib, int, tarn_executor *);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    int n = argument(argc, argv, 1, 25);
    int workers = argument(argc, argv, 2, 2);
    tarn_executor *pool = tarn_thread_pool(.max_workers = workers);
    int64_t result;

    if (pool == NULL)
        wrong("no pool: %s", tarn_last_error());

    int64_t start = nanoseconds();
    tarn_future *future = fib_submit(pool, n, pool);
    tarn_status status = fib_result(future, &result);
    int64_t end = nanoseconds();

    if (status != TARN_OK)
        wrong("%s", tarn_error(future) ? tarn_error(future)->text : tarn_last_error());
    check_fib(n, result);
    report("ns", (double)(end - start) / (double)fib_calls(n));
    tarn_drop(future);
    return tarn_shutdown(pool) != TARN_OK;
}
