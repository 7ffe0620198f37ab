/* SPDX-License-Identifier: Apache-2.0 */

/* What the host does in a scene. */
#include "scene.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LABOURERS = 2 };

noreturn void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(the_plan->why, sizeof(the_plan->why), format, arguments);
    va_end(arguments);
    _exit(1);
}

void about(const char *what)
{
    the_plan->doing = what;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static void begin(void)
{
}
TARN_TASK(void, begin, void);

static void finish(void)
{
}
TARN_TASK(void, finish, void);

static uint32_t note(uint32_t number)
{
    int file = open(the_plan->audit, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (write(file, &number, sizeof(number)) != sizeof(number))
        tarn_fail(1, "the audit file cannot be written");
    close(file);
    if (number < MOST_TASKS)
        atomic_fetch_add(&the_plan->begun[number], 1);
    return number * 3 + 1;
}
TARN_TASK(uint32_t, note, uint32_t);

static uint32_t sleep_for_ever(uint32_t number)
{
    note(number);
    for (;;)
        pause();
    return 0;
}
TARN_TASK(uint32_t, sleep_for_ever, uint32_t);

static uint32_t crash_once(uint32_t number)
{
    uint32_t result = note(number);
    if (atomic_load(&the_plan->begun[number]) == 1)
        raise(SIGKILL);
    return result;
}
TARN_TASK(uint32_t, crash_once, uint32_t);

static uint32_t hold(uint32_t number)
{
    uint32_t result = note(number);
    while (!atomic_load(&the_plan->gate))
        sched_yield();
    return result;
}
TARN_TASK(uint32_t, hold, uint32_t);

/* ---- Plays ----------------------------------------------------------------------------------- */

static tarn_executor *open_pool(const scene *s, int workers)
{
    about("opening the pool");
    tarn_executor *pool = tarn_process_pool(.max_workers = workers, .start = s->start,
                                            .initializer = s->bare ? NULL : &begin_task,
                                            .finalizer = s->bare ? NULL : &finish_task);
    if (!pool)
        give_up("no pool: %s", tarn_last_error());
    if (s->heir && fork() == 0) {
        atomic_store(&the_plan->heir, getpid());
        for (;;)
            pause();
    }
    return pool;
}

static tarn_executor *view_of(const scene *s, tarn_executor *pool)
{
    return s->retries > 0 ? tarn_with(pool, .retries = s->retries) : pool;
}

static void record(tarn_future *future, const tarn_task *task, uint32_t number)
{
    about("waiting for a future");
    uint32_t value = 0;
    outcome *o = &the_plan->outcomes[number];
    o->status = tarn_result(future, task, &value, sizeof(value));
    o->wrong = o->status == TARN_OK && value != number * 3 + 1;
    if (o->status != TARN_OK) {
        const tarn_failure *failure = tarn_error(future);
        o->lost = failure->lost;
        o->signal = failure->signal;
        o->pid = failure->pid;
        o->attempts = failure->attempts;
    }
    o->ended = true;
    tarn_drop(future);
}

/* Compares the pool's own books with the outcomes, and shuts it down. */
static void close_pool(tarn_executor *pool, uint32_t tasks)
{
    uint64_t ok = 0, lost = 0;
    tarn_stats stats = {.size = sizeof(stats)};
    for (uint32_t i = 0; i < tasks; i++) {
        ok += the_plan->outcomes[i].status == TARN_OK;
        lost += the_plan->outcomes[i].status == TARN_LOST;
    }
    about("counting");
    if (tarn_executor_stats(pool, &stats) != TARN_OK || stats.submitted != tasks ||
        stats.ok != ok || stats.lost != lost || stats.queued + stats.running != 0)
        give_up("the pool has counted %d submitted, %d ok, %d lost", (int)stats.submitted,
                (int)stats.ok, (int)stats.lost);
    about("shutting down");
    if (tarn_shutdown(pool) != TARN_OK)
        give_up("shutdown: %s", tarn_last_error());
}

static bool is_about(const scene *s, int step)
{
    return s->rules[0].step == step || s->rules[1].step == step;
}

void burst(const scene *s)
{
    tarn_future *futures[MOST_TASKS];
    uint32_t tasks = (uint32_t)s->tasks;
    tarn_executor *pool = open_pool(s, 1), *view = view_of(s, pool);
    about("submitting");
    for (uint32_t i = 0; i < tasks; i++)
        futures[i] = note_submit(view, i);
    for (uint32_t i = 0; i < tasks; i++)
        record(futures[i], &note_task, i);
    about("waiting until the worker sleeps");
    while ((is_about(s, TN_STEP_PARKED) || is_about(s, TN_STEP_WOKEN)) &&
           atomic_load(&the_plan->passes[TN_STEP_PARKED]) == 0)
        sched_yield();
    close_pool(pool, tasks);
}

void life(const scene *s)
{
    tarn_executor *pool = open_pool(s, 1), *view = view_of(s, pool);
    for (uint32_t i = 0; i < LIFE_TASKS; i++) {
        about("submitting");
        const tarn_task *task = i == LIFE_STOPPED ? &sleep_for_ever_task
                                : i == LIFE_CRASH ? &crash_once_task
                                                  : &note_task;
        tarn_future *future = tarn_submit(view, task, &i, sizeof(i));
        about("waiting for a task to begin");
        while (i == LIFE_STOPPED && atomic_load(&the_plan->begun[i]) == 0 && !tarn_done(future))
            sched_yield();
        about("stopping a task");
        if (i == LIFE_STOPPED)
            tarn_stop(future, 0.0);
        record(future, task, i);
    }
    close_pool(pool, LIFE_TASKS);
}

void crowd(const scene *s)
{
    enum { SHORT = 8 }; /* so that the worker passes for a fast one */
    tarn_future *futures[MOST_TASKS];
    uint32_t tasks = (uint32_t)s->tasks;
    tarn_executor *pool = open_pool(s, 2), *view = view_of(s, pool);
    for (uint32_t i = 0; i < SHORT; i++)
        record(note_submit(view, i), &note_task, i);
    futures[SHORT] = hold_submit(view, SHORT);
    about("waiting for a task to begin");
    while (atomic_load(&the_plan->begun[SHORT]) == 0 && !tarn_done(futures[SHORT]))
        sched_yield();
    about("submitting");
    for (uint32_t i = SHORT + 1; i < tasks; i++)
        futures[i] = note_submit(view, i);
    for (uint32_t i = SHORT + 1; i < tasks; i++)
        record(futures[i], &note_task, i);
    atomic_store(&the_plan->gate, true);
    record(futures[SHORT], &hold_task, SHORT);
    close_pool(pool, tasks);
}

typedef struct labourer {
    tarn_executor *view;
    uint32_t first, end;
} labourer;

static void *labour_on(void *data)
{
    enum { WINDOW = 16 };
    labourer *l = data;
    for (uint32_t number = l->first; number < l->end; number += WINDOW) {
        tarn_future *futures[WINDOW];
        for (uint32_t i = 0; i < WINDOW; i++)
            futures[i] = note_submit(l->view, number + i);
        for (uint32_t i = 0; i < WINDOW; i++)
            tarn_result(futures[i], NULL, NULL, 0);
        tarn_drop_all(futures, WINDOW);
    }
    return NULL;
}

void labour(const scene *s)
{
    enum { SHARE = MOST_NUMBERS / LABOURERS };
    tarn_executor *view = view_of(s, open_pool(s, 3));
    labourer all[LABOURERS];
    pthread_t threads[LABOURERS];
    for (uint32_t i = 0; i < LABOURERS; i++) {
        all[i] = (labourer){view, i * SHARE, (i + 1) * SHARE};
        pthread_create(&threads[i], NULL, labour_on, &all[i]);
    }
    for (;;)
        pause();
}
