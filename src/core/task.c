/* SPDX-License-Identifier: Apache-2.0 */
#include "core/task.h"

#include "core/status.h"

/* The largest power of two that divides the size of an object is a multiple of its alignment. */
static size_t alignment_of(size_t size)
{
    size_t power = size & (~size + 1);
    return power == 0 ? 1 : power > 16 ? 16 : power;
}

tn_layout tn_task_layout(const tarn_task *task)
{
    size_t alignment = alignment_of(task->result.size);
    size_t result = (task->args_size + alignment - 1) & ~(alignment - 1);
    size_t end = result + task->result.size;
    return (tn_layout){.result = result, .bytes = end, .size = end};
}

static bool is_kind(uint32_t kind)
{
    return kind >= TARN_KIND_VALUE && kind <= TARN_KIND_BYTES;
}

/* What is wrong with a descriptor; NULL: nothing. */
static const char *find_fault(const tarn_task *task)
{
    const tarn_field *result = &task->result;
    if (task->size != sizeof *task)
        return "size is not sizeof(tarn_task)";
    if (!task->call || !task->name)
        return "call or name is NULL";
    if (task->flags != 0)
        return "flags is not 0";
    if (task->arg_count > 0 && !task->args)
        return "args is NULL but arg_count is not 0";
    if (task->args_size > SIZE_MAX / 4)
        return "args_size is beyond the address space";
    if (result->size > SIZE_MAX / 4)
        return "result.size is beyond the address space";
    if (result->size > 0 && !is_kind(result->kind))
        return "result.kind is not a tarn_kind";
    if (result->kind == TARN_KIND_BYTES && result->size != sizeof(tarn_bytes))
        return "result.kind is TARN_KIND_BYTES but result.size not sizeof(tarn_bytes)";
    for (uint32_t i = 0; i < task->arg_count; i++) {
        const tarn_field *field = &task->args[i];
        if (!is_kind(field->kind))
            return "args[].kind is not a tarn_kind";
        if (field->offset > task->args_size || field->size > task->args_size - field->offset)
            return "args[].offset and args[].size reach beyond args_size";
        if (field->kind == TARN_KIND_BYTES && field->size != sizeof(tarn_bytes))
            return "args[].kind is TARN_KIND_BYTES but args[].size not sizeof(tarn_bytes)";
    }
    return NULL;
}

tarn_status tn_task_check(const tarn_task *task, const char *call)
{
    if (!task)
        return tn_error_format(TARN_INVALID, "%s: task is NULL", call);
    const char *fault = find_fault(task);
    if (!fault)
        return TARN_OK;
    return tn_error_format(TARN_INVALID, "%s: task->%s; make it by TARN_TASK()", call, fault);
}

static const tarn_bytes *bytes_at(const void *args, const tarn_field *field)
{
    return (const tarn_bytes *)(const void *)((const unsigned char *)args + field->offset);
}

size_t tn_task_bytes(const tarn_task *task, const void *args)
{
    size_t total = 0;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind != TARN_KIND_BYTES)
            continue;
        const tarn_bytes *bytes = bytes_at(args, &task->args[i]);
        if ((!bytes->data && bytes->size > 0) || bytes->size > SIZE_MAX / 4 - total)
            return SIZE_MAX;
        total += bytes->size;
    }
    return total;
}

/* Points each tarn_bytes of the copied arguments to a copy of its data at `to`. */
static void copy_bytes(const tarn_task *task, void *args, unsigned char *to)
{
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind != TARN_KIND_BYTES)
            continue;
        tarn_bytes *bytes = (tarn_bytes *)(uintptr_t)bytes_at(args, &task->args[i]);
        if (bytes->size > 0)
            memcpy(to, bytes->data, bytes->size);
        bytes->data = to;
        to += bytes->size;
    }
}

tarn_future *tn_task_cell(const tarn_task *task, const void *args, size_t bytes, uint32_t owners)
{
    tn_layout layout = tn_task_layout(task);
    tarn_future *cell = tn_cell_new(task, layout.size + bytes, owners);
    if (!cell)
        return NULL;
    unsigned char *payload = tn_cell_payload(cell);
    if (task->args_size > 0)
        memcpy(payload, args, task->args_size);
    if (bytes > 0)
        copy_bytes(task, payload, payload + layout.bytes);
    return cell;
}

void *tn_task_result(const tarn_future *future)
{
    return (unsigned char *)tn_cell_payload(future) + tn_task_layout(future->task).result;
}
