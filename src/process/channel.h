/* SPDX-License-Identifier: Apache-2.0 */

/* The channel between the host and one worker process: two blocks of shared memory, one for each
 * direction.
 *
 * DOWN is written by the host, and the worker can only read it. UP is written by the worker: to the
 * host its bytes are hostile, and only channel_host.c looks at them. Calls and their replies have
 * numbers that run on from 0, past 2^32, in the order of sending; number n lies in slot
 * n % TN_SLOTS. There is no lock, pointer or list in shared memory. README.md has the protocol.
 *
 * Nothing here allocates, fails for want of anything, or is a cancellation point. */
#ifndef TN_PROCESS_CHANNEL_H
#define TN_PROCESS_CHANNEL_H

#include "platform/atomic.h"
#include "process/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TN_SLOTS = 32,            /* calls in flight, at most: a power of two, up to 32 */
    TN_INLINE = 48,           /* bytes of a call or reply in its slot; more go into its room */
    TN_ROOM = 64 * 1024 + 512 /* bytes of a call or reply, at most */
};

/* The two blocks: see channel_layout.h. They cost memory only where they are touched. */
typedef struct tn_down tn_down;
typedef struct tn_up tn_up;

/* The sizes of the blocks in bytes; they begin at a multiple of 64, such as a page. */
size_t tn_down_size(void);
size_t tn_up_size(void);

/* What a call is, in the words of the channel. */
typedef struct tn_call {
    uint32_t kind; /* the user's; up to 255 */
    uint32_t task; /* the user's; any number */
    const void *bytes;
    uint32_t size;
} tn_call;

/* What a reply is. */
typedef struct tn_reply {
    uint32_t number; /* of the call */
    int32_t status;  /* as the worker says: any number, if it is corrupt */
    int32_t code;    /* the same */
    const void
        *bytes;    /* in shared memory, where they may change at any time: to be copied once, and
                          then looked at */
    uint32_t size; /* at most TN_ROOM */
} tn_reply;

/* ---- The host's side. One thread at a time: the caller's mutex. Nothing here blocks ---- */

typedef struct tn_host {
    tn_down *down;
    tn_up *up;
    uint32_t pushed;    /* calls pushed so far */
    uint32_t harvested; /* of these, taken back: replies, and calls that were revoked */
    uint32_t done_seen; /* see tn_host_done_seen() */
    uint32_t revoked;   /* of those in flight: bit n % TN_SLOTS for call n */
    bool woken;         /* the worker slept when something was pushed, and has not replied since */
    bool corrupt;       /* what the worker wrote cannot be: it is believed in nothing any more */
} tn_host;

/* Over two zeroed blocks of tn_down_size() and tn_up_size() bytes, which stay the caller's. */
void tn_host_open(tn_host *host, tn_down *down, tn_up *up);

/* How many calls are pushed and not harvested yet, revoked ones included. */
static inline uint32_t tn_host_in_flight(const tn_host *host)
{
    return host->pushed - host->harvested;
}

/* Where the bytes of the next call will be, if it has so many: less than TN_SLOTS are in flight, and
 * size is at most TN_ROOM. Aligned to 16. */
void *tn_host_room(const tn_host *host, uint32_t size);

/* Pushes a call, which gets number host->pushed; false: there are TN_SLOTS in flight, or size is
 * over TN_ROOM. The bytes are copied, if they are not in their tn_host_room() already. Wakes the
 * worker if it sleeps. */
bool tn_host_push(tn_host *host, const tn_call *call);

typedef enum tn_harvest {
    TN_HARVEST_NONE,  /* no reply that was not taken */
    TN_HARVEST_REPLY, /* the next one, in order */
    TN_HARVEST_REVOKED, /* the next call was revoked, and its worker is past it: only `number` is set */
    TN_HARVEST_CORRUPT /* the worker wrote what cannot be; stays so */
} tn_harvest;

/* Takes the next reply. What *reply points to is valid until the slot is pushed to again; *reply is
 * not written for NONE and CORRUPT. */
tn_harvest tn_host_harvest(tn_host *host, tn_reply *reply);

/* Whether a worker has replied to call `number`, for whoever polls without the caller's mutex: a hint,
 * which may come too late if the call has been harvested meanwhile. */
bool tn_up_has_reply(const tn_up *up, uint32_t number);

/* Whether tn_host_harvest() would find anything. */
bool tn_host_has_news(const tn_host *host);

