/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run.h"

#include "core/callback.h"
#include "core/front.h"
#include "core/future.h"
#include "core/release.h"
#include "core/registry.h"
#include "core/retry.h"
#include "core/status.h"
#include "core/task.h"
#include "core/view.h"
#include "platform/memory.h"
#include "platform/thread.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- Running --------------------------------------------------------------------------------- */

/* Hands the memory of a tarn_bytes result over to the future; otherwise, without memory for that, it
 * is the caller's. */
static tn_block *keep_result_memory(tn_frame *frame, void *result)
{
    const tarn_task *task = frame->future->task;
    const tarn_bytes *bytes = result;
    bool wanted = task->result.kind == TARN_KIND_BYTES && !frame->failed;
    tn_block *kept = tn_block_free_all(frame->memory, wanted ? bytes->data : NULL);
    tn_ext *ext = kept ? tn_cell_need_ext(frame->future) : NULL;
    if (!ext)
        return kept;
    kept->next = ext->memory;
    ext->memory = kept;
    return NULL;
}

void tn_run_keep_memory(tn_frame *frame)
{
    tn_ext *ext = tn_cell_ext(frame->future);
    while (frame->memory) {
        tn_block *block = frame->memory;
        frame->memory = block->next;
        block->next = ext->memory;
        ext->memory = block;
    }
}

bool tn_run_is_asked_to_stop(const tn_context *context, const tn_frame *frame)
{
    /* relaxed: a request carries nothing but itself. */
    return (tn_u32_load_relaxed(&frame->future->state) & TN_STOP) ||
           tn_u32_load_relaxed(frame->visited ? &frame->visited->front->stopping
                                              : context->stopping) != 0;
}

static int worker_of(const tn_context *context, const tn_frame *frame)
{
    return frame->visited ? -1 : context->index;
}

/* Records that a task which did not fail ended otherwise than well, and releases what it returned,
 * which nobody will get. */
static void explain(tn_context *context, const tn_frame *frame, tarn_status status, void *result)
{
    tn_future_explain(
        frame->future,
        (tarn_failure){.status = status, .worker = worker_of(context, frame), .attempts = 1}, NULL);
    if (tn_u32_load_relaxed(&frame->future->state) & TN_OWNING)
        tn_release_result(frame->future->task, result);
}

/* result NULL: it is no call of one task. */
static tarn_status ending(tn_context *context, tn_frame *frame, void *result)
{
    tn_block *unkept = frame->memory ? keep_result_memory(frame, result) : NULL;
    if (frame->failed)
        return TARN_FAILED;
    tarn_status status = TARN_OK;
    if (unkept || (result && tn_lacks_data(frame->future->task, result)))
        status = TARN_NO_MEMORY;
    else if (frame->told)
        status = tn_run_is_asked_to_stop(context, frame) ? TARN_STOPPED : TARN_EXPIRED;
    if (status != TARN_OK)
        explain(context, frame, status, result);
    tn_free(unkept);
    return status;
}

/* What ran here has forked, and returns in the child, too: there, no pool is left to go on with. */
static void leave_if_forked(void)
{
    if (!tn_context_here())
        tn_thread_exit();
}

/* What is to be run: a future, its owner, and as in tn_frame. */
typedef struct job {
    tarn_future *future;
    uint32_t owner;
    tarn_executor *visited;
} job;

static void push(tn_context *context, const job *j)
{
    tn_context_push(context, j->future, j->owner)->visited = j->visited;
    tn_u16_store_relaxed(&j->future->runner, context->runner);
}

/* Runs the task once, and says how it ended; its frame stays. */
static tarn_status attempt_plain(tn_context *context, const job *j, void *result)
{
    push(context, j);
    j->future->task->call(tn_cell_payload(j->future), result);
    leave_if_forked();
    return ending(context, tn_context_frame(context), result);
}

static tarn_status attempt_special(tn_context *context, const job *j, void *result)
{
    const tn_body *body = tn_cell_ext(j->future)->body;
    push(context, j);
    tn_limit_run(j->future);
    if (body)
        body->run(j->future, tn_context_frame(context));
    else
        j->future->task->call(tn_cell_payload(j->future), result);
    leave_if_forked();
    tn_limit_pause(j->future);
    return ending(context, tn_context_frame(context), body ? NULL : result);
}

/* Whether a special task that ended so is to be run once more. */
static bool is_worth_a_retry(tn_context *context, const tn_frame *frame, tarn_status status)
{
    return tn_retry_is_due(frame->future, status) && !tn_run_is_asked_to_stop(context, frame);
}

