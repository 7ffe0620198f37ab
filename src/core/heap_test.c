/* SPDX-License-Identifier: Apache-2.0 */
#include "core/heap.h"

#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "runner.h"

#include <string.h>

#if TN_ASAN
#include <sanitizer/asan_interface.h>
#elif TN_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

enum { STACK = 256 * 1024, LARGEST_CHUNK = 1024 * 1024 };

/* ---- failures of the system ---- */

void *__wrap_tn_pages_map(size_t size, size_t alignment);
void *__real_tn_pages_map(size_t size, size_t alignment);
void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);

static bool no_pages;
static tn_atomic_u32 no_blocks;

void *__wrap_tn_pages_map(size_t size, size_t alignment)
{
    return no_pages ? NULL : __real_tn_pages_map(size, alignment);
}

void *__wrap_tn_alloc(size_t size)
{
    return tn_u32_load_relaxed(&no_blocks) ? NULL : __real_tn_alloc(size);
}

/* ---- helpers ---- */

static void run_thread(void (*run)(void *data), void *data)
{
    tn_thread thread;
    assert_int_equal(tn_thread_start(&thread, STACK, "heap-test", run, data), 0);
    tn_thread_join(thread);
}

/* Cells in a list by `link`, which is free for use while they are taken. */
typedef struct cells {
    tarn_future *first;
    size_t count;
    bool large;
    uint32_t origin; /* the same for all: they come from one heap */
    bool failed;
} cells;

static void take_cells(void *data)
{
    cells *all = data;
    all->first = NULL;
    for (size_t i = 0; i < all->count; i++) {
        tarn_future *cell = tn_heap_take(all->large, &all->origin);
        if (!cell) {
            all->failed = true;
            return;
        }
        cell->link = all->first;
        all->first = cell;
    }
}

static void give_cells(void *data)
{
    cells *all = data;
    while (all->first) {
        tarn_future *cell = all->first;
        all->first = cell->link;
        tn_heap_give(cell, all->origin);
    }
}

static void take_and_give_cells(void *data)
{
    take_cells(data);
    give_cells(data);
}

/* ---- size ---- */

static void take_many(bool large, size_t size)
{
    size_t before = tn_heap_footprint();
    cells all = {.count = test_count(1000000), .large = large};
    take_cells(&all);
    size_t taken = tn_heap_footprint() - before;
    give_cells(&all);
    assert_false(all.failed);
    assert_true(taken <= all.count * size + LARGEST_CHUNK);
}

TEST(a_million_small_cells_take_64_bytes_each)
{
    take_many(false, 64);
}

TEST(a_million_large_cells_take_128_bytes_each)
{
    take_many(true, 128);
}

TEST(the_footprint_counts_what_was_taken)
{
    size_t before = tn_heap_footprint();
    cells all = {.count = 100000};
    take_cells(&all);
    size_t after = tn_heap_footprint();
    give_cells(&all);
    /* At most the cells of earlier tests were there already. */
    assert_true(after >= all.count * 64);
    assert_true(after >= before);
}

TEST(recycling_keeps_the_footprint)
{
    cells all = {.count = test_count(200000)};
    take_and_give_cells(&all);
    size_t footprint = tn_heap_footprint();
    for (int i = 0; i < 10; i++)
        take_and_give_cells(&all);
    assert_false(all.failed);
    assert_int_equal(tn_heap_footprint(), footprint);
}

/* ---- one cell ---- */

TEST(cells_are_aligned_apart_and_whole)
{
    enum { COUNT = 300 };
    tarn_future *taken[COUNT];
    uint32_t origins[COUNT];
    for (int i = 0; i < COUNT; i++) {
        taken[i] = tn_heap_take(i % 2, &origins[i]);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % 64, 0);
        memset(taken[i], i % 251, i % 2 ? TN_LARGE_CELL : TN_SMALL_CELL);
    }
    for (int i = 0; i < COUNT; i++) {
        const unsigned char *bytes = (const unsigned char *)taken[i];
        for (size_t j = 0; j < (i % 2 ? TN_LARGE_CELL : TN_SMALL_CELL); j++)
            assert_int_equal(bytes[j], i % 251);
    }
    for (int i = 0; i < COUNT; i++)
        tn_heap_give(taken[i], origins[i]);
}

TEST(the_origin_leaves_the_other_bits_of_the_state_alone)
{
    uint32_t small, large;
    tarn_future *one = tn_heap_take(false, &small), *other = tn_heap_take(true, &large);
    assert_int_equal(small & ((1u << TN_HOME_SHIFT) - 1), 0);
    assert_int_equal(large & ((1u << TN_HOME_SHIFT) - 1), TN_LARGE);
    assert_int_equal(small >> TN_HOME_SHIFT, large >> TN_HOME_SHIFT);

    /* All the other bits set: the cell goes to the same place. */
    tn_heap_give(one, small | (0xffffu & ~TN_LARGE));
    tn_heap_give(other, large | 0xffffu);
    uint32_t again;
    assert_ptr_equal(tn_heap_take(false, &again), one);
    assert_ptr_equal(tn_heap_take(true, &again), other);
    tn_heap_give(one, small);
    tn_heap_give(other, large);
}