/* How many calls of those in flight have begun, as the worker says: calls from number
 * harvested + this on have not, or were revoked; those before it have, but for the revoked. May be
 * too low the next moment. A worker that is corrupt may say anything from 0 to all. */
uint32_t tn_host_begun(const tn_host *host);

/* Revokes all calls in flight that have not begun: from the number that is returned to
 * host->pushed - 1 none ever will, in a worker that keeps to the protocol. Those remain in flight
 * until harvested as TN_HARVEST_REVOKED. host->pushed: none is revoked, as all have begun, or as
 * the worker is corrupt (see host->corrupt). */
uint32_t tn_host_revoke(tn_host *host);

/* Whether call `number`, which is in flight, was revoked. */
static inline bool tn_host_revoked(const tn_host *host, uint32_t number)
{
    return (host->revoked >> number % TN_SLOTS & 1) != 0;
}

/* Asks the call of this number to stop, and no other; does nothing if it is not in flight. */
void tn_host_ask_to_stop(tn_host *host, uint32_t number);

/* After the last call that was pushed the worker is to leave. Nothing is pushed afterwards. */
void tn_host_close(tn_host *host);

/* Who is to be told of replies from now on, or 0: nobody. To be set before the last harvest before a
 * sleep: what is harvested after that rings, or was there. */
#define TN_RING_EVENT \
    1u /* by the worker's event, unless they are harvested by others before long */
#define TN_RING_FUTEX 2u /* at once, by waking all who sleep on tn_host_done_word() */
void tn_host_listen(tn_host *host, uint32_t whom);

/* The word that changes with each reply, for a sleep that is shared between processes, and its value
 * when tn_host_listen() last said that somebody listens: after a harvest since then that found
 * nothing, the next reply changes it. The worker can keep sleepers from being woken: none may rely
 * on this word alone. */
tn_atomic_u32 *tn_host_done_word(const tn_host *host);
uint32_t tn_host_done_seen(const tn_host *host);

/* ---- The worker's side. One thread ---- */

typedef struct tn_worker_end {
    const tn_down *down;
    tn_up *up;
    uint32_t taken;           /* the number of the next call; the one before it is being run */
    int64_t spin;             /* nanoseconds of polling before a sleep */
    bool untold;              /* the event has not rung for the last reply yet */
    bool patient;             /* the host came by itself the last time */
    tn_offers offers;         /* of its CPU */
    int64_t since;            /* the last reply, or the end of the last rest */
    int64_t looked;           /* whether the host harvests: when last, */
    uint32_t had;             /* ... and as many calls as it was to have taken by the next look */
    void (*ring)(void *data); /* tells the host's event; called with nothing held */
    void *data;
} tn_worker_end;

void tn_worker_open(tn_worker_end *end, const tn_down *down, tn_up *up, void (*ring)(void *data),
                    void *data);

typedef enum tn_take {
    TN_TAKE_CALL,
    TN_TAKE_NONE,  /* nothing was pushed by `until` */
    TN_TAKE_LEAVE, /* nothing will be: the host has closed */
    TN_TAKE_SPOILT /* nothing can be: a task has overwritten what the worker says */
} tn_take;

/* Takes the next call, and says that it has begun; skips what was revoked. Sleeps until `until` (see
 * platform/clock.h), after a short spin. The call that was taken before has been replied to.
 * call->bytes is read-only, aligned to 16, and valid until the reply. */
tn_take tn_worker_take(tn_worker_end *end, tn_call *call, int64_t until);

/* Where the bytes of the reply to the call that was taken will be, if it has so many: at most TN_ROOM.
 * Aligned to 16. */
void *tn_worker_room(tn_worker_end *end, uint32_t size);

/* Replies to the call that was taken, with `size` bytes (TN_ROOM at most), which are copied, if they
 * are not in their tn_worker_room() already. */
void tn_worker_reply(tn_worker_end *end, int32_t status, int32_t code, const void *bytes,
                     uint32_t size);

/* The word that is not 0 once the call that was taken is asked to stop. After the reply it is
 * another call's. */
const tn_atomic_u32 *tn_worker_stop_word(const tn_worker_end *end);

/* Whether the call that was taken is asked to stop: one load. */
static inline bool tn_worker_stop_requested(const tn_worker_end *end)
{
    return tn_u32_load_relaxed(tn_worker_stop_word(end)) != 0;
}

#endif
