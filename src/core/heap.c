/* SPDX-License-Identifier: Apache-2.0 */

/* Each thread takes cells from a heap of its own, without a lock. Whoever gives a cell back on
 * another thread pushes it on the `away` stack of the heap that it came from; the owner fetches
 * the whole stack when it runs out. Taking all at once is what makes the stack safe: nobody ever
 * pops a single cell, so a recycled one cannot be mistaken for its former self.
 *
 * A heap outlives its thread: it waits on the idle list for the next thread that needs one. */
#include "core/heap.h"

#include "platform/memory.h"
#include "platform/thread.h"
#include "platform/tls.h"

enum {
    FIRST_CHUNK = 64 * 1024,
    LARGEST_CHUNK = 1024 * 1024,
    HEAPS = 1 << 16, /* as many as the state word can name */
};

typedef struct heap_shelf {
    tarn_future *free;   /* given back by the owner, or fetched from `away` */
    tn_atomic_ptr away;  /* given back by other threads */
    unsigned char *next; /* the rest of the newest chunk */
    unsigned char *end;
    size_t chunk; /* bytes of the newest chunk */
} heap_shelf;

typedef struct heap {
    heap_shelf shelves[2]; /* small, large */
    uint16_t index;
    struct heap *idle; /* the next idle one */
} heap;

TN_THREAD_LOCAL(heap *, own_heap);

tn_mutex tn_heap_mutex = TN_MUTEX_INITIAL; /* of idle_heaps, heap_count */
static heap *idle_heaps;
static uint32_t heap_count;
static tn_atomic_ptr heaps[HEAPS]; /* set once, before a cell of that heap exists */
static tn_atomic_u64 footprint;

static void retire_heap(void)
{
    heap *mine = *own_heap();
    *own_heap() = NULL;
    if (!mine)
        return;
    tn_mutex_lock(&tn_heap_mutex);
    mine->idle = idle_heaps;
    idle_heaps = mine;
    tn_mutex_unlock(&tn_heap_mutex);
}

static tn_thread_end thread_end = TN_THREAD_END(retire_heap);

static heap *adopt_heap(void)
{
    if (tn_thread_end_arm(&thread_end) != 0)
        return NULL;

    tn_mutex_lock(&tn_heap_mutex);
    heap *mine = idle_heaps;
    if (mine) {
        idle_heaps = mine->idle;
    } else if (heap_count < HEAPS && (mine = tn_alloc(sizeof *mine))) {
        mine->index = (uint16_t)heap_count;
        tn_ptr_store_release(&heaps[heap_count++], mine);
    }
    tn_mutex_unlock(&tn_heap_mutex);

    *own_heap() = mine;
    return mine;
}

/* Only the link of a free cell may be touched. */
static void poison(tarn_future *cell, size_t size)
{
    size_t link = offsetof(tarn_future, link);
    size_t after = link + sizeof cell->link;
    tn_memory_poison(cell, link);
    tn_memory_poison((unsigned char *)cell + after, size - after);
}

static bool add_chunk(heap_shelf *shelf)
{
    size_t size = shelf->chunk == 0 ? FIRST_CHUNK : shelf->chunk * 2;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    unsigned char *chunk = tn_pages_map(size, 64);
    if (!chunk)
        return false;
    tn_memory_poison(chunk, size);
    shelf->chunk = size;
    shelf->next = chunk;
    shelf->end = chunk + size;
    tn_u64_add_relaxed(&footprint, size);
    return true;
}

tarn_future *tn_heap_take(bool large, uint32_t *origin)
{
    heap *mine = *own_heap();
    if (!mine && !(mine = adopt_heap()))
        return NULL;

    heap_shelf *shelf = &mine->shelves[large];
    size_t size = large ? TN_LARGE_CELL : TN_SMALL_CELL;
    tarn_future *cell = shelf->free;
    if (!cell && tn_ptr_load_relaxed(&shelf->away))
        cell = tn_ptr_exchange_acquire(&shelf->away, NULL);
    if (cell) {
        shelf->free = cell->link;
    } else {
        if (shelf->next == shelf->end && !add_chunk(shelf))
            return NULL;
        cell = (tarn_future *)(void *)shelf->next;
        shelf->next += size;
    }
    tn_memory_unpoison(cell, size);
    *origin = ((uint32_t)mine->index << TN_HOME_SHIFT) | (large ? TN_LARGE : 0);
    return cell;
}

void tn_heap_give(tarn_future *cell, uint32_t origin)
{
    bool large = origin & TN_LARGE;
    uint32_t index = origin >> TN_HOME_SHIFT;
    heap *mine = *own_heap();

    poison(cell, large ? TN_LARGE_CELL : TN_SMALL_CELL);
    if (mine && mine->index == index) {
        cell->link = mine->shelves[large].free;
        mine->shelves[large].free = cell;
        return;
    }
    heap *home = tn_ptr_load_acquire(&heaps[index]);
    tn_atomic_ptr *away = &home->shelves[large].away;
    void *top = tn_ptr_load_relaxed(away);
    do
        cell->link = top;
    while (!tn_ptr_cas_weak_release(away, &top, cell));
}

size_t tn_heap_footprint(void)
{
    return (size_t)tn_u64_load_relaxed(&footprint);
}
