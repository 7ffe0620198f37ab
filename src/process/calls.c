/* SPDX-License-Identifier: Apache-2.0 */

/* Calls into a worker's channel: the worker is told of a task before the first call of it. */
#include "core/status.h"
#include "platform/memory.h"
#include "process/codec.h"
#include "process/crew.h"
#include "process/identity.h"
#include "process/message.h"

/* The number of a task in channels; UINT32_MAX: it has none yet. */
static uint32_t number_of(const tn_crew *crew, const tarn_task *task)
{
    uint32_t i = crew->task_count;
    while (i > 0 && crew->tasks[i - 1] != task)
        i--;
    return i - 1;
}

tarn_status tn_crew_know(tn_crew *crew, const tarn_task *task)
{
    if (number_of(crew, task) != UINT32_MAX)
        return TARN_OK;
    tn_identity identity;
    tarn_status status = tn_identity_of(task, &identity);
    if (status != TARN_OK)
        return status;
    if (crew->task_count == crew->task_room) {
        uint32_t room = crew->task_room == 0 ? 16 : 2 * crew->task_room;
        const tarn_task **tasks = tn_alloc_array(room, sizeof *tasks);
        if (!tasks)
            return tn_error(TARN_NO_MEMORY, "no memory");
        if (crew->task_count > 0)
            memcpy(tasks, crew->tasks, crew->task_count * sizeof *tasks);
        tn_free(crew->tasks);
        crew->tasks = tasks;
        crew->task_room = room;
    }
    crew->tasks[crew->task_count++] = task;
    return TARN_OK;
}

/* Makes sure that the worker has been told of a task. */
static tarn_status define(tn_crew *crew, tn_member *member, const tarn_task *task, uint32_t number)
{
    if (number < member->room && member->knows[number])
        return TARN_OK;
    if (number >= member->room) {
        bool *knows = tn_alloc_array(crew->task_room, sizeof *knows);
        if (!knows)
            return tn_error(TARN_NO_MEMORY, "no memory");
        if (member->room > 0)
            memcpy(knows, member->knows, member->room * sizeof *knows);
        tn_free(member->knows);
        member->knows = knows;
        member->room = crew->task_room;
    }
    tn_identity identity;
    tarn_status status = tn_identity_of(task, &identity);
    if (status != TARN_OK)
        return status;
    *tn_held_at(member, member->channel.pushed) = (tn_held){.definition = number + 1};
    tn_host_push(&member->channel, &(tn_call){.kind = TN_CALL_DEFINE,
                                              .task = number,
                                              .bytes = &identity,
                                              .size = sizeof identity});
    member->knows[number] = true;
    return TARN_OK;
}

tarn_status tn_crew_push(tn_crew *crew, tn_member *member, const tarn_task *task, const void *args,
                         tarn_future *future)
{
    size_t size = tn_args_size(task, args);
    if (size > TN_ROOM)
        return tn_error_format(TARN_UNSUPPORTED,
                               "the arguments of \"%.80s\" have %zu bytes; a worker process takes "
                               "%d: give less to each call, or the name of a file",
                               task->name, size, TN_ROOM);
    tarn_status status = TARN_OK;
    uint32_t number = number_of(crew, task);
    if (number == UINT32_MAX) {
        number = crew->task_count;
        status = tn_crew_know(crew, task);
    }
    if (status == TARN_OK)
        status = define(crew, member, task, number);
    if (status != TARN_OK)
        return status;
    void *room = tn_host_room(&member->channel, (uint32_t)size);
    tn_args_encode(task, args, room);
    *tn_held_at(member, member->channel.pushed) = (tn_held){.future = future};
    tn_host_push(
        &member->channel,
        &(tn_call){.kind = TN_CALL_RUN, .task = number, .bytes = room, .size = (uint32_t)size});
    return TARN_OK;
}
