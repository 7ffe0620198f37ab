/* SPDX-License-Identifier: Apache-2.0 */

/* One word says it all: how many places are taken, how many threads wait for one, whether it is
 * closed, and whose it is. No wake-up is lost: a thread counts itself as waiting by a swap of the
 * word that saw no room in it, having read `room` before; whoever makes room swaps the same word
 * afterwards, sees that somebody waits, and changes `room` before it wakes one. Of those that a
 * wake reaches, each looks for room before it gives up: none is wasted on one whose time is up. */
#include "core/admission.h"

#include "core/deadline.h"
#include "core/registry.h"
#include "platform/futex.h"

#include <limits.h>

/* From the lowest bit: 27 of places, 20 of waiting threads, closed, and 16 of the tag. */
#define PLACES  ((uint64_t)TN_MOST_PLACES)
#define WAITER  ((uint64_t)1 << 27)
#define WAITERS (((uint64_t)0xfffff) << 27)
#define CLOSED  ((uint64_t)1 << 47)

static bool is_open(uint64_t word, uint32_t executor)
{
    return word >> TN_TAG_SHIFT == executor >> 16 && !(word & CLOSED);
}

/* acquire and release throughout: submitters that follow one another through a full queue see what
 * the former tasks' starters saw, as through a lock. */
static bool change(tn_places *places, uint64_t *word, uint64_t to)
{
    return tn_u64_cas_weak_acq_rel(&places->word, word, to);
}

/* Sleeps until there may be room. Counted among the waiting meanwhile, if it is still full. */
static void sleep_for_room(tn_places *places, uint64_t word, uint32_t executor, int64_t until)
{
    uint32_t room = tn_u32_load_acquire(&places->room);
    if ((word & WAITERS) == WAITERS || !change(places, &word, word + WAITER))
        return;
    tn_futex_wait(&places->room, room, until);
    word = tn_u64_load_acquire(&places->word);
    while (word >> TN_TAG_SHIFT == executor >> 16 && !change(places, &word, word - WAITER))
        ;
}

tarn_status tn_admission_enter(uint32_t executor, size_t limit, size_t wanted, int64_t until,
                               size_t *taken)
{
    tn_places *places = tn_registry_places(executor);
    uint64_t word = tn_u64_load_acquire(&places->word);
    for (;;) {
        if (!is_open(word, executor))
            return TARN_CLOSED;
        size_t used = word & PLACES;
        if (used < limit) {
            *taken = limit - used < wanted ? limit - used : wanted;
            if (change(places, &word, word + *taken))
                return TARN_OK;
        } else if (tn_is_past(until)) {
            return TARN_FULL;
        } else {
            sleep_for_room(places, word, executor, until);
            word = tn_u64_load_acquire(&places->word);
        }
    }
}

bool tn_admission_force(uint32_t executor, size_t n)
{
    tn_places *places = tn_registry_places(executor);
    uint64_t word = tn_u64_load_relaxed(&places->word);
    do {
        if (n > PLACES - (word & PLACES))
            return false;
    } while (!change(places, &word, word + n));
    return true;
}

void tn_admission_leave(uint32_t executor, size_t n)
{
    tn_places *places = tn_registry_places(executor);
    uint64_t word = tn_u64_load_relaxed(&places->word);
    do {
        if (word >> TN_TAG_SHIFT != executor >> 16)
            return;
    } while (!change(places, &word, word - n));
    if (word & WAITERS) {
        tn_u32_add_relaxed(&places->room, 1);
        tn_futex_wake(&places->room, n > INT_MAX ? INT_MAX : (int)n);
    }
}

void tn_admission_close(uint32_t executor)
{
    tn_places *places = tn_registry_places(executor);
    uint64_t word = tn_u64_load_relaxed(&places->word);
    do {
        if (word >> TN_TAG_SHIFT != executor >> 16)
            return;
    } while (!change(places, &word, word | CLOSED));
    tn_u32_add_relaxed(&places->room, 1);
    tn_futex_wake(&places->room, INT_MAX);
}
