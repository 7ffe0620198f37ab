/* SPDX-License-Identifier: Apache-2.0 */

/* The process pool as an executor: opening, submit, drain, shutdown. */
#include "core/deadline.h"
#include "core/front.h"
#include "core/future.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/cpu.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "process/boot.h"
#include "process/check.h"
#include "process/crew.h"
#include "process/step.h"

#include <stdio.h>

enum { DEFAULT_AHEAD = 16, DEFAULT_IDLE_SECONDS = 30, STACK = 256 * 1024 };

static tn_crew *crew_of(const tarn_executor *executor)
{
    return (tn_crew *)(uintptr_t)executor;
}

/* ---- Submit ---------------------------------------------------------------------------------- */

static tarn_status submit(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    tn_crew *crew = crew_of(executor);
    tn_endings refused, ended;
    tn_endings_open(&refused);
    tn_endings_open(&ended);
    tn_mutex_lock(&crew->mutex);
    bool closed = crew->closed && (!owed || crew->cancelled || crew->over);
    bool broken = crew->broken;
    /* What comes together is of one task. */
    tarn_status status = closed || broken ? TARN_OK : tn_crew_know(crew, first->task);
    if (!closed && !broken && status == TARN_OK) {
        tn_queue_push(&crew->queue, first, n);
        tn_crew_serve(crew, &refused);
        /* Whoever has more than there is room for makes some; but not within another's ending. */
        if (crew->queue.length > 0 && !owed && !tn_aftermath_here()->in_use) {
            if (tn_crew_harvest_all(crew, &ended))
                tn_crew_serve(crew, &refused);
        }
    }
    /* Whoever submits may not have noted them yet. */
    tn_endings_join(&crew->left_over, &refused);
    bool any = tn_crew_leave_to_service(crew, &ended);
    tn_mutex_unlock(&crew->mutex);
    tn_step(TN_STEP_QUEUED);
    if (any)
        tn_crew_end(crew, &ended, NULL);
    if (closed)
        return tn_error(TARN_CLOSED, "tarn_submit: the executor is shut down");
    if (broken)
        return tn_error_format(TARN_BROKEN, "tarn_submit: %s", crew->failure);
    return status;
}

/* ---- Drain and shutdown ---------------------------------------------------------------------- */

static tarn_future *stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    tn_crew *crew = crew_of(executor);
    tarn_future *pending = NULL;
    tn_endings endings;
    tn_endings_open(&endings);
    tn_mutex_lock(&crew->mutex);
    crew->closed = true;
    if (cancel_pending) {
        /* What was given ahead is as pending as what is queued. */
        for (int i = 0; i < crew->places && crew->members[i]; i++)
            tn_crew_recall(crew, crew->members[i], &endings);
        crew->cancelled = true;
        pending = tn_queue_take_all(&crew->queue);
    }
    for (int i = 0; kill_running && i < crew->places && crew->members[i]; i++)
        tn_crew_kill_all(crew, crew->members[i], &endings);
    /* It has to say that those who leave have left. */
    if (kill_running)
        tn_crew_rouse_server(crew);
    tn_endings_join(&crew->left_over, &endings);
    tn_cond_broadcast(&crew->settled);
    tn_crew_call_service(crew);
    tn_mutex_unlock(&crew->mutex);
    tn_step(TN_STEP_SHUT);
    return pending;
}

static tarn_status drain(tarn_executor *executor, int64_t until)
{
    tn_crew *crew = crew_of(executor);
    bool settled, in_time = true;
    tn_mutex_lock(&crew->mutex);
    for (;;) {
        tn_queue_trim(&crew->queue);
        settled = tn_crew_is_settled(crew);
        if (settled || !in_time)
            break;
        /* Nobody is told that the last one in the queue was cancelled. */
        int64_t doubt = crew->queue.length > 0 ? tn_clock_after(0.05) : TN_CLOCK_NEVER;
        in_time = tn_cond_wait_until(&crew->settled, &crew->mutex, doubt < until ? doubt : until) ||
                  doubt < until;
    }
    if (crew->queue.dead)
        tn_crew_call_service(crew);
    tn_mutex_unlock(&crew->mutex);
    return settled ? TARN_OK
                   : tn_error(TARN_TIMEOUT, "tarn_drain: tasks were queued or running at the "
                                            "deadline");
}

