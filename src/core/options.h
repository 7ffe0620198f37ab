/* SPDX-License-Identifier: Apache-2.0 */

/* Option structs: they carry their size, so that they can grow. */
#ifndef TN_CORE_OPTIONS_H
#define TN_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Copies the user's options, which begin with a size_t `size`, over `own`, which holds the defaults
 * (all zero) and has `own_size` bytes. An older, shorter struct leaves the rest as it is. `from`
 * may be NULL: all defaults. false: its size is less than that of the size itself or beyond all
 * reason, or it is longer and not all zero behind the end that is known here. */
bool tn_options_copy(void *own, size_t own_size, const void *from);

#endif
