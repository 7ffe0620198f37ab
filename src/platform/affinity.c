/* SPDX-License-Identifier: Apache-2.0 */
#include "affinity.h"

#include "memory.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As many as the kernel can be built for. */
enum { MOST_CPUS = 8192 };

struct tn_cpus {
    cpu_set_t *set;
};

static size_t set_size(void)
{
    return CPU_ALLOC_SIZE(MOST_CPUS);
}

/* A number below MOST_CPUS, which *text moves behind; -1: there is none. */
static int read_number(const char **text)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**text))
        return -1;
    errno = 0;
    number = strtol(*text, &end, 10);
    if (errno != 0 || number >= MOST_CPUS)
        return -1;
    *text = end;
    return (int)number;
}

/* first, first-last or first-last:step */
static bool read_range(const char **text, cpu_set_t *set)
{
    int first = read_number(text), last = first, step = 1;

    if (first >= 0 && **text == '-') {
        ++*text;
        last = read_number(text);
        if (last >= 0 && **text == ':') {
            ++*text;
            step = read_number(text);
        }
    }
    if (first < 0 || last < first || step < 1)
        return false;
    for (int cpu = first; cpu <= last; cpu += step)
        CPU_SET_S((size_t)cpu, set_size(), set);
    return true;
}

static bool read_list(const char *list, cpu_set_t *set)
{
    bool good;

    while ((good = read_range(&list, set)) && *list == ',')
        list++;
    return good && *list == '\0';
}

/* Writes down what this machine has. Not by sysconf(), which counts what the calling thread may use
 * with some C libraries; that serves where the system says nothing. */
static void read_machine(cpu_set_t *set)
{
    char line[1024] = "";
    int state;

    /* Files are read by calls that are cancellation points, and what they opened would be lost. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    FILE *file = fopen("/sys/devices/system/cpu/present", "re");
    if (file != NULL) {
        if (fgets(line, sizeof(line), file) == NULL)
            line[0] = '\0';
        fclose(file);
    }
    pthread_setcancelstate(state, &state);
    line[strcspn(line, "\n")] = '\0';
    if (!read_list(line, set)) {
        long count = sysconf(_SC_NPROCESSORS_CONF);
        for (int cpu = 0; cpu < count && cpu < MOST_CPUS; cpu++)
            CPU_SET_S((size_t)cpu, set_size(), set);
    }
}

int tn_cpus_parse(const char *list, tn_cpus **cpus)
{
    tn_cpus *own = tn_alloc(sizeof(*own));
    cpu_set_t *machine = tn_alloc(set_size());
    int error = ENOMEM;

    *cpus = NULL;
    if (own != NULL && machine != NULL && (own->set = tn_alloc(set_size())) != NULL) {
        read_machine(machine);
        error = read_list(list, own->set) ? 0 : EINVAL;
        CPU_AND_S(set_size(), own->set, own->set, machine);
        if (tn_cpus_count(own) == 0)
            error = EINVAL;
    }
    tn_free(machine);
    if (error != 0)
        tn_cpus_free(own);
    else
        *cpus = own;
    return error;
}

int tn_cpus_count(const tn_cpus *cpus)
{
    return CPU_COUNT_S(set_size(), cpus->set);
}

void tn_cpus_free(tn_cpus *cpus)
{
    if (cpus != NULL)
        tn_free(cpus->set);
    tn_free(cpus);
}

/* Leaves the one CPU of a set whose turn it is. */
static void choose(cpu_set_t *set, int turn)
{
    int wanted = turn % CPU_COUNT_S(set_size(), set), seen = 0;

    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        if (CPU_ISSET_S((size_t)cpu, set_size(), set) && seen++ != wanted)
            CPU_CLR_S((size_t)cpu, set_size(), set);
    }
}

int tn_cpus_bind(const tn_cpus *cpus, int turn)
{
    cpu_set_t *set = tn_alloc(set_size());
    int error = 0;

    if (set == NULL)
        return ENOMEM;
    /* First all of them: the kernel then says which of these may be used. */
    if (cpus != NULL && sched_setaffinity(0, set_size(), cpus->set) != 0)
        error = errno;
    if (error == 0 && turn >= 0) {
        if (sched_getaffinity(0, set_size(), set) != 0) {
            error = errno;
        } else {
            choose(set, turn);
            error = sched_setaffinity(0, set_size(), set) == 0 ? 0 : errno;
        }
    }
    tn_free(set);
    return error;
}