/* Of what a worker has, that it has not begun. */
static uint64_t count_given(tn_member *member)
{
    uint64_t given = 0;
    for (uint32_t n = member->channel.harvested; n != member->channel.pushed; n++)
        given += tn_held_at(member, n)->future && !tn_member_has_begun(member, n);
    return given;
}

/* NULL: nothing does. */
static const char *name_what_runs(const tn_crew *crew, tn_member *member)
{
    if (member->state == TN_BUSY && !member->initialized)
        return tn_task_name(crew->initializer->task);
    if (member->state == TN_LEAVING && crew->finalizer && member->initialized)
        return tn_task_name(crew->finalizer->task);
    uint32_t number = member->channel.harvested;
    while (number != member->channel.pushed && !tn_held_at(member, number)->future)
        number++;
    return number != member->channel.pushed && tn_member_has_begun(member, number)
               ? tn_task_name(tn_held_at(member, number)->future->task)
               : NULL;
}

/* Whose processes are there, as far as there is room. */
static void name_the_present(const tn_crew *crew, char *names, size_t size)
{
    size_t length = 0;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        const tn_member *member = crew->members[i];
        if (member->state == TN_ABSENT || member->pid == 0)
            continue;
        int written = snprintf(names + length, size - length, "%sworker %d, pid %d",
                               length > 0 ? "; " : ": ", i, member->pid);
        if (written < 0 || length + (size_t)written >= size)
            break;
        length += (size_t)written;
    }
    names[length] = '\0';
}

/* Under the mutex. */
static tarn_status name_the_running(const tn_crew *crew)
{
    char names[160] = "";
    size_t length = 0;
    uint64_t given = 0;
    int running = 0;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_member *member = crew->members[i];
        given += count_given(member);
        const char *name = name_what_runs(crew, member);
        if (!name)
            continue;
        int written =
            snprintf(names + length, sizeof names - length, "%s\"%.40s\" (worker %d, pid %d)",
                     running++ > 0 ? ", " : "", name, i, member->pid);
        if (written > 0 && length + (size_t)written < sizeof names)
            length += (size_t)written;
    }
    names[length] = '\0';
    if (running == 0)
        name_the_present(crew, names, sizeof names);
    return tn_error_format(TARN_TIMEOUT, "tarn_shutdown: %zu queued, %d running%s%s",
                           tn_queue_count(&crew->queue) + (size_t)given, running,
                           running > 0 ? ": " : "; its processes have not ended yet", names);
}

static tarn_status finish(tarn_executor *executor, int64_t until)
{
    tn_crew *crew = crew_of(executor);
    tarn_status status = TARN_OK;
    bool in_time = true;
    tn_mutex_lock(&crew->mutex);
    while (!crew->left && in_time)
        in_time = tn_cond_wait_until(&crew->settled, &crew->mutex, until);
    if (!crew->left)
        status = name_the_running(crew);
    tn_mutex_unlock(&crew->mutex);
    if (status != TARN_OK)
        return status;
    tn_thread_join(crew->service);
    tn_crew_free(crew);
    return TARN_OK;
}

static void abandon(tarn_executor *executor)
{
    tn_crew *crew = crew_of(executor);
    tn_mutex_lock(&crew->mutex);
    crew->abandoned = true;
    bool left = crew->left;
    tn_mutex_unlock(&crew->mutex);
    if (!left)
        return;
    tn_thread_join(crew->service);
    tn_crew_free(crew);
}

/* ---- A running task ---------------------------------------------------------------------------- */

static void press(tarn_executor *executor, tarn_future *future, bool kill)
{
    tn_crew *crew = crew_of(executor);
    if (future && kill) {
        uint32_t number;
        tn_mutex_lock(&crew->mutex);
        tn_member *member = tn_crew_find(crew, future, &number);
        if (member)
            tn_held_at(member, number)->kill = true;
        tn_mutex_unlock(&crew->mutex);
    }
    if (!future) {
        tn_mutex_lock(&crew->mutex);
        for (int i = 0; i < crew->places && crew->members[i]; i++)
            tn_crew_ask_all(crew->members[i]);
        tn_mutex_unlock(&crew->mutex);
    }
    /* Without the mutex: the timer calls this under another one. */
    tn_event_raise(crew->doorbell);
}

