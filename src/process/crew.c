/* SPDX-License-Identifier: Apache-2.0 */

/* What is queued goes to workers, what they reply comes back; and what becomes of either when one of
 * them dies. */
#include "process/crew.h"

#include "core/deadline.h"
#include "core/future.h"
#include "core/remote.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/child.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "platform/shared.h"
#include "platform/socket.h"
#include "process/codec.h"
#include "process/loss.h"
#include "process/message.h"
#include "process/step.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { MOST_EARLY_DEATHS = 5, MOST_FAILURES = 20 };

#define FIRST_PAUSE 0.01 /* seconds after the first early death; twice as much after each further */
#define PAUSE       0.05 /* seconds after a failure to start one */

/* ---- Endings ----------------------------------------------------------------------------------- */

void tn_endings_open(tn_endings *endings)
{
    endings->first = NULL;
    endings->last = &endings->first;
}

static void add(tn_endings *endings, tarn_future *future)
{
    future->link = NULL;
    *endings->last = future;
    endings->last = &future->link;
}

static void decide(tn_endings *endings, tarn_future *future, tarn_failure failure, char *text)
{
    tn_remote_explain(future, failure, text);
    add(endings, future);
}

static void refuse(tn_endings *endings, tarn_future *future, tarn_status status, const char *text)
{
    /* It was started, and so has to be counted as one that ran. */
    tn_remote_begin(future);
    decide(endings, future, (tarn_failure){.status = status, .worker = -1},
           text ? tn_text_copy(text) : NULL);
}

bool tn_crew_is_settled(const tn_crew *crew)
{
    return crew->queue.length == 0 && crew->busy == 0 && crew->ending == 0 && !crew->calling &&
           !crew->refused && !crew->aftermath.later.first && !crew->aftermath.callbacks.first;
}

void tn_crew_refuse_queued(tn_crew *crew, tn_endings *endings)
{
    tarn_future *future;
    while ((future = tn_queue_start(&crew->queue)))
        refuse(endings, future, TARN_BROKEN, crew->failure);
}

void tn_crew_break(tn_crew *crew, tn_endings *endings, const char *format, ...)
{
    if (!crew->broken) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(crew->failure, sizeof crew->failure, format, arguments);
        va_end(arguments);
        crew->broken = true;
    }
    tn_crew_refuse_queued(crew, endings);
}

/* ---- Giving ------------------------------------------------------------------------------------ */

static void become_ready(tn_crew *crew, tn_member *member)
{
    member->state = TN_READY;
    member->parked = false;
    member->ready_since = tn_clock_now();
    member->next = crew->ready;
    crew->ready = member;
    crew->idle++;
}

static tn_member *take_ready(tn_crew *crew)
{
    tn_member *member = crew->ready;
    crew->ready = member->next;
    crew->idle--;
    crew->wakes += member->parked;
    member->state = TN_BUSY;
    return member;
}

static void give(tn_crew *crew, tarn_future *future, tn_endings *endings)
{
    /* It was tried before, and asked to stop meanwhile. */
    if (tn_future_word(future) & TN_STOP) {
        refuse(endings, future, TARN_STOPPED, NULL);
        return;
    }
    tn_member *member = take_ready(crew);
    tarn_status status = tn_crew_push(crew, member, future->task, tn_cell_payload(future));
    if (status != TARN_OK) {
        become_ready(crew, member);
        refuse(endings, future, status, tarn_last_error());
        return;
    }
    tn_remote_begin(future);
    member->future = future;
    member->decided = member->kill = member->asked = false;
    crew->busy++;
}

/* A place without a process; NULL: no memory. */
static tn_member *find_absent(tn_crew *crew)
{
    int i = 0;
    while (i < crew->places && crew->members[i] && crew->members[i]->state != TN_ABSENT)
        i++;
    if (i < crew->places && !crew->members[i]) {
        crew->members[i] = tn_alloc(sizeof(tn_member));
        if (crew->members[i])
            *crew->members[i] = (tn_member){.index = i, .event = -1};
    }
    return i < crew->places ? crew->members[i] : NULL;
}

static void close_channel(tn_member *member)
{
    if (member->down)
        tn_shared_unmap(member->down, tn_down_size());
    if (member->up)
        tn_shared_unmap(member->up, tn_up_size());
    member->down = NULL;
    member->up = NULL;
    tn_fd_close(member->event);
    member->event = -1;
    tn_free(member->knows);
    member->knows = NULL;
    member->room = 0;
}

