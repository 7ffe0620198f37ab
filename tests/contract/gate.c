/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

/* `left` nanoseconds from now by the clock of a condition that had no pthread_cond_init(). */
static struct timespec date_after(int64_t left)
{
    struct timespec date;
    clock_gettime(CLOCK_REALTIME, &date);
    left += date.tv_nsec;
    date.tv_sec += (time_t)(left / 1000000000);
    date.tv_nsec = (long)(left % 1000000000);
    return date;
}

static int64_t left_until(int64_t until)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return until - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

/* Not by pthread_cond_clockwait(), which musl lacks. */
void gate_pass_until(struct gate *gate, int64_t until)
{
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    for (int64_t left; !gate->open && (left = left_until(until)) > 0;) {
        struct timespec date = date_after(left);
        pthread_cond_timedwait(&gate->changed, &gate->mutex, &date);
    }
    pthread_mutex_unlock(&gate->mutex);
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

void gate_await(struct gate *gate, int arrivals)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->arrived < arrivals)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

int gate_arrived(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    int arrived = gate->arrived;
    pthread_mutex_unlock(&gate->mutex);
    return arrived;
}

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static void *helper_main(void *data)
{
    struct helper *helper = data;
    helper->number = gettid();
    gate_pass(&helper->started);
    helper->run(helper->data);
    return NULL;
}

void helper_start(struct helper *helper, void (*run)(void *data), void *data)
{
    helper->started = (struct gate)GATE_OPEN;
    helper->run = run;
    helper->data = data;
    if (pthread_create(&helper->thread, NULL, helper_main, helper) != 0)
        give_up("a test's thread");
    gate_await(&helper->started, 1);
}

void helper_join(struct helper *helper)
{
    pthread_join(helper->thread, NULL);
}

/* The letter by which the system names a thread's state; 'X' if the thread is gone. Needs no
 * memory, which may be failing just now. */
static char thread_state(pid_t number)
{
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)number);
    int stat = open(path, O_RDONLY | O_CLOEXEC);
    if (stat < 0)
        return 'X';
    ssize_t length = read(stat, line, sizeof(line) - 1);
    close(stat);
    /* The name stands in parentheses and may hold anything but a line's end. */
    const char *name_end = length > 0 ? strrchr(line, ')') : NULL;
    return name_end && name_end[1] == ' ' ? name_end[2] : 'X';
}

void thread_await_sleep(pid_t number)
{
    for (;;) {
        char state = thread_state(number);
        if (state == 'S' || state == 'X')
            return;
        sched_yield();
    }
}

void helper_await_sleep(const struct helper *helper)
{
    thread_await_sleep(helper->number);
}

static int entries_count(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        give_up(path);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* The kernel's own count: a walk through /proc/self/task misses some while others come and go. */
int threads_count(void)
{
    char line[128];
    int count = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && count < 0 && fgets(line, sizeof(line), status))
        sscanf(line, "Threads: %d", &count);
    if (count < 0)
        give_up("/proc/self/status");
    fclose(status);
    return count;
}

void threads_await_at_most(int count)
{
    while (threads_count() > count)
        sched_yield();
}

int descriptors_count(void)
{
    return entries_count("/proc/self/fd");
}

size_t memory_resident(void)
{
    unsigned long all = 0;
    unsigned long resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%lu %lu", &all, &resident) != 2)
        give_up("/proc/self/statm");
    fclose(statm);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}
