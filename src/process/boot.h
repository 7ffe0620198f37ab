/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TN_CORE_BOOT_H
#define TN_CORE_BOOT_H

#include <stdbool.h>

/* Whether main() began with tarn_boot(). Kept for worker processes: only a program that did may be
 * started anew as one. */
bool tn_booted(void);

/* Whether this is a server or a worker, which has none of its own. */
bool tn_is_worker(void);

#endif