/* ---- several threads ---- */

TEST(cells_given_back_on_another_thread_come_home)
{
    cells all = {.count = 10000};
    take_cells(&all);
    run_thread(give_cells, &all);
    size_t footprint = tn_heap_footprint();
    for (int i = 0; i < 50; i++) {
        take_cells(&all);
        run_thread(give_cells, &all);
    }
    assert_false(all.failed);
    assert_int_equal(tn_heap_footprint(), footprint);
}

static void take_one(void *data)
{
    cells *one = data;
    one->first = tn_heap_take(false, &one->origin);
}

/* While the caller's heap is in use, the other thread has another one. */
TEST(a_thread_never_takes_from_the_heap_of_another)
{
    uint32_t own;
    tarn_future *mine = tn_heap_take(false, &own);
    tn_heap_give(mine, own);

    cells other = {0};
    run_thread(take_one, &other);
    assert_non_null(other.first);
    assert_ptr_not_equal(other.first, mine);
    assert_int_not_equal(other.origin >> TN_HOME_SHIFT, own >> TN_HOME_SHIFT);

    /* Given back here, it is not for us. */
    tn_heap_give(other.first, other.origin);
    uint32_t again;
    assert_ptr_equal(tn_heap_take(false, &again), mine);
    assert_int_equal(again, own);
    tn_heap_give(mine, own);
}

TEST(the_heap_of_a_dead_thread_is_adopted)
{
    cells all = {.count = 20000};
    run_thread(take_and_give_cells, &all);
    size_t footprint = tn_heap_footprint();
    uint32_t origin = all.origin;
    for (int i = 0; i < 50; i++) {
        run_thread(take_and_give_cells, &all);
        assert_int_equal(all.origin, origin);
    }
    assert_int_equal(tn_heap_footprint(), footprint);
}

TEST(cells_that_outlive_their_thread_go_to_the_next_one)
{
    cells all = {.count = 20000};
    run_thread(take_cells, &all);
    give_cells(&all);
    size_t footprint = tn_heap_footprint();
    for (int i = 0; i < 20; i++) {
        run_thread(take_cells, &all);
        assert_false(all.failed);
        give_cells(&all);
    }
    assert_int_equal(tn_heap_footprint(), footprint);
}

/* Cells wander over a board of places: whoever finds a cell looks whether anybody else had it. */
enum { PLACES = 64, WANDERERS = 3 };

typedef struct board {
    tn_atomic_ptr places[PLACES];
    size_t rounds;
    tn_atomic_u32 spoiled;
} board;

static void write_cell(tarn_future *cell, uint32_t origin)
{
    uint32_t *words = (uint32_t *)(void *)cell;
    for (size_t i = 0; i < TN_SMALL_CELL / sizeof *words; i++)
        words[i] = origin;
}

static bool check_and_give(tarn_future *cell)
{
    const uint32_t *words = (const uint32_t *)(const void *)cell;
    uint32_t origin = words[0];
    bool whole = true;
    for (size_t i = 0; i < TN_SMALL_CELL / sizeof *words; i++)
        whole = whole && words[i] == origin;
    tn_heap_give(cell, origin);
    return whole;
}

static void wander(void *data)
{
    board *b = data;
    uint32_t place = 0;
    for (size_t i = 0; i < b->rounds; i++) {
        uint32_t origin;
        tarn_future *cell = tn_heap_take(false, &origin);
        if (!cell)
            continue;
        write_cell(cell, origin);
        place = (place * 5 + 3 + (uint32_t)i) % PLACES;
        void *there = tn_ptr_load_relaxed(&b->places[place]);
        while (!tn_ptr_cas_weak_acq_rel(&b->places[place], &there, cell))
            continue;
        if (there && !check_and_give(there))
            tn_u32_store_relaxed(&b->spoiled, 1);
    }
}

TEST(no_cell_is_handed_out_twice)
{
    static board b;
    b.rounds = test_count(200000);
    tn_thread threads[WANDERERS];
    for (int i = 0; i < WANDERERS; i++)
        assert_int_equal(tn_thread_start(&threads[i], STACK, "wanderer", wander, &b), 0);
    for (int i = 0; i < WANDERERS; i++)
        tn_thread_join(threads[i]);
    for (int i = 0; i < PLACES; i++) {
        tarn_future *cell = tn_ptr_exchange_acquire(&b.places[i], NULL);
        if (cell)
            assert_true(check_and_give(cell));
    }
    assert_int_equal(tn_u32_load_relaxed(&b.spoiled), 0);
}

