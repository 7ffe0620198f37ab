/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/cpu.h"

#include "runner.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a system made of files ---- */

static char root[PATH_MAX];

static void system_begin(void)
{
    const char *directory = getenv("TMPDIR");

    snprintf(root, sizeof(root), "%s/tarn-cpu-XXXXXX", directory != NULL ? directory : "/tmp");
    assert_non_null(mkdtemp(root));
}

/* Writes the file root/name, with the directories on the way to it. */
static void system_file(const char *name, const char *text)
{
    char path[2 * PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Ends the system, after asking it for its quota. */
static void system_expect(int quota)
{
    int found = tn_cpu_quota(root);

    assert_int_equal(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(found, quota);
}

#define MOUNTS_OF_OTHERS \
    "22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n" \
    "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
#define MOUNT_V2 \
    "34 22 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:9 - cgroup2 cgroup2 " \
    "rw,nsdelegate\n"
#define MOUNT_V1_MEMORY \
    "35 22 0:30 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n"
#define MOUNT_V1_CPU \
    "36 22 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n"

static void system_v2(const char *group)
{
    char line[PATH_MAX];

    system_begin();
    snprintf(line, sizeof(line), "0::%s\n", group);
    system_file("proc/self/cgroup", line);
    system_file("proc/self/mountinfo", MOUNTS_OF_OTHERS MOUNT_V2);
}

/* Expects this quota of a system whose only limit is this text. */
static void expect_v2(const char *limit, int quota)
{
    system_v2("/job");
    system_file("sys/fs/cgroup/job/cpu.max", limit);
    system_expect(quota);
}

static void system_v1(const char *group)
{
    char lines[PATH_MAX];

    system_begin();
    snprintf(lines, sizeof(lines), "12:cpuset:/other\n4:memory:/other\n3:cpu,cpuacct:%s\n", group);
    system_file("proc/self/cgroup", lines);
    system_file("proc/self/mountinfo", MOUNTS_OF_OTHERS MOUNT_V1_MEMORY MOUNT_V1_CPU);
}

static void limit_v1(const char *group, const char *quota)
{
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "sys/fs/cgroup/cpu,cpuacct%s/cpu.cfs_quota_us", group);
    system_file(name, quota);
    snprintf(name, sizeof(name), "sys/fs/cgroup/cpu,cpuacct%s/cpu.cfs_period_us", group);
    system_file(name, "100000\n");
}

/* ---- version 2 ---- */

TEST(v2_quota_in_whole_cpus)
{
    expect_v2("300000 100000\n", 3);
}

TEST(v2_quota_is_rounded_up)
{
    expect_v2("150000 100000\n", 2);
    expect_v2("1000 100000\n", 1);
    expect_v2("200001 100000\n", 3);
}

TEST(v2_period_counts)
{
    expect_v2("200000 50000\n", 4);
}

TEST(v2_max_is_no_limit)
{
    expect_v2("max 100000\n", 0);
}

TEST(v2_smallest_limit_on_the_way_up_counts)
{
    system_v2("/a/b/c");
    system_file("sys/fs/cgroup/a/cpu.max", "500000 100000\n");
    system_file("sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    system_file("sys/fs/cgroup/a/b/c/cpu.max", "300000 100000\n");
    system_expect(2);
}

TEST(v2_limit_far_above_counts)
{
    system_v2("/a/b/c/d");
    system_file("sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    system_file("sys/fs/cgroup/a/b/c/d/cpu.max", "max 100000\n");
    system_expect(1);
}

TEST(v2_limit_at_the_mount_point_counts)
{
    system_v2("/");
    system_file("sys/fs/cgroup/cpu.max", "200000 100000\n");
    system_expect(2);
}

TEST(v2_nothing_above_the_mount_point_counts)
{
    system_v2("/job");
    system_file("sys/fs/cpu.max", "100000 100000\n");
    system_file("cpu.max", "100000 100000\n");
    system_expect(0);
}

TEST(v2_groups_of_others_do_not_count)
{
    system_v2("/job");
    system_file("sys/fs/cgroup/job/child/cpu.max", "100000 100000\n");
    system_file("sys/fs/cgroup/sibling/cpu.max", "100000 100000\n");
    system_expect(0);
}

TEST(v2_group_and_mount_with_blanks)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/my job\n");
    system_file("proc/self/mountinfo", "34 22 0:29 / /mnt/a\\040b\\134c rw - cgroup2 cgroup2 rw\n");
    system_file("mnt/a b\\c/my job/cpu.max", "200000 100000\n");
    system_expect(2);

    system_begin();
    system_file("proc/self/cgroup", "0::/my pod/job\n");
    system_file("proc/self/mountinfo", "34 22 0:29 /my\\040pod /mnt rw - cgroup2 cgroup2 rw\n");
    system_file("mnt/job/cpu.max", "200000 100000\n");
    system_expect(2);
}

TEST(v2_group_with_colons)
{
    system_v2("/app:x:y");
    system_file("sys/fs/cgroup/app:x:y/cpu.max", "200000 100000\n");
    system_expect(2);
}

/* ---- containers ---- */

/* The mount shows the container's group only, and the kernel names it from the host's top. */
TEST(a_mount_may_show_a_part_of_the_hierarchy)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/docker/abc/inner\n");
    system_file("proc/self/mountinfo",
                MOUNTS_OF_OTHERS "34 22 0:29 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    system_file("sys/fs/cgroup/cpu.max", "400000 100000\n");
    system_file("sys/fs/cgroup/inner/cpu.max", "300000 100000\n");
    system_expect(3);
}

TEST(a_mount_may_show_exactly_our_group)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/docker/abc\n");
    system_file("proc/self/mountinfo",
                MOUNTS_OF_OTHERS "34 22 0:29 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    system_file("sys/fs/cgroup/cpu.max", "400000 100000\n");
    system_expect(4);
}

TEST(a_group_outside_of_the_mount_is_looked_up_at_its_top)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/docker/abcdef\n");
    system_file("proc/self/mountinfo",
                MOUNTS_OF_OTHERS "34 22 0:29 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    system_file("sys/fs/cgroup/cpu.max", "400000 100000\n");
    system_file("sys/fs/cgroup/def/cpu.max", "100000 100000\n");
    system_expect(4);

    system_v2("/../elsewhere");
    system_file("sys/fs/cgroup/cpu.max", "500000 100000\n");
    system_file("sys/fs/elsewhere/cpu.max", "100000 100000\n");
    system_expect(5);
}

TEST(the_mount_that_shows_our_group_is_preferred)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/ours\n");
    system_file("proc/self/mountinfo", "33 22 0:29 /theirs /mnt/theirs rw - cgroup2 cgroup2 rw\n"
                                       "34 22 0:29 /ours /mnt/ours rw - cgroup2 cgroup2 rw\n"
                                       "35 22 0:29 /theirs /mnt/more rw - cgroup2 cgroup2 rw\n");
    system_file("mnt/theirs/cpu.max", "100000 100000\n");
    system_file("mnt/ours/cpu.max", "200000 100000\n");
    system_file("mnt/more/cpu.max", "100000 100000\n");
    system_expect(2);
}

TEST(without_a_mount_that_shows_our_group_the_first_counts)
{
    system_begin();
    system_file("proc/self/cgroup", "0::/ours\n");
    system_file("proc/self/mountinfo", "33 22 0:29 /theirs /mnt/first rw - cgroup2 cgroup2 rw\n"
                                       "34 22 0:29 /others /mnt/second rw - cgroup2 cgroup2 rw\n");
    system_file("mnt/first/cpu.max", "200000 100000\n");
    system_file("mnt/second/cpu.max", "100000 100000\n");
    system_expect(2);
}

/* ---- version 1 ---- */

TEST(v1_quota_is_rounded_up)
{
    system_v1("/job");
    limit_v1("/job", "250000\n");
    system_expect(3);
}

TEST(v1_minus_one_is_no_limit)
{
    system_v1("/job");
    limit_v1("/job", "-1\n");
    system_expect(0);
}

TEST(v1_smallest_limit_on_the_way_up_counts)
{
    system_v1("/a/b");
    limit_v1("/a", "200000\n");
    limit_v1("/a/b", "-1\n");
    system_expect(2);
}

TEST(v1_container_with_a_part_of_the_hierarchy)
{
    system_begin();
    system_file("proc/self/cgroup", "3:cpu,cpuacct:/docker/abc\n");
    system_file("proc/self/mountinfo",
                "36 22 0:31 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n");
    system_file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "600000\n");
    system_file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    system_expect(6);
}

TEST(v1_controllers_with_similar_names_do_not_count)
{
    system_begin();
    system_file("proc/self/cgroup", "3:cpuset,cpuacct:/job\n");
    system_file("proc/self/mountinfo",
                "36 22 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,cpuacct\n");
    system_file("sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us", "100000\n");
    system_file("sys/fs/cgroup/cpuset/job/cpu.cfs_period_us", "100000\n");
    system_expect(0);
}

TEST(on_a_hybrid_system_the_smaller_limit_counts)
{
    for (int v1 = 1; v1 <= 3; v1++) {
        char quota[32];

        system_begin();
        system_file("proc/self/cgroup", "3:cpu,cpuacct:/old\n0::/new\n");
        system_file("proc/self/mountinfo", MOUNTS_OF_OTHERS MOUNT_V1_CPU
                    "34 22 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        snprintf(quota, sizeof(quota), "%d\n", v1 * 100000);
        limit_v1("/old", quota);
        system_file("sys/fs/cgroup/unified/new/cpu.max", "200000 100000\n");
        system_expect(v1 < 2 ? v1 : 2);
    }
}

/* ---- what is missing or makes no sense ---- */

TEST(missing_files_mean_no_limit)
{
    system_begin();
    system_expect(0);

    system_begin();
    system_file("proc/self/cgroup", "0::/job\n");
    system_expect(0);

    system_begin();
    system_file("proc/self/mountinfo", MOUNT_V2);
    system_file("sys/fs/cgroup/cpu.max", "100000 100000\n");
    system_expect(0);

    system_v2("/job");
    system_expect(0);

    system_v1("/job");
    system_file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "100000\n");
    system_expect(0);

    assert_int_equal(tn_cpu_quota("/nonexistent"), 0);
}

TEST(a_limit_that_is_no_number_means_no_limit)
{
    static const char *const noise[] = {
        "",         "\n",          "100000",      "100000\n",    "x 100000\n",   "100000 x\n",
        "0 100000", "100000 0\n",  "-5 100000\n", "100000 -5\n", "1e5 100000\n", "100000x 100000\n",
        "\xff\xfe", "100000,1000", "max",         "100000 1000x"};

    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
        expect_v2(noise[i], 0);
}

TEST(a_huge_limit_does_not_overflow)
{
    char text[64];

    expect_v2("99999999999999999999999 1\n", INT_MAX);

    snprintf(text, sizeof(text), "%lld 100000\n", LLONG_MAX);
    expect_v2(text, INT_MAX);
}

TEST(noise_in_proc_means_no_limit)
{
    static const char *const noise[] = {"",
                                        "\n",
                                        "\n\n\n",
                                        "0\n",
                                        "0:\n",
                                        "0::\n",
                                        ":::\n",
                                        "cpu",
                                        "1:cpu\n",
                                        " - \n",
                                        "- - -",
                                        "1 2 3\n",
                                        "1 2 3 / /sys/fs/cgroup\n",
                                        "1 2 3 / /sys/fs/cgroup rw - \n",
                                        "1 2 3 / /sys/fs/cgroup rw - cgroup2\n",
                                        "1 2 3 / /sys/fs/cgroup rw cgroup2 cgroup2 rw\n",
                                        "\\\\0\\04\\040 \\ \\ \\ \\ - cgroup2 x y\n",
                                        "\xff\xfe\xfd"};

    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
        system_begin();
        system_file("proc/self/cgroup", noise[i]);
        system_file("proc/self/mountinfo", MOUNT_V2 MOUNT_V1_CPU);
        system_expect(0);

        system_begin();
        system_file("proc/self/cgroup", "0::/job\n3:cpu:/job\n");
        system_file("proc/self/mountinfo", noise[i]);
        system_file("sys/fs/cgroup/job/cpu.max", "100000 100000\n");
        system_expect(0);
    }
}

TEST(a_path_that_is_too_long_means_no_limit)
{
    char *line = calloc(1, 3 * PATH_MAX);

    assert_non_null(line);
    memset(line, 'x', 2 * PATH_MAX);
    memcpy(line, "0::/", 4);

    system_begin();
    system_file("proc/self/cgroup", line);
    system_file("proc/self/mountinfo", MOUNT_V2);
    system_file("sys/fs/cgroup/cpu.max", "100000 100000\n");
    system_expect(0);
    free(line);
}

TEST(the_order_of_lines_and_missing_line_ends_do_not_matter)
{
    system_begin();
    system_file("proc/self/cgroup", "1:name=systemd:/job\n0::/job");
    system_file("proc/self/mountinfo",
                "34 22 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" MOUNTS_OF_OTHERS);
    system_file("sys/fs/cgroup/job/cpu.max", "200000 100000");
    system_expect(2);
}
