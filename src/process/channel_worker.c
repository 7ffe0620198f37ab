/* SPDX-License-Identifier: Apache-2.0 */

/* The worker's side. It believes the host, and writes nothing to DOWN. */
#include "process/channel_layout.h"

#include "platform/clock.h"
#include "platform/cpu.h"
#include "platform/futex.h"
#include "process/step.h"

#include <limits.h>
#include <string.h>

/* About what a sleep and a wake cost: who polls that long pays at most twice what it could have. */
enum { SPIN_NS = 20 * 1000 };

/* How long a host that harvests by itself is given before the event rings: a ring costs more than
 * the calls that it is saved for. Less than a sleep and a wake, which it would prolong. Before that
 * the CPU is offered: the host may wait for this very one, and then need not be rung for. */
enum { OFFER_NS = 1000, IDLE_NS = 2 * 1000, PATIENT_NS = 10 * 1000, BUSY_NS = 20 * 1000 };

/* Looks at DOWN between two looks at the clock, which cost more. */
enum { LOOKS = 16 };

void tn_worker_open(tn_worker_end *end, const tn_down *down, tn_up *up, void (*ring)(void *data),
                    void *data)
{
    *end = (tn_worker_end){.down = down,
                           .up = up,
                           /* On a single CPU the host cannot push while this polls. */
                           .spin = tn_cpu_count() > 1 ? SPIN_NS : 0,
                           .ring = ring,
                           .data = data};
}

/* The slot of the call that was taken. */
static uint32_t slot_taken(const tn_worker_end *end)
{
    return tn_slot_of(end->taken - 1);
}

/* Done with all before `taken`. */
static void publish(tn_worker_end *end)
{
    /* Release: the marks, and that what was skipped is read no more. Acquire, and a swap: if the host's
     * no-op in tn_host_listen() came before, what it listens by is seen below. */
    tn_u32_exchange_acq_rel(&end->up->done, end->taken);
    tn_step(TN_STEP_PUBLISHED);
    uint32_t whom = tn_u32_load_relaxed(&end->down->listen);
    if (whom & TN_RING_FUTEX)
        tn_futex_wake_shared(&end->up->done, INT_MAX);
    end->untold = whom & TN_RING_EVENT;
    tn_step(TN_STEP_TOLD);
}

/* The event rings, unless the host has found by itself all that there is. No order is needed: that
 * it has taken as many as this worker has done can only be read once it has. */
static void tell(tn_worker_end *end)
{
    end->untold = false;
    if (tn_u32_load_relaxed(&end->down->harvested) == end->taken)
        return;
    end->patient = false;
    end->ring(end->data);
}

/* A rest is over. */
static void be_busy(tn_worker_end *end, int64_t now)
{
    end->since = end->looked = now;
    end->had = end->taken;
}

/* Whom the futex wakes will harvest, so there is more time for that. */
static bool somebody_wakes(const tn_worker_end *end)
{
    return tn_u32_load_relaxed(&end->down->listen) & TN_RING_FUTEX;
}

/* ---- Taking ---- */

/* Claims the next call, which was pushed, against a revocation. If that was first, skips what it
 * revoked: TN_TAKE_NONE. */
static tn_take claim(tn_worker_end *end)
{
    uint32_t next = end->taken;
    /* Acquire on failure: see tn_host_revoke(). On success nothing of the call happens before. */
    if (tn_u32_cas_strong_acq_rel(&end->up->begun, &next, end->taken + 1)) {
        end->taken++;
        return TN_TAKE_CALL;
    }
    /* More than can be in flight, or none: it would wait for ever for what is no next call. */
    if (next - end->taken - 1 >= TN_SLOTS)
        return TN_TAKE_SPOILT;
    end->taken = next;
    publish(end);
    return TN_TAKE_NONE;
}

static void read_call(const tn_worker_end *end, tn_call *call)
{
    uint32_t i = slot_taken(end);
    const tn_call_slot *slot = &end->down->slots[i];
    *call = (tn_call){.kind = slot->kind,
                      .task = slot->task,
                      .bytes = slot->size <= TN_INLINE ? slot->bytes : end->down->rooms[i],
                      .size = slot->size};
}

static bool is_marked(const tn_worker_end *end)
{
    /* Acquire: the call. */
    const tn_call_slot *slot = &end->down->slots[tn_slot_of(end->taken)];
    return tn_u32_load_acquire(&slot->mark) == tn_mark_of(end->taken);
}

