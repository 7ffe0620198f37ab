/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures: those that wait, without a thread, for others to end.
 *
 * The chain of a future is a hook in each future before it and one in itself. Each hook is told
 * once, or taken back when the future has ended otherwise (cancelled, say); both count down two
 * words. When the last hook before it has been accounted for, the future is settled: queued, or
 * ended. When its own end has been accounted for as well, the references to the futures before it
 * are given back. Nothing here sleeps. */
#ifndef TN_CORE_CHAIN_H
#define TN_CORE_CHAIN_H

#include "core/hook.h"

#include <tarn_backend.h>

typedef struct tn_chain tn_chain;

/* Of the futures before one that is chained and has not ended, from the *i-th on: the next that has
 * not ended and is not TN_SEEN, with a handle, and *i moves behind it. NULL: there is none. */
tarn_future *tn_chain_unseen_before(tarn_future *future, size_t *i);

/* Takes all that wait to be queued to this executor, with a handle each. Under the mutex of the
 * registry. */
tn_chain *tn_chain_take_all(tarn_executor *executor);

/* Ends what was taken, if it has not been queued meanwhile: TARN_CANCELLED or TARN_CLOSED. */
void tn_chain_end_list(tn_chain *list, tarn_status status);

/* Both. */
void tn_chain_end_all(tarn_executor *executor, tarn_status status);

#endif