/* Asks the server for one more; 0, or an errno number. */
static int ask_for_one(tn_crew *crew, tn_member *member)
{
    int fds[3] = {-1, -1, -1};
    void *down = NULL, *up = NULL;
    tn_message message = {TN_MAGIC, TN_SPAWN, (uint32_t)member->index, ++member->generation,
                          crew->start};
    int error = tn_shared_new("tarn-down", tn_down_size(), true, &fds[0], &down);
    if (error == 0)
        error = tn_shared_new("tarn-up", tn_up_size(), false, &fds[1], &up);
    if (error == 0)
        error = tn_event_open(&member->event);
    member->down = down;
    member->up = up;
    fds[2] = member->event;
    tn_step(TN_STEP_ASKING);
    /* A server that is gone, or has much to read, is no reason to give up. */
    if (error == 0 && tn_socket_send(crew->control, &message, sizeof message, fds, 3) != 0)
        error = EINPROGRESS;
    tn_step(TN_STEP_ASKED);
    tn_fd_close(fds[0]);
    tn_fd_close(fds[1]);
    if (error != 0) {
        close_channel(member);
        return error;
    }
    tn_host_open(&member->channel, member->down, member->up);
    tn_host_listen(&member->channel, TN_RING_EVENT);
    member->state = TN_STARTING;
    member->kill = member->unsent = false;
    member->pid = 0;
    member->defining = 0;
    member->initialized = crew->initializer == NULL;
    member->calls = 0;
    crew->present++;
    return 0;
}

bool tn_crew_has_too_many(const tn_crew *crew)
{
    int staying = 0;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_member_state is = crew->members[i]->state;
        staying += is == TN_STARTING || is == TN_READY || is == TN_BUSY;
    }
    return staying > crew->max_workers;
}

/* How many of those that are there will take something from the queue before long. */
static int count_coming(const tn_crew *crew)
{
    int coming = 0;
    for (int i = 0; i < crew->places && crew->members[i]; i++)
        coming += crew->members[i]->state == TN_STARTING ||
                  (crew->members[i]->state == TN_BUSY && !crew->members[i]->future);
    return coming;
}

/* One more failure to start a worker, by an errno number, or 0: it is tried again before long, but not
 * for ever if there is none. */
static void note_failure(tn_crew *crew, tn_endings *endings, int error)
{
    crew->not_before = tn_clock_after(PAUSE);
    if (error != 0 && crew->present == 0 && ++crew->failures >= MOST_FAILURES)
        tn_crew_break(crew, endings, "no worker process can be started: %s", strerror(error));
}

static void ask_for_more(tn_crew *crew, tn_endings *endings)
{
    size_t coming = (size_t)count_coming(crew);
    while (crew->queue.length > coming && crew->present < crew->max_workers && crew->control >= 0 &&
           tn_clock_now() >= crew->not_before) {
        tn_member *member = find_absent(crew);
        int error = member ? ask_for_one(crew, member) : ENOMEM;
        if (error != 0) {
            note_failure(crew, endings, error == EINPROGRESS ? 0 : error);
            return;
        }
        coming++;
    }
}

void tn_crew_serve(tn_crew *crew, tn_endings *endings)
{
    tarn_future *future;
    while (crew->ready && (future = tn_queue_start(&crew->queue)))
        give(crew, future, endings);
    /* Those who came to it last are first. */
    for (tn_member *member = crew->ready; member && !member->parked; member = member->next) {
        member->parked = true;
        crew->parks++;
    }
    if (crew->queue.length > 0 && !crew->broken)
        ask_for_more(crew, endings);
}

/* ---- Taking ------------------------------------------------------------------------------------ */

/* Kills a worker: the server does, as a number of a process is safe with its parent only. */
static void kill_worker(tn_crew *crew, tn_member *member)
{
    tn_message message = {TN_MAGIC, TN_KILL, (uint32_t)member->index, member->generation, 0};
    member->state = TN_DOOMED;
    /* Without a server it is dead already, or about to be. */
    member->unsent =
        crew->control >= 0 && tn_socket_send(crew->control, &message, sizeof message, NULL, 0) != 0;
    tn_step(TN_STEP_KILL_SENT);
}

