/* SPDX-License-Identifier: Apache-2.0 */

/* The host's side. Whatever lies in UP may be anything, and something else the next moment: each
 * word is loaded once, by an atomic operation, and what was loaded is checked. The host's own
 * numbers are in tn_host, which no worker can reach. */
#include "process/channel_layout.h"

#include "platform/futex.h"
#include "process/step.h"

#include <string.h>

size_t tn_down_size(void)
{
    return sizeof(tn_down);
}

size_t tn_up_size(void)
{
    return sizeof(tn_up);
}

void tn_host_open(tn_host *host, tn_down *down, tn_up *up)
{
    *host = (tn_host){.down = down, .up = up};
}

/* After a change in DOWN that a sleeping worker must see. Both sides swap `parked`: if the worker's
 * swap comes first, this one finds it and wakes; if this one does, the worker's acquires it, and
 * with it the change. Release for that; acquire since it is a link of the same chain. */
static void wake(tn_host *host)
{
    if (tn_u32_exchange_acq_rel(&host->up->parked, 0) == 0)
        return;
    host->woken = true;
    tn_futex_wake_shared(&host->up->parked, 1);
}

void *tn_host_room(const tn_host *host, uint32_t size)
{
    uint32_t i = tn_slot_of(host->pushed);
    return size <= TN_INLINE ? host->down->slots[i].bytes : host->down->rooms[i];
}

bool tn_host_push(tn_host *host, const tn_call *call)
{
    if (tn_host_in_flight(host) == TN_SLOTS || call->size > TN_ROOM)
        return false;
    tn_call_slot *slot = &host->down->slots[tn_slot_of(host->pushed)];
    void *room = tn_host_room(host, call->size);
    if (call->bytes != room && call->size > 0)
        memcpy(room, call->bytes, call->size);
    slot->kind = call->kind & 0xff;
    slot->task = call->task;
    slot->size = call->size & 0xffffff;
    tn_u32_store_relaxed(&slot->stop, 0);
    tn_step(TN_STEP_SLOT_WRITTEN);
    /* Release: the slot and the room. */
    tn_u32_store_release(&slot->mark, tn_mark_of(host->pushed));
    host->pushed++;
    tn_step(TN_STEP_CALL_MARKED);
    wake(host);
    tn_step(TN_STEP_PUSHED);
    return true;
}

void tn_host_close(tn_host *host)
{
    /* Release: who sees this sees the last call. */
    tn_u32_store_release(&host->down->closed, 1);
    tn_step(TN_STEP_CHANNEL_CLOSED);
    wake(host);
}

/* ---- Replies ---- */

static tn_harvest condemn(tn_host *host)
{
    host->corrupt = true;
    return TN_HARVEST_CORRUPT;
}

/* The reply to call `number`; false: it cannot be. */
static bool read_reply(const tn_host *host, uint32_t number, tn_reply *reply)
{
    uint32_t i = tn_slot_of(number);
    const tn_reply_slot *slot = &host->up->slots[i];
    uint32_t size = tn_u32_load_relaxed(&slot->length);
    if (size > TN_ROOM)
        return false;
    *reply = (tn_reply){.number = number,
                        .status = (int32_t)tn_u32_load_relaxed(&slot->status),
                        .code = (int32_t)tn_u32_load_relaxed(&slot->code),
                        .bytes = size <= TN_INLINE ? slot->bytes : host->up->rooms[i],
                        .size = size};
    return true;
}

bool tn_up_has_reply(const tn_up *up, uint32_t number)
{
    /* Acquire: the reply, and that the worker reads its call no more. */
    return tn_u32_load_acquire(&up->slots[tn_slot_of(number)].mark) == tn_mark_of(number);
}

