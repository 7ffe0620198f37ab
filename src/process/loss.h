/* SPDX-License-Identifier: Apache-2.0 */

/* What is said of a task whose worker has died. */
#ifndef TN_PROCESS_LOSS_H
#define TN_PROCESS_LOSS_H

#include "core/cell.h"

/* Completes the failure of a future whose worker has died; it has the worker and its pid. `how` it
 * ended: with a status, or minus a signal; INT_MIN: with its server. The text, allocated; NULL: no
 * memory. Counts the death: to be called once for it. */
char *tn_loss_describe(tarn_failure *failure, tarn_future *future, int how);

/* What is said of one that was killed on demand, or at its time limit; allocated, or NULL. */
char *tn_loss_explain_kill(const tarn_failure *failure, const tarn_future *future);

/* How a process has ended, in words: a signal or an exit status. */
void tn_loss_name(int how, char *text, size_t size);

/* What is said of a task whose worker has written what cannot be (TARN_LOST_UNPROVEN). */
extern const char tn_loss_unproven[];

#endif