static tarn_failure failure_of(const tn_member *member, tarn_status status)
{
    return (tarn_failure){.status = status, .worker = member->index, .pid = member->pid};
}

/* What ran on it ends; it stays BUSY. */
static tarn_future *take_future(tn_crew *crew, tn_member *member)
{
    tarn_future *future = member->future;
    member->future = NULL;
    crew->busy--;
    return future;
}

/* How a call may end by what its worker says. */
static bool is_reply(tarn_status status)
{
    return status == TARN_OK || status == TARN_FAILED || status == TARN_STOPPED ||
           status == TARN_NO_MEMORY || status == TARN_UNSUPPORTED || status == TARN_UNKNOWN_TASK ||
           status == TARN_MISMATCH;
}

static void break_if_strict(tn_crew *crew, tn_endings *endings)
{
    if (crew->strict)
        tn_crew_break(crew, endings, "a worker died, and the pool is strict");
}

/* What a worker has written cannot be: it is believed in nothing, and what it holds is lost. */
static void condemn(tn_crew *crew, tn_member *member, const char *why, tn_endings *endings)
{
    tarn_failure failure = failure_of(member, TARN_LOST);
    failure.lost = TARN_LOST_UNPROVEN;
    kill_worker(crew, member);
    if (member->future)
        decide(endings, take_future(crew, member), failure, tn_text_copy(why));
    break_if_strict(crew, endings);
}

static void take_reply(tn_crew *crew, tn_member *member, const tn_reply *reply, tn_endings *endings)
{
    tarn_future *future = member->future;
    tarn_failure failure = failure_of(member, (tarn_status)reply->status);
    char *text = NULL;
    if (failure.status == TARN_OK) {
        failure.status = tn_result_decode(future, reply->bytes, reply->size);
    } else if (failure.status != TARN_STOPPED) {
        text = tn_failure_decode(&failure, reply->bytes, reply->size);
        failure.code = failure.status == TARN_FAILED ? reply->code : 0;
    }
    if (!is_reply(failure.status)) {
        tn_free(text);
        condemn(crew, member, "the worker's reply cannot be understood", endings);
        return;
    }
    take_future(crew, member);
    if (failure.status == TARN_OK) {
        tn_remote_decide(future, TARN_OK);
        add(endings, future);
    } else {
        decide(endings, future, failure, text);
    }
}

static void take_initialized(tn_crew *crew, tn_member *member, const tn_reply *reply,
                             tn_endings *endings)
{
    member->initialized = true;
    if (reply->status == TARN_OK)
        return;
    tarn_failure failure = {.status = TARN_BROKEN};
    char *text = tn_failure_decode(&failure, reply->bytes, reply->size);
    tn_crew_break(crew, endings, "the initializer failed: %s", text ? text : "");
    tn_free(text);
}

void tn_crew_harvest(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    tn_reply reply;
    while (member->state == TN_BUSY) {
        tn_harvest harvest = tn_host_harvest(&member->channel, &reply);
        if (harvest == TN_HARVEST_NONE)
            return;
        if (harvest != TN_HARVEST_REPLY) {
            condemn(crew, member, "the worker's channel is corrupt", endings);
            return;
        }
        if (member->defining > 0) {
            member->defining--;
            continue;
        }
        if (member->future)
            take_reply(crew, member, &reply, endings);
        else
            take_initialized(crew, member, &reply, endings);
        member->calls++;
        crew->early_deaths = crew->failures = 0;
        if (member->state != TN_BUSY)
            return;
        become_ready(crew, member);
        uint64_t most = crew->max_tasks + (crew->initializer != NULL);
        if ((crew->max_tasks > 0 && member->calls >= most) || tn_crew_has_too_many(crew))
            tn_crew_dismiss(crew, member);
    }
}

/* ---- Coming and going -------------------------------------------------------------------------- */

void tn_crew_dismiss(tn_crew *crew, tn_member *member)
{
    tn_member **place = &crew->ready;
    while (*place != member)
        place = &(*place)->next;
    *place = member->next;
    crew->idle--;
    member->state = TN_LEAVING;
    if (crew->finalizer)
        tn_crew_push(crew, member, crew->finalizer->task, tn_cell_payload(crew->finalizer));
    tn_step(TN_STEP_FINALIZING);
    tn_host_close(&member->channel);
}

