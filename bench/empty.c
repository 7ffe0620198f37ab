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

enum { BATCH = 1024 };

static void submit_one_by_one(tarn_executor *pool, tarn_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        futures[i] = empty_submit(pool, i);
}

static void submit_many(tarn_executor *pool, tarn_future **futures, int n)
{
    int numbers[BATCH];

    for (int i = 0; i < n; i += BATCH) {
        int count = n - i < BATCH ? n - i : BATCH;
        for (int j = 0; j < count; j++)
            numbers[j] = i + j;
        if (empty_submit_many(pool, numbers, (size_t)count, futures + i) != TARN_OK)
            wrong("a batch was refused: %s", tarn_last_error());
    }
}

/* empty [one | many] [TASKS] [WORKERS] */
int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    bool many = argc > 1 && strcmp(argv[1], "many") == 0;
    int n = argument(argc, argv, 2, 1000000);
    int workers = argument(argc, argv, 3, 2);
    tarn_executor *pool = tarn_thread_pool(.max_workers = workers);
    tarn_future **futures = malloc((size_t)n * sizeof *futures);
    int64_t sum = 0;

    if (pool == NULL || futures == NULL)
        wrong("no pool or no memory: %s", tarn_last_error());
    memset(futures, 0, (size_t)n * sizeof *futures);

    int64_t start = nanoseconds();
    (many ? submit_many : submit_one_by_one)(pool, futures, n);
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
