/* SPDX-License-Identifier: Apache-2.0 */

/* The threads of the workers: names, stacks, signals, and how many there are. */
#include "contract.h"

#include <sched.h>
#include <signal.h>

static tarn_bytes thread_name(void)
{
    char *name = tarn_result_memory(16);
    if (!name || pthread_getname_np(pthread_self(), name, 16) != 0) {
        tarn_fail(1, "no name");
        return (tarn_bytes){NULL, 0};
    }
    return (tarn_bytes){name, strlen(name) + 1};
}
TARN_TASK(tarn_bytes, thread_name, void);

static void assert_name(const char *name, const char *expected)
{
    tarn_executor *pool = pool_with(&(struct pool_options){.name = name});
    tarn_future *future = thread_name_submit(pool);
    tarn_bytes result = {"", 1};
    assert_int_equal(thread_name_result(future, &result), TARN_OK);
    assert_string_equal(result.data, expected);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(threads_are_called_by_name_and_index, SHARED_MEMORY)
{
    char name[] = "io";
    assert_name(NULL, "tarn-0");
    assert_name(name, "io-0");
    assert_name("thirteen-char", "thirteen-char-0");
}

CONTRACT_TEST(the_name_is_copied, SHARED_MEMORY)
{
    char name[] = "short-lived";
    tarn_executor *pool = pool_with(&(struct pool_options){.name = name});
    memset(name, 'x', sizeof(name) - 1);
    tarn_future *future = thread_name_submit(pool);
    tarn_bytes result = {"", 1};
    assert_int_equal(thread_name_result(future, &result), TARN_OK);
    assert_string_equal(result.data, "short-lived-0");
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(a_name_that_is_too_long_is_no_error, SHARED_MEMORY)
{
    char name[300];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    tarn_executor *pool = pool_with(&(struct pool_options){.name = name});
    tarn_future *future = thread_name_submit(pool);
    tarn_bytes result = {"", 1};
    assert_int_equal(thread_name_result(future, &result), TARN_OK);
    assert_int_equal(strlen(result.data), 15);
    assert_memory_equal(result.data, name, 10);
    tarn_drop(future);
    pool_close(pool);
}

/* Uses a kibibyte at each level, and a little more. */
static int use_stack(int kibibytes)
{
    volatile char frame[1024];
    frame[0] = (char)kibibytes;
    frame[1023] = 1;
    int below = kibibytes > 1 ? use_stack(kibibytes - 1) : 0;
    return below + frame[1023];
}
TARN_TASK(int, use_stack, int);

CONTRACT_TEST(the_stack_has_the_size_asked_for, SHARED_MEMORY)
{
    static const struct {
        size_t size;
        int use;
    } cases[] = {{0, 4000}, {(size_t)4 << 20, 2000}, {(size_t)64 << 20, 30000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tarn_executor *pool = pool_with(&(struct pool_options){.stack_size = cases[i].size});
        tarn_future *future = use_stack_submit(pool, cases[i].use);
        int used = 0;
        assert_int_equal(use_stack_result(future, &used), TARN_OK);
        assert_int_equal(used, cases[i].use);
        tarn_drop(future);
        pool_close(pool);
    }
}

CONTRACT_TEST(the_smallest_stack_runs_small_tasks, SHARED_MEMORY)
{
    tarn_executor *pool = pool_with(&(struct pool_options){.stack_size = 16384});
    assert_ended(square_submit(pool, 3), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(the_default_size_honours_affinity, PARALLEL)
{
    cpu_set_t before;
    cpu_set_t one;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    struct pool_options options = {.max_workers = DEFAULT_SIZE, .max_spares = TARN_NONE};
    tarn_executor *pool = pool_with(&options);
    int limit = tarn_worker_limit(pool);
    pool_close(pool);
    assert_in_range(limit, 1, CPU_COUNT(&before));

    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    pool = pool_with(&options);
    limit = tarn_worker_limit(pool);
    pool_close(pool);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(limit, 1);
}

static int blocked_signals(void)
{
    sigset_t blocked;
    int mask = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    static const int signals[] = {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGSEGV, SIGABRT, SIGPROF};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        mask |= sigismember(&blocked, signals[i]) << i;
    return mask;
}
TARN_TASK(int, blocked_signals, void);

CONTRACT_TEST(workers_leave_signals_to_the_program, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = blocked_signals_submit(pool);
    int mask = 0;
    assert_int_equal(blocked_signals_result(future, &mask), TARN_OK);
    assert_int_equal(mask, 0x0f);
    tarn_drop(future);
    pool_close(pool);
}

static void end_thread(void)
{
    pthread_exit(NULL);
}
TARN_TASK(void, end_thread, void);

CONTRACT_TEST(a_task_that_ends_its_thread_fails_and_costs_nothing_else, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    for (int round = 0; round < 5; round++) {
        tarn_future *future = end_thread_submit(pool);
        tarn_future *next = square_submit(pool, round);
        assert_int_equal(status_of(future), TARN_FAILED);
        assert_contains(tarn_error(future)->text, "ended its thread");
        tarn_drop(future);
        assert_ended(next, TARN_OK);
    }
    pool_close(pool);
}
