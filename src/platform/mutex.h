/* SPDX-License-Identifier: Apache-2.0 */

/* Mutexes and condition variables, for what is not worth a protocol of its own.
 *
 * A mutex is not recursive; its holder unlocks it. Nothing here is a cancellation point, so that no
 * thread is unwound with a lock held. Locking, waiting and waking fail only where this library is
 * wrong: then they end the process with a message. */
#ifndef TN_PLATFORM_MUTEX_H
#define TN_PLATFORM_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The members are for this folder only. */
typedef struct {
    pthread_mutex_t tn_raw_;
} tn_mutex;
typedef struct {
    pthread_cond_t tn_raw_;
} tn_cond;

/* For a mutex with static storage; it needs neither tn_mutex_init() nor tn_mutex_destroy(). */
#define TN_MUTEX_INITIAL \
    { \
        .tn_raw_ = PTHREAD_MUTEX_INITIALIZER \
    }

/* The same for a condition. It knows no deadlines: for tn_cond_wait() only. */
#define TN_COND_INITIAL \
    { \
        PTHREAD_COND_INITIALIZER \
    }

/* Makes an unlocked mutex. 0, or ENOMEM or EAGAIN: there is none then, and nothing to destroy. */
int tn_mutex_init(tn_mutex *mutex);

/* Ends a mutex that nobody holds or will lock. */
void tn_mutex_destroy(tn_mutex *mutex);

/* Takes the mutex. Blocks while another thread holds it; the caller does not hold it yet. */
void tn_mutex_lock(tn_mutex *mutex);

/* The same if nobody holds it; false: somebody does. Does not block. */
bool tn_mutex_try_lock(tn_mutex *mutex);

/* Gives back the mutex, which the caller holds. Does not block. */
void tn_mutex_unlock(tn_mutex *mutex);

/* Makes a condition without waiters. 0, or ENOMEM or EAGAIN: there is none then. */
int tn_cond_init(tn_cond *cond);

/* Ends a condition that nobody waits for or will signal. */
void tn_cond_destroy(tn_cond *cond);

/* Unlocks the mutex, which the caller holds, sleeps until woken, and holds it again on return.
 * Blocks. May return without a reason: the caller tests what it waits for in a loop. */
void tn_cond_wait(tn_cond *cond, tn_mutex *mutex);

/* The same until `until` (see clock.h) at the latest. False: the time is up; the mutex is held then
 * too, and what was waited for may nevertheless have become true. */
bool tn_cond_wait_until(tn_cond *cond, tn_mutex *mutex, int64_t until);

/* Wakes one of those who wait, if there is one. With the mutex held or not; does not block. */
void tn_cond_signal(tn_cond *cond);

/* Wakes all of them. */
void tn_cond_broadcast(tn_cond *cond);

#endif
