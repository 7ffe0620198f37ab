/* SPDX-License-Identifier: Apache-2.0 */

/* The members: how workers come and go, and what becomes of what they have when they die. */
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
#include "process/boot.h"
#include "process/codec.h"
#include "process/loss.h"
#include "process/message.h"
#include "process/step.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { MOST_EARLY_DEATHS = 5, MOST_FAILURES = 20 };

#define EXACT_SECONDS 1.0 /* an idle timeout below which some milliseconds count */

#define FIRST_PAUSE 0.01 /* seconds after the first early death; twice as much after each further */
#define PAUSE       0.05 /* seconds after a failure to start one */

/* ---- The whole crew ------------------------------------------------------------------------- */

bool tn_crew_is_settled(const tn_crew *crew)
{
    return crew->queue.length == 0 && crew->held == 0 && crew->owed == 0 && crew->ending == 0 &&
           !crew->calling && !crew->left_over.first && tn_aftermath_is_empty(&crew->aftermath);
}

void tn_crew_refuse_queued(tn_crew *crew, tn_endings *endings)
{
    tarn_future *future;
    while ((future = tn_queue_start(&crew->queue)))
        tn_endings_refuse(crew, endings, future, TARN_BROKEN, crew->failure);
}

void tn_crew_break(tn_crew *crew, tn_endings *endings, const char *format, ...)
{
    if (!crew->broken) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(crew->failure, sizeof crew->failure, format, arguments);
        va_end(arguments);
        crew->broken = true;
        tn_crew_call_service(crew);
        /* What has not begun is pending, too. */
        for (int i = 0; i < crew->places && crew->members[i]; i++)
            tn_crew_recall(crew, crew->members[i], endings);
    }
    tn_crew_refuse_queued(crew, endings);
}

/* ---- Coming ------------------------------------------------------------------------------------ */

void tn_member_init(tn_member *member, int index)
{
    *member = (tn_member){.index = index, .process = -1, .event = -1};
    tn_endings_open(&member->owed);
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
            tn_member_init(crew->members[i], i);
    }
    return i < crew->places ? crew->members[i] : NULL;
}

void tn_line_leave(tn_line *line)
{
    if (!line || --line->users > 0)
        return;
    if (line->down)
        tn_shared_unmap(line->down, tn_down_size());
    if (line->up)
        tn_shared_unmap(line->up, tn_up_size());
    tn_free(line);
}

static void close_channel(tn_member *member)
{
    tn_line_leave(member->line);
    member->line = NULL;
    tn_fd_close(member->event);
    tn_fd_close(member->process);
    member->event = member->process = -1;
    tn_free(member->knows);
    member->knows = NULL;
    member->room = 0;
}

/* Both blocks, with a descriptor of each; 0, or an errno number. */
static int open_line(tn_member *member, int fds[2])
{
    void *down = NULL, *up = NULL;
    if (!(member->line = tn_alloc(sizeof *member->line)))
        return ENOMEM;
    int error = tn_shared_new("tarn-down", tn_down_size(), true, &fds[0], &down);
    if (error == 0)
        error = tn_shared_new("tarn-up", tn_up_size(), false, &fds[1], &up);
    *member->line = (tn_line){.down = down, .up = up, .users = 1};
    return error;
}

/* Asks the server for one more; 0, or an errno number. */
static int ask_for_one(tn_crew *crew, tn_member *member)
{
    int fds[3] = {-1, -1, -1};
    tn_message message = {TN_MAGIC, TN_SPAWN, (uint32_t)member->index, ++member->generation,
                          crew->start};
    int error = open_line(member, fds);
    if (error == 0)
        error = tn_event_open(&member->event);
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
    tn_host_open(&member->channel, member->line->down, member->line->up);
    tn_host_listen(&member->channel, TN_RING_EVENT);
    member->state = TN_STARTING;
    member->kill = member->leaves = member->unsent = member->stalled = false;
    member->pid = 0;
    member->initialized = crew->initializer == NULL;
    member->calls = 0;
    member->pace = 0;
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
                  (crew->members[i]->state == TN_BUSY && !crew->members[i]->initialized);
    return coming;
}

/* One more failure to start a worker, by an errno number, or 0: it is tried again before long, but not
 * for ever if there is none. */
static void note_failure(tn_crew *crew, tn_endings *endings, int error)
{
    crew->not_before = tn_clock_after(PAUSE);
    tn_crew_call_service(crew);
    if (error != 0 && crew->present == 0 && ++crew->failures >= MOST_FAILURES)
        tn_crew_break(crew, endings, "no worker process can be started: %s%s", strerror(error),
                      tn_boot_remedy(crew->program, error));
}

