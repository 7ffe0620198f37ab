/* SPDX-License-Identifier: Apache-2.0 */

/* Does as_completed stay linear? All futures are pending when it begins; then the tasks run, and
 * every tag is handed out. The time for each future, at three sizes up to the one given. */
#include <tarn.h>

#include "bench.h"
#include "gate.h"

/* A quadratic one would be 100 times slower at 1M than at 10k. Caches and noise are worth less. */
enum { NOT_LINEAR = 25 };

static int empty(int n)
{
    return n;
}
TARN_TASK(int, empty, int);

static double measure(tarn_executor *pool, tarn_future **futures, int n)
{
    tarn_future *gatekeeper = close_gate(pool);
    int64_t sum = 0;

    for (int i = 0; i < n; i++)
        futures[i] = empty_submit(pool, i);

    int64_t start = nanoseconds();
    tarn_completions *completed = tarn_as_completed(futures, (size_t)n, TARN_FOREVER);
    if (completed == NULL)
        wrong("no completions: %s", tarn_last_error());
    open_gate(gatekeeper);
    int count = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK; count++) {
        int result;
        if (tag >= (size_t)n || empty_result(futures[tag], &result) != TARN_OK)
            wrong("tag %zu is no finished task", tag);
        if (result != (int)tag)
            wrong("tag %zu comes with the result %d", tag, result);
        sum += result;
        tarn_drop(futures[tag]);
    }
    tarn_completions_drop(completed);
    int64_t end = nanoseconds();

    if (count != n)
        wrong("%d tags for %d futures", count, n);
    check_sum(sum, n);
    return (double)(end - start) / n;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    int most = argument(argc, argv, 1, 1000000);
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    tarn_future **futures = malloc((size_t)most * sizeof *futures);

    if (most < 100)
        wrong("less than 100 futures tell nothing");
    if (pool == NULL || futures == NULL)
        wrong("no pool or no memory: %s", tarn_last_error());
    memset(futures, 0, (size_t)most * sizeof *futures);

    double first = 0, each = 0;
    for (int n = most / 100; n <= most; n *= 10) {
        each = measure(pool, futures, n);
        first = first > 0 ? first : each;
        printf("ns_%d %.1f\n", n, each);
    }
    if (each > NOT_LINEAR * first)
        wrong("it is not linear: from %.0f to %.0f ns a future", first, each);
    free(futures);
    return tarn_shutdown(pool) != TARN_OK;
}
