/* SPDX-License-Identifier: Apache-2.0 */
#include "process/offer.h"

#include "platform/clock.h"
#include "platform/cpu.h"

/* Longer than a short call takes, and two changes of threads; shorter than a share of time. */
enum { LONG_NS = 200 * 1000 };

/* Short, as something else may just have come between, once. */
#define FIRST_PAUSE_NS (INT64_C(10) * 1000 * 1000)
#define MOST_PAUSE_NS  (INT64_C(10) * 1000 * 1000 * 1000)

void tn_offer(tn_offers *offers)
{
    int64_t before = tn_clock_now();
    if (before < offers->not_before)
        return;
    tn_cpu_yield();
    int64_t after = tn_clock_now();
    if (after - before < LONG_NS) {
        offers->pause = 0;
        return;
    }
    int64_t pause = offers->pause == 0 ? FIRST_PAUSE_NS : 2 * offers->pause;
    offers->pause = pause < MOST_PAUSE_NS ? pause : MOST_PAUSE_NS;
    offers->not_before = after + offers->pause;
}
