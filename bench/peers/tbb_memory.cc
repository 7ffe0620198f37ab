/* SPDX-License-Identifier: Apache-2.0 */

/* What a pending task with a std::promise takes in a oneTBB arena, without the caller's array of
 * futures. */
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "../bench.h"

int main(int argc, char **argv)
{
    int n = argument(argc, argv, 1, 1000000);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 2);
    tbb::task_arena arena(1, 0);
    std::vector<std::future<int>> futures(static_cast<size_t>(n));
    std::atomic<bool> begun(false);
    std::mutex gate;
    int64_t sum = 0;

    gate.lock();
    arena.enqueue([&] {
        begun = true;
        gate.lock();
        gate.unlock();
    });
    while (!begun)
        std::this_thread::yield();
    double before = own_bytes();
    for (int i = 0; i < n; i++) {
        auto promise = std::make_unique<std::promise<int>>();
        futures[static_cast<size_t>(i)] = promise->get_future();
        arena.enqueue([i, owned = promise.release()] {
            owned->set_value(i);
            delete owned;
        });
    }
    double bytes = (own_bytes() - before) / n;
    gate.unlock();

    for (auto &future : futures)
        sum += future.get();
    check_sum(sum, n);
    report("bytes", bytes);
    return 0;
}