/* Runs a special task; false: it has not ended, and is to be run again by others. */
static bool run_special(tn_context *context, const job *j, void *result, tarn_status *status)
{
    tarn_future *future = j->future;
    tn_ext *ext = tn_cell_ext(future);
    for (;;) {
        tn_count(future->executor, ext->attempts++ == 0 ? TN_STARTED : TN_RETRIED);
        *status = attempt_special(context, j, result);
        if (!is_worth_a_retry(context, tn_context_frame(context), *status))
            return true;
        tn_context_pop(context);
        /* What is claimed has nobody who would take it from the queue: its entry there is dead. */
        if (j->owner == TN_OWNER_QUEUE) {
            tn_retry_queue(future, *status);
            return false;
        }
        tn_u32_and_relaxed(&future->state, ~TN_OVERDUE);
    }
}

/* The task of this frame, which is off the stack, has ended its thread. */
static void end_with_thread(tn_context *context, tn_frame *frame)
{
    tarn_future *future = frame->future;
    bool special = tn_u32_load_relaxed(&future->state) & TN_SPECIAL;
    if (special && tn_cell_ext(future)->body)
        tn_run_keep_memory(frame);
    else
        tn_block_free_all(frame->memory, NULL);
    if (!frame->failed)
        tn_future_explain(future,
                          (tarn_failure){.status = TARN_FAILED,
                                         .worker = worker_of(context, frame),
                                         .attempts = 1},
                          tn_text_copy("the task ended its thread"));
    if (special)
        tn_limit_pause(future);
    if (special && tn_run_is_asked_to_stop(context, frame))
        tn_u32_or_relaxed(&future->state, TN_STOP);
    if (special && frame->owner == TN_OWNER_QUEUE &&
        is_worth_a_retry(context, frame, TARN_FAILED)) {
        tn_retry_queue(future, TARN_FAILED);
        return;
    }
    tn_inside inside;
    tn_inside_begin(&inside, frame->visited);
    tn_future_finish(future, TARN_FAILED);
    tn_inside_end(&inside);
    tn_cell_release(future, frame->owner);
    if (frame->visited)
        tn_front_leave(frame->visited);
}

/* A task, callback, initializer or finalizer ended its thread: nobody returns to what called it. */
static void end_thread(void)
{
    tn_context *context = tn_context_left_behind();
    tn_inside_forget();
    while (context && context->depth > 0) {
        tn_frame frame = *tn_context_pop(context);
        if (!frame.over && frame.future)
            end_with_thread(context, &frame);
    }
    tn_undo_all();
    if (context)
        context->lost(context);
}

static tn_thread_end thread_end = TN_THREAD_END(end_thread);

bool tn_run_enter(tn_context *context)
{
    tn_context_enter(context);
    return tn_thread_end_arm(&thread_end) == 0;
}

static void run(tn_context *context, const job *j)
{
    tarn_future *future = j->future;
    int saved_errno = errno;
    void *result = tn_cell_result(future);
    tarn_status status;
    if (tn_u32_load_relaxed(&future->state) & TN_SPECIAL) {
        if (!run_special(context, j, result, &status))
            return;
    } else {
        tn_count(future->executor, TN_STARTED);
        status = attempt_plain(context, j, result);
    }
    tn_context_frame(context)->over = true;
    tn_future_finish(future, status);
    leave_if_forked();
    tn_context_pop(context);
    tn_cell_release(future, j->owner);
    errno = saved_errno;
}

void tn_run(tn_context *context, tarn_future *future, uint32_t owner)
{
    run(context, &(job){.future = future, .owner = owner});
}

void tn_run_visiting(tn_context *context, tarn_future *future, uint32_t owner,
                     tarn_executor *visited)
{
    run(context, &(job){.future = future, .owner = owner, .visited = visited});
    tn_front_leave(visited);
}

void tn_run_leave_visitor(tn_context *context)
{
    tn_context_leave(context);
    tn_free(context);
}

tn_context *tn_run_enter_visitor(void)
{
    static const tn_atomic_u32 nobody_asks = TN_ATOMIC_INIT(0);
    tn_context *context = tn_alloc(sizeof *context);
    if (!context)
        return NULL;
    context->index = -1;
    context->stopping = &nobody_asks;
    /* The task may end the thread, and the stack with it: hence on the heap. */
    context->lost = tn_run_leave_visitor;
    if (tn_run_enter(context))
        return context;
    tn_run_leave_visitor(context);
    return NULL;
}

