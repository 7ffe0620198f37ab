/* SPDX-License-Identifier: Apache-2.0 */

/* Futexes: sleep on a word until another thread, or another process, says that it changed.
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

/* The same for a word in memory shared with other processes (see shared.h), which may be mapped for
 * reading only: whoever waits need not be able to write. Each process may have it at an address of
 * its own. A wake by tn_futex_wake() does not reach these sleepers, nor the other way round. The
 * waker's page must be mapped still, or nobody is woken. Others who can map the page can wake at
 * will, also by readable pages alone, and can fail to. */
bool tn_futex_wait_shared(const tn_atomic_u32 *word, uint32_t expected, int64_t until);
void tn_futex_wake_shared(const tn_atomic_u32 *word, int count);

/* Sleeps while *own == own_expected and *shared == shared_expected, until `until` at the latest:
 * `own` is woken by tn_futex_wake(), `shared` by tn_futex_wake_shared(). Blocks; not a cancellation
 * point.
 * 0: woken, or one of the values differs, or a signal was handled, or no reason at all: the caller
 * looks at both words again. ETIMEDOUT: the time is up. ENOSYS: the system cannot wait for two
 * words (Linux before 5.16, or a filter forbids it): at once, and from then on without asking. */
int tn_futex_wait_two(const tn_atomic_u32 *own, uint32_t own_expected, const tn_atomic_u32 *shared,
                      uint32_t shared_expected, int64_t until);

#endif
