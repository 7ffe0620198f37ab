/* SPDX-License-Identifier: Apache-2.0 */

/* oneTBB: "group" is task_group, which has no future: each task writes into a place of the
 * caller's, and the caller works, too. "promise" enqueues into an arena and gives each task a
 * std::promise: the same service as tarn's. */
#include <future>
#include <memory>
#include <vector>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "../bench.h"

static int64_t by_group(int n)
{
    std::vector<int> results(static_cast<size_t>(n), -1);
    tbb::task_group group;
    int64_t sum = 0;

    for (int i = 0; i < n; i++) {
        int *result = &results[static_cast<size_t>(i)];
        group.run([i, result] { *result = i; });
    }
    group.wait();
    for (int result : results)
        sum += result;
    return sum;
}

static int64_t by_promise(int n, int workers)
{
    tbb::task_arena arena(workers, 0);
    std::vector<std::future<int>> futures;
    int64_t sum = 0;

    futures.reserve(static_cast<size_t>(n));
    for (int i = 0; i < n; i++) {
        auto promise = std::make_unique<std::promise<int>>();
        futures.push_back(promise->get_future());
        arena.enqueue([i, owned = promise.release()] {
            owned->set_value(i);
            delete owned;
        });
    }
    for (auto &future : futures)
        sum += future.get();
    return sum;
}

int main(int argc, char **argv)
{
    bool promise = argc > 1 && strcmp(argv[1], "promise") == 0;
    int n = argument(argc, argv, 2, 1000000);
    int workers = argument(argc, argv, 3, 2);
    /* The calling thread counts: it works in a group, and only waits for a promise. */
    size_t threads = static_cast<size_t>(workers + promise);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);

    int64_t start = nanoseconds();
    int64_t sum = promise ? by_promise(n, workers) : by_group(n);
    int64_t end = nanoseconds();

    check_sum(sum, n);
    report("ns", static_cast<double>(end - start) / n);
    return 0;
}
