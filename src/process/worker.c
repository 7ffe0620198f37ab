/* SPDX-License-Identifier: Apache-2.0 */
#include "process/worker.h"

#include "core/release.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/child.h"
#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "platform/process.h"
#include "platform/shared.h"
#include "platform/socket.h"
#include "process/channel.h"
#include "process/codec.h"
#include "process/identity.h"
#include "process/message.h"
#include "process/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_TASKS = 1 << 20, FAILURE_TEXT = 4000 };

/* Where a worker has what it was given. */
enum { DOWN_FD = 3, UP_FD, EVENT_FD };

/* What a number of the channel stands for. */
typedef struct entry {
    const tarn_task *task; /* NULL: `status`, and why */
    tarn_status status;
    char *why;
} entry;

typedef struct worker {
    tn_context context;
    tn_worker_end end;
    entry *tasks;
    uint32_t count;
    unsigned char *args, *result; /* of the call that runs */
    size_t args_room, result_room;
    uint32_t generation; /* of this process */
    char text[FAILURE_TEXT];
} worker;

static worker self;

/* ---- Replies ----------------------------------------------------------------------------------- */

static void reply_failure(int status, const tn_report *report)
{
    unsigned char bytes[TN_MOST_FAILURE];
    size_t size = tn_failure_encode(report, bytes, sizeof bytes);
    tn_worker_reply(&self.end, status, report->code, bytes, (uint32_t)size);
}

static void reply_text(int status, char *text)
{
    reply_failure(status, &(tn_report){.text = text});
}

static void reply_format(tarn_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void reply_format(tarn_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self.text, sizeof self.text, format, arguments);
    va_end(arguments);
    reply_text(status, self.text);
}

/* ---- The end ----------------------------------------------------------------------------------- */

static noreturn void leave(void)
{
    tn_step(TN_STEP_LEAVING);
    fflush(NULL);
    tn_exit_now(0);
}

/* What a task has forked has come back from it. It is no worker, and has no channel. */
static void leave_if_forked(void)
{
    if (tn_process_generation() != self.generation)
        leave();
}

/* ---- Calls ------------------------------------------------------------------------------------- */

static void define(const tn_call *call)
{
    char why[TN_WHY] = "";
    tn_identity identity;
    entry new = {.status = TARN_NO_MEMORY};
    if (call->size == sizeof identity) {
        memcpy(&identity, call->bytes, sizeof identity);
        new.task = tn_identity_find(&identity, &new.status, why);
        new.why = new.task ? NULL : tn_text_copy(why);
    }
    if (call->task >= self.count && call->task < MOST_TASKS) {
        entry *tasks = tn_alloc_array(call->task + 1, sizeof *tasks);
        if (tasks && self.count > 0)
            memcpy(tasks, self.tasks, self.count * sizeof *tasks);
        if (tasks) {
            tn_free(self.tasks);
            self.tasks = tasks;
            self.count = call->task + 1;
        }
    }
    if (call->task < self.count)
        self.tasks[call->task] = new;
    tn_worker_reply(&self.end, TARN_OK, 0, NULL, 0);
}

/* A buffer of that size; false: no memory. */
static bool make_room(unsigned char **buffer, size_t *room, size_t size)
{
    if (size <= *room)
        return true;
    tn_free(*buffer);
    *buffer = tn_alloc(size);
    *room = *buffer ? size : 0;
    return *buffer;
}

