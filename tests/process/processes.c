/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char read_stat(pid_t pid, int *parent)
{
    char path[64], state = 'Z', name[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 'Z';
    if (fscanf(file, "%*d (%60[^)]) %c %d", name, &state, parent) != 3 || state == 'X')
        state = 'Z';
    fclose(file);
    return state;
}

/* The parent of a process that has not ended; 0: it has. */
static pid_t parent_of(pid_t pid)
{
    int parent = 0;
    return read_stat(pid, &parent) == 'Z' ? 0 : parent;
}

char state_of(pid_t pid)
{
    int parent = 0;
    return read_stat(pid, &parent);
}

size_t children_of(pid_t parent, pid_t *pids, size_t most)
{
    size_t n = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid <= 0 || parent_of(pid) != parent)
            continue;
        if (n < most)
            pids[n] = pid;
        n++;
    }
    if (processes)
        closedir(processes);
    return n < most ? n : most;
}

size_t threads_of_self(pid_t *threads, size_t most)
{
    size_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && n < most && (entry = readdir(tasks));) {
        if (entry->d_name[0] != '.')
            threads[n++] = (pid_t)atoi(entry->d_name);
    }
    if (tasks)
        closedir(tasks);
    return n;
}

pid_t find_server(void)
{
    pid_t pid = 0;
    return children_of(getpid(), &pid, 1) > 0 ? pid : 0;
}

void await_end(pid_t pid)
{
    while (parent_of(pid) != 0)
        sched_yield();
}

void kill_server(void)
{
    pid_t server = find_server(), workers[64];
    size_t n = server > 0 ? children_of(server, workers, 64) : 0;
    if (server > 0) {
        kill(server, SIGKILL);
        await_end(server);
    }
    for (size_t i = 0; i < n; i++)
        await_end(workers[i]);
}

int count_descriptors(void)
{
    int n = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    while (descriptors && readdir(descriptors))
        n++;
    if (descriptors)
        closedir(descriptors);
    return n;
}

int count_memory_files(void)
{
    int n = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof(line), maps))
        n += strstr(line, "memfd:tarn") != NULL;
    if (maps)
        fclose(maps);
    return n;
}
