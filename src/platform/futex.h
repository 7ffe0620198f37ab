/* SPDX-License-Identifier: Apache-2.0 */

/* Futexes: sleep on a word of this process until another thread says that it changed.
 *
 * A sleep and a wake order no memory. The waiter loads the word again, with acquire, after each
 * return; the waker changes it, with release, before it wakes. No wake-up is lost so: the kernel
 * compares and falls asleep in one step, so that a change before the comparison is seen by it, and
 * a wake after a change finds the sleeper. */
#ifndef TN_PLATFORM_FUTEX_H
#define TN_PLATFORM_FUTEX_H

#include "atomic.h"

#include <stdbool.h>
#include <stdint.h>

/* Sleeps while *word == expected, until `until` (see clock.h) at the latest. Blocks; not a
 * cancellation point.
 * False: the time is up. True: woken, or the value differs, or a signal was handled, or no reason
 * at all: the caller looks at the word again. */
bool tn_futex_wait(tn_atomic_u32 *word, uint32_t expected, int64_t until);

/* Wakes at most `count` (1 or more; INT_MAX: all) of those who sleep on `word`. Does not block.
 * Uses the address alone and touches no memory: the word may be gone already. Whoever sleeps at
 * that address by then is woken without a reason, which tn_futex_wait() allows for. */
void tn_futex_wake(tn_atomic_u32 *word, int count);

#endif
