/* SPDX-License-Identifier: Apache-2.0 */

/* What a worker's thread knows of itself: which worker it is, the tasks that lie on its stack, and
 * whether it has given its permit to run away. */
#ifndef TN_CORE_CONTEXT_H
#define TN_CORE_CONTEXT_H

#include "core/cell.h"
#include "core/count.h"
#include "core/deadlock.h"

#include <tarn_backend.h>

/* One task on the stack. Frames are kept beside the stack, not on it: a task may end its thread,
 * and then somebody must still know what was running. */
typedef struct tn_frame {
    tarn_future
        *future;       /* NULL: an initializer or finalizer, or a call whose future is elsewhere */
    uint32_t owner;    /* what the run gives back of it */
    unsigned sections; /* blocking sections that were open when it began */
    tn_block *memory;
    struct tn_report *report; /* where the failure of what has no future is noted */
    unsigned callbacks;       /* tn_callbacks_running() when it began */
    tarn_executor *visited; /* the task's executor, if the thread is no worker of it, but visits it
                               (see front.h); else NULL */
    tn_atomic_u32 *halt; /* where a failure is noted, for a task in a loop of them; NULL: nowhere */
    bool failed;         /* tarn_fail() was called */
    bool told;           /* tarn_stop_requested() said true */
    bool over;           /* the task has returned; its callbacks run */
} tn_frame;

/* A worker's thread. Its back end fills in the first part before tn_context_enter(). Only the
 * thread itself touches it. */
typedef struct tn_context {
    tarn_executor *executor;       /* NULL: the thread is no worker, it only runs a task */
    int index;                     /* tarn_worker_index() */
    const tn_atomic_u32 *stopping; /* not 0: all that runs here is asked to stop */
    size_t stack_size;
    void (*lost)(struct tn_context *context); /* the thread ends although it did not leave; the
                                                 futures that it ran have ended. NULL: the context
                                                 may be gone then */

    bool ready;        /* the initializer has run: it may claim tasks */
    unsigned sections; /* how many blocking sections it is in, one within the other */
    uint16_t runner;   /* its place in the search for cycles; TN_NO_RUNNER: none was left */
    unsigned char *stack_floor; /* it runs no task on top of another beyond this; NULL: not known */
    void *local;
    tn_frame *frames; /* the tasks on its stack, the topmost last: few, or allocated */
    size_t depth, room;
    tn_frame few[4];
    bool in_graph;       /* its wait is in the waits-for graph */
    const tn_wait *wait; /* for block(): what it is about to sleep on; NULL: that is not known */
    tn_books books;
} tn_context;

/* Makes the calling thread that worker, until it leaves: see tn_run_enter(). */
void tn_context_enter(tn_context *context);
void tn_context_leave(tn_context *context);

/* When the calling thread ends: its context, if that is still to be looked at; otherwise NULL. */
tn_context *tn_context_left_behind(void);

/* The calling thread is no worker any more if it has just come out of fork() as another process. */
void tn_context_after_fork(void);

/* The calling thread's; NULL if it is not a worker. */
tn_context *tn_context_here(void);

/* Whether enough stack is left to run a task on top of another. */
bool tn_context_has_stack(tn_context *context);

/* Makes room for one more frame; false: no memory. To be called before a future is started. */
bool tn_context_reserve(tn_context *context);

/* While callbacks of an executor's futures run outside of its tasks: tells whoever would wait for
 * the executor that it cannot come to rest before this thread is done. */
typedef struct tn_inside {
    const tarn_executor *executor;
    struct tn_inside *outer;
} tn_inside;

void tn_inside_begin(tn_inside *inside, const tarn_executor *executor);
void tn_inside_end(tn_inside *inside);

/* When the thread ends: what is on its stack has gone. */
void tn_inside_forget(void);

/* Whether the calling thread is a worker of the executor, or inside of it. */
bool tn_is_inside(const tarn_executor *executor);

/* What a call of the library has begun, and undoes when it returns. If a task that it runs in place
 * ends the thread, it never does: undo() is called then, in its stead. Not on the stack, which is gone
 * by that time. */
typedef struct tn_undo {
    void (*undo)(struct tn_undo *undo);
    struct tn_undo *outer;
} tn_undo;

void tn_undo_begin(tn_undo *undo);
void tn_undo_end(tn_undo *undo);

/* When the thread ends: all that was begun and not ended, the last first. */
void tn_undo_all(void);

/* The topmost frame; NULL: none. */
static inline tn_frame *tn_context_frame(const tn_context *context)
{
    return context->depth > 0 ? &context->frames[context->depth - 1] : NULL;
}

/* Puts a frame on top, for which there is room: a future's, and what its run gives back of it. */
tn_frame *tn_context_push(tn_context *context, tarn_future *future, uint32_t owner);

/* Takes it off again, with the blocking sections that were left open in it. What it held can be
 * read until the next one takes its place. */
const tn_frame *tn_context_pop(tn_context *context);

/* Around every sleep of a thread that may be a worker: gives back the permit to run, so that a
 * spare can take its place, and makes sure that the sleep can end. `wait` is NULL for a sleep whose
 * end nobody can foresee. TARN_OK: to be followed by tn_sleep_end(); TARN_DEADLOCK: it must not
 * sleep. Does nothing on other threads (context NULL). */
tarn_status tn_sleep_begin(tn_context *context, tn_wait *wait, bool timed);
void tn_sleep_end(tn_context *context);

#endif
