/* SPDX-License-Identifier: Apache-2.0 */

/* The count; the quota that goes into it has its tests in cpu_quota_test.c. */
#include "platform/cpu.h"

#include "platform/thread.h"
#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);

/* A machine with this many CPUs, of which the first and the last two are ours; 0: the real one. */
static size_t machine_cpus;
static int affinity_error;

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    if (affinity_error != 0) {
        errno = affinity_error;
        return -1;
    }
    if (machine_cpus == 0)
        return __real_sched_getaffinity(pid, size, set);
    if (size * 8 < machine_cpus) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO_S(size, set);
    CPU_SET_S(0, size, set);
    CPU_SET_S(machine_cpus - 2, size, set);
    CPU_SET_S(machine_cpus - 1, size, set);
    return 0;
}

/* What is left of `count` by the quota of the system that the tests run on. */
static int within_quota(int count)
{
    int quota = tn_cpu_quota("");

    return quota > 0 && quota < count ? quota : count;
}

TEST(there_is_at_least_one_cpu)
{
    assert_true(tn_cpu_count() >= 1);
    assert_true(tn_cpu_count() <= sysconf(_SC_NPROCESSORS_CONF));
    assert_true(tn_cpu_quota("") >= 0);
}

TEST(the_count_follows_the_affinity_mask)
{
    cpu_set_t before, one;
    size_t cpu = 0;
    int count;

    assert_int_equal(__real_sched_getaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(tn_cpu_count(), within_quota(CPU_COUNT(&before)));
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    count = tn_cpu_count();
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(count, 1);
}

TEST(the_mask_may_be_larger_than_libcs_usual_set)
{
    int count;

    machine_cpus = 8 * CPU_SETSIZE;
    count = tn_cpu_count();
    machine_cpus = 0;
    assert_int_equal(count, within_quota(3));
}

TEST(without_a_mask_the_cpus_that_are_online_count)
{
    int refused, never_large_enough;

    affinity_error = ENOSYS;
    refused = tn_cpu_count();
    affinity_error = EINVAL;
    never_large_enough = tn_cpu_count();
    affinity_error = 0;
    assert_int_equal(refused, within_quota((int)sysconf(_SC_NPROCESSORS_ONLN)));
    assert_int_equal(never_large_enough, refused);
}

static void count_cancelled(void *data)
{
    int state;

    pthread_cancel(pthread_self());
    *(int *)data = tn_cpu_count();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (state != PTHREAD_CANCEL_ENABLE)
        *(int *)data = 0;
}

TEST(counting_is_not_a_cancellation_point)
{
    tn_thread thread;
    int count = 0;

    assert_int_equal(tn_thread_start(&thread, 256 * 1024, "test", count_cancelled, &count), 0);
    tn_thread_join(thread);
    assert_true(count >= 1);
}
