/* SPDX-License-Identifier: Apache-2.0 */
#include "core/retry.h"

#include "core/future.h"
#include "core/view.h"
#include "idle_backend.h"
#include "runner.h"

/* ---- an executor that takes what is tried again, and does nothing with it ---- */

static tarn_future *taken;

static tarn_status take(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    (void)executor;
    assert_int_equal(n, 1);
    assert_true(owed);
    taken = first;
    return TARN_OK;
}

/* What has run, and is to be tried again. */
static tarn_future *new_tried(tarn_executor *executor)
{
    tarn_future *future = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_non_null(future);
    assert_true(tn_view_apply(tn_view_of(tarn_with(executor, .retries = 1)), future));
    future->executor = executor->id;
    assert_true(tn_future_start(future));
    tn_cell_ext(future)->attempts = 1;
    return future;
}

static void release(tarn_future *future)
{
    if (!tn_future_ended(future))
        tn_future_cancel(future);
    if (taken)
        tn_cell_release(future, TN_OWNER_QUEUE);
    tarn_drop(future);
}

/* Whoever asked could not cancel it, as it still ran, and waits for its end: not for its turn. */
TEST(what_was_asked_to_stop_just_before_it_is_queued_again_ends)
{
    tarn_backend backend = idle_backend;
    tarn_executor executor = {.id = 0};
    backend.submit = take;
    assert_int_equal(tarn_backend_open(&executor, &backend), TARN_OK);
    for (int asked = 0; asked < 2; asked++) {
        tarn_future *future = new_tried(&executor);
        taken = NULL;
        if (asked)
            tn_u32_or_relaxed(&future->state, TN_STOP);
        tn_retry_queue(future, TARN_LOST);
        assert_ptr_equal(taken, asked ? NULL : future);
        assert_int_equal(tn_future_ended(future), asked);
        if (asked)
            assert_int_equal(tn_future_status(future), TARN_LOST);
        release(future);
    }
    tarn_backend_close(&executor);
}