void tn_crew_ask_for_more(tn_crew *crew, tn_endings *endings)
{
    /* What was given ahead would be another's, too, if there was one. */
    size_t waiting = crew->queue.length + (size_t)crew->ahead;
    size_t coming = (size_t)count_coming(crew);
    while (waiting > coming && crew->present < crew->max_workers && crew->control >= 0 &&
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

void tn_crew_become_ready(tn_crew *crew, tn_member *member, int64_t recent)
{
    member->state = TN_READY;
    member->parked = false;
    member->kill = false;
    member->ready_since = crew->idle_timeout < EXACT_SECONDS ? tn_clock_now() : recent;
    member->next = crew->ready;
    crew->ready = member;
    crew->idle++;
    /* It lets go whom nobody needs. */
    if (crew->closed || crew->broken || crew->idle_timeout < TN_SHORT_IDLE_SECONDS)
        tn_crew_call_service(crew);
}

tn_member *tn_crew_take_ready(tn_crew *crew)
{
    tn_member *member = crew->ready;
    crew->ready = member->next;
    crew->idle--;
    crew->wakes += member->parked;
    member->state = TN_BUSY;
    return member;
}

/* ---- Going ------------------------------------------------------------------------------------- */

void tn_crew_rouse_server(const tn_crew *crew)
{
    /* Once it is over, the service thread closes the descriptor without the mutex. */
    if (!crew->over && crew->server >= 0)
        tn_pidfd_kill(crew->server, SIGCONT);
}

/* The server does it, as a number of a process is safe with its parent only. */
void tn_crew_kill(tn_crew *crew, tn_member *member)
{
    tn_message message = {TN_MAGIC, TN_KILL, (uint32_t)member->index, member->generation, 0};
    member->state = TN_DOOMED;
    /* Without a server it is dead already, or about to be. */
    member->unsent =
        crew->control >= 0 && tn_socket_send(crew->control, &message, sizeof message, NULL, 0) != 0;
    /* It sees to it that this is sent, and done. */
    tn_crew_call_service(crew);
    tn_crew_rouse_server(crew);
    tn_step(TN_STEP_KILL_SENT);
}

void tn_crew_bury_all(tn_crew *crew)
{
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_member *member = crew->members[i];
        if (member->process < 0 || tn_pidfd_kill(member->process, SIGKILL) == 0)
            continue;
        /* It has ended, or this process may not end it. */
        tn_fd_close(member->process);
        member->process = -1;
    }
    int64_t until = tn_clock_after(1.0);
    bool ended;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        if (crew->members[i]->process >= 0)
            tn_poll(&crew->members[i]->process, &ended, 1, until);
    }
}

void tn_crew_break_if_strict(tn_crew *crew, tn_endings *endings)
{
    if (crew->strict)
        tn_crew_break(crew, endings, "a worker died, and the pool is strict");
}

void tn_crew_dismiss(tn_crew *crew, tn_member *member)
{
    tn_member **place = &crew->ready;
    while (*place != member)
        place = &(*place)->next;
    *place = member->next;
    crew->idle--;
    member->state = TN_LEAVING;
    if (crew->finalizer && member->initialized)
        tn_crew_push(crew, member, crew->finalizer->task, tn_cell_payload(crew->finalizer), NULL);
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
        tn_crew_become_ready(crew, member, tn_clock_recent());
        return;
    }
    const tarn_future *initializer = crew->initializer;
    tarn_status status =
        tn_crew_push(crew, member, initializer->task, tn_cell_payload(initializer), NULL);
    if (status != TARN_OK) {
        tn_crew_become_ready(crew, member, tn_clock_recent());
        tn_crew_break(crew, endings, "the initializer: %s", tarn_last_error());
    }
}

void tn_crew_end_or_owe(tn_crew *crew, tn_member *member, tarn_future *future, tarn_failure failure,
                        char *text, tn_endings *endings)
{
    bool owed = tn_remote_would_be_tried_again(future, failure.status);
    tn_endings_decide(owed ? &member->owed : endings, future, failure, text);
    crew->owed += owed;
}

/* What a dead worker had begun, which by consistent words is one call; true: it had. */
static bool give_up(tn_crew *crew, tn_member *member, int how, tn_endings *endings)
{
    bool lied = member->state == TN_DOOMED || member->futures > 1, lost = false;
    for (uint32_t n = member->channel.harvested; n != member->channel.pushed; n++) {
        tarn_future *future = tn_crew_take(crew, member, n);
        tarn_failure failure = tn_failure_at(member, TARN_LOST);
        if (future && lied) {
            failure.lost = TARN_LOST_UNPROVEN;
            tn_endings_decide(endings, future, failure, tn_text_copy(tn_loss_unproven));
        } else if (future) {
            char *text = tn_loss_describe(&failure, future, how);
            tn_endings_decide(endings, future, failure, text);
            lost = true;
        }
    }
    for (const tarn_future *future = member->owed.first; future; future = future->link)
        crew->owed--;
    tn_endings_join(endings, &member->owed);
    return lost;
}

