/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run.h"

#include "core/deadlock.h"
#include "core/executor.h"
#include "core/future.h"
#include "core/status.h"
#include "core/task.h"
#include "core/wait.h"
#include "platform/memory.h"
#include "core/thread_end.h"
#include "platform/thread.h"
#include "platform/tls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Whether the context outlives the thread's stack is kept beside it: when the thread ends, one that
 * does not must not be looked at. */
typedef struct place {
    tn_context *context;
    bool outlives;
} place;

TN_THREAD_LOCAL(place, here);

tn_context *tn_context_here(void)
{
    return here()->context;
}

void tn_context_enter(tn_context *context)
{
    enum { LEAST = 64 * 1024 };
    size_t reserve = context->stack_size / 8 > LEAST ? context->stack_size / 8 : LEAST;
    unsigned char *limit = tn_thread_stack_limit();

    context->ready = false;
    context->waits = 0;
    /* Without a limit to go by nothing may be claimed: the floor is above every address. */
    context->stack_floor = limit ? limit + reserve : (unsigned char *)UINTPTR_MAX;
    context->frames = context->few;
    context->depth = 0;
    context->room = sizeof context->few / sizeof *context->few;
    context->wait = NULL;
    context->local = NULL;
    context->runner = tn_deadlock_enter();
    here()->context = context;
    here()->outlives = context->lost != NULL;
    tn_thread_end_arm();
}

void tn_context_leave(tn_context *context)
{
    tn_deadlock_leave(context->runner);
    if (context->frames != context->few)
        tn_free(context->frames);
    here()->context = NULL;
}

