/* SPDX-License-Identifier: Apache-2.0 */
#include "core/retry.h"

#include "core/future.h"
#include "core/view.h"

static int reason_of(tarn_status status)
{
    switch (status) {
    case TARN_FAILED:
        return TARN_RETRY_FAILED;
    case TARN_EXPIRED:
        return TARN_RETRY_EXPIRED;
    case TARN_LOST:
        return TARN_RETRY_LOST;
    default:
        return 0;
    }
}

bool tn_retry_is_due(const tarn_future *future, tarn_status status)
{
    const tn_ext *ext = tn_cell_ext(future);
    if (!ext->view || ext->body)
        return false;
    int reasons = ext->view->options.retry_on;
    return ext->attempts <= ext->view->options.retries &&
           ((reasons ? reasons : TARN_RETRY_LOST) & reason_of(status));
}

void tn_retry_queue(tarn_future *future, tarn_status status)
{
    tarn_executor *executor = tn_cell_ext(future)->view->executor.pool;
    tn_future_retry(future);
    /* Who asked it to stop while it ran still could not cancel it; whoever does so from here on can. */
    bool stopped = tn_future_word(future) & TN_STOP;
    if (!stopped && executor->backend->submit(executor, future, 1, true) == TARN_OK)
        return;
    if (tn_future_seize(future))
        tn_future_finish(future, status);
    tn_cell_release(future, TN_OWNER_QUEUE);
}
