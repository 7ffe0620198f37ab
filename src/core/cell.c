/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cell.h"

#include "core/heap.h"
#include "core/release.h"
#include "platform/memory.h"

tn_block *tn_block_new(size_t size)
{
    tn_block *block = size <= SIZE_MAX / 2 ? tn_alloc(sizeof *block + size) : NULL;
    if (block)
        block->size = size;
    return block;
}

tn_block *tn_block_free_all(tn_block *blocks, const void *kept)
{
    tn_block *found = NULL;
    while (blocks) {
        tn_block *block = blocks;
        blocks = blocks->next;
        uintptr_t start = (uintptr_t)block->data, at = (uintptr_t)kept;
        if (kept && at >= start && at - start <= block->size) {
            found = block;
            found->next = NULL;
        } else {
            tn_free(block);
        }
    }
    return found;
}

tarn_future *tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners)
{
    uint32_t origin;
    tarn_future *cell =
        tn_heap_take(payload > TN_SMALL_PAYLOAD && payload <= TN_LARGE_PAYLOAD, &origin);
    if (!cell)
        return NULL;
    tn_u32_set(&cell->state, TN_PENDING | origin);
    tn_u32_set(&cell->owners, TN_HANDLE | owners);
    cell->executor = 0;
    cell->status = TARN_OK;
    tn_u16_set(&cell->runner, TN_NO_RUNNER);
    cell->link = NULL;
    cell->task = task;
    cell->hooks = NULL;
    tn_ptr_set(&cell->ext, NULL);

    if (payload > TN_LARGE_PAYLOAD) {
        tn_ext *ext = tn_cell_need_ext(cell);
        if (!ext || !(ext->payload = tn_alloc(payload))) {
            tn_u32_set(&cell->owners, TN_HANDLE);
            tn_cell_release(cell, TN_HANDLE);
            return NULL;
        }
    }
    return cell;
}

/* What it owns: its result if it ended well, and its arguments, if it ever had any. */
static void release_contents(const tarn_future *cell, uint32_t state)
{
    const tarn_task *task = cell->task;
    const tn_ext *ext = tn_cell_ext(cell);
    if ((state & TN_STATE_MASK) == TN_FINISHED && cell->status == TARN_OK)
        tn_release_result(task, tn_cell_result(cell));
    if (!(state & (TN_PROMISE | TN_CHAINED)))
        tn_release_args(task, tn_cell_payload(cell), !ext || !ext->chain);
}

static void free_cell(tarn_future *cell)
{
    uint32_t state = tn_u32_load_relaxed(&cell->state);
    if (state & TN_OWNING)
        release_contents(cell, state);
    tn_ext *ext = tn_cell_ext(cell);
    if (ext) {
        if (ext->body)
            ext->body->dispose(cell);
        tn_block_free_all(ext->memory, NULL);
        tn_free(ext->payload);
        tn_free(ext->text);
        tn_free(ext->limit);
        tn_free(ext->chain);
        tn_free(ext);
    }
    tn_heap_give(cell, state);
}

void tn_cell_release(tarn_future *cell, uint32_t owner)
{
    if (tn_u32_load_relaxed(&cell->state) & TN_IMMORTAL)
        return;
    /* The only owner left has nobody to race with; acquire, to see what the former ones wrote. */
    if (tn_u32_load_acquire(&cell->owners) == owner ||
        tn_u32_sub_acq_rel(&cell->owners, owner) == owner)
        free_cell(cell);
}

bool tn_cell_hold(tarn_future *cell)
{
    if (tn_u32_load_relaxed(&cell->state) & TN_IMMORTAL)
        return true;
    uint32_t owners = tn_u32_load_relaxed(&cell->owners);
    do {
        if ((owners & TN_HANDLES) == TN_HANDLES)
            return false;
    } while (!tn_u32_cas_weak_relaxed(&cell->owners, &owners, owners + TN_HANDLE));
    return true;
}

tn_ext *tn_cell_need_ext(tarn_future *cell)
{
    tn_ext *ext = tn_cell_ext(cell);
    if (!ext && (ext = tn_alloc(sizeof *ext)))
        tn_ptr_store_release(&cell->ext, ext);
    return ext;
}