/* ---- Size ------------------------------------------------------------------------------------ */

/* false: no memory. */
static bool size_crew(tn_crew *crew, int max_workers)
{
    /* Those who are too many stay until they have left. */
    if (max_workers > crew->places) {
        tn_member **members = tn_alloc_array((size_t)max_workers, sizeof *members);
        if (!members)
            return false;
        if (crew->places > 0)
            memcpy(members, crew->members, (size_t)crew->places * sizeof *members);
        tn_free(crew->members);
        crew->members = members;
        crew->places = max_workers;
    }
    crew->max_workers = max_workers;
    return true;
}

static tarn_status resize(tarn_executor *executor, int max_workers)
{
    tn_crew *crew = crew_of(executor);
    if (max_workers == 0)
        max_workers = tn_cpu_count();
    if (max_workers > TN_MOST_WORKERS)
        return tn_error_format(TARN_INVALID,
                               "tarn_resize: max_workers is %d; give 1 to %d, as this is a pool of "
                               "processes, or 0 for the default",
                               max_workers, TN_MOST_WORKERS);
    tn_mutex_lock(&crew->mutex);
    bool open = !crew->closed;
    bool sized = open && size_crew(crew, max_workers);
    tn_crew_call_service(crew);
    tn_mutex_unlock(&crew->mutex);
    if (!open)
        return tn_error(TARN_CLOSED, "tarn_resize: the executor is shut down");
    return sized ? TARN_OK : tn_error(TARN_NO_MEMORY, "tarn_resize: no memory");
}

static int worker_limit(const tarn_executor *executor)
{
    tn_crew *crew = crew_of(executor);
    tn_mutex_lock(&crew->mutex);
    int places = crew->places;
    tn_mutex_unlock(&crew->mutex);
    return places;
}

static void stats(const tarn_executor *executor, tarn_stats *stats)
{
    tn_crew *crew = crew_of(executor);
    tn_mutex_lock(&crew->mutex);
    stats->max_workers = (uint64_t)crew->max_workers;
    stats->workers = (uint64_t)crew->present;
    stats->idle = (uint64_t)crew->idle;
    stats->wakes = crew->wakes;
    stats->parks = crew->parks;
    for (int i = 0; i < crew->places && crew->members[i]; i++)
        stats->queued += count_given(crew->members[i]);
    tn_mutex_unlock(&crew->mutex);
}

/* Its tasks run in other processes, so none of this one's threads is a worker. */
static bool block(tarn_executor *executor, bool timed)
{
    (void)executor;
    (void)timed;
    return true;
}

