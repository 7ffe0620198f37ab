/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chunk.h"

#include "core/count.h"
#include "core/future.h"
#include "core/release.h"
#include "core/run.h"
#include "core/task.h"
#include "core/view.h"
#include "platform/clock.h"
#include "platform/memory.h"

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

size_t tn_chunk_room(const tarn_task *task, size_t bytes)
{
    size_t item = task->args_size + task->result.size + 1;
    return item < bytes ? bytes / item : 1;
}

static void *item_at(const tarn_future *future, size_t i)
{
    return tn_chunk_of(future)->items + i * future->task->args_size;
}

static void *result_at(const tarn_future *future, size_t i)
{
    return tn_chunk_of(future)->results + i * future->task->result.size;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int tries_of(const tn_chunk *chunk, size_t i)
{
    return chunk->tried == i ? chunk->tries : 0;
}

static bool is_worth_a_retry(const tn_chunk *chunk, size_t i, int reason)
{
    return (chunk->retry_on & reason) && tries_of(chunk, i) < chunk->retries;
}

static void note_try(tn_chunk *chunk, size_t i)
{
    chunk->tries = tries_of(chunk, i) + 1;
    chunk->tried = i;
}

/* What is left to be freed: the text, if there is no memory to keep it. */
static char *keep_text(tn_chunk *chunk, size_t i, char *text)
{
    if (text && !chunk->texts)
        chunk->texts = tn_alloc_array(chunk->room, sizeof *chunk->texts);
    if (!text || !chunk->texts)
        return text;
    chunk->texts[i] = text;
    return NULL;
}

/* What halted the loop after item number done - 1. */
static void look_at_item(tarn_future *future, tn_frame *frame, uint32_t halt)
{
    tn_chunk *chunk = tn_chunk_of(future);
    tn_ext *ext = tn_cell_ext(future);
    size_t i = chunk->done - 1;
    bool stopped = tn_run_is_asked_to_stop(tn_context_here(), frame);
    bool failed = frame->failed;
    tarn_status status = failed ? TARN_FAILED : stopped ? TARN_STOPPED : TARN_EXPIRED;
    int reason = failed ? TARN_RETRY_FAILED : TARN_RETRY_EXPIRED;
    bool wanted = !stopped && !(halt & TN_HALT_ABANDONED);
    char *text = ext->text;

    ext->text = NULL;
    frame->failed = frame->told = false;
    if (!failed)
        tn_release_result(future->task, result_at(future, i));
    if (wanted && is_worth_a_retry(chunk, i, reason)) {
        note_try(chunk, i);
        /* First the limit of the former try: it must not be told to this one. */
        tn_limit_pause(future);
        tn_u32_and_relaxed(&future->state, ~TN_OVERDUE);
        tn_limit_run(future);
        tn_count(future->executor, TN_RETRIED);
        tn_size_store_release(&chunk->done, i);
    } else {
        chunk->statuses[i] = (int8_t)status;
        chunk->all_ok = false;
        text = keep_text(chunk, i, text);
    }
    tn_free(text);
    /* release: the status, for tn_chunk_known(). */
    tn_u32_and_release(&chunk->halt, ~halt | TN_HALT_ABANDONED);
}

/* What TARN_TASK() would have generated. */
static void loop(const tarn_task *task, const unsigned char *args, unsigned char *results, size_t n,
                 size_t *done, const tn_atomic_u32 *halt)
{
    while (*done < n && tn_u32_load_relaxed(halt) == 0) {
        task->call(args + *done * task->args_size, results + *done * task->result.size);
        tn_size_store_release(done, *done + 1);
    }
}

static void call_items(const tarn_task *task, tn_chunk *chunk)
{
    if (task->loop)
        task->loop(chunk->items, chunk->results, chunk->count, &chunk->done,
                   (const int *)(const void *)&chunk->halt);
    else
        loop(task, chunk->items, chunk->results, chunk->count, &chunk->done, &chunk->halt);
}

static void run(tarn_future *future, tn_frame *frame)
{
    tn_context *context = tn_context_here();
    tn_chunk *chunk = tn_chunk_of(future);
    size_t depth = context->depth;
    int64_t began = tn_clock_now();
    uint32_t halt = 0;
    frame->halt = &chunk->halt;
    while (chunk->done < chunk->count && !(halt & TN_HALT_ABANDONED)) {
        call_items(future->task, chunk);
        /* A wait in an item may have moved the frames. */
        frame = &context->frames[depth - 1];
        halt = tn_u32_load_relaxed(&chunk->halt);
        if (halt & (TN_HALT_FAILED | TN_HALT_TOLD))
            look_at_item(future, frame, halt);
    }
    chunk->ns = tn_clock_now() - began;
    frame->halt = NULL;
    tn_run_keep_memory(frame);
}

/* ---- Making and freeing ---------------------------------------------------------------------- */

static void release_contents(const tarn_future *future)
{
    const tn_chunk *chunk = tn_chunk_of(future);
    for (size_t i = chunk->taken; i < chunk->done && i < chunk->count; i++) {
        if (chunk->statuses[i] == TARN_OK)
            tn_release_result(future->task, result_at(future, i));
    }
    for (size_t i = 0; i < chunk->count; i++)
        tn_release_args(future->task, item_at(future, i), true);
}

static void dispose(tarn_future *future)
{
    tn_chunk *chunk = tn_chunk_of(future);
    if (tn_owns_anything(future->task))
        release_contents(future);
    tn_block_free_all(chunk->inputs, NULL);
    for (size_t i = 0; chunk->texts && i < chunk->room; i++)
        tn_free(chunk->texts[i]);
    tn_free(chunk->texts);
}

static const tn_body body = {run, dispose};

tarn_future *tn_chunk_new(const tarn_task *task, size_t room)
{
    size_t items = aligned(sizeof(tn_chunk)), results = items + aligned(room * task->args_size);
    size_t statuses = results + room * task->result.size;
    tarn_future *future = tn_cell_new(task, 0, TN_OWNER_QUEUE);
    if (!future)
        return NULL;
    tn_ext *ext = tn_cell_need_ext(future);
    unsigned char *bytes = ext ? tn_alloc_bare(statuses + room) : NULL;
    if (!bytes) {
        tn_cell_release(future, TN_OWNER_QUEUE);
        tn_cell_release(future, TN_HANDLE);
        return NULL;
    }
    ext->payload = bytes;
    ext->body = &body;
    tn_u32_or_relaxed(&future->state, TN_SPECIAL);
    *tn_chunk_of(future) = (tn_chunk){.room = room,
                                      .all_ok = true,
                                      .items = bytes + items,
                                      .results = bytes + results,
                                      .statuses = (int8_t *)(bytes + statuses)};
    memset(bytes + statuses, TARN_OK, room);
    return future;
}

size_t tn_chunk_reached(const tarn_future *future)
{
    const tn_chunk *chunk = tn_chunk_of(future);
    if (tn_future_status(future) != TARN_FAILED)
        return chunk->count;
    bool again = is_worth_a_retry(chunk, chunk->done, TARN_RETRY_FAILED) &&
                 !(tn_future_word(future) & TN_STOP);
    return again ? chunk->done : chunk->done + 1;
}

size_t tn_chunk_known(const tarn_future *future)
{
    const tn_chunk *chunk = tn_chunk_of(future);
    size_t done = tn_size_load_acquire(&chunk->done);
    /* In this order: the latest call said that it failed before it was counted, and its status is
     * there when that is taken back. Unless it was taken back to try it again. */
    uint32_t halt = tn_u32_load_acquire(&chunk->halt);
    bool latest = chunk->retries == 0 && !(halt & (TN_HALT_FAILED | TN_HALT_TOLD));
    return latest || done == 0 ? done : done - 1;
}

void *tn_chunk_place(tarn_future *future)
{
    return item_at(future, tn_chunk_of(future)->count);
}

tarn_status tn_chunk_add(tarn_future *future)
{
    const tarn_task *task = future->task;
    void *item = tn_chunk_place(future);
    tn_needs needs = tn_task_needs(task, item);
    if (needs.bytes == SIZE_MAX)
        return TARN_INVALID;
    if (needs.bytes > 0) {
        tn_block *block = tn_block_new(needs.bytes);
        if (!block)
            return TARN_NO_MEMORY;
        tn_task_copy_bytes(task, item, block->data);
        block->next = tn_chunk_of(future)->inputs;
        tn_chunk_of(future)->inputs = block;
    }
    if (needs.owning)
        tn_hold_args(task, item);
    tn_chunk_of(future)->count++;
    return TARN_OK;
}

void tn_chunk_add_plain(tarn_future *future, const void *items, size_t n)
{
    memcpy(tn_chunk_place(future), items, n * future->task->args_size);
    tn_chunk_of(future)->count += n;
}

void tn_chunk_move(tarn_future *future, size_t from, tarn_future *rest)
{
    tn_chunk *chunk = tn_chunk_of(future);
    if (from == chunk->done) {
        tn_chunk_of(rest)->tries = tries_of(chunk, from);
        note_try(tn_chunk_of(rest), 0);
        tn_count(future->executor, TN_RETRIED);
    }
    /* Either chunk may be the last to go, and releases its own items then. */
    tn_block **last = &tn_chunk_of(rest)->inputs;
    for (size_t i = from; i < chunk->count; i++) {
        if (tn_task_needs(future->task, item_at(future, i)).bytes > 0) {
            *last = chunk->inputs;
            chunk->inputs = chunk->inputs->next;
            last = &(*last)->next;
            *last = NULL;
        }
    }
    tn_chunk_add_plain(rest, item_at(future, from), chunk->count - from);
    chunk->count = from;
}
