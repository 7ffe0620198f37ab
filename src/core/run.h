/* SPDX-License-Identifier: Apache-2.0 */

/* Running tasks on this thread. */
#ifndef TN_CORE_RUN_H
#define TN_CORE_RUN_H

#include "core/context.h"

/* What a loop of tasks looks at in its word. */
#define TN_HALT_FAILED    1u /* the one that runs has failed */
#define TN_HALT_TOLD      2u /* ... was told that it is asked to stop */
#define TN_HALT_ABANDONED 4u /* nobody wants the rest */

/* Makes the calling thread that worker, until tn_context_leave(). false: no memory to notice the
 * end of the thread; it is that worker all the same, but must not run a task. */
bool tn_run_enter(tn_context *context);

/* Runs the task of a future that this worker started, ends it, and gives back `owner`, which is not
 * a handle. There is room for its frame. errno is left as it was. */
void tn_run(tn_context *context, tarn_future *future, uint32_t owner);

/* The same on a thread that is no worker of the task's executor, but visits it (see front.h), until
 * it has run: tn_run_visiting() leaves it. */
void tn_run_visiting(tn_context *context, tarn_future *future, uint32_t owner,
                     tarn_executor *visited);

/* A context for that, if the thread has none; NULL: no memory. */
tn_context *tn_run_enter_visitor(void);
void tn_run_leave_visitor(tn_context *context);

/* Hands all that the calls of a frame have allocated over to its future, which has an ext: their
 * results may lie in any of it. */
void tn_run_keep_memory(tn_frame *frame);

/* Whether the task of this frame is asked to stop by others than its own time limit. */
bool tn_run_is_asked_to_stop(const tn_context *context, const tn_frame *frame);

/* What a task said of its failure. */
typedef struct tn_report {
    int code, line;
    const char *file; /* NULL: none */
    char *text;       /* where its text goes, cut to text_size bytes with the 0 */
    size_t text_size;
} tn_report;

/* Runs a task whose future, if any, is elsewhere. TARN_OK; TARN_FAILED, with *report filled in; or
 * TARN_STOPPED: it was told to stop. Unless it failed there is a result. What it got by
 * tarn_result_memory() is in *memory, and the caller's. */
tarn_status tn_run_call(tn_context *context, const tarn_task *task, const void *args, void *result,
                        tn_report *report, tn_block **memory);

/* Runs an initializer or finalizer; true: it did not fail. Otherwise its text is in `text`. */
bool tn_run_for_worker(tn_context *context, const tarn_task *task, const void *args, char *text,
                       size_t size);

/* Runs the task on this stack, now, if it has not started, belongs to this worker's own executor
 * and enough stack is left; true: it has ended. The caller has a handle. */
bool tn_run_claimed(tn_context *context, tarn_future *future);

#endif
