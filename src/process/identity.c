/* SPDX-License-Identifier: Apache-2.0 */
#include "process/identity.h"

#include "core/status.h"

#include <inttypes.h>
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
    /* The mark is always where the task was made; the descriptor may be a copy in the program, which
     * another program does not have. */
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

/* What differs between two shapes, in `room` bytes. */
static void describe(const char *what, tn_shape here, tn_shape wanted, char *text, size_t room)
{
    if (here.size != wanted.size)
        snprintf(text, room, "%s has %" PRIu64 " bytes there, not %" PRIu64, what, here.size,
                 wanted.size);
    else
        snprintf(text, room, "%s is of another kind or in another place there", what);
}

/* What differs between the two, in `room` bytes; false: nothing. */
static bool find_difference(const tn_identity *identity, const tarn_task *task, char *text,
                            size_t room)
{
    char part[32];
    if (task->arg_count != identity->arg_count) {
        snprintf(text, room, "it has %u arguments there, not %u", task->arg_count,
                 identity->arg_count);
        return true;
    }
    if (task->arg_count > 0 && !tn_module_has(task->args, task->arg_count * sizeof *task->args)) {
        snprintf(text, room, "it has no list of arguments there");
        return true;
    }
    for (uint32_t i = 0; i < task->arg_count; i++) {
        tn_shape here = shape_of(&task->args[i]);
        if (is_same_shape(here, identity->args[i]))
            continue;
        snprintf(part, sizeof part, "argument %u", i + 1);
        describe(part, here, identity->args[i], text, room);
        return true;
    }
    tn_shape args = {.size = task->args_size}, wanted_args = {.size = identity->args_size};
    tn_shape result = shape_of(&task->result);
    if (!is_same_shape(args, wanted_args))
        describe("the struct of arguments", args, wanted_args, text, room);
    else if (!is_same_shape(result, identity->result))
        describe("its result", result, identity->result, text, room);
    else
        return false;
    return true;
}

/* Whether a descriptor, of whatever file, is one, and of a task of that name. */
static bool is_named(const tarn_task *task, const char *name)
{
    size_t size = strlen(name) + 1;
    return task->size == sizeof *task && task->call && tn_module_has(task->name, size) &&
           memcmp(task->name, name, size) == 0;
}

/* The descriptor of that name where the identity has it; NULL: there is none. *same: it lies in the
 * same file, and not in one that has taken its path. *trouble: why the library could not be loaded. */
static const tarn_task *look(const tn_identity *identity, bool *same, const char **trouble)
{
    const tn_module *module = &identity->module;
    const char *path = module->path;
    *trouble = NULL;
    const tarn_task *task = tn_module_at(module, identity->offset, sizeof *task);
    if (!task && path[0] && !(*trouble = tn_module_load(path)))
        task = tn_module_at(module, identity->offset, sizeof *task);
    *same = task;
    if (!task && path[0] && !*trouble)
        task = tn_module_at_path(path, identity->offset, sizeof *task);
    return task && is_named(task, identity->name) ? task : NULL;
}

static const char anew[] = "start the program anew, and keep its files until it ends",
                  statically[] = "what the program writes at run time is not there; initialize it "
                                 "statically, as TARN_TASK() does",
                  to_load[] =
                      "the file has to stay where it is until the program ends, and to find "
                      "what it needs by itself: by a RUNPATH of its own, or by "
                      "LD_LIBRARY_PATH",
                  to_be_dynamic[] = "link the worker program dynamically, as tarn-worker is";

const tarn_task *tn_identity_find(const tn_identity *identity, tarn_status *status, char *why)
{
    const char *name = identity->name, *path = identity->module.path, *trouble;
    char difference[100];
    /* First, as it may overwrite what is the trouble. */
    bool same, loads = tn_module_loads();
    const tarn_task *task = look(identity, &same, &trouble);
    /* What lies in another file is not run, but may tell the user more. */
    if (task && find_difference(identity, task, difference, sizeof difference)) {
        *status = TARN_MISMATCH;
        snprintf(why, TN_WHY, "the worker has another \"%s\" in %s: %s; %s", name,
                 path[0] ? path : "the program", difference, same ? statically : anew);
        return NULL;
    }
    if (task && same)
        return task;
    *status = TARN_UNKNOWN_TASK;
    if (trouble)
        snprintf(why, TN_WHY,
                 "the worker cannot load the library of \"%s\" as the program has done: %s; %s",
                 name, trouble, loads ? to_load : to_be_dynamic);
    else if (same)
        snprintf(why, TN_WHY,
                 "the worker has no \"%s\": in its copy of %s the descriptor is empty or another "
                 "one; %s",
                 name, path[0] ? path : "the program", statically);
    else if (path[0])
        snprintf(why, TN_WHY,
                 "the worker has no \"%s\": %s is not the file that the program has loaded by that "
                 "path, but a later one; %s",
                 name, path, anew);
    else
        snprintf(why, TN_WHY,
                 "the worker has no \"%s\": it lies in the program that submitted it, and the "
                 "worker is another program; move it to a shared library",
                 name);
    return NULL;
}
