/* SPDX-License-Identifier: Apache-2.0 */

/* The default size of a pool in a real control group with a quota of CPU time, and the CPUs of one
 * with a set of them. Skipped where this program cannot make control groups: in most containers,
 * and for everybody but root. What is read of them, and how, has its tests in cpu_quota_test.c. */
#include "child.h"
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A control group of the test's own ------------------------------------------------------- */

/* A file of the group, and what it is to say. */
struct setting {
    const char *file;
    const char *text;
};

/* A place to make one in, and how to set it up; of the two versions, either may be there. */
struct recipe {
    const char *parent;
    struct setting settings[2];
};

static char group[200]; /* its folder; "": there is none */

static bool group_write(const char *file, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", group, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

/* The kernel lets go of a group a moment after its last process was waited for. */
static void group_end(void)
{
    while (group[0] != '\0' && rmdir(group) != 0 && errno == EBUSY)
        sched_yield();
    group[0] = '\0';
}

/* For a test that failed before it came to group_end(). */
static void group_end_at_exit(void)
{
    if (group[0] != '\0')
        rmdir(group);
}

static bool group_begin(const struct recipe *recipe)
{
    atexit(group_end_at_exit);
    snprintf(group, sizeof(group), "%s/tarn-test-%d", recipe->parent, (int)getpid());
    if (mkdir(group, 0700) != 0) {
        group[0] = '\0';
        return false;
    }
    bool complete = true;
    for (int i = 0; i < 2 && complete && recipe->settings[i].file; i++)
        complete = group_write(recipe->settings[i].file, recipe->settings[i].text);
    if (!complete)
        group_end();
    return complete;
}

/* Makes the first group that can be made, or skips the test. */
static void group_or_skip(const struct recipe *recipes, size_t n)
{
    size_t i = 0;
    while (i < n && !group_begin(&recipes[i]))
        i++;
    if (i == n)
        skip();
}

/* What body answers in a child that is in the group; -1: it did not come so far. */
static int in_group(int (*body)(void *data), void *data)
{
    int answer = in_child(body, data);
    group_end();
    return answer;
}

static bool enter_group(void)
{
    char number[20];
    snprintf(number, sizeof(number), "%d", (int)getpid());
    return group_write("cgroup.procs", number);
}

/* ---- A quota --------------------------------------------------------------------------------- */

enum { CANNOT_ENTER = 99 };

static int count_workers(void *data)
{
    (void)data;
    if (!enter_group())
        return CANNOT_ENTER;
    tarn_executor *pool = tarn_thread_pool(.max_spares = TARN_NONE);
    int limit = tarn_worker_limit(pool);
    tarn_executor *bound = tarn_thread_pool(.max_spares = TARN_NONE, .affinity = "0-8191");
    int bound_limit = tarn_worker_limit(bound);
    return tarn_shutdown(pool) == TARN_OK && tarn_shutdown(bound) == TARN_OK && bound_limit == limit
               ? limit
               : 98;
}

/* Half of a CPU, rounded up. */
CONTRACT_TEST(the_default_size_keeps_to_the_quota_of_the_control_group, PARALLEL)
{
    static const struct recipe recipes[] = {
        {"/sys/fs/cgroup", {{"cpu.max", "50000 100000"}}},
        {"/sys/fs/cgroup/cpu", {{"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", "50000"}}},
        {"/sys/fs/cgroup/cpu,cpuacct",
         {{"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", "50000"}}},
    };
    child_needs_no_sanitizer();
    tarn_executor *pool = tarn_thread_pool(.max_spares = TARN_NONE);
    int before = tarn_worker_limit(pool);
    pool_close(pool);
    if (before == 1)
        skip();
    group_or_skip(recipes, sizeof(recipes) / sizeof(recipes[0]));
    int workers = in_group(count_workers, NULL);
    if (workers == CANNOT_ENTER)
        skip();
    assert_int_equal(workers, 1);
}

/* ---- A set of CPUs --------------------------------------------------------------------------- */

static void count_warnings(tarn_log_level level, const char *text, void *data)
{
    int *warnings = data;
    *warnings += level == TARN_LOG_WARNING && strstr(text, "cannot be bound") != NULL;
}

/* CPU 1 is one of this machine, but not of this group. */
static int ask_for_another_cpu(void *data)
{
    (void)data;
    if (!enter_group())
        return CANNOT_ENTER;
    int warnings = 0;
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1, .affinity = "1",
                                           .on_log = count_warnings, .log_data = &warnings);
    tarn_future *future = square_submit(pool, 3);
    int square = 0;
    bool right = square_result(future, &square) == TARN_OK && square == 9;
    tarn_drop(future);
    return right && tarn_shutdown(pool) == TARN_OK ? warnings : 98;
}

CONTRACT_TEST(cpus_that_the_control_group_has_not_are_no_reason_to_stop, PARALLEL)
{
    static const struct recipe recipes[] = {
        {"/sys/fs/cgroup", {{"cpuset.cpus", "0"}}},
        {"/sys/fs/cgroup/cpuset", {{"cpuset.cpus", "0"}, {"cpuset.mems", "0"}}},
    };
    child_needs_no_sanitizer();
    if (sysconf(_SC_NPROCESSORS_CONF) < 2)
        skip();
    group_or_skip(recipes, sizeof(recipes) / sizeof(recipes[0]));
    int warnings = in_group(ask_for_another_cpu, NULL);
    if (warnings == CANNOT_ENTER)
        skip();
    assert_int_equal(warnings, 1);
}
