/* SPDX-License-Identifier: Apache-2.0 */
#include "core/remote.h"

#include "core/future.h"
#include "core/retry.h"
#include "core/view.h"

static bool is_special(const tarn_future *future)
{
    return tn_u32_load_relaxed(&future->state) & TN_SPECIAL;
}

void tn_remote_begin(tarn_future *future, tn_books *books)
{
    bool again = is_special(future) && tn_cell_ext(future)->attempts++ > 0;
    if (!again)
        tn_books_enter(books, TN_STARTED, 1);
    if (is_special(future))
        tn_limit_run(future);
}

void tn_remote_take_back(tarn_future *future, tn_books *books)
{
    bool again = is_special(future) && --tn_cell_ext(future)->attempts > 0;
    if (is_special(future))
        tn_limit_pause(future);
    if (!again)
        tn_books_enter(books, TN_STARTED, (size_t)0 - 1);
    tn_future_retry(future);
    /* It has not started, and is to start in time still. */
    if (!again && is_special(future))
        tn_limit_queue_again(future);
}

bool tn_remote_keep_bytes(tarn_future *future, tarn_bytes *bytes)
{
    tn_ext *ext = tn_cell_need_ext(future);
    tn_block *block = ext ? tn_block_new(bytes->size) : NULL;
    if (!block)
        return false;
    if (bytes->size > 0)
        memcpy(block->data, bytes->data, bytes->size);
    bytes->data = block->data;
    block->next = ext->memory;
    ext->memory = block;
    return true;
}

void tn_remote_decide(tarn_future *future, tarn_status status)
{
    future->status = (int16_t)status;
}

void tn_remote_explain(tarn_future *future, tarn_failure failure, char *text)
{
    failure.attempts = 1;
    tn_future_explain(future, failure, text);
    tn_remote_decide(future, failure.status);
}

void tn_remote_refuse(tarn_future *future, tarn_failure failure, char *text, tn_books *books)
{
    /* In the counts it has run, as all has that ends; but not for who asks how often. */
    tn_remote_begin(future, books);
    tn_remote_explain(future, failure, text);
    tn_ext *ext = tn_cell_ext(future);
    if (ext)
        ext->failure.attempts--;
}

bool tn_remote_crashed(tarn_future *future)
{
    if (!is_special(future))
        return false;
    tn_ext *ext = tn_cell_ext(future);
    return ++ext->crashes == ext->attempts && ext->attempts > 1;
}

bool tn_remote_would_be_tried_again(const tarn_future *future, tarn_status status)
{
    return is_special(future) && tn_retry_is_due(future, status) &&
           !(tn_u32_load_relaxed(&future->state) & TN_STOP);
}

bool tn_remote_end_untold(tarn_future *future, tn_books *books)
{
    if (!tn_future_finish_untold(future, TARN_OK))
        return false;
    tn_books_enter(books, TN_ENDED_RUN, 1);
    tn_books_enter(books, TN_ENDED_OK, 1);
    tn_cell_release(future, TN_OWNER_QUEUE);
    return true;
}

void tn_remote_end(tarn_future *future)
{
    tarn_status status = (tarn_status)future->status;
    if (is_special(future)) {
        tn_limit_pause(future);
        /* Only now it cannot be taken back any more, and what users see never becomes less. */
        if (tn_cell_ext(future)->attempts > 1)
            tn_count(future->executor, TN_RETRIED);
    }
    if (tn_remote_would_be_tried_again(future, status)) {
        tn_retry_queue(future, status);
        return;
    }
    tn_future_finish(future, status);
    tn_cell_release(future, TN_OWNER_QUEUE);
}
