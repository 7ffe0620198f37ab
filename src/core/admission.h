/* SPDX-License-Identifier: Apache-2.0 */

/* Queues with a limit: who may queue one more future, and who waits until there is room.
 *
 * What counts is what is pending: a future takes a place when it is submitted, and leaves it with
 * the transition that ends its being PENDING, whoever makes it. The places lie in the registry, not
 * in the executor: a submitter that waits may find it gone. */
#ifndef TN_CORE_ADMISSION_H
#define TN_CORE_ADMISSION_H

#include <stdint.h>
#include <tarn.h>

/* A queue's limit can be so high that it is none. */
#define TN_MOST_PLACES (((size_t)1 << 27) - 1)

/* Takes up to `wanted` places, at least one, and says how many; blocks while there is none.
 * TARN_OK; TARN_FULL: none by then; TARN_CLOSED: it was closed. Touches no executor. */
tarn_status tn_admission_enter(uint32_t executor, size_t limit, size_t wanted, int64_t until,
                               size_t *taken);

/* Takes places whatever the limit; false: so many cannot be counted, and none was taken. */
bool tn_admission_force(uint32_t executor, size_t n);

/* Gives places back. */
void tn_admission_leave(uint32_t executor, size_t n);

/* Wakes all who wait for a place: there will be none any more. */
void tn_admission_close(uint32_t executor);

#endif
