/* SPDX-License-Identifier: Apache-2.0 */

/* What is said of a task whose worker has died. */
#ifndef TN_PROCESS_LOSS_H
#define TN_PROCESS_LOSS_H

#include "core/cell.h"

/* Completes a failure, which has the worker and its pid, by how that ended: with a status, or minus a
 * signal; INT_MIN: with its server. Its text, allocated; NULL: no memory. Called once for each worker
 * that dies of a future. */
char *tn_loss_describe(tarn_failure *failure, tarn_future *future, int how);

#endif