tarn_status tn_run_call(tn_context *context, const tarn_task *task, const void *args, void *result,
                        tn_report *report, tn_block **memory)
{
    tn_context_push(context, NULL, 0)->report = report;
    task->call(args, result);
    leave_if_forked();
    const tn_frame *over = tn_context_pop(context);
    *memory = over->memory;
    return over->failed ? TARN_FAILED : over->told ? TARN_STOPPED : TARN_OK;
}

bool tn_run_for_worker(tn_context *context, const tarn_task *task, const void *args, char *text,
                       size_t size)
{
    alignas(16) unsigned char result[64];
    void *big = task->result.size > sizeof result ? tn_alloc(task->result.size) : NULL;
    if (task->result.size > sizeof result && !big) {
        snprintf(text, size, "no memory for the result of \"%s\"", task->name);
        return false;
    }
    tn_report report = {.text = text, .text_size = size};
    tn_block *memory;
    tarn_status status = tn_run_call(context, task, args, big ? big : result, &report, &memory);
    if (status != TARN_FAILED)
        tn_release_result(task, big ? big : result);
    tn_block_free_all(memory, NULL);
    tn_free(big);
    return status != TARN_FAILED;
}

bool tn_run_claimed(tn_context *context, tarn_future *future)
{
    if (!context->executor || future->executor != context->executor->id || !context->ready ||
        context->sections > 0 || !tn_context_has_stack(context) || !tn_context_reserve(context) ||
        !tn_future_start(future))
        return false;
    /* The entry in the queue may be thrown away meanwhile. */
    tn_u32_add_relaxed(&future->owners, TN_OWNER_CLAIM);
    tn_registry_discard(future->executor);
    tn_run(context, future, TN_OWNER_CLAIM);
    return true;
}

/* ---- Inside a task --------------------------------------------------------------------------- */

static tn_frame *current_frame(void)
{
    tn_frame *frame = tn_context_here() ? tn_context_frame(tn_context_here()) : NULL;
    return frame && frame->callbacks == tn_callbacks_running() ? frame : NULL;
}

void tarn_fail_at(const char *file, int line, int code, const char *format, ...)
{
    tn_frame *frame = current_frame();
    if (!frame || frame->failed)
        return;
    frame->failed = true;

    va_list arguments;
    va_start(arguments, format);
    char *text = format ? tn_text_format(format, arguments) : NULL;
    va_end(arguments);
    if (frame->future) {
        tn_future_explain(frame->future,
                          (tarn_failure){.status = TARN_FAILED,
                                         .code = code,
                                         .file = file,
                                         .line = line,
                                         .worker = worker_of(tn_context_here(), frame),
                                         .attempts = 1},
                          text);
        if (frame->halt)
            tn_u32_or_relaxed(frame->halt, TN_HALT_FAILED);
    } else {
        frame->report->code = code;
        frame->report->file = file;
        frame->report->line = line;
        snprintf(frame->report->text, frame->report->text_size, "%s", text ? text : "");
        tn_free(text);
    }
}

bool tarn_stop_requested(void)
{
    tn_frame *frame = current_frame();
    if (!frame)
        return false;
    const tn_context *context = tn_context_here();
    if (!frame->told && frame->future)
        frame->told = (tn_u32_load_relaxed(&frame->future->state) & TN_OVERDUE) ||
                      tn_run_is_asked_to_stop(context, frame);
    else if (!frame->told)
        frame->told = tn_u32_load_relaxed(context->stopping) != 0;
    if (frame->told && frame->halt)
        tn_u32_or_relaxed(frame->halt, TN_HALT_TOLD);
    return frame->told;
}

void *tarn_result_memory(size_t size)
{
    tn_frame *frame = current_frame();
    tn_block *block = NULL;
    if (!frame)
        tn_error(TARN_INVALID, "tarn_result_memory: called outside a task");
    else if (!(block = tn_block_new(size)))
        tn_error(TARN_NO_MEMORY, "tarn_result_memory: no memory");
    if (!block)
        return NULL;
    block->next = frame->memory;
    frame->memory = block;
    return block->data;
}

/* The calling thread's context, unless what runs is a task of an executor that it does not belong
 * to. */
static tn_context *own_context(void)
{
    tn_context *context = tn_context_here();
    const tn_frame *frame = context ? tn_context_frame(context) : NULL;
    return frame && frame->visited ? NULL : context;
}

int tarn_worker_index(void)
{
    return own_context() ? own_context()->index : -1;
}

void **tarn_worker_local(void)
{
    return own_context() ? &own_context()->local : NULL;
}
