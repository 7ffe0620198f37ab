/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deadline.h"

tarn_deadline tarn_in(double seconds)
{
    if (!(seconds >= 0))
        return TARN_NOW;
    int64_t until = tn_clock_after(seconds);
    return until == TN_CLOCK_NEVER ? TARN_FOREVER : (tarn_deadline){until};
}
