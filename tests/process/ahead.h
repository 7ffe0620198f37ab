/* SPDX-License-Identifier: Apache-2.0 */

/* A pool of processes whose workers are given calls ahead; a gate that holds a task until the test
 * opens it; and the books: each task notes its number and its process in a file as it begins. */
#ifndef TESTS_PROCESS_AHEAD_H
#define TESTS_PROCESS_AHEAD_H

#include "core/cell.h"
#include "runner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <tarn.h>

enum { GATES = 2, MOST_NUMBERS = 4096 };

/* Of the file; the gates lie beside it. */
typedef struct paper {
    char name[28];
} paper;

/* Notes the number, and gives 3 times it and 1. */
TARN_TASK_DECLARE(uint32_t, note, paper, uint32_t);

/* The same, once the gate of that number is open. */
TARN_TASK_DECLARE(uint32_t, block, paper, uint32_t, int);

/* Notes, and raises a signal when something could have been given behind it. */
TARN_TASK_DECLARE(uint32_t, crash, paper, uint32_t, int);

/* Notes nothing. */
TARN_TASK_DECLARE(uint32_t, quick, uint32_t);

/* Whether a worker has it, begun or not: to users it is pending until then. */
static inline bool is_given(const tarn_future *future)
{
    return (tn_u32_load_relaxed(&future->state) & TN_STATE_MASK) == TN_RUNNING;
}

typedef struct scene {
    tarn_executor *pool;
    int workers;
    paper paper;
    int file;
    int gates[GATES]; /* -1: closed */
} scene;

/* Of a pool with these options. */
#define scene_open(s, ...) scene_begin(s, tarn_process_pool(__VA_ARGS__))
void scene_begin(scene *s, tarn_executor *pool);
void scene_close(scene *s); /* with all gates open */

/* Without the shutdown, which was another one. */
void scene_leave(scene *s);

void gate_open(scene *s, int gate);
void gate_close(scene *s, int gate);

/* Gives the workers so many short calls that they count as fast. */
void make_fast(scene *s);

/* `workers` tasks of the numbers 0, 1, ... that block at the gates 0, 1, ..., and behind them notes
 * of the numbers that follow, up to n futures. How many of these were given ahead. */
size_t crowd(scene *s, tarn_executor *view, tarn_future **futures, size_t n);

/* Repeats that until all of them were given ahead; what was not is out of the way, and in no book. */
void crowd_all(scene *s, tarn_executor *view, tarn_future **futures, size_t n);

/* All have ended; how. */
void assert_ended(tarn_future *const *futures, size_t n, tarn_status status);

/* The same, with results and after a single run of each from number `first` on; and drops them. */
void assert_right(scene *s, tarn_future **futures, size_t n, uint32_t first);

/* What is in the books. */
typedef struct entry {
    uint32_t number;
    int32_t pid;
} entry;

size_t read_books(const scene *s, entry *entries, size_t most);
unsigned runs_of(const scene *s, uint32_t number);
int worker_of(const scene *s, uint32_t number);   /* -1: it has not begun */
int await_begun(const scene *s, uint32_t number); /* its worker */
void forget_books(scene *s);

#endif
