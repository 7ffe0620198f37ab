/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Tasks ----------------------------------------------------------------------------------- */

static bool write_down(paper sheet, uint32_t number)
{
    entry own = {number, (int32_t)getpid()};
    int file = open(sheet.name, O_WRONLY | O_APPEND | O_CLOEXEC);
    bool written = file >= 0 && write(file, &own, sizeof(own)) == sizeof(own);
    if (file >= 0)
        close(file);
    if (!written)
        tarn_fail(1, "%s cannot be written: %s", sheet.name, strerror(errno));
    return written;
}

static void name_gate(char path[static 40], const paper *sheet, int gate)
{
    snprintf(path, 40, "%s.%d", sheet->name, gate);
}

static uint32_t note(paper sheet, uint32_t number)
{
    write_down(sheet, number);
    return 3 * number + 1;
}
TARN_TASK_DEFINE(uint32_t, note, paper, uint32_t);

static uint32_t block(paper sheet, uint32_t number, int gate)
{
    char path[40];
    name_gate(path, &sheet, gate);
    if (!write_down(sheet, number))
        return 0;
    /* A pipe can be opened for reading once it is for writing. */
    int reader;
    do
        reader = open(path, O_RDONLY | O_CLOEXEC);
    while (reader < 0 && errno == EINTR);
    close(reader);
    return 3 * number + 1;
}
TARN_TASK_DEFINE(uint32_t, block, paper, uint32_t, int);

static int64_t nanoseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t crash(paper sheet, uint32_t number, int signal_)
{
    int64_t until = nanoseconds_now() + 500 * 1000;
    if (!write_down(sheet, number))
        return 0;
    while (nanoseconds_now() < until)
        continue;
    raise(signal_);
    return 0;
}
TARN_TASK_DEFINE(uint32_t, crash, paper, uint32_t, int);

static uint32_t quick(uint32_t number)
{
    return 3 * number + 1;
}
TARN_TASK_DEFINE(uint32_t, quick, uint32_t);

/* ---- The scene ------------------------------------------------------------------------------- */

void scene_begin(scene *s, tarn_executor *pool)
{
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    *s = (scene){
        .pool = pool, .workers = (int)stats.max_workers, .paper = {"/tmp/tarn-ahead-XXXXXX"}};
    s->file = mkostemp(s->paper.name, O_CLOEXEC);
    assert_true(s->file >= 0);
    for (int gate = 0; gate < GATES; gate++) {
        char path[40];
        name_gate(path, &s->paper, gate);
        assert_int_equal(mkfifo(path, 0600), 0);
        s->gates[gate] = -1;
    }
}

void gate_open(scene *s, int gate)
{
    char path[40];
    name_gate(path, &s->paper, gate);
    if (s->gates[gate] < 0)
        s->gates[gate] = open(path, O_RDWR | O_CLOEXEC);
    assert_true(s->gates[gate] >= 0);
}

void gate_close(scene *s, int gate)
{
    if (s->gates[gate] >= 0)
        close(s->gates[gate]);
    s->gates[gate] = -1;
}

void scene_leave(scene *s)
{
    for (int gate = 0; gate < GATES; gate++) {
        char path[40];
        name_gate(path, &s->paper, gate);
        gate_close(s, gate);
        unlink(path);
    }
    close(s->file);
    unlink(s->paper.name);
}

void scene_close(scene *s)
{
    for (int gate = 0; gate < GATES; gate++)
        gate_open(s, gate);
    assert_int_equal(tarn_shutdown(s->pool), TARN_OK);
    scene_leave(s);
}

/* ---- Given ahead ----------------------------------------------------------------------------- */

/* In batches, as it is the time from one reply to the next that counts. */
void make_fast(scene *s)
{
    enum { BATCH = 64, BATCHES = 10 };
    for (int i = 0; i < BATCHES; i++) {
        tarn_future *futures[BATCH];
        for (uint32_t k = 0; k < BATCH; k++)
            futures[k] = quick_submit(s->pool, k);
        assert_ended(futures, BATCH, TARN_OK);
        tarn_drop_all(futures, BATCH);
    }
}

size_t crowd(scene *s, tarn_executor *view, tarn_future **futures, size_t n)
{
    size_t given = 0, blocked = (size_t)s->workers;
    for (size_t i = 0; i < n; i++)
        futures[i] = i < blocked ? block_submit(s->pool, s->paper, (uint32_t)i, (int)i)
                                 : note_submit(view, s->paper, (uint32_t)i);
    for (size_t i = blocked; i < n; i++)
        given += is_given(futures[i]);
    return given;
}

void crowd_all(scene *s, tarn_executor *view, tarn_future **futures, size_t n)
{
    make_fast(s);
    while (crowd(s, view, futures, n) < n - (size_t)s->workers) {
        for (int gate = 0; gate < s->workers; gate++)
            gate_open(s, gate);
        assert_ended(futures, n, TARN_OK);
        tarn_drop_all(futures, n);
        for (int gate = 0; gate < s->workers; gate++)
            gate_close(s, gate);
        forget_books(s);
        make_fast(s);
    }
}

void assert_ended(tarn_future *const *futures, size_t n, tarn_status status)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(tarn_result(futures[i], NULL, NULL, 0), status);
}

void assert_right(scene *s, tarn_future **futures, size_t n, uint32_t first)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t number = first + (uint32_t)i, result = 0;
        assert_int_equal(tarn_result(futures[i], NULL, &result, sizeof(result)), TARN_OK);
        assert_int_equal(result, 3 * number + 1);
        assert_int_equal(runs_of(s, number), 1);
    }
    tarn_drop_all(futures, n);
}

/* ---- Books ----------------------------------------------------------------------------------- */

size_t read_books(const scene *s, entry *entries, size_t most)
{
    ssize_t size;
    do
        size = pread(s->file, entries, most * sizeof(*entries), 0);
    while (size < 0 && errno == EINTR);
    assert_true(size >= 0);
    return (size_t)size / sizeof(*entries);
}

static entry read_entries[MOST_NUMBERS];

unsigned runs_of(const scene *s, uint32_t number)
{
    unsigned runs = 0;
    size_t n = read_books(s, read_entries, MOST_NUMBERS);
    for (size_t i = 0; i < n; i++)
        runs += read_entries[i].number == number;
    return runs;
}

int worker_of(const scene *s, uint32_t number)
{
    size_t n = read_books(s, read_entries, MOST_NUMBERS), i = 0;
    while (i < n && read_entries[i].number != number)
        i++;
    return i < n ? read_entries[i].pid : -1;
}

int await_begun(const scene *s, uint32_t number)
{
    int pid;
    while ((pid = worker_of(s, number)) < 0)
        sched_yield();
    return pid;
}

void forget_books(scene *s)
{
    assert_int_equal(ftruncate(s->file, 0), 0);
}
