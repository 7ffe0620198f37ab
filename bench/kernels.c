/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

uint32_t cheap(uint32_t x)
{
    return x * 3 + 1;
}

uint32_t costly(uint32_t x)
{
    for (int i = 0; i < 50; i++)
        x = (x ^ x >> 15) * 0x2c1b3c6du + 1; /* each step waits for the one before */
    return x;
}
