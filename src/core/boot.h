/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TN_CORE_BOOT_H
#define TN_CORE_BOOT_H

#include <stdbool.h>

/* Whether main() began with tarn_boot(): only then may this program be started anew as a worker. */
bool tn_booted(void);

#endif