void tn_context_after_fork(void)
{
    tn_context *context = here()->context;
    if (context && tn_executor_is_foreign(context->executor->id))
        here()->context = NULL;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

bool tn_context_reserve(tn_context *context)
{
    if (context->depth < context->room)
        return true;
    tn_frame *frames = tn_alloc_array(context->room * 2, sizeof *frames);
    if (!frames)
        return false;
    memcpy(frames, context->frames, context->depth * sizeof *frames);
    if (context->frames != context->few)
        tn_free(context->frames);
    context->frames = frames;
    context->room *= 2;
    return true;
}

static void push_frame(tn_context *context, tn_frame frame)
{
    frame.waits = context->waits;
    context->frames[context->depth++] = frame;
}

static tn_frame pop_frame(tn_context *context)
{
    tn_sleep_end_all(context);
    return context->frames[--context->depth];
}

void tn_context_end(void)
{
    tn_context *context = here()->context;
    if (!context || !here()->outlives)
        return;
    while (context->depth > 0) {
        tn_frame frame = pop_frame(context);
        if (frame.over || !frame.future)
            continue;
        tn_result_memory_free(frame.memory, NULL);
        if (!frame.failed)
            tn_future_explain(frame.future,
                              (tarn_failure){.status = TARN_FAILED, .worker = context->index},
                              tn_text_copy("the task ended its thread"));
        tn_future_finish(frame.future, TARN_FAILED);
        tn_cell_release(frame.future, frame.owner);
    }
    context->lost(context);
}

/* ---- Running --------------------------------------------------------------------------------- */

tn_block *tn_result_memory_new(size_t size)
{
    tn_block *block = size <= SIZE_MAX / 2 ? tn_alloc(sizeof *block + size) : NULL;
    if (block)
        block->size = size;
    return block;
}

tn_block *tn_result_memory_free(tn_block *blocks, const void *kept)
{
    tn_block *found = NULL;
    while (blocks) {
        tn_block *block = blocks;
        blocks = blocks->next;
        uintptr_t start = (uintptr_t)block->data, at = (uintptr_t)kept;
        if (kept && at >= start && at - start <= block->size) {
            found = block;
            found->next = NULL;
        } else {
            tn_free(block);
        }
    }
    return found;
}

/* Hands the memory of a tarn_bytes result over to the future; false: no memory for that. */
static bool keep_result_memory(tn_frame *frame, void *result)
{
    const tarn_task *task = frame->future->task;
    const tarn_bytes *bytes = result;
    bool wanted = task->result.kind == TARN_KIND_BYTES && !frame->failed;
    tn_block *kept = tn_result_memory_free(frame->memory, wanted ? bytes->data : NULL);
    if (!kept)
        return true;
    tn_ext *ext = tn_cell_need_ext(frame->future);
    if (ext)
        ext->memory = kept;
    else
        tn_free(kept);
    return ext;
}

static tarn_status ending(tn_context *context, tn_frame *frame, void *result)
{
    if (frame->memory && !keep_result_memory(frame, result))
        return TARN_NO_MEMORY;
    if (frame->failed)
        return TARN_FAILED;
    if (!frame->told)
        return TARN_OK;
    tn_future_explain(frame->future,
                      (tarn_failure){.status = TARN_STOPPED, .worker = context->index}, NULL);
    return TARN_STOPPED;
}

void tn_run(tn_context *context, tarn_future *future, uint32_t owner)
{
    const tarn_task *task = future->task;
    int saved_errno = errno;
    void *result = tn_task_result(future);

    push_frame(context, (tn_frame){.future = future, .owner = owner});
    tn_u16_store_relaxed(&future->runner, context->runner);
    task->call(tn_cell_payload(future), result);
    /* The task forked and returns in the child, too: there, no pool is left to go on with. */
    if (!here()->context)
        tn_thread_exit();
    tn_frame *frame = tn_context_frame(context);
    tarn_status status = ending(context, frame, result);
    /* The frame stays while callbacks run, so that none of them is taken for a task beneath. */
    frame->over = true;
    tn_future_finish(future, status);
    pop_frame(context);
    tn_cell_release(future, owner);
    errno = saved_errno;
}

bool tn_run_hook(tn_context *context, const tarn_task *task, const void *args, char *text,
                 size_t size)
{
    alignas(16) unsigned char result[64];
    void *big = task->result.size > sizeof result ? tn_alloc(task->result.size) : NULL;
    if (task->result.size > sizeof result && !big) {
        snprintf(text, size, "no memory for the result of \"%s\"", task->name);
        return false;
    }
    push_frame(context, (tn_frame){.text = text, .text_size = size});
    task->call(args, big ? big : result);
    tn_frame frame = pop_frame(context);
    tn_result_memory_free(frame.memory, NULL);
    tn_free(big);
    return !frame.failed;
}

bool tn_run_claimed(tn_context *context, tarn_future *future)
{
    if (future->executor != context->executor->id || !context->ready || context->waits > 0 ||
        tn_thread_stack_here() < context->stack_floor || !tn_context_reserve(context) ||
        !tn_future_start(future))
        return false;
    /* The entry in the queue may be thrown away meanwhile. */
    tn_u32_add_relaxed(&future->owners, TN_OWNER_RUNNER);
    tn_executor_discard(future->executor);
    tn_run(context, future, TN_OWNER_RUNNER);
    return true;
}

/* ---- Inside a task --------------------------------------------------------------------------- */

static tn_frame *current_frame(void)
{
    tn_frame *frame = here()->context ? tn_context_frame(here()->context) : NULL;
    return frame && !frame->over ? frame : NULL;
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
                                         .worker = here()->context->index},
                          text);
    } else {
        snprintf(frame->text, frame->text_size, "%s", text ? text : "");
        tn_free(text);
    }
}

bool tarn_stop_requested(void)
{
    tn_frame *frame = current_frame();
    if (!frame)
        return false;
    /* relaxed: a request carries nothing but itself. */
    if (!frame->told)
        frame->told = (frame->future && (tn_u32_load_relaxed(&frame->future->state) & TN_STOP)) ||
                      tn_u32_load_relaxed(here()->context->stopping) != 0;
    return frame->told;
}

void *tarn_result_memory(size_t size)
{
    tn_frame *frame = current_frame();
    tn_block *block = NULL;
    if (!frame)
        tn_error(TARN_INVALID, "tarn_result_memory: called outside a task");
    else if (!(block = tn_result_memory_new(size)))
        tn_error(TARN_NO_MEMORY, "tarn_result_memory: no memory");
    if (!block)
        return NULL;
    block->next = frame->memory;
    frame->memory = block;
    return block->data;
}

int tarn_worker_index(void)
{
    return here()->context ? here()->context->index : -1;
}

void **tarn_worker_local(void)
{
    return here()->context ? &here()->context->local : NULL;
}
