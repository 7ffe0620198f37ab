/* SPDX-License-Identifier: Apache-2.0 */
#include "process/identity.h"

#include "core/status.h"

#include <stdio.h>

static tn_shape shape_of(const tarn_field *field)
{
    return (tn_shape){.kind = field->kind, .offset = (uint32_t)field->offset, .size = field->size};
}

static bool is_same_shape(tn_shape a, tn_shape b)
{
    return a.kind == b.kind && a.offset == b.offset && a.size == b.size;
}

/* The module and the offset of a task; false: it lies in none. */
static bool locate(const tarn_task *task, tn_identity *identity)
{
    tn_module marked;
    uint64_t offset;
    if (!tn_module_find(task, &identity->module, &identity->offset))
        return false;
    /* The mark is always where the task was made, the descriptor may be a copy: if it seems to be the
     * program's, another program does not have it. */
    if (!identity->module.path[0] && task->mark && tn_module_find(task->mark, &marked, &offset) &&
        marked.path[0]) {
        const tarn_task *own = tn_module_own(task, sizeof *task, task->mark);
        return tn_module_find(own, &identity->module, &identity->offset);
    }
    return true;
}

tarn_status tn_identity_of(const tarn_task *task, tn_identity *identity)
{
    *identity = (tn_identity){.args_size = task->args_size,
                              .result = shape_of(&task->result),
                              .arg_count = task->arg_count};
    if (task->arg_count > TN_MOST_ARGS || task->args_size > UINT32_MAX)
        return tn_error_format(TARN_UNSUPPORTED,
                               "\"%.80s\" has more arguments than a worker process takes (%d)",
                               task->name, TN_MOST_ARGS);
    if (strlen(task->name) >= sizeof identity->name)
        return tn_error_format(TARN_UNSUPPORTED, "the name of \"%.80s...\" has over %d characters",
                               task->name, TN_TASK_NAME - 1);
    memcpy(identity->name, task->name, strlen(task->name));
    for (uint32_t i = 0; i < task->arg_count; i++)
        identity->args[i] = shape_of(&task->args[i]);
    if (!locate(task, identity))
        return tn_error_format(TARN_UNSUPPORTED,
                               "the descriptor of \"%s\" is not static data of the program or a "
                               "library, so no other process has it; make it by TARN_TASK()",
                               task->name);
    return TARN_OK;
}

/* What differs between the two; NULL: nothing. */
static const char *find_difference(const tn_identity *identity, const tarn_task *task, char *part)
{
    if (task->arg_count != identity->arg_count)
        return "the number of arguments";
    if (task->args_size != identity->args_size)
        return "the size of all arguments";
    if (!is_same_shape(shape_of(&task->result), identity->result))
        return "the result";
    if (task->arg_count > 0 && !tn_module_has(task->args, task->arg_count * sizeof *task->args))
        return "the list of arguments";
    for (uint32_t i = 0; i < task->arg_count; i++) {
        if (!is_same_shape(shape_of(&task->args[i]), identity->args[i])) {
            snprintf(part, 32, "argument %u", i + 1);
            return part;
        }
    }
    return NULL;
}

const tarn_task *tn_identity_find(const tn_identity *identity, tarn_status *status, char *why)
{
    const tn_module *module = &identity->module;
    const char *place = module->path[0] ? module->path : "the program", *trouble = NULL;
    char part[32];
    *status = TARN_UNKNOWN_TASK;
    const tarn_task *task = tn_module_at(module, identity->offset, sizeof *task);
    if (!task && module->path[0] && !(trouble = tn_module_load(module->path)))
        task = tn_module_at(module, identity->offset, sizeof *task);
    if (!task && !module->path[0]) {
        snprintf(why, TN_WHY,
                 "the worker has no \"%s\": it lies in the program that submitted it, and the "
                 "worker is another program; move it to a shared library",
                 identity->name);
        return NULL;
    }
    if (!task) {
        snprintf(why, TN_WHY, "the worker has no \"%s\": %s %s", identity->name, place,
                 trouble ? trouble : "is another file by now");
        return NULL;
    }
    size_t length = strlen(identity->name) + 1;
    if (task->size != sizeof *task || !task->call || !tn_module_has(task->name, length) ||
        memcmp(task->name, identity->name, length) != 0) {
        snprintf(why, TN_WHY, "the worker has no \"%s\" where %s had it: it is another file",
                 identity->name, place);
        return NULL;
    }
    const char *difference = find_difference(identity, task, part);
    if (!difference)
        return task;
    *status = TARN_MISMATCH;
    snprintf(why, TN_WHY, "the worker has another \"%s\": %s of it in %s differs", identity->name,
             difference, place);
    return NULL;
}
