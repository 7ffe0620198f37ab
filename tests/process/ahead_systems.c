/* SPDX-License-Identifier: Apache-2.0 */

/* Systems with less: one CPU, no futex_waitv. And crowds of tiny tasks, and of such as own what has
 * to be released. */
#include "ahead.h"
#include "processes.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel takes, whose headers musl does not have. */
typedef struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t operand;
} instruction;
typedef struct program_of_filter {
    unsigned short len;
    instruction *filter;
} program_of_filter;
enum { LOAD_WORD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06, FILTERED = 2 };
enum { FAIL_WITH = 0x00050000, ALLOW = 0x7fff0000 };

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* ---- Crowds ---------------------------------------------------------------------------------- */

enum { SUBMITTERS = 4, WINDOW = 128 };

typedef struct submitter {
    pthread_t thread;
    tarn_executor *pool;
    uint32_t first, tasks;
    size_t wrong;
} submitter;

static void *submit_and_wait(void *data)
{
    submitter *own = data;
    for (uint32_t done = 0; done < own->tasks;) {
        tarn_future *futures[WINDOW];
        uint32_t n = own->tasks - done;
        /* One by one, too. */
        uint32_t most = own->first % 2 == 0 ? WINDOW : 1 + done % WINDOW;
        n = n < most ? n : most;
        for (uint32_t i = 0; i < n; i++)
            futures[i] = quick_submit(own->pool, own->first + done + i);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t number = own->first + done + i, result = 0;
            own->wrong += quick_result(futures[i], &result) != TARN_OK || result != 3 * number + 1;
        }
        tarn_drop_all(futures, n);
        done += n;
    }
    return NULL;
}

/* How many results were wrong. */
static size_t flood(tarn_executor *pool, uint32_t tasks)
{
    submitter all[SUBMITTERS];
    size_t wrong = 0;
    for (uint32_t i = 0; i < SUBMITTERS; i++) {
        all[i] = (submitter){.pool = pool, .first = i * tasks + i % 2, .tasks = tasks};
        if (pthread_create(&all[i].thread, NULL, submit_and_wait, &all[i]) != 0)
            abort();
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(all[i].thread, NULL);
        wrong += all[i].wrong;
    }
    return wrong;
}

