/* SPDX-License-Identifier: Apache-2.0 */

/* Whoever polls for the other side offers it the CPU, as it may wait for this very one: the kernel often
 * wakes a process on the CPU of who wakes it. But if others compute there, an offer costs their share of
 * time, milliseconds, whereas who sleeps and is woken comes before them. So after an offer that took
 * long there is none for a while, twice as long each time. */
#ifndef TN_PROCESS_OFFER_H
#define TN_PROCESS_OFFER_H

#include <stdint.h>

/* Of one thread. Zero: it has made none yet. */
typedef struct tn_offers {
    int64_t not_before;
    int64_t pause;
} tn_offers;

/* Offers the CPU, if there is to be an offer now. */
void tn_offer(tn_offers *offers);

#endif
