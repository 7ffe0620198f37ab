/* SPDX-License-Identifier: Apache-2.0 */

/* The two blocks of a channel, as they lie in shared memory. For channel_host.c, channel_worker.c,
 * and tests that play one of the two. README.md says who writes which word. */
#ifndef TN_PROCESS_CHANNEL_LAYOUT_H
#define TN_PROCESS_CHANNEL_LAYOUT_H

#include "process/channel.h"

#include <assert.h>
#include <stdalign.h>

/* What CPUs hand to and fro. Words with different writers lie on different lines. */
#define TN_LINE 64

/* A call and the mark that it is there share a line, as do a reply and its mark: so one line changes
 * hands for each, no more.
 *
 * Plain members: the worker reads them only between the claim and the reply, when the host does not
 * write them. */
typedef struct tn_call_slot {
    tn_atomic_u32 mark; /* tn_mark_of(n): call n is there */
    tn_atomic_u32 stop; /* 1: this call is asked to stop */
    uint32_t task;
    uint32_t size : 24; /* up to TN_INLINE: in `bytes`; else in the room */
    uint32_t kind : 8;
    alignas(16) unsigned char bytes[TN_INLINE];
} tn_call_slot;

/* Atomic members, for a corrupt worker may write them at any time: they are loaded once. */
typedef struct tn_reply_slot {
    tn_atomic_u32 mark; /* tn_mark_of(n): the reply to call n is there */
    tn_atomic_u32 status;
    tn_atomic_u32 code;
    tn_atomic_u32 length; /* the size: up to TN_INLINE in `bytes`; else in the room */
    alignas(16) unsigned char bytes[TN_INLINE];
} tn_reply_slot;

struct tn_down {
    alignas(TN_LINE) tn_atomic_u32 closed; /* 1: there will be no more */
    tn_atomic_u32 listen;
    alignas(TN_LINE)
        tn_atomic_u32 harvested; /* calls taken back: alone, as the worker rarely looks */
    alignas(TN_LINE) tn_call_slot slots[TN_SLOTS];
    /* One room for each slot: nothing to allocate, and no memory until a large call comes. */
    alignas(TN_LINE) unsigned char rooms[TN_SLOTS][TN_ROOM];
};

struct tn_up {
    alignas(TN_LINE) tn_atomic_u32 begun;  /* calls claimed, by the worker or by a revocation */
    alignas(TN_LINE) tn_atomic_u32 done;   /* calls replied to, or skipped */
    alignas(TN_LINE) tn_atomic_u32 parked; /* 1: the worker is about to sleep on this word */
    alignas(TN_LINE) tn_reply_slot slots[TN_SLOTS];
    alignas(TN_LINE) unsigned char rooms[TN_SLOTS][TN_ROOM];
};

static_assert(ATOMIC_INT_LOCK_FREE == 2, "processes share the word, but not a lock beside it");
static_assert((TN_SLOTS & (TN_SLOTS - 1)) == 0, "n % TN_SLOTS runs on past 2^32");
static_assert(TN_SLOTS <= 32, "a bit for each in tn_host.revoked");
static_assert(sizeof(tn_call_slot) == TN_LINE && sizeof(tn_reply_slot) == TN_LINE, "one line");
static_assert(offsetof(tn_call_slot, bytes) % 16 == 0, "as promised for tn_call.bytes");
static_assert(TN_ROOM < 1 << 24, "as in tn_call_slot");
static_assert(TN_ROOM % TN_LINE == 0 && TN_ROOM > TN_INLINE, "each room is aligned like the first");

static inline uint32_t tn_slot_of(uint32_t number)
{
    return number % TN_SLOTS;
}

/* Not what an empty slot has, nor what the call before it in this slot had. */
static inline uint32_t tn_mark_of(uint32_t number)
{
    return number + 1;
}

#endif
