/* SPDX-License-Identifier: Apache-2.0 */

/* What is queued goes to workers, what they reply comes back; and what they have not begun is taken
 * back, if others could begin it sooner. */
#include "process/crew.h"

#include "core/deadline.h"
#include "core/future.h"
#include "core/remote.h"
#include "core/status.h"
#include "platform/memory.h"
#include "process/codec.h"
#include "process/loss.h"

/* What one worker has ahead is to take no longer than this by its pace; and is left to it, while
 * others have nothing, if it takes less than that. */
enum { AHEAD_NS = 100 * 1000, WORTH_NS = 50 * 1000 };

enum { ROOM_FOR_ONE = 2 }; /* calls: a definition, and the call itself */

/* ---- What a member has ------------------------------------------------------------------------- */

static void hold(tn_crew *crew, tn_member *member)
{
    bool ahead = member->futures++ > 0;
    crew->held++;
    crew->given = true;
    crew->ahead += ahead;
    crew->given_ahead |= ahead;
}

tarn_future *tn_crew_take(tn_crew *crew, tn_member *member, uint32_t number)
{
    tn_held *held = tn_held_at(member, number);
    tarn_future *future = held->future;
    *held = (tn_held){.future = NULL};
    if (future) {
        crew->held--;
        crew->ahead -= --member->futures > 0;
    }
    return future;
}

tn_member *tn_crew_find(const tn_crew *crew, const tarn_future *future, uint32_t *number)
{
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_member *member = crew->members[i];
        if (member->futures == 0)
            continue;
        for (*number = member->channel.harvested; *number != member->channel.pushed; ++*number) {
            if (tn_held_at(member, *number)->future == future)
                return member;
        }
    }
    return NULL;
}

bool tn_member_has_begun(const tn_member *member, uint32_t number)
{
    return number - member->channel.harvested < tn_host_begun(&member->channel);
}

bool tn_crew_has_begun(tarn_executor *executor, tarn_future *future)
{
    tn_crew *crew = (tn_crew *)(void *)executor;
    uint32_t number;
    tn_mutex_lock(&crew->mutex);
    const tn_member *member = tn_crew_find(crew, future, &number);
    /* Whoever has it no more has ended it, or is just about to; and so has who is killed for it: that
     * cannot be taken back, whatever he says. */
    bool begun = !member || member->state != TN_BUSY || tn_member_has_begun(member, number);
    tn_mutex_unlock(&crew->mutex);
    return begun;
}

/* ---- Taking back ------------------------------------------------------------------------------- */

static void take_back(tn_crew *crew, tn_member *member, uint32_t number, tn_endings *endings)
{
    tn_held held = *tn_held_at(member, number);
    tarn_future *future = tn_crew_take(crew, member, number);
    /* The worker will not have heard of it. */
    if (held.definition > 0)
        member->knows[held.definition - 1] = false;
    if (!future)
        return;
    if (held.kill || tn_future_word(future) & TN_STOP) {
        tn_endings_decide(endings, future, tn_failure_at(member, TARN_STOPPED), NULL);
        return;
    }
    tn_remote_take_back(future, &crew->books);
    tn_queue_put_back(&crew->queue, future);
    crew->full = false;
}

/* What a worker has written cannot be: it is believed in nothing, and what it holds is lost. */
static void condemn(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    tarn_failure failure = tn_failure_at(member, TARN_LOST);
    failure.lost = TARN_LOST_UNPROVEN;
    tn_crew_kill(crew, member);
    for (uint32_t n = member->channel.harvested; n != member->channel.pushed; n++) {
        tarn_future *future = tn_crew_take(crew, member, n);
        if (future)
            tn_crew_end_or_owe(crew, member, future, failure, tn_text_copy(tn_loss_unproven),
                               endings);
    }
    tn_crew_break_if_strict(crew, endings);
}

void tn_crew_recall(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    if (member->state != TN_BUSY || !member->initialized || member->futures == 0)
        return;
    uint32_t first = tn_host_revoke(&member->channel);
    if (member->channel.corrupt) {
        condemn(crew, member, endings);
        return;
    }
    for (uint32_t n = member->channel.pushed; n != first; n--)
        take_back(crew, member, n - 1, endings);
}

bool tn_crew_take_back(tarn_executor *executor, tarn_future *future)
{
    tn_crew *crew = (tn_crew *)(void *)executor;
    tn_endings endings;
    uint32_t number;
    bool taken = false;
    tn_endings_open(&endings);
    tn_mutex_lock(&crew->mutex);
    tn_member *member = tn_crew_find(crew, future, &number);
    /* Otherwise nothing is to be had, and the others may stay. */
    if (member && member->state == TN_BUSY && !tn_member_has_begun(member, number))
        tn_crew_recall(crew, member, &endings);
    /* Another thread may have taken it back a moment ago. */
    if ((tn_future_word(future) & (TN_STATE_MASK | TN_SEIZED)) == TN_PENDING)
        taken = tn_queue_remove(&crew->queue, future);
    tn_crew_serve(crew, &endings);
    /* Nothing of it is left to end here: it may have been the last. */
    if (taken)
        tn_cond_broadcast(&crew->settled);
    bool any = tn_crew_leave_to_service(crew, &endings);
    tn_mutex_unlock(&crew->mutex);
    if (any)
        tn_crew_end(crew, &endings, NULL);
    return taken;
}

