/* SPDX-License-Identifier: Apache-2.0 */

/* oneTBB's task_group: each call of fib is a task, but its result is a variable of the caller's,
 * not a future. */
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_group.h>

#include "../bench.h"

static int64_t fib(int n)
{
    if (n < 2)
        return n;

    int64_t x, y;
    tbb::task_group group;
    group.run([n, &x] { x = fib(n - 1); });
    group.run([n, &y] { y = fib(n - 2); });
    group.wait();
    return x + y;
}

int main(int argc, char **argv)
{
    int n = argument(argc, argv, 1, 25);
    size_t workers = static_cast<size_t>(argument(argc, argv, 2, 2));
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);

    int64_t start = nanoseconds();
    int64_t result = fib(n);
    int64_t end = nanoseconds();

    check_fib(n, result);
    report("ns", static_cast<double>(end - start) / static_cast<double>(fib_calls(n)));
    return 0;
}
