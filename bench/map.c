/* SPDX-License-Identifier: Apache-2.0 */

/* What does a map cost? One function over an array, by the workers of a pool that has none yet. */
#include <tarn.h>

#include "kernels.h"

TARN_TASK(uint32_t, cheap, uint32_t);
TARN_TASK(uint32_t, costly, uint32_t);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    bool with_costly = is_costly(argc, argv);
    int n = argument(argc, argv, 2, 10000000);
    int workers = argument(argc, argv, 3, 2);
    uint32_t *in = numbers(n), *out = numbers(n);
    tarn_executor *pool = tarn_thread_pool(.max_workers = workers);

    if (pool == NULL)
        wrong("no pool: %s", tarn_last_error());

    int64_t start = nanoseconds();
    tarn_status status = with_costly ? costly_map(pool, in, (size_t)n, out, NULL, TARN_FOREVER)
                                     : cheap_map(pool, in, (size_t)n, out, NULL, TARN_FOREVER);
    int64_t end = nanoseconds();

    if (status != TARN_OK)
        wrong("%s", tarn_last_error());
    check_map(with_costly, in, out, n);
    report("us", (double)(end - start) / 1000);
    free(in);
    free(out);
    return tarn_shutdown(pool) != TARN_OK;
}
