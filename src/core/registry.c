/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include "platform/memory.h"
#include "platform/process.h"

#include <stdalign.h>

/* The low half of a number is a slot, the high half how often the slot was given out. Slot 0 is
 * nobody's: 0 is "no executor". Slots are never freed, so a cell that outlived its executor may
 * still count here. */
typedef struct slot {
    tn_atomic_u32 discarded;
    tn_atomic_u32 process;   /* the tn_process_generation() that opened it */
    tarn_executor *executor; /* NULL: the slot is free */
    tn_atomic_u32 remote;    /* it has a help(), an await() or a begun() */
    uint16_t uses;
    uint16_t next_free;
    alignas(64) tn_atomic_u64 pins; /* by how many it is kept, GONE, and the tag of its number */
    alignas(64) tn_places places;
    alignas(64) tn_atomic_u64 counts[TN_EVENTS];
} slot;

enum { SLOTS_PER_PAGE = 256, PAGES = 256 };

/* It is being forgotten, or has been: hold() does not find it any more. */
#define GONE (UINT64_C(1) << 32)

static bool is_pinned(uint64_t pins)
{
    return (uint32_t)pins > 0;
}

tn_mutex tn_registry_mutex = TN_MUTEX_INITIAL; /* of all that follows */
static tn_atomic_ptr pages[PAGES];             /* read without it */
static uint16_t free_slot;                     /* 0: none */
static uint32_t fresh_slot = 1;
static tn_cond unpinned = TN_COND_INITIAL;

static slot *slot_of(uint32_t id)
{
    uint32_t index = id & 0xffff;
    slot *page = tn_ptr_load_acquire(&pages[index / SLOTS_PER_PAGE]);
    return &page[index % SLOTS_PER_PAGE];
}

/* Whether it is the number of an executor, or was. */
static bool is_known(uint32_t id)
{
    return id != 0 && tn_ptr_load_acquire(&pages[(id & 0xffff) / SLOTS_PER_PAGE]);
}

/* Under the mutex: a slot that nobody has; 0: there is none. */
static uint16_t take_slot(void)
{
    uint16_t index = free_slot;
    if (index != 0) {
        free_slot = slot_of(index)->next_free;
        return index;
    }
    if (fresh_slot == SLOTS_PER_PAGE * PAGES)
        return 0;
    tn_atomic_ptr *page = &pages[fresh_slot / SLOTS_PER_PAGE];
    if (!tn_ptr_load_relaxed(page)) {
        slot *slots = tn_pages_map(SLOTS_PER_PAGE * sizeof *slots, alignof(slot));
        if (!slots)
            return 0;
        tn_ptr_store_release(page, slots);
    }
    return (uint16_t)fresh_slot++;
}

bool tn_registry_add(tarn_executor *executor)
{
    tn_mutex_lock(&tn_registry_mutex);
    uint16_t place = take_slot();
    if (place != 0) {
        slot *own = slot_of(place);
        tn_u32_store_relaxed(&own->discarded, 0);
        tn_u32_store_relaxed(&own->process, tn_process_generation());
        own->executor = executor;
        tn_u32_store_relaxed(&own->remote, executor->backend->help || executor->backend->await ||
                                               executor->backend->begun);
        executor->id = ((uint32_t)++own->uses << 16) | place;
        tn_u64_store_release(&own->pins, tn_registry_tag(executor->id));
        tn_u64_store_relaxed(&own->places.word, tn_registry_tag(executor->id));
        for (int event = 0; event < TN_EVENTS; event++)
            tn_u64_store_relaxed(&own->counts[event], tn_registry_tag(executor->id));
    }
    tn_mutex_unlock(&tn_registry_mutex);
    return place != 0;
}

void tn_registry_remove(tarn_executor *executor)
{
    slot *own = slot_of(executor->id);
    tn_mutex_lock(&tn_registry_mutex);
    /* Acquire, both: what was done to it by those who had pinned it. */
    uint64_t pins = tn_u64_or_acq_rel(&own->pins, GONE);
    while (is_pinned(pins)) {
        tn_cond_wait(&unpinned, &tn_registry_mutex);
        pins = tn_u64_load_acquire(&own->pins);
    }
    own->executor = NULL;
    own->next_free = free_slot;
    free_slot = (uint16_t)(executor->id & 0xffff);
    tn_mutex_unlock(&tn_registry_mutex);
}

void tn_registry_discard(uint32_t id)
{
    if (is_known(id))
        tn_u32_add_relaxed(&slot_of(id)->discarded, 1);
}

tn_atomic_u32 *tn_registry_discarded(uint32_t id)
{
    return &slot_of(id)->discarded;
}

tn_places *tn_registry_places(uint32_t id)
{
    return &slot_of(id)->places;
}

void tn_registry_count(uint32_t id, tn_event event, size_t n)
{
    if (!is_known(id))
        return;
    tn_atomic_u64 *count = &slot_of(id)->counts[event];
    uint64_t old = tn_u64_load_relaxed(count);
    do {
        if (old >> TN_TAG_SHIFT != id >> 16)
            return;
        /* release: as tn_count_many(). */
    } while (!tn_u64_cas_weak_release(count, &old, old + n));
}

uint64_t tn_registry_counted(uint32_t id, tn_event event)
{
    uint64_t mask = ((uint64_t)1 << TN_TAG_SHIFT) - 1;
    return tn_u64_load_acquire(&slot_of(id)->counts[event]) & mask;
}

bool tn_registry_is_foreign(uint32_t id)
{
    return is_known(id) && tn_u32_load_relaxed(&slot_of(id)->process) != tn_process_generation();
}

uint32_t tn_registry_limit(void)
{
    return fresh_slot;
}

tarn_executor *tn_registry_at(uint32_t place)
{
    tarn_executor *executor = slot_of(place)->executor;
    return executor && !tn_registry_is_foreign(executor->id) ? executor : NULL;
}

tarn_executor *tn_registry_find(uint32_t id)
{
    tarn_executor *executor = is_known(id) ? slot_of(id)->executor : NULL;
    return executor && executor->id == id && !tn_registry_is_foreign(id) ? executor : NULL;
}

void tn_registry_pin(tarn_executor *executor)
{
    tn_u64_add_relaxed(&slot_of(executor->id)->pins, 1);
}

tarn_executor *tn_registry_hold(uint32_t id)
{
    if (!is_known(id) || tn_registry_is_foreign(id))
        return NULL;
    slot *own = slot_of(id);
    uint64_t pins = tn_u64_load_relaxed(&own->pins);
    do {
        if ((pins & ~(uint64_t)UINT32_MAX) != tn_registry_tag(id))
            return NULL;
        /* Acquire: the executor, which was there before its tag. */
    } while (!tn_u64_cas_weak_acquire(&own->pins, &pins, pins + 1));
    return own->executor;
}

void tn_registry_let_go(tarn_executor *executor)
{
    slot *own = slot_of(executor->id);
    /* Release: what was done to the executor, which may be no more afterwards. */
    uint64_t pins = tn_u64_sub_acq_rel(&own->pins, 1) - 1;
    if (is_pinned(pins) || !(pins & GONE))
        return;
    tn_mutex_lock(&tn_registry_mutex);
    tn_cond_broadcast(&unpinned);
    tn_mutex_unlock(&tn_registry_mutex);
}

bool tn_registry_is_remote(uint32_t id)
{
    return is_known(id) && tn_u32_load_relaxed(&slot_of(id)->remote);
}
