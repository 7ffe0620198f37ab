/* SPDX-License-Identifier: Apache-2.0 */
#include "core/task.h"

#include "core/release.h"
#include "core/status.h"
#include "platform/module.h"

#include <stdio.h>

static bool is_kind(uint32_t kind)
{
    return kind >= TARN_KIND_VALUE && kind <= TARN_KIND_BUFFER;
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
    if (result->kind == TARN_KIND_BUFFER && result->size != sizeof(tarn_buffer *))
        return "result.kind is TARN_KIND_BUFFER but result.size not sizeof(tarn_buffer *)";
    for (uint32_t i = 0; i < task->arg_count; i++) {
        const tarn_field *field = &task->args[i];
        if (!is_kind(field->kind))
            return "args[].kind is not a tarn_kind";
        if (field->offset > task->args_size || field->size > task->args_size - field->offset)
            return "args[].offset and args[].size reach beyond args_size";
        if (field->kind == TARN_KIND_BYTES && field->size != sizeof(tarn_bytes))
            return "args[].kind is TARN_KIND_BYTES but args[].size not sizeof(tarn_bytes)";
        if (!field->type)
            return "args[].type is NULL";
        if (field->kind != TARN_KIND_VALUE && field->offset % sizeof(void *) != 0)
            return "args[].offset is not aligned for its kind";
        if (field->kind == TARN_KIND_BUFFER && field->size != sizeof(tarn_buffer *))
            return "args[].kind is TARN_KIND_BUFFER but args[].size not sizeof(tarn_buffer *)";
    }
    return NULL;
}

static tn_atomic_u32 *traits_of(const tarn_task *task)
{
    return (tn_atomic_u32 *)(void *)&task->mark->traits;
}

/* A descriptor may be a changed copy of the one that the mark was made for. acquire: the traits. */
static uint32_t noted(const tarn_task *task)
{
    const tn_atomic_ptr *owner = task->mark ? (void *)&task->mark->task : NULL;
    return owner && tn_ptr_load_acquire(owner) == task ? tn_u32_load_relaxed(traits_of(task)) : 0;
}

static uint32_t find_traits(const tarn_task *task)
{
    uint32_t traits = TN_TASK_GOOD | (tn_owns_anything(task) ? TN_TASK_OWNING : 0);
    for (uint32_t i = 0; i < task->arg_count; i++)
        traits |= task->args[i].kind == TARN_KIND_BYTES ? TN_TASK_BYTES : 0;
    tn_atomic_ptr *owner = task->mark ? (void *)&task->mark->task : NULL;
    if (owner && !tn_ptr_load_relaxed(owner)) {
        tn_u32_or_relaxed(traits_of(task), traits);
        tn_ptr_store_release(owner, (void *)(uintptr_t)task);
    }
    return traits;
}

uint32_t tn_task_traits(const tarn_task *task)
{
    uint32_t traits = noted(task);
    return traits ? traits : find_traits(task);
}

/* A library with a task that somebody may know of must not be unloaded. */
static void keep_module(const tarn_task *task)
{
    if (!task->mark || tn_u32_load_relaxed(traits_of(task)) & TN_TASK_KEPT)
        return;
    tn_module_keep(task->mark);
    tn_u32_or_relaxed(traits_of(task), TN_TASK_KEPT);
}

tarn_status tn_task_check(const tarn_task *task, const char *call)
{
    if (!task)
        return tn_error_format(TARN_INVALID, "%s: task is NULL", call);
    if (task->size == sizeof *task && noted(task) & TN_TASK_KEPT)
        return TARN_OK;
    const char *fault = find_fault(task);
    if (fault)
        return tn_error_format(TARN_INVALID, "%s: task->%s; make it by TARN_TASK()", call, fault);
    find_traits(task);
    keep_module(task);
    return TARN_OK;
}

static const tarn_bytes *bytes_at(const void *args, const tarn_field *field)
{
    return (const tarn_bytes *)(const void *)((const unsigned char *)args + field->offset);
}

tn_needs tn_task_needs(const tarn_task *task, const void *args)
{
    uint32_t traits = tn_task_traits(task);
    tn_needs needs = {.owning = traits & TN_TASK_OWNING};
    if (!(traits & TN_TASK_BYTES))
        return needs;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (task->args[i].kind != TARN_KIND_BYTES)
            continue;
        const tarn_bytes *bytes = bytes_at(args, &task->args[i]);
        if ((!bytes->data && bytes->size > 0) || bytes->size > SIZE_MAX / 4 - needs.bytes) {
            needs.bytes = SIZE_MAX;
            return needs;
        }
        needs.bytes += bytes->size;
    }
    return needs;
}

bool tn_lacks_data(const tarn_task *task, const void *result)
{
    const tarn_bytes *bytes = result;
    return task->result.kind == TARN_KIND_BYTES && !bytes->data && bytes->size > 0;
}

void tn_task_copy_bytes(const tarn_task *task, void *args, unsigned char *to)
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

static tarn_status check_named(const tarn_task *task, const char *call, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s: %s", call, what);
    return tn_task_check(task, name);
}

tarn_status tn_task_check_for_worker(const char *call, const tarn_task *initializer,
                                     const void *initializer_args, const tarn_task *finalizer)
{
    if (initializer && check_named(initializer, call, "initializer") != TARN_OK)
        return TARN_INVALID;
    if (finalizer && check_named(finalizer, call, "finalizer") != TARN_OK)
        return TARN_INVALID;
    if (!initializer && initializer_args)
        return tn_error_format(TARN_INVALID,
                               "%s: initializer_args without an initializer; set initializer to "
                               "the task that takes them, or leave both out",
                               call);
    if (initializer && initializer->args_size > 0 && !initializer_args)
        return tn_error_format(TARN_INVALID,
                               "%s: initializer \"%s\" takes arguments; set initializer_args to a "
                               "struct %s_arguments",
                               call, initializer->name, initializer->name);
    if (initializer && initializer_args &&
        tn_task_needs(initializer, initializer_args).bytes == SIZE_MAX)
        return tn_error_format(
            TARN_INVALID, "%s: a tarn_bytes in initializer_args has no data for its size", call);
    if (finalizer && finalizer->args_size > 0)
        return tn_error_format(TARN_INVALID, "%s: finalizer \"%s\" must take no argument", call,
                               finalizer->name);
    return TARN_OK;
}

tarn_future *tn_task_cell(const tarn_task *task, const void *args, tn_needs needs, uint32_t owners)
{
    tn_layout layout = tn_layout_of(task);
    tarn_future *cell = tn_cell_new(task, layout.size + needs.bytes, owners);
    if (!cell)
        return NULL;
    unsigned char *payload = tn_cell_payload(cell);
    if (task->args_size > 0)
        memcpy(payload, args, task->args_size);
    if (needs.bytes > 0)
        tn_task_copy_bytes(task, payload, payload + layout.bytes);
    if (needs.owning) {
        tn_hold_args(task, payload);
        tn_u32_or_relaxed(&cell->state, TN_OWNING);
    }
    return cell;
}
