/* SPDX-License-Identifier: Apache-2.0 */

/* Running tasks on this thread: what a worker's thread knows of itself, and of the tasks that lie
 * on its stack. */
#ifndef TN_CORE_RUN_H
#define TN_CORE_RUN_H

#include "core/cell.h"

#include <tarn_backend.h>

struct tn_wait;

/* One block of tarn_result_memory(). */
typedef struct tn_block {
    struct tn_block *next;
    size_t size; /* bytes of data */
    alignas(16) unsigned char data[];
} tn_block;

/* One task on the stack. Frames are kept beside the stack, not on it: a task may end its thread, and
 * then somebody must still know what was running. */
typedef struct tn_frame {
    tarn_future *future; /* NULL: an initializer or finalizer */
    uint32_t owner;      /* what the run gives back of it */
    unsigned waits;      /* blocking sections that were open when it began */
    tn_block *memory;
    char *text; /* where an initializer's failure is written; `text_size` bytes */
    size_t text_size;
    bool failed; /* tarn_fail() was called */
    bool told;   /* tarn_stop_requested() said true */
    bool over;   /* the task has returned; its callbacks run */
} tn_frame;

/* A worker's thread. Its back end fills in the first part before tn_context_enter(). Only the
 * thread itself touches it, but for what deadlock.c says. */
typedef struct tn_context {
    tarn_executor *executor;
    int index;                     /* tarn_worker_index() */
    const tn_atomic_u32 *stopping; /* not 0: all that runs here is asked to stop */
    size_t stack_size;
    void (*lost)(struct tn_context *context); /* the thread ends although it did not leave; the
                                                 futures that it ran have ended. NULL: the context
                                                 may be gone then */

    bool ready;      /* the initializer has run: it may claim tasks */
    unsigned waits;  /* how many blocking sections it is in, one within the other */
    uint16_t runner; /* its place in the search for cycles; TN_NO_RUNNER: none was left */
    unsigned char *stack_floor; /* it claims no task on a stack deeper than this */
    void *local;
    tn_frame *frames; /* the tasks on its stack, the topmost last: few, or allocated */
    size_t depth, room;
    tn_frame few[4];
    struct tn_wait *wait; /* the blocked wait, as deadlock.c knows it */
} tn_context;

/* Makes the calling thread that worker, until it leaves. */
void tn_context_enter(tn_context *context);
void tn_context_leave(tn_context *context);

/* The calling thread is no worker any more if it has just come out of fork() as another process. */
void tn_context_after_fork(void);

/* The calling thread's; NULL if it is not a worker. */
tn_context *tn_context_here(void);

/* Makes room for one more frame; false: no memory. To be called before a future is started. */
bool tn_context_reserve(tn_context *context);

/* The topmost frame; NULL: none. */
static inline tn_frame *tn_context_frame(const tn_context *context)
{
    return context->depth > 0 ? &context->frames[context->depth - 1] : NULL;
}

/* Runs the task of a future that this worker started, ends it, and gives back `owner`, which is not
 * a handle. There is room for its frame. errno is left as it was. */
void tn_run(tn_context *context, tarn_future *future, uint32_t owner);

/* Runs an initializer or finalizer; true: it did not fail. Otherwise its text is in `text`. */
bool tn_run_hook(tn_context *context, const tarn_task *task, const void *args, char *text,
                 size_t size);

/* Runs the task on this stack, now, if it has not started, belongs to this worker's own executor
 * and enough stack is left; true: it has ended. The caller has a handle. */
bool tn_run_claimed(tn_context *context, tarn_future *future);

/* A block of that size; NULL: no memory. */
tn_block *tn_result_memory_new(size_t size);

/* Frees a list of blocks, all but the one that `kept` points into, which is returned. */
tn_block *tn_result_memory_free(tn_block *blocks, const void *kept);

#endif