/* ---- without memory ---- */

TEST(without_pages_there_is_no_cell_until_there_are_some)
{
    cells all = {.count = SIZE_MAX};
    no_pages = true;
    size_t footprint = tn_heap_footprint();
    take_cells(&all);
    no_pages = false;
    assert_true(all.failed);
    assert_int_equal(tn_heap_footprint(), footprint);

    uint32_t origin;
    tarn_future *cell = tn_heap_take(false, &origin);
    assert_non_null(cell);
    tn_heap_give(cell, origin);
    give_cells(&all);
}

/* Takes a cell without memory for a heap, and keeps the heap that it had it from, if any. */
typedef struct holder {
    tn_thread thread;
    tn_atomic_u32 has, go;
    bool failed;
} holder;

static void hold_a_heap(void *data)
{
    holder *h = data;
    uint32_t origin;
    tn_u32_store_relaxed(&no_blocks, 1);
    tarn_future *cell = tn_heap_take(false, &origin);
    tn_u32_store_relaxed(&no_blocks, 0);
    h->failed = !cell;
    tn_u32_store_release(&h->has, 1);
    tn_futex_wake(&h->has, 1);
    while (tn_u32_load_acquire(&h->go) == 0)
        tn_futex_wait(&h->go, 0, INT64_MAX);
    if (cell)
        tn_heap_give(cell, origin);
}

TEST(without_a_heap_there_is_no_cell)
{
    /* Other tests leave some heaps idle, as many as threads they had at once. */
    enum { MORE_THAN_IDLE = WANDERERS + 2 };
    static holder holders[MORE_THAN_IDLE];
    int count = 0;
    while (count < MORE_THAN_IDLE && (count == 0 || !holders[count - 1].failed)) {
        holder *h = &holders[count++];
        assert_int_equal(tn_thread_start(&h->thread, STACK, "holder", hold_a_heap, h), 0);
        while (tn_u32_load_acquire(&h->has) == 0)
            tn_futex_wait(&h->has, 0, INT64_MAX);
    }
    bool failed = holders[count - 1].failed;
    for (int i = 0; i < count; i++) {
        tn_u32_store_release(&holders[i].go, 1);
        tn_futex_wake(&holders[i].go, 1);
        tn_thread_join(holders[i].thread);
    }
    assert_true(failed);

    cells all = {.count = 1};
    run_thread(take_and_give_cells, &all);
    assert_false(all.failed);
}

/* ---- marks for the tools ---- */

#if TN_ASAN
static bool tool_watches(void)
{
    return true;
}

static bool is_poisoned(const void *byte)
{
    return __asan_address_is_poisoned(byte);
}
#elif TN_HAVE_VALGRIND
static bool tool_watches(void)
{
    return RUNNING_ON_VALGRIND;
}

static bool is_poisoned(const void *byte)
{
    VALGRIND_DISABLE_ERROR_REPORTING;
    bool poisoned = VALGRIND_CHECK_MEM_IS_ADDRESSABLE(byte, 1) != 0;
    VALGRIND_ENABLE_ERROR_REPORTING;
    return poisoned;
}
#else
static bool tool_watches(void)
{
    return false;
}

static bool is_poisoned(const void *byte)
{
    (void)byte;
    return false;
}
#endif

static void check_poison(bool large, size_t size)
{
    uint32_t origin;
    tarn_future *cell = tn_heap_take(large, &origin);
    const unsigned char *bytes = (const unsigned char *)cell;
    for (size_t i = 0; i < size; i++)
        assert_false(is_poisoned(bytes + i));

    tn_heap_give(cell, origin);
    size_t link = offsetof(tarn_future, link);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(is_poisoned(bytes + i), i < link || i >= link + sizeof cell->link);

    assert_ptr_equal(tn_heap_take(large, &origin), cell);
    for (size_t i = 0; i < size; i++)
        assert_false(is_poisoned(bytes + i));
    tn_heap_give(cell, origin);
}

TEST(a_free_cell_is_poisoned_but_for_its_link)
{
    if (!tool_watches())
        skip();
    check_poison(false, TN_SMALL_CELL);
    check_poison(true, TN_LARGE_CELL);
}

TEST(what_was_never_handed_out_is_poisoned)
{
    if (!tool_watches())
        skip();
    cells all = {.count = 100000};
    take_cells(&all);
    /* The newest cell of the newest chunk; unless it is the last one, the next follows it. */
    size_t poisoned = 0;
    for (tarn_future *cell = all.first; cell; cell = cell->link)
        poisoned += is_poisoned((const unsigned char *)cell + TN_SMALL_CELL);
    give_cells(&all);
    assert_true(poisoned > 0);
}
