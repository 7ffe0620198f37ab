/* SPDX-License-Identifier: Apache-2.0 */

/* A host of its own plays a scene: it opens a pool, submits, and shuts it down, while somebody dies as
 * planned. Whoever called looks at the books afterwards, and for what is left. */
#ifndef TESTS_PROCESS_SCENE_H
#define TESTS_PROCESS_SCENE_H

#include "plan.h"

#include <stdnoreturn.h>
#include <tarn.h>

typedef struct scene scene;

/* A play is what the host does. */
typedef void play(const scene *s);

struct scene {
    play *play;
    int start, retries;
    bool bare;    /* no initializer, no finalizer */
    bool crowded; /* more than one worker: which task is lost cannot be known */
    bool heir;    /* the host has a child, which outlives it and holds its descriptors */
    int tasks;
    rule rules[MOST_RULES]; /* the first one kills */
    int lost;               /* the task that ends LOST if it is not retried; -1: none */
    bool ran;               /* ... and has begun */
    int64_t kill_after;     /* nanoseconds: the host is killed then; 0: it is not */
};

/* Tasks 0 to s->tasks - 1, queued at once, for one worker. Its calls are, in order: what the
 * initializer is, the initializer, what the task is, the tasks, what the finalizer is, and that. A bare
 * pool has those of the tasks alone. */
play burst;

/* One task after the other, each ended before the next: LIFE_TASKS of them, where LIFE_STOPPED is
 * killed on demand, and LIFE_CRASH kills its worker once. */
play life;
enum { LIFE_STOPPED = 2, LIFE_CRASH = 4, LIFE_TASKS = 6 };

/* Two workers, one of which is busy with task 0 until the others have ended. */
play crowd;

/* As many tasks as can be, with numbers below MOST_NUMBERS, until somebody kills the host. */
play labour;
enum { MOST_NUMBERS = 1 << 16 };

/* In the host: what it does next, a text of the program, in case it hangs; and that something is wrong,
 * which ends it. */
void about(const char *what);
noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Plays it, and fails with its name unless all ended as it must have. */
void run_scene(const scene *s);

/* How often a step is passed in a scene in which nobody is killed. */
unsigned count_passes(const scene *s, int step);

#endif
