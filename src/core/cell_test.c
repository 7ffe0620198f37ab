/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cell.h"

#include "core/heap.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

/* ---- failures of the system ---- */

void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);
void __wrap_tn_free(void *block);
void __real_tn_free(void *block);

static int allowed_blocks = -1; /* how many more there are; -1: no limit */
static size_t blocks;           /* allocated and not freed */

void *__wrap_tn_alloc(size_t size)
{
    if (allowed_blocks == 0)
        return NULL;
    if (allowed_blocks > 0)
        allowed_blocks--;
    void *block = __real_tn_alloc(size);
    blocks += block != NULL;
    return block;
}

void __wrap_tn_free(void *block)
{
    blocks -= block != NULL;
    __real_tn_free(block);
}

/* A small cell that was given back last is the next to be taken. */
static bool was_freed(const tarn_future *cell)
{
    tarn_future *next = tn_cell_new(NULL, 0, 0);
    bool same = next == cell;
    tn_cell_release(next, TN_HANDLE);
    return same;
}

/* How many blocks there are, with this thread's heap among them. */
static size_t blocks_now(void)
{
    tn_cell_release(tn_cell_new(NULL, 0, 0), TN_HANDLE);
    return blocks;
}

/* ---- layout ---- */

_Static_assert(offsetof(tarn_future, state) == 0, "the state comes first");
_Static_assert(alignof(tarn_future) == 16, "the payload is aligned for every task");
_Static_assert(sizeof(tarn_future) % 16 == 0, "the payload follows the header");
_Static_assert((TN_HANDLES &
                (TN_OWNER_QUEUE | TN_OWNER_CLAIM | TN_OWNER_HOOKS | TN_OWNER_PROMISE)) == 0,
               "handles are counted below the other owners");
_Static_assert((TN_OWNER_QUEUE ^ TN_OWNER_CLAIM ^ TN_OWNER_HOOKS ^ TN_OWNER_PROMISE) ==
                   (TN_OWNER_QUEUE | TN_OWNER_CLAIM | TN_OWNER_HOOKS | TN_OWNER_PROMISE),
               "each other owner has a bit of its own");
_Static_assert((TN_WAITER ^ TN_HOOK_LOCK ^ TN_HOOKS ^ TN_STOP ^ TN_SEIZED ^ TN_PROMISE ^
                TN_IMMORTAL ^ TN_LARGE) == 0x3fcu,
               "the bits of the state are all different, beside its two low ones");
_Static_assert((TN_FINISHED & TN_CANCELLED) == TN_FINISHED &&
                   !((TN_PENDING | TN_RUNNING) & TN_FINISHED),
               "one bit says that it has ended");

static void check_class(size_t payload, bool large, bool outside)
{
    tarn_future *cell = tn_cell_new(NULL, payload, 0);
    assert_non_null(cell);
    assert_int_equal((tn_u32_load_relaxed(&cell->state) & TN_LARGE) != 0, large);
    unsigned char *bytes = tn_cell_payload(cell);
    assert_int_equal(bytes != (unsigned char *)cell + 48, outside);
    assert_int_equal((uintptr_t)bytes % 16, 0);
    memset(bytes, 0xff, payload);
    tn_cell_release(cell, TN_HANDLE);
}

TEST(the_payload_decides_the_class)
{
    size_t before = blocks_now();
    check_class(0, false, false);
    check_class(TN_SMALL_PAYLOAD, false, false);
    check_class(TN_SMALL_PAYLOAD + 1, true, false);
    check_class(TN_LARGE_PAYLOAD, true, false);
    check_class(TN_LARGE_PAYLOAD + 1, false, true);
    check_class((size_t)10 << 20, false, true);
    assert_int_equal(blocks, before);
}

TEST(a_new_cell_is_pending_and_empty_also_when_used_again)
{
    size_t before = blocks_now();
    for (int i = 0; i < 3; i++) {
        static const tarn_task task = {.size = sizeof task};
        tarn_future *cell = tn_cell_new(&task, 8, TN_OWNER_QUEUE);
        uint32_t state = tn_u32_load_relaxed(&cell->state);
        assert_int_equal(state & ((1u << TN_HOME_SHIFT) - 1), TN_PENDING);
        assert_int_equal(tn_u32_load_relaxed(&cell->owners), TN_HANDLE | TN_OWNER_QUEUE);
        assert_int_equal(cell->executor, 0);
        assert_int_equal(cell->status, TARN_OK);
        assert_int_equal(tn_u16_load_relaxed(&cell->runner), TN_NO_RUNNER);
        assert_null(cell->link);
        assert_ptr_equal(cell->task, &task);
        assert_null(cell->hooks);
        assert_null(tn_cell_ext(cell));

        /* What the next one must not inherit. */
        cell->executor = 7;
        cell->status = TARN_FAILED;
        tn_u16_store_relaxed(&cell->runner, 9);
        cell->link = cell;
        tn_u32_or_relaxed(&cell->state, TN_FINISHED | TN_STOP | TN_WAITER | TN_PROMISE);
        assert_non_null(tn_cell_need_ext(cell));
        tn_cell_release(cell, TN_OWNER_QUEUE);
        tn_cell_release(cell, TN_HANDLE);
    }
    assert_int_equal(blocks, before);
}

