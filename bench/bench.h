/* SPDX-License-Identifier: Apache-2.0 */

/* What the benchmark programs share, those of the peers (C and C++) too.
 *
 * A program measures once, in a fresh process, prints lines "name value", and exits with 1 and a
 * sentence if a result was wrong. bench/run does the rest. */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void report(const char *name, double value)
{
    printf("%s %.1f\n", name, value);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("wrong result: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* The i-th argument of main, a positive number, or what it is by default. */
static inline int argument(int argc, char **argv, int i, int otherwise)
{
    int value = i < argc ? atoi(argv[i]) : otherwise;

    if (value < 1)
        wrong("argument %d is no positive number", i);
    return value;
}

/* 200 us, in which whoever has nothing to do falls asleep, and what was started runs. */
static inline void settle(void)
{
    struct timespec pause = {0, 200 * 1000};

    nanosleep(&pause, NULL);
}

/* Room for n measured times, in memory that is there. */
static inline int64_t *samples(int n)
{
    int64_t *times = (int64_t *)malloc((size_t)n * sizeof *times);

    if (times == NULL)
        wrong("no memory for %d samples", n);
    memset(times, 0, (size_t)n * sizeof *times);
    return times;
}

static inline int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* For what is measured one by one: the mean would be that of the few that were disturbed. */
static inline int64_t median(int64_t *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, compare_times);
    return times[n / 2];
}

/* Nanoseconds of one step of something too short to be measured one by one: n times, in batches, of
 * which the median counts. */
enum { BATCH_OF_STEPS = 100 };

static inline double each_step(void (*step)(void *data, int i), void *data, int n)
{
    int batches = (n + BATCH_OF_STEPS - 1) / BATCH_OF_STEPS, i = 0;
    int64_t *times = samples(batches);

    for (int batch = 0; batch < batches; batch++) {
        int64_t start = nanoseconds();
        for (int end = i + BATCH_OF_STEPS; i < end; i++)
            step(data, i);
        times[batch] = nanoseconds() - start;
    }
    double each = (double)median(times, batches) / BATCH_OF_STEPS;
    free(times);
    return each;
}

/* The tasks of the benchmarks answer with their number, so a lost or doubled one shows in the
 * sum. */
static inline void check_sum(int64_t sum, int n)
{
    int64_t right = (int64_t)n * (n - 1) / 2;

    if (sum != right)
        wrong("the results add up to %" PRId64 ", not to %" PRId64, sum, right);
}

static inline void check_fib(int n, int64_t result)
{
    int64_t a = 0, b = 1;

    for (int i = 0; i < n; i++) {
        int64_t next = a + b;
        a = b;
        b = next;
    }
    if (result != a)
        wrong("fib(%d) is %" PRId64 ", not %" PRId64, n, a, result);
}

/* How many calls fib(n) makes, itself included. */
static inline int64_t fib_calls(int n)
{
    int64_t a = 1, b = 1;

    for (int i = 1; i < n; i++) {
        int64_t next = a + b + 1;
        a = b;
        b = next;
    }
    return b;
}

/* The memory that this process has written to, in bytes: without the pages of program files, which
 * the system brings in by the dozen. Exact, unlike the counters in /proc/self/statm. */
static inline double own_bytes(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kilobytes = -1;

    while (file != NULL && kilobytes < 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Anonymous: %ld", &kilobytes) != 1)
            kilobytes = -1;
    if (file == NULL || kilobytes < 0)
        wrong("/proc/self/smaps_rollup does not tell the memory of this process");
    fclose(file);
    return (double)kilobytes * 1024;
}

#endif
