/* SPDX-License-Identifier: Apache-2.0 */
#include "core/release.h"

#include "core/callback.h"

static tarn_buffer *buffer_at(const void *args, const tarn_field *field)
{
    tarn_buffer *buffer;
    memcpy(&buffer, (const unsigned char *)args + field->offset, sizeof buffer);
    return buffer;
}

bool tn_owns_anything(const tarn_task *task)
{
    bool buffers = task->result.kind == TARN_KIND_BUFFER;
    for (uint32_t i = 0; i < task->arg_count; i++)
        buffers = buffers || task->args[i].kind == TARN_KIND_BUFFER;
    return buffers || task->release_args || task->release_result;
}

void tn_hold_args(const tarn_task *task, const void *args)
{
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind == TARN_KIND_BUFFER && buffer_at(args, &task->args[i]))
            tarn_buffer_hold(buffer_at(args, &task->args[i]));
    }
}

static void call(void (*release)(const void *), const void *what)
{
    tn_aftermath saved;
    tn_callback_begin(&saved);
    release(what);
    tn_callback_end(&saved);
}

void tn_release_args(const tarn_task *task, const void *args, bool all)
{
    if (all && task->release_args)
        call(task->release_args, args);
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind == TARN_KIND_BUFFER)
            tarn_buffer_drop(buffer_at(args, &task->args[i]));
    }
}

void tn_release_refused(const tarn_task *task, const void *args)
{
    if (task->release_args)
        call(task->release_args, args);
}

void tn_release_result(const tarn_task *task, const void *result)
{
    if (task->release_result)
        call(task->release_result, result);
    if (task->result.kind == TARN_KIND_BUFFER)
        tarn_buffer_drop(buffer_at(result, &task->result));
}