static void unblock(tarn_executor *executor)
{
    (void)executor;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static const tarn_backend backend = {
    .size = sizeof backend,
    .kind = "processes",
    .submit = submit,
    .stop = stop,
    .finish = finish,
    .abandon = abandon,
    .drain = drain,
    .resize = resize,
    .worker_limit = worker_limit,
    .stats = stats,
    .block = block,
    .unblock = unblock,
    .press = press,
    .begun = tn_crew_has_begun,
    .recall = tn_crew_take_back,
    .help = tn_crew_help,
    .await = tn_crew_await,
};

static tarn_future *copy_call(const tarn_task *task, const void *args)
{
    return tn_task_cell(task, args, tn_task_needs(task, args), 0);
}

/* false: no memory. */
static bool set_up(tn_crew *crew, const tarn_process_options *options)
{
    static tn_atomic_u32 nobody_counts;
    tn_queue_init(&crew->queue, &nobody_counts);
    tn_endings_open(&crew->left_over);
    crew->idle_timeout = options->idle_timeout == 0 ? DEFAULT_IDLE_SECONDS : options->idle_timeout;
    crew->max_tasks = options->max_tasks_per_worker;
    crew->polls = tn_cpu_count() > 1;
    crew->prefetch = options->prefetch == 0 ? DEFAULT_AHEAD : options->prefetch;
    crew->strict = options->strict;
    crew->start = options->start;
    if (options->worker_program && !(crew->program = tn_text_copy(options->worker_program)))
        return false;
    crew->executor.queue_limit = options->queue_limit;
    crew->executor.when_full = options->when_full;
    crew->executor.submit_within = options->submit_within;
    if (!size_crew(crew, options->max_workers == 0 ? tn_cpu_count() : options->max_workers))
        return false;
    if (options->initializer &&
        !(crew->initializer = copy_call(options->initializer, options->initializer_args)))
        return false;
    if (options->finalizer && !(crew->finalizer = copy_call(options->finalizer, NULL)))
        return false;
    return tn_event_open(&crew->doorbell) == 0;
}

static tn_crew *new_crew(void)
{
    tn_crew *crew = tn_alloc(sizeof *crew);
    if (!crew)
        return NULL;
    crew->control = crew->server = crew->doorbell = -1;
    if (tn_mutex_init(&crew->mutex) != 0)
        goto no_mutex;
    if (tn_cond_init(&crew->settled) != 0)
        goto no_settled;
    if (tn_cond_init(&crew->to_call) == 0)
        return crew;

    tn_cond_destroy(&crew->settled);
no_settled:
    tn_mutex_destroy(&crew->mutex);
no_mutex:
    tn_free(crew);
    return NULL;
}

void tn_crew_free(tn_crew *crew)
{
    /* First: until then exit() may stop it. */
    tarn_backend_close(&crew->executor);
    for (int i = 0; i < crew->places; i++)
        tn_free(crew->members[i]);
    if (crew->initializer)
        tn_cell_release(crew->initializer, TN_HANDLE);
    if (crew->finalizer)
        tn_cell_release(crew->finalizer, TN_HANDLE);
    tn_cond_destroy(&crew->to_call);
    tn_cond_destroy(&crew->settled);
    tn_mutex_destroy(&crew->mutex);
    tn_fd_close(crew->doorbell);
    tn_free(crew->members);
    tn_free(crew->tasks);
    tn_free(crew->program);
    tn_free(crew);
}

/* Starts what works for it; 0, or an errno number. */
static int start(tn_crew *crew)
{
    int error = tn_service_start_server(crew);
    if (error != 0)
        return error;
    error = tn_thread_start(&crew->caller, 8 << 20, "tarn-callback", tn_service_call, crew);
    if (error != 0)
        return error;
    error = tn_thread_start(&crew->service, STACK, "tarn-service", tn_service_run, crew);
    if (error == 0)
        return 0;
    tn_mutex_lock(&crew->mutex);
    crew->over = true;
    tn_cond_signal(&crew->to_call);
    tn_mutex_unlock(&crew->mutex);
    tn_thread_join(crew->caller);
    return error;
}

/* Whether a worker will find the task that it is to begin or end with. */
tarn_executor *(tarn_process_pool)(const tarn_process_options *options)
{
    tarn_process_options own = {.size = sizeof own};
    if (!tn_options_copy(&own, offsetof(tarn_process_options, tarn_last_), options)) {
        tn_error(TARN_INVALID,
                 "tarn_process_pool: options->size is not that of the struct (write .size = "
                 "sizeof(tarn_process_options), or use the macro), or an option is set that this "
                 "version does not know");
        return NULL;
    }
    if (tn_process_check(&own, &backend) != TARN_OK)
        return NULL;
    tn_crew *crew = new_crew();
    if (!crew || !set_up(crew, &own) || tarn_backend_open(&crew->executor, &backend) != TARN_OK) {
        if (crew)
            tn_crew_free(crew);
        tn_error(TARN_NO_MEMORY, "tarn_process_pool: no memory, no descriptor (raise the limit on "
                                 "open files, ulimit -n), or there are 65,535 executors");
        return NULL;
    }
    tn_mutex_lock(&crew->mutex);
    crew->queue.discarded = tn_registry_discarded(crew->executor.id);
    tn_mutex_unlock(&crew->mutex);
    tn_front_add_books(&crew->executor, &crew->books);
    int error = start(crew);
    if (error == 0)
        return &crew->executor;
    tn_service_let_server_go(crew);
    tn_crew_free(crew);
    tn_error_format(TARN_SYSTEM,
                    "tarn_process_pool: the server of workers cannot be started: %s%s%s%.90s",
                    strerror(error), tn_boot_remedy(own.worker_program, error),
                    own.worker_program ? "; worker_program is " : "",
                    own.worker_program ? own.worker_program : "");
    return NULL;
}