static void run(const tn_call *call)
{
    static char no_task[] = "the worker was not told of the task",
                no_args[] = "the arguments are not those of the task";
    const entry *named = call->task < self.count ? &self.tasks[call->task] : NULL;
    const tarn_task *task = named ? named->task : NULL;
    if (!task) {
        reply_text(named ? named->status : TARN_UNKNOWN_TASK,
                   named && named->why ? named->why : no_task);
        return;
    }
    if (!make_room(&self.args, &self.args_room, task->args_size) ||
        !make_room(&self.result, &self.result_room, task->result.size)) {
        reply_format(TARN_NO_MEMORY, "no memory for the arguments and result of \"%s\"",
                     task->name);
        return;
    }
    if (!tn_args_decode(task, call->bytes, call->size, self.args)) {
        reply_text(TARN_MISMATCH, no_args);
        return;
    }
    tn_report report = {.text = self.text, .text_size = sizeof self.text};
    tn_block *memory;
    self.context.stopping = tn_worker_stop_word(&self.end);
    tarn_status status = tn_run_call(&self.context, task, self.args, self.result, &report, &memory);
    leave_if_forked();
    tn_step(TN_STEP_RAN);
    if (status == TARN_OK && tn_lacks_data(task, self.result)) {
        tn_block_free_all(memory, NULL);
        reply_format(TARN_NO_MEMORY,
                     "\"%s\" returned a tarn_bytes with a size but no data; it has to look whether "
                     "tarn_result_memory() gave NULL, as without memory, or by another tarn than "
                     "that of the worker",
                     task->name);
        return;
    }
    if (status == TARN_FAILED) {
        reply_failure(status, &report);
    } else if (status == TARN_STOPPED) {
        /* Nobody will get what it returned. */
        tn_release_result(task, self.result);
        tn_worker_reply(&self.end, status, 0, NULL, 0);
    } else {
        size_t size = tn_result_size(task, self.result);
        if (size > TN_ROOM) {
            reply_format(TARN_UNSUPPORTED,
                         "the result of \"%s\" has over %d bytes, which a worker process cannot "
                         "return: let each call return less, or the name of a file",
                         task->name, TN_ROOM);
        } else {
            void *room = tn_worker_room(&self.end, (uint32_t)size);
            tn_result_encode(task, self.result, room);
            tn_worker_reply(&self.end, status, 0, room, (uint32_t)size);
        }
    }
    tn_block_free_all(memory, NULL);
}

/* ---- The process ------------------------------------------------------------------------------- */

static void ring(void *data)
{
    (void)data;
    tn_event_raise(EVENT_FD);
}

/* The task has ended the thread, which is the process. */
static void lost(tn_context *context)
{
    static char text[] = "the task ended its thread";
    (void)context;
    leave_if_forked();
    reply_text(TN_ENDED_THREAD, text);
    leave();
}

noreturn void tn_worker_main(int index, const int given[TN_GIVEN], int server)
{
    void *down, *up;
    tn_call call;
    tn_step(TN_STEP_WORKER_BEGUN);
    tn_child_own_group();
    tn_child_end_first();
    if (tn_fds_arrange(given, TN_GIVEN, DOWN_FD) != 0 || tn_die_with_parent(SIGKILL, server) != 0)
        tn_exit_now(EXIT_FAILURE);
    tn_step(TN_STEP_BOUND);
    if (tn_shared_map(DOWN_FD, tn_down_size(), false, &down) != 0 ||
        tn_shared_map(UP_FD, tn_up_size(), true, &up) != 0)
        tn_exit_now(EXIT_FAILURE);
    tn_fd_close(DOWN_FD);
    tn_fd_close(UP_FD);
    tn_step(TN_STEP_MAPPED);
    tn_worker_open(&self.end, down, up, ring, NULL);
    self.context.index = index;
    self.context.stopping = tn_worker_stop_word(&self.end);
    self.context.lost = lost;
    self.generation = tn_process_generation();
    if (!tn_run_enter(&self.context))
        tn_exit_now(EXIT_FAILURE);
    tn_take found;
    while ((found = tn_worker_take(&self.end, &call, TN_CLOCK_NEVER)) == TN_TAKE_CALL) {
        if (call.kind == TN_CALL_DEFINE)
            define(&call);
        else
            run(&call);
    }
    if (found == TN_TAKE_SPOILT)
        tn_exit_now(EXIT_FAILURE);
    leave();
}

noreturn void tn_worker_receive(int server)
{
    tn_message message;
    size_t size = sizeof message, n = TN_GIVEN;
    int given[TN_GIVEN];
    tn_step(TN_STEP_RECEIVING);
    if (tn_socket_receive(TN_CONTROL_FD, &message, &size, given, &n, TN_CLOCK_NEVER) != 0 ||
        size != sizeof message || message.magic != TN_MAGIC || message.kind != TN_SPAWN ||
        n != TN_GIVEN)
        tn_exit_now(EXIT_FAILURE);
    tn_worker_main((int)message.worker, given, server);
}