/* ---- owners ---- */

static const uint32_t kinds[] = {TN_HANDLE, TN_OWNER_QUEUE, TN_OWNER_CLAIM, TN_OWNER_HOOKS,
                                 TN_OWNER_PROMISE};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Every set of owners, given back in an order that depends on the first. */
TEST(the_last_owner_of_whatever_kind_frees_the_cell)
{
    for (uint32_t set = 1; set < 1u << KINDS; set++) {
        for (int first = 0; first < KINDS; first++) {
            uint32_t owners = 0, left = 0;
            for (int i = 0; i < KINDS; i++) {
                if (set & 1u << i) {
                    owners |= kinds[i];
                    left++;
                }
            }
            tarn_future *cell = tn_cell_new(NULL, 0, 0);
            tn_u32_set(&cell->owners, owners);
            for (int i = 0; i < KINDS; i++) {
                int kind = (first + i) % KINDS;
                if (!(set & 1u << kind))
                    continue;
                tn_cell_release(cell, kinds[kind]);
                left--;
                assert_int_equal(was_freed(cell), left == 0);
            }
        }
    }
}

TEST(each_handle_counts)
{
    tarn_future *cell = tn_cell_new(NULL, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(tn_cell_hold(cell));
    for (int i = 0; i < 1000; i++) {
        tn_cell_release(cell, TN_HANDLE);
        assert_false(was_freed(cell));
    }
    tn_cell_release(cell, TN_HANDLE);
    assert_true(was_freed(cell));
}

TEST(at_16_million_handles_there_is_no_more)
{
    tarn_future *cell = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    tn_u32_set(&cell->owners, (TN_HANDLES - 1) | TN_OWNER_QUEUE);
    assert_ptr_equal(tarn_hold(cell), cell);
    assert_int_equal(tn_u32_load_relaxed(&cell->owners), TN_HANDLES | TN_OWNER_QUEUE);
    for (int i = 0; i < 3; i++) {
        assert_null(tarn_hold(cell));
        assert_non_null(strstr(tarn_last_error(), "tarn_hold"));
        assert_non_null(strstr(tarn_last_error(), "16,777,215"));
    }
    assert_int_equal(tn_u32_load_relaxed(&cell->owners), TN_HANDLES | TN_OWNER_QUEUE);

    tarn_drop(cell);
    assert_ptr_equal(tarn_hold(cell), cell);

    tn_u32_set(&cell->owners, TN_HANDLE);
    tarn_drop(cell);
    assert_true(was_freed(cell));
}

TEST(an_immortal_cell_counts_nobody)
{
    static tarn_future cell = {.state = TN_ATOMIC_INIT(TN_FINISHED | TN_IMMORTAL)};
    for (int i = 0; i < 3; i++)
        assert_true(tn_cell_hold(&cell));
    assert_int_equal(tn_u32_load_relaxed(&cell.owners), 0);
    for (int i = 0; i < 5; i++)
        tn_cell_release(&cell, TN_HANDLE);
    assert_int_equal(tn_u32_load_relaxed(&cell.owners), 0);
}

/* ---- what does not fit ---- */

TEST(the_ext_is_made_once_and_freed_with_the_cell)
{
    size_t before = blocks_now();
    tarn_future *cell = tn_cell_new(NULL, 0, 0);
    assert_null(tn_cell_ext(cell));
    tn_ext *ext = tn_cell_need_ext(cell);
    assert_non_null(ext);
    assert_ptr_equal(tn_cell_need_ext(cell), ext);
    assert_ptr_equal(tn_cell_ext(cell), ext);
    assert_int_equal(blocks, before + 1);
    /* An ext alone does not move the payload. */
    assert_ptr_equal(tn_cell_payload(cell), (unsigned char *)cell + sizeof *cell);
    tn_cell_release(cell, TN_HANDLE);
    assert_int_equal(blocks, before);
}

TEST(a_big_payload_without_memory_leaves_nothing_behind)
{
    size_t before = blocks_now();
    size_t footprint = 0;
    for (int round = 0; round < 1000; round++) {
        for (int allowed = 0; allowed < 2; allowed++) {
            allowed_blocks = allowed;
            tarn_future *cell = tn_cell_new(NULL, TN_LARGE_PAYLOAD + 1, TN_OWNER_QUEUE);
            allowed_blocks = -1;
            assert_null(cell);
            assert_int_equal(blocks, before);
        }
        if (round == 0)
            footprint = tn_heap_footprint();
    }
    assert_int_equal(tn_heap_footprint(), footprint);
}

TEST(an_ext_without_memory_leaves_the_cell_as_it_was)
{
    size_t before = blocks_now();
    tarn_future *cell = tn_cell_new(NULL, 0, 0);
    allowed_blocks = 0;
    assert_null(tn_cell_need_ext(cell));
    allowed_blocks = -1;
    assert_null(tn_cell_ext(cell));
    assert_non_null(tn_cell_need_ext(cell));
    tn_cell_release(cell, TN_HANDLE);
    assert_int_equal(blocks, before);
}
