/* SPDX-License-Identifier: Apache-2.0 */

/* oneTBB's parallel_for with its default partitioner. The calling thread works, too. */
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include "../kernels.h"

template <class F> static void map(F f, const uint32_t *in, uint32_t *out, int n)
{
    tbb::parallel_for(tbb::blocked_range<int>(0, n), [=](const tbb::blocked_range<int> &range) {
        for (int i = range.begin(); i < range.end(); i++)
            out[i] = f(in[i]);
    });
}

int main(int argc, char **argv)
{
    bool with_costly = is_costly(argc, argv);
    int n = argument(argc, argv, 2, 10000000);
    size_t workers = static_cast<size_t>(argument(argc, argv, 3, 2));
    uint32_t *in = numbers(n), *out = numbers(n);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);

    int64_t start = nanoseconds();
    if (with_costly)
        map([](uint32_t x) { return costly(x); }, in, out, n);
    else
        map([](uint32_t x) { return cheap(x); }, in, out, n);
    int64_t end = nanoseconds();

    check_map(with_costly, in, out, n);
    report("us", static_cast<double>(end - start) / 1000);
    free(in);
    free(out);
    return 0;
}
