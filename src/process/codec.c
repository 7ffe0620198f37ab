/* SPDX-License-Identifier: Apache-2.0 */
#include "process/codec.h"

#include "core/remote.h"
#include "platform/memory.h"

enum { ALIGNMENT = 16, MOST_TEXT = 4096 };

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* ---- Arguments: the struct, then the data of each tarn_bytes, aligned ------------------------- */

static tarn_bytes *bytes_at(const void *args, const tarn_field *field)
{
    return (tarn_bytes *)(uintptr_t)((const unsigned char *)args + field->offset);
}

size_t tn_args_size(const tarn_task *task, const void *args)
{
    size_t size = task->args_size;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind == TARN_KIND_BYTES)
            size = aligned(size) + bytes_at(args, &task->args[i])->size;
    }
    return size;
}

void tn_args_encode(const tarn_task *task, const void *args, unsigned char *to)
{
    size_t size = task->args_size;
    if (size > 0)
        memcpy(to, args, size);
    for (uint32_t i = 0; i < task->arg_count; i++) {
        const tarn_field *field = &task->args[i];
        if (field->kind != TARN_KIND_BYTES)
            continue;
        const tarn_bytes *bytes = bytes_at(args, field);
        /* An address of this process is nobody else's business. */
        bytes_at(to, field)->data = NULL;
        if (bytes->size > 0)
            memcpy(to + aligned(size), bytes->data, bytes->size);
        size = aligned(size) + bytes->size;
    }
}

bool tn_args_decode(const tarn_task *task, const unsigned char *from, size_t size, void *args)
{
    size_t at = task->args_size;
    if (size < at)
        return false;
    if (at > 0)
        memcpy(args, from, at);
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind != TARN_KIND_BYTES)
            continue;
        tarn_bytes *bytes = bytes_at(args, &task->args[i]);
        at = aligned(at);
        if (at > size || bytes->size > size - at)
            return false;
        bytes->data = from + at;
        at += bytes->size;
    }
    return at == size;
}

/* ---- Results: the struct, then the data of a tarn_bytes ---------------------------------------- */

size_t tn_result_size(const tarn_task *task, const void *result)
{
    size_t size = task->result.size;
    if (task->result.kind == TARN_KIND_BYTES)
        size += ((const tarn_bytes *)result)->size;
    return size < task->result.size ? SIZE_MAX : size;
}

void tn_result_encode(const tarn_task *task, const void *result, unsigned char *to)
{
    size_t size = task->result.size;
    if (size > 0)
        memcpy(to, result, size);
    if (task->result.kind != TARN_KIND_BYTES)
        return;
    const tarn_bytes *bytes = result;
    ((tarn_bytes *)(void *)to)->data = NULL;
    if (bytes->size > 0)
        memcpy(to + size, bytes->data, bytes->size);
}

tarn_status tn_result_decode(tarn_future *future, const unsigned char *from, size_t size)
{
    const tarn_task *task = future->task;
    size_t own = task->result.size;
    void *result = tn_cell_result(future);
    if (size < own || (task->result.kind != TARN_KIND_BYTES && size != own))
        return TARN_LOST;
    if (own > 0)
        memcpy(result, from, own);
    if (task->result.kind != TARN_KIND_BYTES)
        return TARN_OK;
    /* From here on the copy is looked at, which nobody else writes. */
    tarn_bytes *bytes = result;
    if (bytes->size != size - own)
        return TARN_LOST;
    bytes->data = from + own;
    return tn_remote_keep_bytes(future, bytes) ? TARN_OK : TARN_NO_MEMORY;
}

/* ---- Failures: line, text, file ---------------------------------------------------------------- */

static size_t append(unsigned char *to, size_t at, size_t room, const char *text)
{
    size_t length = strlen(text) < room - at - 1 ? strlen(text) : room - at - 1;
    memcpy(to + at, text, length);
    to[at + length] = 0;
    return at + length + 1;
}

size_t tn_failure_encode(const tn_report *report, unsigned char *to, size_t room)
{
    int32_t line = report->line;
    size_t at = sizeof line;
    memcpy(to, &line, sizeof line);
    at = append(to, at, room > MOST_TEXT ? MOST_TEXT : room, report->text);
    return append(to, at, room, report->file ? report->file : "");
}

char *tn_failure_decode(tarn_failure *failure, const unsigned char *from, size_t size)
{
    int32_t line;
    if (size <= sizeof line || size > TN_MOST_FAILURE)
        return NULL;
    memcpy(&line, from, sizeof line);
    size -= sizeof line;
    char *text = tn_alloc_bare(size + 2);
    if (!text)
        return NULL;
    /* Whatever it is, there are two texts in it. */
    memcpy(text, from + sizeof line, size);
    text[size] = text[size + 1] = '\0';
    failure->line = line;
    failure->file = text + strlen(text) + 1;
    if (!failure->file[0])
        failure->file = NULL;
    return text;
}
