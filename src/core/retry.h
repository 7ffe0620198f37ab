/* SPDX-License-Identifier: Apache-2.0 */

/* Further tries of tasks that ended otherwise than well. */
#ifndef TN_CORE_RETRY_H
#define TN_CORE_RETRY_H

#include "core/cell.h"

/* Whether a TN_SPECIAL future, which runs, has a try left for such an ending. */
bool tn_retry_is_due(const tarn_future *future, tarn_status status);

/* Queues it again, with the owner TN_OWNER_QUEUE; if nobody takes it, it ends so. */
void tn_retry_queue(tarn_future *future, tarn_status status);

#endif