TEST(crowds_of_tiny_tasks_have_the_right_results)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    uint32_t tasks = (uint32_t)test_count(20000);
    assert_int_equal(flood(pool, tasks), 0);
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.ok, SUBMITTERS * tasks);
    assert_int_equal(stats.queued + stats.running, 0);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(crowds_of_tiny_tasks_are_right_with_any_prefetch)
{
    static const int prefetches[] = {1, 2, 3, 30};
    for (size_t i = 0; i < sizeof(prefetches) / sizeof(*prefetches); i++) {
        tarn_executor *pool = tarn_process_pool(.max_workers = 3, .prefetch = prefetches[i]);
        assert_int_equal(flood(pool, (uint32_t)test_count(2000)), 0);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

/* ---- Systems --------------------------------------------------------------------------------- */

/* In a process of its own; 0: all was right. */
static int live(bool (*restrict_system)(void))
{
    if (!restrict_system())
        return 1;
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    if (!pool)
        return 2;
    if (flood(pool, (uint32_t)test_count(2000)) != 0)
        return 3;
    /* With sleeps in between. */
    for (uint32_t i = 0; i < 20; i++) {
        tarn_future *future = quick_submit(pool, i);
        uint32_t result = 0;
        if (i % 2 == 0 && tarn_future_wait(future, tarn_in(1e-6)) == TARN_INVALID)
            return 4;
        if (quick_result(future, &result) != TARN_OK || result != 3 * i + 1)
            return 5;
        tarn_drop(future);
    }
    return tarn_shutdown(pool) == TARN_OK ? 0 : 6;
}

static void assert_lives(bool (*restrict_system)(void))
{
    int how = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(live(restrict_system));
    assert_true(child > 0);
    while (waitpid(child, &how, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

static bool use_one_cpu(void)
{
    cpu_set_t cpus;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return false;
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) == 0;
}

TEST(a_pool_works_on_one_cpu)
{
    assert_lives(use_one_cpu);
}

static bool forbid_futex_waitv(void)
{
    instruction filter[] = {
        {LOAD_WORD, 0, 0, 0}, /* the number of the call */
        {JUMP_IF_EQUAL, 0, 1, SYS_futex_waitv},
        {RETURN, 0, 0, FAIL_WITH | ENOSYS},
        {RETURN, 0, 0, ALLOW},
    };
    program_of_filter program = {sizeof(filter) / sizeof(*filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, FILTERED, &program) == 0 &&
           syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS;
}

TEST(a_pool_works_without_futex_waitv)
{
    assert_lives(forbid_futex_waitv);
}

static bool have_less_of_both(void)
{
    return use_one_cpu() && forbid_futex_waitv();
}

TEST(a_pool_works_on_one_cpu_without_futex_waitv)
{
    assert_lives(have_less_of_both);
}

/* ---- Release functions ----------------------------------------------------------------------- */

static _Thread_local bool holds_lock;
static atomic_size_t released, released_under_lock;

static void release_number(uint32_t number)
{
    (void)number;
    atomic_fetch_add(&released, 1);
    atomic_fetch_add(&released_under_lock, holds_lock);
}

static uint32_t consume(uint32_t number)
{
    return 3 * number + 1;
}
TARN_TASK_OWNING(uint32_t, consume, release_number, void, uint32_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_releasing;

static void release_under_lock(uint32_t number)
{
    (void)number;
    if (holds_lock)
        return;
    atomic_store(&is_releasing, true);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

static uint32_t take(uint32_t number)
{
    return 3 * number + 1;
}
TARN_TASK_OWNING(uint32_t, take, release_under_lock, void, uint32_t);

/* The pool's own thread waits for the lock. */
TEST(who_holds_a_lock_that_a_release_function_takes_gets_what_is_submitted_then)
{
    enum { LATER = 200 };
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    tarn_future *future = quick_submit(pool, 1);
    assert_ended(&future, 1, TARN_OK);
    tarn_drop(future);
    pthread_mutex_lock(&lock);
    holds_lock = true;
    /* Again, if one ends before it is dropped, and is this thread's to release. */
    while (!atomic_load(&is_releasing)) {
        tarn_drop(take_submit(pool, 1));
        tarn_drain(pool, tarn_in(0.01));
    }
    for (uint32_t i = 0; i < LATER; i++) {
        uint32_t result = 0;
        future = quick_submit(pool, i);
        assert_int_equal(quick_result(future, &result), TARN_OK);
        assert_int_equal(result, 3 * i + 1);
        tarn_drop(future);
    }
    holds_lock = false;
    pthread_mutex_unlock(&lock);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* As if it held a lock that the release function takes: what it drops itself is its own affair. */
TEST(who_submits_or_waits_releases_nothing_of_others)
{
    enum { OTHERS = 40 };
    tarn_executor *pool = tarn_process_pool(.max_workers = 1);
    size_t rounds = test_count(500);
    atomic_store(&released, 0);
    atomic_store(&released_under_lock, 0);
    for (size_t k = 0; k < rounds; k++) {
        tarn_future *plain = NULL;
        uint32_t result = 0;
        for (uint32_t i = 0; i < OTHERS; i++) {
            holds_lock = true;
            tarn_future *future = consume_submit(pool, i);
            if (i % 4 == 0) {
                tarn_drop(plain);
                plain = quick_submit(pool, i);
            }
            holds_lock = false;
            tarn_drop(future);
        }
        holds_lock = true;
        assert_int_equal(quick_result(plain, &result), TARN_OK);
        holds_lock = false;
        tarn_drop(plain);
    }
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&released), rounds * OTHERS);
    assert_int_equal(atomic_load(&released_under_lock), 0);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
