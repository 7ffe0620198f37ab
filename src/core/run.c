/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run.h"

#include "core/future.h"
#include "core/hook.h"
#include "core/registry.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/memory.h"
#include "platform/thread.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- Running --------------------------------------------------------------------------------- */

/* Hands the memory of a tarn_bytes result over to the future; false: no memory for that. */
static bool keep_result_memory(tn_frame *frame, void *result)
{
    const tarn_task *task = frame->future->task;
    const tarn_bytes *bytes = result;
    bool wanted = task->result.kind == TARN_KIND_BYTES && !frame->failed;
    tn_block *kept = tn_block_free_all(frame->memory, wanted ? bytes->data : NULL);
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
    bool kept = !frame->memory || keep_result_memory(frame, result);
    if (frame->failed)
        return TARN_FAILED;
    if (!kept)
        return TARN_NO_MEMORY;
    if (!frame->told)
        return TARN_OK;
    tn_future_explain(frame->future,
                      (tarn_failure){.status = TARN_STOPPED, .worker = context->index}, NULL);
    return TARN_STOPPED;
}

/* What ran here has forked, and returns in the child, too: there, no pool is left to go on with. */
static void leave_if_forked(void)
{
    if (!tn_context_here())
        tn_thread_exit();
}

void tn_run(tn_context *context, tarn_future *future, uint32_t owner)
{
    const tarn_task *task = future->task;
    int saved_errno = errno;
    void *result = tn_task_result(future);

    tn_context_push(context, (tn_frame){.future = future, .owner = owner});
    tn_u16_store_relaxed(&future->runner, context->runner);
    task->call(tn_cell_payload(future), result);
    leave_if_forked();
    tn_frame *frame = tn_context_frame(context);
    tarn_status status = ending(context, frame, result);
    frame->over = true;
    tn_future_finish(future, status);
    leave_if_forked();
    tn_context_pop(context);
    tn_cell_release(future, owner);
    errno = saved_errno;
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
    tn_context_push(context, (tn_frame){.text = text, .text_size = size});
    task->call(args, big ? big : result);
    leave_if_forked();
    tn_frame frame = tn_context_pop(context);
    tn_block_free_all(frame.memory, NULL);
    tn_free(big);
    return !frame.failed;
}

bool tn_run_claimed(tn_context *context, tarn_future *future)
{
    if (future->executor != context->executor->id || !context->ready || context->sections > 0 ||
        tn_thread_stack_here() < context->stack_floor || !tn_context_reserve(context) ||
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
                                         .worker = tn_context_here()->index},
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
                      tn_u32_load_relaxed(tn_context_here()->stopping) != 0;
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

int tarn_worker_index(void)
{
    return tn_context_here() ? tn_context_here()->index : -1;
}

void **tarn_worker_local(void)
{
    return tn_context_here() ? &tn_context_here()->local : NULL;
}
