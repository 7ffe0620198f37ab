/* SPDX-License-Identifier: Apache-2.0 */

/* How many bytes does a pending call take? All of it: task, arguments, future, and its place in the
 * queue; but not the caller's array of pointers. More than 64.0 is an error. */
#include <tarn.h>

#include "bench.h"
#include "gate.h"

static int empty(int n)
{
    return n;
}
TARN_TASK(int, empty, int);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    int n = argument(argc, argv, 1, 1000000);
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    tarn_future **futures = malloc((size_t)n * sizeof *futures);
    int64_t sum = 0;

    if (pool == NULL || futures == NULL)
        wrong("no pool or no memory: %s", tarn_last_error());
    memset(futures, 1, (size_t)n * sizeof *futures); /* written to before the first look */

    tarn_future *gatekeeper = close_gate(pool);
    double before = own_bytes();
    for (int i = 0; i < n; i++)
        futures[i] = empty_submit(pool, i);
    double bytes = (own_bytes() - before) / n;
    open_gate(gatekeeper);

    for (int i = 0; i < n; i++) {
        int result;
        if (empty_result(futures[i], &result) != TARN_OK)
            wrong("task %d failed: %s", i, tarn_error(futures[i])->text);
        sum += result;
        tarn_drop(futures[i]);
    }
    check_sum(sum, n);
    report("bytes", bytes);
    if (bytes >= 64.05) /* prints as more than 64.0 */
        wrong("a pending future takes %.2f bytes, and 64.0 is the limit", bytes);
    free(futures);
    return tarn_shutdown(pool) != TARN_OK;
}
