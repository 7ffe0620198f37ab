/* SPDX-License-Identifier: Apache-2.0 */

/* What a map calls for each item, and what its programs share.
 *
 * The two functions are compiled once, in a file of their own: all contenders call the same machine
 * code, and no compiler sees through the call. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

uint32_t cheap(uint32_t x);  /* costs less than the call */
uint32_t costly(uint32_t x); /* about 100 ns */

#ifdef __cplusplus
}
#endif

/* The first argument of main says which. */
static inline bool is_costly(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "cheap";

    if (strcmp(name, "cheap") != 0 && strcmp(name, "costly") != 0)
        wrong("the function is cheap or costly, not %s", name);
    return strcmp(name, "costly") == 0;
}

/* n numbers, in memory that has been written to: its pages are there. */
static inline uint32_t *numbers(int n)
{
    uint32_t *array = (uint32_t *)malloc((size_t)n * sizeof *array);

    if (array == NULL)
        wrong("no memory for %d numbers", n);
    for (int i = 0; i < n; i++)
        array[i] = (uint32_t)i;
    return array;
}

/* The costly function is not called for each item once more, but for one of a hundred. */
static inline void check_map(bool is_costly, const uint32_t *in, const uint32_t *out, int n)
{
    for (int i = 0; i < n; i += is_costly ? 97 : 1)
        if (out[i] != (is_costly ? costly(in[i]) : cheap(in[i])))
            wrong("item %d became %" PRIu32, i, out[i]);
}

#endif