/* Without a process a place is free again. */
static void leave_place(tn_crew *crew, tn_member *member)
{
    close_channel(member);
    member->state = TN_ABSENT;
    crew->present--;
}

void tn_crew_spawned(tn_crew *crew, tn_member *member, int pid, tn_endings *endings)
{
    if (pid < 0) {
        leave_place(crew, member);
        note_failure(crew, endings, -pid);
        return;
    }
    member->pid = pid;
    member->state = TN_BUSY;
    if (member->initialized) {
        become_ready(crew, member);
        return;
    }
    const tarn_future *initializer = crew->initializer;
    tarn_status status =
        tn_crew_push(crew, member, initializer->task, tn_cell_payload(initializer));
    if (status != TARN_OK) {
        become_ready(crew, member);
        tn_crew_break(crew, endings, "the initializer: %s", tarn_last_error());
    }
}

void tn_crew_died(tn_crew *crew, tn_member *member, int how, tn_endings *endings)
{
    if (member->state == TN_ABSENT)
        return;
    /* Those that leave or are killed are to end. */
    bool unasked = member->state == TN_READY || member->state == TN_BUSY;
    tn_crew_harvest(crew, member, endings);
    /* By itself: not if somebody has killed it, or its server. */
    bool early = member->calls == 0 && how != -SIGKILL && how != INT_MIN &&
                 (member->state == TN_BUSY || member->state == TN_STARTING);
    /* It has not, if the worker's own words are consistent: it died before it looked. */
    const tn_host *channel = &member->channel;
    bool began = channel->corrupt || channel->harvested + tn_host_begun(channel) == channel->pushed;
    tarn_future *future = member->future ? take_future(crew, member) : NULL;
    if (future && member->decided) {
        add(endings, future);
    } else if (future && !began && (member->kill || tn_future_word(future) & TN_STOP)) {
        decide(endings, future, failure_of(member, TARN_STOPPED), NULL);
    } else if (future && !began) {
        tn_remote_take_back(future);
        tn_queue_push(&crew->queue, future, 1);
    } else if (future) {
        tarn_failure failure = failure_of(member, TARN_LOST);
        char *text = tn_loss_describe(&failure, future, how);
        decide(endings, future, failure, text);
    }
    if (member->state == TN_READY)
        tn_crew_dismiss(crew, member);
    if (unasked)
        break_if_strict(crew, endings);
    leave_place(crew, member);
    if (!early)
        return;
    double pause = FIRST_PAUSE * (double)(1 << crew->early_deaths);
    if (++crew->early_deaths == MOST_EARLY_DEATHS && !(future && began))
        tn_crew_break(crew, endings, "%d workers in a row ended before they had done anything",
                      crew->early_deaths);
    crew->not_before = tn_clock_after(pause);
    if (crew->early_deaths == MOST_EARLY_DEATHS)
        crew->early_deaths--;
}

/* The future stays with the worker until that is gone, if it might be tried again then. */
static void kill_for(tn_crew *crew, tn_member *member, tarn_status status, tn_endings *endings)
{
    tarn_future *future = member->future;
    tarn_failure failure = failure_of(member, status);
    kill_worker(crew, member);
    if (tn_remote_would_be_tried_again(future, status)) {
        tn_remote_explain(future, failure, NULL);
        member->decided = true;
        return;
    }
    decide(endings, take_future(crew, member), failure, NULL);
}

void tn_crew_press(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    bool alone = member->state == TN_LEAVING || (member->state == TN_BUSY && !member->future);
    if ((alone && member->kill) || (member->state == TN_DOOMED && member->unsent))
        kill_worker(crew, member);
    if (member->state != TN_BUSY || !member->future)
        return;
    uint32_t word = tn_future_word(member->future);
    if (!(word & (TN_STOP | TN_OVERDUE)) && !member->kill)
        return;
    /* What has ended by now is not killed. */
    tn_crew_harvest(crew, member, endings);
    if (member->state != TN_BUSY || !member->future)
        return;
    if (member->kill)
        kill_for(crew, member, TARN_STOPPED, endings);
    else if (word & TN_OVERDUE)
        kill_for(crew, member, TARN_EXPIRED, endings);
    else if (!member->asked)
        tn_host_ask_to_stop(&member->channel, member->channel.pushed - 1);
    member->asked = true;
}