/* Whether a worker that is there has begun with something, after its initializer: so they can. */
static bool somebody_works(const tn_crew *crew)
{
    bool works = false;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        const tn_member *member = crew->members[i];
        works |= member->state == TN_BUSY && member->initialized &&
                 (member->calls > 0 || tn_host_begun(&member->channel) > 0);
        works |= member->state == TN_READY && member->calls > 0;
    }
    return works;
}

void tn_crew_died(tn_crew *crew, tn_member *member, int how, tn_endings *endings)
{
    if (member->state == TN_ABSENT)
        return;
    /* First of all: one whose server has died may live a moment longer, and begin something. */
    if (crew->prefetch > 1)
        tn_crew_recall(crew, member, endings);
    tn_crew_harvest(crew, member, endings);
    /* Those that leave or are killed are to end. */
    bool unasked = (member->state == TN_READY || member->state == TN_BUSY) && !member->leaves;
    /* By itself: not if somebody has killed it, or its server. */
    bool early = member->calls == 0 && how != -SIGKILL && how != INT_MIN &&
                 (member->state == TN_BUSY || member->state == TN_STARTING);
    bool initialized = member->initialized;
    bool lost = give_up(crew, member, how, endings);
    if (member->state == TN_READY)
        tn_crew_dismiss(crew, member);
    if (unasked)
        tn_crew_break_if_strict(crew, endings);
    leave_place(crew, member);
    /* The fault was the task's, which is told of it. */
    if (!early || lost)
        return;
    double pause = FIRST_PAUSE * (double)(1 << crew->early_deaths);
    /* Others may go on where there is not enough of something for one more. */
    if (++crew->early_deaths == MOST_EARLY_DEATHS && !somebody_works(crew)) {
        char end[64];
        tn_loss_name(how, end, sizeof end);
        tn_crew_break(crew, endings,
                      "%d workers in a row ended before they had done anything, the last one with "
                      "%s%s; see what it wrote to stderr, and the limits of this process",
                      crew->early_deaths, end, initialized ? "" : " in its initializer");
    }
    crew->not_before = tn_clock_after(pause);
    if (crew->early_deaths == MOST_EARLY_DEATHS)
        crew->early_deaths--;
}

/* ---- Stopping ---------------------------------------------------------------------------------- */

static bool is_to_be_killed(const tn_held *held)
{
    return held->kill || tn_future_word(held->future) & TN_OVERDUE;
}

static bool is_to_be_asked(const tn_held *held)
{
    return !held->asked && tn_future_word(held->future) & TN_STOP;
}

/* The first call of a worker about which there is something to be done; `pushed`: there is none. */
static uint32_t find_pressed(tn_member *member)
{
    uint32_t number = member->channel.harvested;
    for (; number != member->channel.pushed; number++) {
        const tn_held *held = tn_held_at(member, number);
        if (held->future && (is_to_be_killed(held) || is_to_be_asked(held)))
            break;
    }
    return number;
}

static void kill_for(tn_crew *crew, tn_member *member, uint32_t number, tn_endings *endings)
{
    bool stop = tn_held_at(member, number)->kill;
    tarn_failure failure = tn_failure_at(member, stop ? TARN_STOPPED : TARN_EXPIRED);
    tn_crew_kill(crew, member);
    tarn_future *future = tn_crew_take(crew, member, number);
    char *text = tn_loss_explain_kill(&failure, future);
    tn_crew_end_or_owe(crew, member, future, failure, text, endings);
}

void tn_crew_kill_all(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    if (crew->prefetch > 1)
        tn_crew_recall(crew, member, endings);
    /* One that is just starting may have an initializer that never ends. */
    member->kill =
        member->state == TN_STARTING || member->state == TN_BUSY || member->state == TN_LEAVING;
    for (uint32_t n = member->channel.harvested; n != member->channel.pushed; n++)
        tn_held_at(member, n)->kill = true;
}

void tn_crew_ask_all(tn_member *member)
{
    for (uint32_t n = member->channel.harvested; n != member->channel.pushed; n++) {
        tarn_future *future = tn_held_at(member, n)->future;
        if (future)
            tn_u32_or_relaxed(&future->state, TN_STOP);
    }
}

void tn_crew_press(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    bool alone = member->state == TN_LEAVING || (member->state == TN_BUSY && member->futures == 0);
    if ((alone && member->kill) || (member->state == TN_DOOMED && member->unsent))
        tn_crew_kill(crew, member);
    if (member->state != TN_BUSY || find_pressed(member) == member->channel.pushed)
        return;
    /* What has not begun is not to die with what has, and what has ended by now is not killed. */
    if (crew->prefetch > 1)
        tn_crew_recall(crew, member, endings);
    tn_crew_harvest(crew, member, endings);
    if (member->state != TN_BUSY)
        return;
    uint32_t number = find_pressed(member);
    if (number == member->channel.pushed)
        return;
    tn_held *held = tn_held_at(member, number);
    if (is_to_be_killed(held)) {
        kill_for(crew, member, number, endings);
        return;
    }
    tn_host_ask_to_stop(&member->channel, number);
    held->asked = true;
}
