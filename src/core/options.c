/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include <string.h>

/* A larger size is no size, but memory that was never written. */
enum { LARGEST = 4096 };

bool tn_options_copy(void *own, size_t own_size, const void *from)
{
    if (!from)
        return true;
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size || size > LARGEST)
        return false;
    const unsigned char *bytes = from;
    for (size_t i = own_size; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    memcpy(own, from, size < own_size ? size : own_size);
    memcpy(own, &own_size, sizeof own_size);
    return true;
}