/* What has become of call `number`, the next one to be harvested. */
static tn_harvest look_at(const tn_host *host, uint32_t number)
{
    if (!tn_host_revoked(host, number))
        return tn_up_has_reply(host->up, number) ? TN_HARVEST_REPLY : TN_HARVEST_NONE;
    /* It has no mark. A reply is marked before it is counted: so `done` may be behind by one. Acquire:
     * the worker reads the call no more. */
    uint32_t ahead = tn_u32_load_acquire(&host->up->done) - (number - 1);
    if (ahead > tn_host_in_flight(host) + 1)
        return TN_HARVEST_CORRUPT;
    return ahead > 1 ? TN_HARVEST_REVOKED : TN_HARVEST_NONE;
}

static tn_harvest look(const tn_host *host)
{
    if (host->corrupt)
        return TN_HARVEST_CORRUPT;
    /* A worker may mark what was not pushed yet. */
    return tn_host_in_flight(host) == 0 ? TN_HARVEST_NONE : look_at(host, host->harvested);
}

bool tn_host_has_news(const tn_host *host)
{
    return look(host) != TN_HARVEST_NONE;
}

tn_harvest tn_host_harvest(tn_host *host, tn_reply *reply)
{
    uint32_t number = host->harvested;
    tn_harvest found = look(host);
    if (found == TN_HARVEST_NONE)
        return found;
    if (found == TN_HARVEST_REVOKED)
        reply->number = number;
    else if (found == TN_HARVEST_CORRUPT || !read_reply(host, number, reply))
        return condemn(host);
    host->revoked &= ~(UINT32_C(1) << tn_slot_of(number));
    host->harvested++;
    host->woken = false;
    /* It carries nothing else: see tell() in channel_worker.c. */
    tn_u32_store_relaxed(&host->down->harvested, host->harvested);
    tn_step(TN_STEP_HARVESTED);
    return found;
}

void tn_host_listen(tn_host *host, uint32_t whom)
{
    tn_u32_store_relaxed(&host->down->listen, whom);
    /* The worker swaps `done`, then looks at `listen`. If its swap comes before this no-op, the
     * harvest that follows finds the reply; if it comes after, it acquires what is released here,
     * sees `whom`, and rings. */
    if (whom != 0)
        host->done_seen = tn_u32_or_acq_rel(&host->up->done, 0);
}

tn_atomic_u32 *tn_host_done_word(const tn_host *host)
{
    return &host->up->done;
}

uint32_t tn_host_done_seen(const tn_host *host)
{
    return host->done_seen;
}

/* ---- What has begun ---- */

uint32_t tn_host_begun(const tn_host *host)
{
    uint32_t in_flight = tn_host_in_flight(host);
    uint32_t begun = tn_u32_load_relaxed(&host->up->begun) - host->harvested;
    if (begun > in_flight)
        begun = in_flight;
    /* The word stands behind what was revoked, too. */
    while (begun > 0 && tn_host_revoked(host, host->harvested + begun - 1))
        begun--;
    return begun;
}

static uint32_t slots_from(uint32_t first, uint32_t end)
{
    uint32_t slots = 0;
    for (uint32_t number = first; number != end; number++)
        slots |= UINT32_C(1) << tn_slot_of(number);
    return slots;
}

uint32_t tn_host_revoke(tn_host *host)
{
    if (host->corrupt)
        return host->pushed;
    /* The host claims all that is left: whoever moves `begun` past a number has that call. Release:
     * a worker whose claim fails acquires this, and with it all that was pushed. */
    uint32_t first = tn_u32_exchange_acq_rel(&host->up->begun, host->pushed);
    tn_step(TN_STEP_REVOKED);
    if (host->pushed - first > tn_host_in_flight(host)) {
        condemn(host);
        return host->pushed;
    }
    uint32_t slots = slots_from(first, host->pushed);
    if (host->revoked & slots) {
        /* The worker has taken back what it had lost. */
        condemn(host);
        return host->pushed;
    }
    host->revoked |= slots;
    return first;
}

void tn_host_ask_to_stop(tn_host *host, uint32_t number)
{
    if (number - host->harvested < tn_host_in_flight(host))
        tn_u32_store_relaxed(&host->down->slots[tn_slot_of(number)].stop, 1);
}
