/* SPDX-License-Identifier: Apache-2.0 */

/* What does a task cost, its future included? One producer submits them all, then reads all results
 * in the order of submission. */
#include <tarn.h>

#include "bench.h"

static int empty(int n)
{
    return n;
}
TARN_TASK(int, empty, int);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    int n = argument(argc, argv, 1, 1000000);
    int workers = argument(argc, argv, 2, 2);
    tarn_executor *pool = tarn_thread_pool(.max_workers = workers);
    tarn_future **futures = malloc((size_t)n * sizeof *futures);
    int64_t sum = 0;

    if (pool == NULL || futures == NULL)
        wrong("no pool or no memory: %s", tarn_last_error());
    memset(futures, 0, (size_t)n * sizeof *futures);

    int64_t start = nanoseconds();
    for (int i = 0; i < n; i++)
        futures[i] = empty_submit(pool, i);
    for (int i = 0; i < n; i++) {
        int result;
        if (empty_result(futures[i], &result) != TARN_OK)
            wrong("task %d failed: %s", i, tarn_error(futures[i])->text);
        sum += result;
        tarn_drop(futures[i]);
    }
    int64_t end = nanoseconds();

    check_sum(sum, n);
    report("ns", (double)(end - start) / n);
    free(futures);
    return tarn_shutdown(pool) != TARN_OK;
}