/* ---- Giving ------------------------------------------------------------------------------------ */

static void give(tn_crew *crew, tn_member *member, tarn_future *future, tn_endings *endings)
{
    /* It was tried before, and asked to stop meanwhile. */
    if (tn_future_word(future) & TN_STOP) {
        tn_endings_refuse(crew, endings, future, TARN_STOPPED, NULL);
        return;
    }
    tarn_status status = tn_crew_push(crew, member, future->task, tn_cell_payload(future), future);
    if (status != TARN_OK) {
        tn_endings_refuse(crew, endings, future, status, tarn_last_error());
        return;
    }
    tn_remote_begin(future, &crew->books);
    hold(crew, member);
}

static void give_to_the_ready(tn_crew *crew, tn_endings *endings)
{
    tarn_future *future;
    while (crew->ready && (future = tn_queue_start(&crew->queue))) {
        tn_member *member = tn_crew_take_ready(crew);
        give(crew, member, future, endings);
        /* Afterwards, as the worker begins meanwhile. */
        member->paced_from = tn_clock_now();
        if (tn_host_in_flight(&member->channel) == 0)
            tn_crew_become_ready(crew, member, member->paced_from);
    }
}

/* How many futures a worker should have: so many that it does not wait for the next one, if they are
 * short, and that none waits for it long. */
static int depth_of(const tn_crew *crew, const tn_member *member)
{
    if (member->stalled || member->pace == 0)
        return 1;
    int64_t ahead = AHEAD_NS / member->pace;
    return ahead < crew->prefetch - 1 ? 1 + (int)ahead : crew->prefetch;
}

static bool can_take_more(const tn_crew *crew, const tn_member *member)
{
    uint32_t in_flight = tn_host_in_flight(&member->channel);
    return member->state == TN_BUSY && member->initialized && !member->kill && !member->leaves &&
           member->futures < depth_of(crew, member) && in_flight + ROOM_FOR_ONE <= TN_SLOTS &&
           (crew->max_tasks == 0 ||
            member->calls + in_flight < crew->max_tasks + (crew->initializer != NULL));
}

/* One after the other has its turn; NULL: none can. */
static tn_member *find_one_with_room(tn_crew *crew)
{
    for (int i = 0; i < crew->places; i++) {
        if (crew->cursor >= crew->places || !crew->members[crew->cursor])
            crew->cursor = 0;
        tn_member *member = crew->members[crew->cursor];
        if (member && can_take_more(crew, member))
            return member;
        crew->cursor++;
    }
    return NULL;
}

static void give_ahead(tn_crew *crew, tn_endings *endings)
{
    tarn_future *future;
    tn_member *member;
    if (crew->prefetch == 1 || crew->full || tn_crew_has_too_many(crew))
        return;
    while ((member = find_one_with_room(crew)) && (future = tn_queue_start_ahead(&crew->queue))) {
        give(crew, member, future, endings);
        crew->cursor++;
    }
    crew->full = member == NULL;
}

/* Who has most to do before it gets to the last that it has, if that is worth the while. */
static tn_member *find_overloaded(const tn_crew *crew)
{
    tn_member *most = NULL;
    int64_t longest = WORTH_NS;
    for (int i = 0; crew->ahead > 0 && i < crew->places && crew->members[i]; i++) {
        tn_member *member = crew->members[i];
        int64_t time = (member->futures - 1) * member->pace;
        if (member->state == TN_BUSY && member->futures > 1 && time >= longest) {
            most = member;
            longest = time;
        }
    }
    return most;
}

/* Somebody has nothing to do; false: there is nothing to be had. */
static bool take_from_the_overloaded(tn_crew *crew, tn_endings *endings)
{
    tn_member *member = find_overloaded(crew);
    if (!member)
        return false;
    tn_crew_harvest(crew, member, endings);
    member->stalled = true;
    tn_crew_recall(crew, member, endings);
    return crew->queue.length > 0;
}

void tn_crew_serve(tn_crew *crew, tn_endings *endings)
{
    /* No worker is to come for what was cancelled. */
    tn_queue_trim(&crew->queue);
    /* One whose initializer has failed is ready, too. */
    if (crew->broken) {
        tn_crew_refuse_queued(crew, endings);
        return;
    }
    give_to_the_ready(crew, endings);
    while (crew->ready && crew->queue.length == 0 && take_from_the_overloaded(crew, endings))
        give_to_the_ready(crew, endings);
    /* Those who came to it last are first. */
    for (tn_member *member = crew->ready; member && !member->parked; member = member->next) {
        member->parked = true;
        crew->parks++;
    }
    if (crew->queue.length == 0 || crew->broken)
        return;
    tn_crew_ask_for_more(crew, endings);
    give_ahead(crew, endings);
}

/* ---- Taking ------------------------------------------------------------------------------------ */

