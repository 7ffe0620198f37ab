/* SPDX-License-Identifier: Apache-2.0 */

/* A promise is its future's cell, seen with the right to end it. */
#include "core/future.h"
#include "core/release.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/memory.h"

#include <stdarg.h>

static tarn_future *cell_of(tarn_promise *promise)
{
    return (tarn_future *)(void *)promise;
}

static bool is_bytes(const tarn_task *task)
{
    return task && task->result.kind == TARN_KIND_BYTES;
}

tarn_promise *tarn_promise_new(const tarn_task *task)
{
    if (task && tn_task_check(task, "tarn_promise_new") != TARN_OK)
        return NULL;
    tarn_future *cell = tn_cell_new(task, task ? tn_layout_of(task).size : 0, TN_OWNER_PROMISE);
    if (!cell)
        goto no_memory;
    bool owning = task && tn_owns_anything(task);
    tn_u32_or_relaxed(&cell->state, owning ? TN_PROMISE | TN_OWNING : TN_PROMISE);
    /* The promise is the first owner; handles are made on demand. */
    tn_cell_release(cell, TN_HANDLE);
    /* Had now, so that setting a value fails before it begins or not at all. */
    if (is_bytes(task) && !tn_cell_need_ext(cell)) {
        tn_cell_release(cell, TN_OWNER_PROMISE);
        goto no_memory;
    }
    return (tarn_promise *)(void *)cell;

no_memory:
    tn_error(TARN_NO_MEMORY, "tarn_promise_new: no memory");
    return NULL;
}

tarn_future *tarn_promise_future(tarn_promise *promise)
{
    if (!promise) {
        tn_error(TARN_INVALID, "tarn_promise_future: promise is NULL");
        return NULL;
    }
    return tarn_hold(cell_of(promise));
}

/* Takes the right to end it; otherwise says why not. */
static tarn_status seize(tarn_future *cell, const char *call)
{
    if (tn_future_seize(cell))
        return TARN_OK;
    if ((tn_future_word(cell) & TN_STATE_MASK) == TN_CANCELLED)
        return tn_error_format(TARN_CANCELLED, "%s: the future was cancelled", call);
    return tn_error_format(TARN_INVALID, "%s: the promise has ended its future already", call);
}

/* A copy of a tarn_bytes value, as tarn_result_memory() would hold it. */
static tn_block *copy_block(const tarn_bytes *bytes)
{
    tn_block *block = tn_block_new(bytes->size);
    if (block && bytes->size > 0)
        memcpy(block->data, bytes->data, bytes->size);
    return block;
}

tarn_status tarn_promise_set(tarn_promise *promise, const void *value, size_t size)
{
    if (!promise)
        return tn_error(TARN_INVALID, "tarn_promise_set: promise is NULL");
    tarn_future *cell = cell_of(promise);
    const tarn_task *task = cell->task;
    size_t own = task ? task->result.size : 0;
    if (size != own)
        return tn_error_format(
            TARN_INVALID, "tarn_promise_set: size is %zu, but the value has %zu bytes", size, own);
    if (!value && size > 0)
        return tn_error(TARN_INVALID, "tarn_promise_set: value is NULL");

    tn_block *block = NULL;
    tarn_bytes bytes;
    if (is_bytes(task)) {
        memcpy(&bytes, value, sizeof bytes);
        if (!bytes.data && bytes.size > 0)
            return tn_error(TARN_INVALID, "tarn_promise_set: value has no data for its size");
        block = copy_block(&bytes);
        if (!block)
            return tn_error(TARN_NO_MEMORY, "tarn_promise_set: no memory");
        bytes.data = block->data;
        value = &bytes;
    }
    tarn_status status = seize(cell, "tarn_promise_set");
    if (status != TARN_OK) {
        tn_free(block);
        return status;
    }
    if (block)
        tn_cell_ext(cell)->memory = block;
    if (size > 0)
        memcpy(tn_cell_result(cell), value, size);
    tn_future_finish(cell, TARN_OK);
    return TARN_OK;
}

tarn_status tarn_promise_fail(tarn_promise *promise, int code, const char *format, ...)
{
    if (!promise)
        return tn_error(TARN_INVALID, "tarn_promise_fail: promise is NULL");
    if (!format)
        return tn_error(TARN_INVALID, "tarn_promise_fail: format is NULL");
    tarn_future *cell = cell_of(promise);
    tarn_status status = seize(cell, "tarn_promise_fail");
    if (status != TARN_OK)
        return status;

    va_list arguments;
    va_start(arguments, format);
    char *text = tn_text_format(format, arguments);
    va_end(arguments);
    tn_future_explain(cell, (tarn_failure){.status = TARN_FAILED, .code = code, .worker = -1},
                      text);
    tn_future_finish(cell, TARN_FAILED);
    return TARN_OK;
}

void tarn_promise_drop(tarn_promise *promise)
{
    if (!promise)
        return;
    tarn_future *cell = cell_of(promise);
    tn_future_cancel(cell);
    tn_cell_release(cell, TN_OWNER_PROMISE);
}
