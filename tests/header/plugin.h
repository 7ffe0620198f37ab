/* SPDX-License-Identifier: Apache-2.0 */

/* What the plugin does for a program that knows nothing of its means. */
#ifndef TESTS_HEADER_PLUGIN_H
#define TESTS_HEADER_PLUGIN_H

#include <stdatomic.h>

struct work;

struct plugin {
    struct work *(*begin)(atomic_int *word); /* a task that waits until the word is not 0 */
    int (*end)(struct work *work);           /* three times the word */
    void (*touch)(void);                     /* uses the library, but has no task */
};

#endif