/* How a call may end by what its worker says. */
static bool is_reply(tarn_status status)
{
    return status == TARN_OK || status == TARN_FAILED || status == TARN_STOPPED ||
           status == TARN_NO_MEMORY || status == TARN_UNSUPPORTED || status == TARN_UNKNOWN_TASK ||
           status == TARN_MISMATCH;
}

static void take_reply(tn_crew *crew, tn_member *member, tarn_future *future, const tn_reply *reply,
                       tn_endings *endings)
{
    tarn_failure failure = tn_failure_at(member, (tarn_status)reply->status);
    char *text = NULL;
    if (failure.status == TARN_OK) {
        failure.status = tn_result_decode(future, reply->bytes, reply->size);
    } else if (failure.status != TARN_STOPPED) {
        text = tn_failure_decode(&failure, reply->bytes, reply->size);
        failure.code = failure.status == TARN_FAILED ? reply->code : 0;
    }
    if (!is_reply(failure.status)) {
        tn_free(text);
        failure = tn_failure_at(member, TARN_LOST);
        failure.lost = TARN_LOST_UNPROVEN;
        tn_crew_end_or_owe(crew, member, future, failure, tn_text_copy(tn_loss_unproven), endings);
        condemn(crew, member, endings);
    } else if (failure.status == TARN_OK) {
        tn_endings_succeed(crew, endings, future);
    } else {
        tn_endings_decide(endings, future, failure, text);
    }
}

static void take_initialized(tn_crew *crew, tn_member *member, const tn_reply *reply,
                             tn_endings *endings)
{
    member->initialized = reply->status == TARN_OK;
    if (member->initialized)
        return;
    tarn_failure failure = {.status = TARN_BROKEN};
    char *text = tn_failure_decode(&failure, reply->bytes, reply->size);
    tn_crew_break(crew, endings, "the initializer failed: %s", text ? text : "");
    tn_free(text);
}

/* One of its calls is over; true: a future's. */
static bool take(tn_crew *crew, tn_member *member, tn_reply *reply, tn_endings *endings)
{
    member->leaves |= reply->status == TN_ENDED_THREAD;
    if (reply->status == TN_ENDED_THREAD)
        reply->status = TARN_FAILED;
    bool defined = tn_held_at(member, reply->number)->definition > 0;
    tarn_future *future = tn_crew_take(crew, member, reply->number);
    if (defined)
        return false;
    member->calls++;
    crew->early_deaths = crew->failures = 0;
    if (future)
        take_reply(crew, member, future, reply, endings);
    else
        take_initialized(crew, member, reply, endings);
    return future;
}

/* Whether all it did was one short call, and nothing is queued: then its pace need not be known better,
 * and the exact clock not be read. `recent`: a moment ago. */
static bool is_at_leisure(const tn_crew *crew, const tn_member *member, int64_t recent)
{
    return tn_host_in_flight(&member->channel) == 0 && crew->queue.length == 0 &&
           member->pace > 0 && member->pace < AHEAD_NS && recent - member->paced_from < AHEAD_NS;
}

/* It has replied to so many. What was slow once is forgotten sooner than what was fast: to have one
 * more ahead costs less than to have none. */
static void note_pace(tn_member *member, int replies)
{
    int64_t now = tn_clock_now(), known = member->pace;
    int64_t pace = (now - member->paced_from) / replies + 1;
    if (known > 0)
        pace = pace < known ? (known + pace) / 2 : (3 * known + pace) / 4;
    member->pace = pace;
    member->paced_from = now;
}

bool tn_crew_harvest(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    tn_reply reply;
    tn_harvest found = TN_HARVEST_NONE;
    bool any = false;
    int replies = 0;
    while (member->state == TN_BUSY &&
           (found = tn_host_harvest(&member->channel, &reply)) != TN_HARVEST_NONE) {
        any = true;
        if (found == TN_HARVEST_REPLY)
            replies += take(crew, member, &reply, endings);
        else if (found == TN_HARVEST_CORRUPT)
            condemn(crew, member, endings);
    }
    bool idle = member->state == TN_BUSY && tn_host_in_flight(&member->channel) == 0;
    if (!any && !idle)
        return false;
    int64_t recent = tn_clock_recent();
    if (replies > 0)
        member->stalled = false;
    if (replies > 0 && !is_at_leisure(crew, member, recent))
        note_pace(member, replies);
    crew->full = false;
    /* What has ended untold may be what a drain waits for. */
    tn_cond_broadcast(&crew->settled);
    if (!idle)
        return true;
    tn_crew_become_ready(crew, member, recent);
    uint64_t most = crew->max_tasks + (crew->initializer != NULL);
    if (member->leaves || (crew->max_tasks > 0 && member->calls >= most) ||
        tn_crew_has_too_many(crew))
        tn_crew_dismiss(crew, member);
    return true;
}

bool tn_crew_harvest_all(tn_crew *crew, tn_endings *endings)
{
    bool any = false;
    for (int i = 0; i < crew->places && crew->members[i]; i++)
        any |= tn_crew_harvest(crew, crew->members[i], endings);
    return any;
}
