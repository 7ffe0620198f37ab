/* SPDX-License-Identifier: Apache-2.0 */

/* OpenMP: each thread, the calling one among them, takes one equal part of the array. */
#include <omp.h>

#include "../kernels.h"

int main(int argc, char **argv)
{
    bool with_costly = is_costly(argc, argv);
    int n = argument(argc, argv, 2, 10000000);
    uint32_t *in = numbers(n), *out = numbers(n);

    omp_set_num_threads(argument(argc, argv, 3, 2));

    int64_t start = nanoseconds();
    if (with_costly) {
#pragma omp parallel for schedule(static)
        for (int i = 0; i < n; i++)
            out[i] = costly(in[i]);
    } else {
#pragma omp parallel for schedule(static)
        for (int i = 0; i < n; i++)
            out[i] = cheap(in[i]);
    }
    int64_t end = nanoseconds();

    check_map(with_costly, in, out, n);
    report("us", (double)(end - start) / 1000);
    free(in);
    free(out);
    return 0;
}
