/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Both may be in use at once, on what is called a hybrid system. */
enum version { VERSION_1, VERSION_2 };

/* ---- text ---- */

/* Whether the comma-separated list has this word. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (;;) {
        size_t item = strcspn(list, ",");

        if (item == length && strncmp(list, word, length) == 0)
            return true;
        if (list[item] == '\0')
            return false;
        list += item + 1;
    }
}

/* mountinfo writes blanks and backslashes as three octal digits: "\040". */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* Writes a, b and c in a row; false: they do not fit, and no such file can be opened either. */
static bool join(char path[PATH_MAX], const char *a, const char *b, const char *c)
{
    int length = snprintf(path, PATH_MAX, "%s%s%s", a, b, c);

    return length >= 0 && length < PATH_MAX;
}

static FILE *open_text(const char *directory, const char *name)
{
    char path[PATH_MAX];

    return join(path, directory, "/", name) ? fopen(path, "re") : NULL;
}

/* ---- which directory is ours ---- */

/* /proc/self/cgroup has a line "number:controllers:path" for each hierarchy; the line
 * of version 2 names no controllers. */
static bool find_group(const char *root, enum version version, char group[PATH_MAX])
{
    FILE *file = open_text(root, "proc/self/cgroup");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    if (file == NULL)
        return false;
    while (!found && getline(&line, &size, file) >= 0) {
        char *rest = line;
        char *controllers;

        rest[strcspn(rest, "\n")] = '\0';
        strsep(&rest, ":");
        controllers = strsep(&rest, ":");
        if (rest == NULL)
            continue;
        if (version == VERSION_2 ? controllers[0] == '\0' : list_has(controllers, "cpu"))
            found = join(group, rest, "", "");
    }
    free(line);
    fclose(file);
    return found;
}

struct mount {
    char *top; /* the group that is seen at `point` */
    char *point;
};

/* A line of mountinfo: "id parent device top point options [more...] - type source options". */
static bool parse_mount(char *line, enum version version, struct mount *mount)
{
    const char *type, *options;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 3; i++)
        strsep(&line, " ");
    mount->top = strsep(&line, " ");
    mount->point = strsep(&line, " ");
    if (line == NULL)
        return false;
    line = strstr(line, " - ");
    if (line == NULL)
        return false;
    line += strlen(" - ");
    type = strsep(&line, " ");
    strsep(&line, " ");
    options = line;
    if (options == NULL)
        return false;
    unescape(mount->top);
    unescape(mount->point);
    return version == VERSION_2 ? strcmp(type, "cgroup2") == 0
                                : strcmp(type, "cgroup") == 0 && list_has(options, "cpu");
}

/* What is left of `group` below `top`, "" for `top` itself; NULL: it does not lie there. */
static const char *below(const char *group, const char *top)
{
    size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);

    /* "/../x" is outside what a container is shown. */
    if (strncmp(group, top, length) != 0 || strncmp(group, "/..", 3) == 0)
        return NULL;
    group += length;
    if (strcmp(group, "/") == 0)
        return "";
    return group[0] == '/' || group[0] == '\0' ? group : NULL;
}

/* Finds the directory of the group, and the length of the part of it that is the mount point. A
 * group outside of every mount is looked up at the first: in a container with a mount of its own
 * that is the container's group, or the nearest one above that can be seen. */
static bool find_directory(const char *root, enum version version, const char *group,
                           char directory[PATH_MAX], size_t *point_length)
{
    FILE *file = open_text(root, "proc/self/mountinfo");
    char *line = NULL;
    size_t size = 0;
    bool found = false, inside = false;

    if (file == NULL)
        return false;
    while (!inside && getline(&line, &size, file) >= 0) {
        struct mount mount;
        const char *rest;

        if (!parse_mount(line, version, &mount))
            continue;
        rest = below(group, mount.top);
        if (found && rest == NULL)
            continue;
        inside = rest != NULL;
        found = join(directory, root, mount.point, inside ? rest : "");
        *point_length = strlen(root) + strlen(mount.point);
    }
    free(line);
    fclose(file);
    return found;
}

/* ---- what it says ---- */

/* The number at *text, which moves behind it; 0 for anything that is no limit: "max", -1, noise. */
static long long number_at(const char **text)
{
    char *end;
    long long number = strtoll(*text, &end, 10);
    bool whole = end != *text && (*end == ' ' || *end == '\n' || *end == '\0');

    *text = end;
    return whole && number > 0 ? number : 0;
}

/* The first line of a small file; false: there is none. */
static bool read_line(const char *directory, const char *name, char line[64])
{
    FILE *file = open_text(directory, name);
    bool read;

    if (file == NULL)
        return false;
    read = fgets(line, 64, file) != NULL;
    fclose(file);
    return read;
}

static long long read_number(const char *directory, const char *name)
{
    char line[64];
    const char *text = line;

    return read_line(directory, name, line) ? number_at(&text) : 0;
}

/* CPUs by the quota of one directory: microseconds of CPU for each period; 0: none. */
static int quota_here(enum version version, const char *directory)
{
    long long quota, period, cpus;

    if (version == VERSION_2) {
        char line[64];
        const char *text = line;

        if (!read_line(directory, "cpu.max", line))
            return 0;
        quota = number_at(&text);
        period = number_at(&text);
    } else {
        quota = read_number(directory, "cpu.cfs_quota_us");
        period = read_number(directory, "cpu.cfs_period_us");
    }
    if (quota == 0 || period == 0)
        return 0;
    cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* The smaller of two quotas, 0 meaning none. */
static int smaller(int a, int b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

static int quota_of(const char *root, enum version version)
{
    char group[PATH_MAX], directory[PATH_MAX];
    size_t point_length;
    int quota = 0;

    if (!find_group(root, version, group) ||
        !find_directory(root, version, group, directory, &point_length))
        return 0;
    for (;;) {
        char *slash = strrchr(directory, '/');

        quota = smaller(quota, quota_here(version, directory));
        if (slash == NULL || (size_t)(slash - directory) < point_length)
            return quota;
        *slash = '\0';
    }
}

int tn_cpu_quota(const char *root)
{
    int state, quota;

    /* Files are read by calls that are cancellation points, and what they opened would be lost. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    quota = smaller(quota_of(root, VERSION_1), quota_of(root, VERSION_2));
    pthread_setcancelstate(state, &state);
    return quota;
}

/* ---- affinity ---- */

/* Asks with room for ever more CPUs: the kernel refuses a mask that is smaller than its own. */
static int affinity_count(void)
{
    for (size_t cpus = CPU_SETSIZE; cpus <= (size_t)CPU_SETSIZE * 1024; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        size_t size = CPU_ALLOC_SIZE(cpus);
        int count = 0, error = ENOMEM;

        if (set != NULL) {
            error = sched_getaffinity(0, size, set) == 0 ? 0 : errno;
            count = error == 0 ? CPU_COUNT_S(size, set) : 0;
            CPU_FREE(set);
        }
        if (error != EINVAL)
            return count;
    }
    return 0;
}

int tn_cpu_count(void)
{
    int count = affinity_count();

    if (count == 0)
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1)
        count = 1;
    return smaller(count, tn_cpu_quota(""));
}

void tn_cpu_yield(void)
{
    sched_yield();
}
