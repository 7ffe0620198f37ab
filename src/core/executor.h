/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TN_CORE_EXECUTOR_H
#define TN_CORE_EXECUTOR_H

#include <tarn_backend.h>

/* Closes an executor: nothing more is taken, and nobody waits for room. The futures that it gives,
 * linked, are to be ended as cancelled, and chained ones as well if `cancel_pending`. */
tarn_future *tn_executor_close(tarn_executor *executor, bool cancel_pending, bool kill_running);

#endif
