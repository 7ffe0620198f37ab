/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a process in which a call of this folder failed that cannot fail: to go on would mean
 * to go on without a lock, or to sleep for ever. For src/platform only. */
#ifndef TN_PLATFORM_BROKEN_H
#define TN_PLATFORM_BROKEN_H

#include <stdio.h>
#include <stdlib.h>

/* Writes to standard error which call failed and its errno value, and aborts. */
static inline _Noreturn void tn_broken(const char *call, int error)
{
    fprintf(stderr, "tarn: %s failed: error %d\n", call, error);
    abort();
}

#endif
