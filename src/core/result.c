/* SPDX-License-Identifier: Apache-2.0 */

/* What a task was given, and what it gave. */
#include "core/deadline.h"
#include "core/future.h"
#include "core/status.h"
#include "core/task.h"
#include "core/wait.h"

tarn_status tarn_result(tarn_future *future, const tarn_task *task, void *result, size_t size)
{
    if (!future)
        return tn_error(TARN_INVALID, "tarn_result: future is NULL");
    bool immortal = tn_future_word(future) & TN_IMMORTAL;
    if (task && future->task != task && !immortal)
        return tn_error_format(TARN_MISMATCH,
                               "tarn_result: the future is one of task \"%s\", not of \"%s\"",
                               tn_task_name(future->task), task->name);
    size_t own = future->task ? future->task->result.size : 0;
    if (!result && size > 0)
        return tn_error(TARN_INVALID, "tarn_result: result is NULL");
    if (result && size != own && !immortal)
        return tn_error_format(TARN_INVALID,
                               "tarn_result: size is %zu, but the result of \"%s\" has %zu bytes",
                               size, tn_task_name(future->task), own);

    tarn_status status = tn_wait_one(future, TN_CLOCK_NEVER);
    if (status != TARN_OK)
        return status;
    status = tn_future_status(future);
    if (status == TARN_OK && size > 0)
        memcpy(result, tn_cell_result(future), size);
    return status;
}

const void *tarn_args(const tarn_future *future, const tarn_task *task)
{
    if (!future) {
        tn_error(TARN_INVALID, "tarn_args: future is NULL");
        return NULL;
    }
    if (task && future->task != task) {
        tn_error_format(TARN_MISMATCH, "tarn_args: the future is one of task \"%s\", not of \"%s\"",
                        tn_task_name(future->task), task->name);
        return NULL;
    }
    /* Only what was queued has a copy of its arguments: promises and refusals do not, nor does what
     * waits for another. */
    if (!future->executor || future->task->args_size == 0 || tn_future_word(future) & TN_CHAINED)
        return NULL;
    return tn_cell_payload(future);
}
