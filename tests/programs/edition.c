/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin of which there are several editions: of another PRICE, for another type of QUANTITY. */
#define TARN_TASK_VISIBILITY "default"
#include <tarn.h>

static int price(QUANTITY quantity)
{
    return PRICE * (int)quantity;
}
TARN_TASK(int, price, QUANTITY);
