/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TN_PROCESS_CHECK_H
#define TN_PROCESS_CHECK_H

#include <tarn_backend.h>

enum { TN_MOST_WORKERS = 500 };

/* Whether a pool of processes can be opened with these options, here: TARN_OK, or why not in
 * tarn_last_error(). */
tarn_status tn_process_check(const tarn_process_options *options, const tarn_backend *backend);

#endif
