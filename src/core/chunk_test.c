/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chunk.h"

#include "core/future.h"
#include "core/run.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

/* What a release function found: that the bytes of its item are still there. */
static int releases, damaged;

static int length(tarn_bytes text, int n)
{
    return (int)text.size + n;
}
static void release_text(tarn_bytes text, int n)
{
    releases++;
    for (size_t i = 0; i < text.size; i++)
        damaged += ((const char *)text.data)[i] != (char)n;
}
TARN_TASK_OWNING(int, length, release_text, void, tarn_bytes, int);

static int next_number(int n)
{
    return n + 1;
}
TARN_TASK(int, next_number, int);

static int size_of(tarn_buffer *buffer)
{
    return (int)tarn_buffer_size(buffer);
}
TARN_TASK(int, size_of, tarn_buffer *);

static void drop(tarn_future *future)
{
    tn_cell_release(future, TN_OWNER_QUEUE);
    tarn_drop(future);
}

/* Adds item number n: n bytes of that value; 0 has none. */
static void add_text(tarn_future *future, int n)
{
    char bytes[100];
    struct length_arguments item = {{bytes, (size_t)n}, n};
    memset(bytes, n, sizeof bytes);
    memcpy(tn_chunk_place(future), &item, sizeof item);
    assert_int_equal(tn_chunk_add(future), TARN_OK);
    memset(bytes, 77, sizeof bytes);
}

static tarn_future *new_texts(int n)
{
    tarn_future *future = tn_chunk_new(&length_task, (size_t)n);
    for (int i = 0; i < n; i++)
        add_text(future, i % 7 == 3 ? 0 : i);
    return future;
}

TEST(a_chunk_has_room_for_what_its_bytes_allow_and_for_one_item_at_least)
{
    tarn_task task = next_number_task;
    assert_int_equal(tn_chunk_room(&task, 9000), 1000);
    task.args_size = 1;
    task.result.size = 0;
    assert_int_equal(tn_chunk_room(&task, 1000), 500);
    task.args_size = 1 << 20;
    assert_int_equal(tn_chunk_room(&task, 1000), 1);
    task.args_size = SIZE_MAX / 4;
    task.result.size = SIZE_MAX / 4;
    assert_int_equal(tn_chunk_room(&task, 1000), 1);
}

TEST(items_and_results_are_aligned_for_any_type)
{
    for (size_t room = 1; room < 40; room++) {
        tarn_future *future = tn_chunk_new(&next_number_task, room);
        const tn_chunk *chunk = tn_chunk_of(future);
        assert_int_equal((uintptr_t)chunk->items % 16, 0);
        assert_int_equal((uintptr_t)chunk->results % 16, 0);
        drop(future);
    }
}

TEST(an_item_has_a_copy_of_its_bytes_which_is_there_when_it_is_released)
{
    releases = damaged = 0;
    drop(new_texts(50));
    assert_int_equal(releases, 50);
    assert_int_equal(damaged, 0);
}

TEST(an_item_without_data_for_its_size_is_not_taken_in)
{
    tarn_future *future = new_texts(0);
    struct length_arguments item = {{NULL, 3}, 0};
    drop(future);
    future = tn_chunk_new(&length_task, 2);
    memcpy(tn_chunk_place(future), &item, sizeof item);
    assert_int_equal(tn_chunk_add(future), TARN_INVALID);
    assert_int_equal(tn_chunk_of(future)->count, 0);
    add_text(future, 5);
    releases = damaged = 0;
    drop(future);
    assert_int_equal(releases, 1);
    assert_int_equal(damaged, 0);
}

/* Whichever of the two goes first: each item keeps its bytes. */
TEST(items_that_move_take_their_bytes_along_and_no_others)
{
    enum { N = 40 };
    for (size_t from = 0; from <= N; from++) {
        for (int old_first = 0; old_first < 2; old_first++) {
            tarn_future *old = new_texts(N);
            tarn_future *rest = tn_chunk_new(&length_task, N - from + 1);
            tn_chunk_of(old)->done = N;
            tn_chunk_move(old, from, rest);
            assert_int_equal(tn_chunk_of(old)->count, from);
            assert_int_equal(tn_chunk_of(rest)->count, N - from);
            releases = damaged = 0;
            drop(old_first ? old : rest);
            assert_int_equal(releases, old_first ? from : N - from);
            drop(old_first ? rest : old);
            assert_int_equal(releases, N);
            assert_int_equal(damaged, 0);
        }
    }
}

TEST(an_item_that_had_begun_moves_as_one_that_is_tried_again)
{
    tarn_future *old = new_texts(9);
    tarn_future *rest = tn_chunk_new(&length_task, 9);
    tarn_future *last = tn_chunk_new(&length_task, 9);
    tn_chunk_of(old)->done = 4;
    tn_chunk_move(old, 4, rest);
    assert_int_equal(tn_chunk_of(rest)->tried, 0);
    assert_int_equal(tn_chunk_of(rest)->tries, 1);
    tn_chunk_move(rest, 0, last);
    assert_int_equal(tn_chunk_of(last)->tries, 2);
    drop(old);
    drop(rest);
    rest = tn_chunk_new(&length_task, 9);
    tn_chunk_move(last, 1, rest);
    assert_int_equal(tn_chunk_of(rest)->tries, 0);
    drop(last);
    drop(rest);
}

TEST(a_buffer_is_held_for_each_item_until_the_chunk_goes)
{
    tarn_buffer *buffer = tarn_buffer_new(100, TARN_WORKERS_WRITE);
    tarn_future *future = tn_chunk_new(&size_of_task, 3);
    for (int i = 0; i < 3; i++) {
        memcpy(tn_chunk_place(future), &buffer, sizeof buffer);
        assert_int_equal(tn_chunk_add(future), TARN_OK);
    }
    tarn_buffer_drop(buffer);
    memset(tarn_buffer_data(buffer), 1, 100);
    drop(future);
}

/* The latest call may have failed; that it has is said first. */
TEST(of_a_chunk_that_runs_those_items_are_known_whose_status_is_there)
{
    tarn_future *future = new_texts(9);
    tn_chunk *chunk = tn_chunk_of(future);
    assert_int_equal(tn_chunk_known(future), 0);
    tn_u32_or_relaxed(&chunk->halt, TN_HALT_TOLD);
    assert_int_equal(tn_chunk_known(future), 0);
    chunk->done = 5;
    assert_int_equal(tn_chunk_known(future), 4);
    tn_u32_store_relaxed(&chunk->halt, TN_HALT_FAILED | TN_HALT_ABANDONED);
    assert_int_equal(tn_chunk_known(future), 4);
    tn_u32_store_relaxed(&chunk->halt, TN_HALT_ABANDONED);
    assert_int_equal(tn_chunk_known(future), 5);
    chunk->retries = 1;
    assert_int_equal(tn_chunk_known(future), 4);
    drop(future);
}
