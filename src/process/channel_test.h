/* SPDX-License-Identifier: Apache-2.0 */

/* For the tests of the channel: both ends of one, in one process. */
#ifndef TN_PROCESS_CHANNEL_TEST_H
#define TN_PROCESS_CHANNEL_TEST_H

#include "process/channel_layout.h"

#include "platform/clock.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

typedef struct pair {
    tn_down *down;
    tn_up *up;
    tn_host host;
    tn_worker_end end;
    uint32_t rings;
} pair;

static inline void pair_ring(void *data)
{
    pair *p = data;
    p->rings++;
}

/* As if `start` calls had been pushed, run and harvested. */
static inline void pair_start_at(pair *p, uint32_t start)
{
    p->host.pushed = p->host.harvested = p->end.taken = start;
    tn_u32_store_relaxed(&p->up->begun, start);
    tn_u32_store_relaxed(&p->up->done, start);
    for (uint32_t n = start - TN_SLOTS; n != start; n++) {
        tn_u32_store_relaxed(&p->down->slots[tn_slot_of(n)].mark, tn_mark_of(n));
        tn_u32_store_relaxed(&p->up->slots[tn_slot_of(n)].mark, tn_mark_of(n));
    }
}

static inline void pair_open(pair *p, uint32_t start)
{
    *p = (pair){.down = tn_pages_map(tn_down_size(), TN_LINE),
                .up = tn_pages_map(tn_up_size(), TN_LINE)};
    assert_non_null(p->down);
    assert_non_null(p->up);
    tn_host_open(&p->host, p->down, p->up);
    tn_worker_open(&p->end, p->down, p->up, pair_ring, p);
    pair_start_at(p, start);
}

static inline void pair_close(pair *p)
{
    tn_pages_unmap(p->down, tn_down_size());
    tn_pages_unmap(p->up, tn_up_size());
}

/* ---- The host ---- */

/* Pushes a call that carries its own number. */
static inline bool push_number(tn_host *host)
{
    uint32_t number = host->pushed;
    tn_call call = {.kind = 3, .task = ~number, .bytes = &number, .size = sizeof number};
    return tn_host_push(host, &call);
}

/* ---- The worker ---- */

static inline tn_take take_now(tn_worker_end *end, tn_call *call)
{
    return tn_worker_take(end, call, 0);
}

/* Replies with what the call holds. */
static inline void reply_same(tn_worker_end *end, const tn_call *call)
{
    tn_worker_reply(end, (int32_t)call->task, -1, call->bytes, call->size);
}

/* Pseudo-random numbers, the same in each run. */
static inline uint32_t dice(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

#endif