static tn_take look(tn_worker_end *end, tn_call *call)
{
    for (;;) {
        /* In this order: whoever sees the end sees all that was pushed before it. */
        bool closed = tn_u32_load_acquire(&end->down->closed) != 0;
        if (!is_marked(end))
            return closed ? TN_TAKE_LEAVE : TN_TAKE_NONE;
        tn_step(TN_STEP_CLAIMING);
        tn_take found = claim(end);
        if (found == TN_TAKE_SPOILT)
            return found;
        if (found == TN_TAKE_CALL) {
            tn_step(TN_STEP_CLAIMED);
            read_call(end, call);
            return found;
        }
        tn_step(TN_STEP_SKIPPED);
    }
}

/* ---- Waiting ---- */

/* Whether look() would find something. */
static bool has_news(const tn_worker_end *end)
{
    return is_marked(end) || tn_u32_load_relaxed(&end->down->closed) != 0;
}

static bool spin(tn_worker_end *end, int64_t until)
{
    /* It was asleep, or had to ring: whoever wants the reply is on this CPU, more often than not. */
    if (!end->patient && end->spin > 0)
        tn_offer(&end->offers);
    int64_t begin = tn_clock_now(), now = begin;
    int64_t idle = end->patient ? PATIENT_NS : IDLE_NS;
    int64_t stop = now + end->spin < until ? now + end->spin : until;
    for (; now < stop; now = tn_clock_now()) {
        if (end->untold && now - begin >= idle && !somebody_wakes(end)) {
            tell(end);
            now = tn_clock_now();
        }
        for (int i = 0; i < LOOKS; i++) {
            if (has_news(end)) {
                end->patient = end->untold;
                be_busy(end, now);
                return true;
            }
            tn_cpu_relax();
        }
        if (now - begin >= OFFER_NS || !end->patient || somebody_wakes(end))
            tn_offer(&end->offers);
    }
    return false;
}

/* Sleeps until the host has something new; false: the time is up. */
static bool park(tn_worker_end *end, int64_t until)
{
    if (end->untold)
        tell(end);
    /* Acquire, and a swap: see wake() in channel_host.c. */
    tn_u32_exchange_acq_rel(&end->up->parked, 1);
    tn_step(TN_STEP_PARKED);
    bool in_time = has_news(end) || tn_futex_wait_shared(&end->up->parked, 1, until);
    tn_step(TN_STEP_WOKEN);
    /* So that the next push does not wake in vain. A swap again: a store would hide the host's swap
     * from the one above, the next time. */
    tn_u32_exchange_acq_rel(&end->up->parked, 0);
    end->patient = false;
    be_busy(end, tn_clock_now());
    return in_time;
}

tn_take tn_worker_take(tn_worker_end *end, tn_call *call, int64_t until)
{
    bool in_time = true;
    for (;;) {
        tn_take found = look(end, call);
        if (found != TN_TAKE_NONE || !in_time)
            return found;
        in_time = spin(end, until) || park(end, until);
    }
}

/* ---- The call that was taken ---- */

/* After a long call the next one may be long, too. Of short ones the host is told unless it harvests
 * by itself: then it has taken by now what there was a while ago. */
static void tell_before_the_next(tn_worker_end *end, int64_t now)
{
    bool was_long = now - end->since >= BUSY_NS, due = now - end->looked >= BUSY_NS;
    end->since = now;
    if (was_long || (due && (int32_t)(tn_u32_load_relaxed(&end->down->harvested) - end->had) < 0))
        tell(end);
    /* Anew: a ring may have others run here meanwhile, which is not to count as a long call. */
    if (was_long || due)
        be_busy(end, tn_clock_now());
}

void *tn_worker_room(tn_worker_end *end, uint32_t size)
{
    uint32_t i = slot_taken(end);
    return size <= TN_INLINE ? end->up->slots[i].bytes : end->up->rooms[i];
}

void tn_worker_reply(tn_worker_end *end, int32_t status, int32_t code, const void *bytes,
                     uint32_t size)
{
    uint32_t number = end->taken - 1;
    tn_reply_slot *slot = &end->up->slots[tn_slot_of(number)];
    void *room = tn_worker_room(end, size);
    if (bytes != room && size > 0)
        memcpy(room, bytes, size);
    tn_u32_store_relaxed(&slot->status, (uint32_t)status);
    tn_u32_store_relaxed(&slot->code, (uint32_t)code);
    tn_u32_store_relaxed(&slot->length, size);
    tn_step(TN_STEP_WRITTEN);
    /* Release: the reply, and that its call is read no more. */
    tn_u32_store_release(&slot->mark, tn_mark_of(number));
    tn_step(TN_STEP_REPLY_MARKED);
    publish(end);
    /* The host had it last, and does not look there before it has pushed that call. */
    tn_cpu_will_write(&end->up->slots[tn_slot_of(end->taken)]);
    if (end->untold && !somebody_wakes(end))
        tell_before_the_next(end, tn_clock_now());
}

const tn_atomic_u32 *tn_worker_stop_word(const tn_worker_end *end)
{
    return &end->down->slots[slot_taken(end)].stop;
}
