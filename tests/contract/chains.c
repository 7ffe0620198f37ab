/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures: what the task after another is given. (How they end: chains_end.c.) */
#include "chained.h"

#include <stdatomic.h>
#include <stdio.h>

/* ---- Values ---- */

CONTRACT_TEST(the_result_of_one_task_is_the_argument_of_the_next, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *squared = square_after(pool, source.future);
    tarn_future *more = link_add_after(pool, squared);
    assert_false(tarn_done(squared) || tarn_running(squared) || tarn_cancelled(squared));
    assert_string_equal(tarn_future_state(more), "PENDING");
    assert_null(tarn_error(more));
    source_give(&source, 7);
    assert_result(more, &link_add_task, 50);
    assert_result(squared, &square_task, 49);
    tarn_drop(source.future);
    pool_close(pool);
}

CONTRACT_TEST(a_task_after_one_that_has_ended_is_queued_at_once, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *before = square_submit(pool, 3);
    assert_int_equal(tarn_future_wait(before, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < 100; i++)
        assert_result(square_after(pool, before), &square_task, 81);
    assert_result(before, &square_task, 9);
    pool_close(pool);
}

CONTRACT_TEST(many_tasks_may_come_after_one, 0)
{
    enum { N = 200 };
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *after[N];
    for (int i = 0; i < N; i++)
        after[i] = i % 2 ? square_after(pool, source.future) : link_add_after(pool, source.future);
    tarn_drop(source.future);
    source_give(&source, 5);
    for (int i = 0; i < N; i++)
        assert_result(after[i], i % 2 ? &square_task : &link_add_task, i % 2 ? 25 : 6);
    pool_close(pool);
}

struct matrix {
    double cells[8][8];
};

static struct matrix link_unit(int n)
{
    struct matrix m = {{{0}}};
    for (int i = 0; i < 8; i++)
        m.cells[i][i] = n;
    return m;
}
TARN_TASK(struct matrix, link_unit, int);

static struct matrix link_doubled(struct matrix m)
{
    for (int i = 0; i < 64; i++)
        m.cells[i / 8][i % 8] *= 2;
    return m;
}
TARN_TASK(struct matrix, link_doubled, struct matrix);

CONTRACT_TEST(a_value_of_any_size_is_passed_on, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *first = link_unit_after(pool, source.future);
    tarn_future *second = link_doubled_after(pool, first);
    tarn_future *third = link_doubled_after(pool, second);
    tarn_drop(first);
    tarn_drop(second);
    source_give(&source, 3);
    struct matrix m;
    assert_int_equal(link_doubled_result(third, &m), TARN_OK);
    for (int i = 0; i < 64; i++)
        assert_true(m.cells[i / 8][i % 8] == (i / 8 == i % 8 ? 12.0 : 0.0));
    tarn_drop(third);
    tarn_drop(source.future);
    pool_close(pool);
}

static void link_ignore(int n)
{
    (void)n;
}
TARN_TASK(void, link_ignore, int);

/* Without an argument only the end of the other counts, whatever that gives. */
CONTRACT_TEST(a_task_without_arguments_takes_nothing, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *empty = tarn_promise_future(promise);
    tarn_future *futures[6];
    futures[0] = link_ignore_after(pool, source.future);
    futures[1] = nothing_after(pool, futures[0]);
    futures[2] = nothing_after(pool, source.future);
    futures[3] = nothing_after(pool, empty);
    futures[4] = tarn_all(futures, 4);
    futures[5] = nothing_after(pool, futures[4]);
    source_give(&source, 1);
    tarn_promise_set(promise, NULL, 0);
    for (int i = 0; i < 6; i++)
        assert_ended(futures[i], TARN_OK);
    tarn_drop(source.future);
    tarn_drop(empty);
    tarn_promise_drop(promise);
    pool_close(pool);
}

/* ---- Bytes, pointers, buffers ---- */

static tarn_bytes link_letters(int n)
{
    char *memory = tarn_result_memory((size_t)n);
    if (memory)
        memset(memory, 'a' + n % 26, (size_t)n);
    return (tarn_bytes){memory, memory ? (size_t)n : 0};
}
TARN_TASK(tarn_bytes, link_letters, int);

/* What echo gives back is a view of its own argument: a copy, which stays when the other has
 * gone. */
CONTRACT_TEST(bytes_are_copied_and_outlive_the_future_they_came_from, BIG_CALLS)
{
    static const int sizes[] = {0, 1, 16, 80, 4096, 1000000};
    tarn_executor *pool = pool_open();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct source source = source_new();
        tarn_future *before = link_letters_after(pool, source.future);
        tarn_future *copied = echo_after(pool, before);
        source_give(&source, sizes[i]);
        tarn_bytes first;
        tarn_bytes second;
        assert_int_equal(link_letters_result(before, &first), TARN_OK);
        assert_int_equal(echo_result(copied, &second), TARN_OK);
        assert_int_equal(second.size, sizes[i]);
        assert_true(sizes[i] == 0 || first.data != second.data);
        tarn_drop(before);
        for (int k = 0; k < sizes[i]; k++)
            assert_int_equal(((const char *)second.data)[k], 'a' + sizes[i] % 26);
        tarn_drop(copied);
        tarn_drop(source.future);
    }
    pool_close(pool);
}

static tarn_bytes link_no_bytes(void)
{
    return (tarn_bytes){NULL, 0};
}
TARN_TASK(tarn_bytes, link_no_bytes, void);

CONTRACT_TEST(no_bytes_at_all_are_passed_on_as_such, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *before = link_no_bytes_submit(pool);
    tarn_future *after = echo_after(pool, before);
    tarn_bytes bytes = {"x", 1};
    assert_int_equal(echo_result(after, &bytes), TARN_OK);
    assert_int_equal(bytes.size, 0);
    tarn_drop(before);
    tarn_drop(after);
    pool_close(pool);
}

static int *link_give_back(int *pointer)
{
    return pointer;
}
TARN_TASK(int *, link_give_back, int *);

static int link_count_up(int *pointer)
{
    return ++*pointer;
}
TARN_TASK(int, link_count_up, int *);

CONTRACT_TEST(a_pointer_is_passed_on_as_it_is, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    int number = 5;
    tarn_future *before = link_give_back_submit(pool, &number);
    tarn_future *after = link_count_up_after(pool, before);
    assert_result(after, &link_count_up_task, 6);
    assert_int_equal(number, 6);
    tarn_drop(before);
    pool_close(pool);
}

static tarn_buffer *link_fill(int n)
{
    tarn_buffer *buffer = tarn_buffer_new(100, TARN_WORKERS_WRITE);
    memset(tarn_buffer_data(buffer), n, 100);
    return buffer;
}
TARN_TASK(tarn_buffer *, link_fill, int);

static int link_sum_up(tarn_buffer *buffer)
{
    const unsigned char *bytes = tarn_buffer_data(buffer);
    int sum = 0;
    for (size_t i = 0; bytes && i < tarn_buffer_size(buffer); i++)
        sum += bytes[i];
    return sum;
}
TARN_TASK(int, link_sum_up, tarn_buffer *);

/* The task before gives its own reference away; the one after takes another, as a submit would. */
CONTRACT_TEST(a_buffer_is_held_by_the_task_after, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future *before = link_fill_after(pool, source.future);
    tarn_future *after = link_sum_up_after(pool, before);
    source_give(&source, 7);
    assert_int_equal(status_of(after), TARN_OK);
    tarn_drop(before);
    tarn_drop(source.future);
    assert_int_equal(((const unsigned char *)tarn_buffer_data(link_sum_up_args(after)->a1))[99], 7);
    assert_result(after, &link_sum_up_task, 700);
    pool_close(pool);
}

static tarn_buffer *link_no_buffer(void)
{
    return NULL;
}
TARN_TASK(tarn_buffer *, link_no_buffer, void);

CONTRACT_TEST(no_buffer_is_passed_on_as_such, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *before = link_no_buffer_submit(pool);
    assert_result(link_sum_up_after(pool, before), &link_sum_up_task, 0);
    tarn_drop(before);
    pool_close(pool);
}

/* ---- Ownership ---- */

struct box {
    atomic_int arguments;
    atomic_int results;
};

static struct box *link_pack(struct box *box)
{
    return box;
}

static void release_argument(struct box *box)
{
    atomic_fetch_add(&box->arguments, 1);
}

static void release_result(struct box *box)
{
    atomic_fetch_add(&box->results, 1);
}
TARN_TASK_OWNING(struct box *, link_pack, release_argument, release_result, struct box *);

/* The argument that a task takes over from another stays the other's; its own result is its own. */
CONTRACT_TEST(what_one_task_owns_is_not_released_by_the_next, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    struct box box = {.arguments = 0};
    tarn_promise *promise = tarn_promise_new(&link_pack_task);
    tarn_future *source = tarn_promise_future(promise);
    tarn_future *chain[3] = {source};
    struct box *value = &box;
    for (int i = 1; i < 3; i++)
        chain[i] = link_pack_after(pool, chain[i - 1]);
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    tarn_promise_drop(promise);
    assert_int_equal(status_of(chain[2]), TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(atomic_load(&box.results), 0);
    for (int i = 0; i < 3; i++) {
        tarn_drop(chain[i]);
        assert_int_equal(atomic_load(&box.results), i + 1);
    }
    assert_int_equal(atomic_load(&box.arguments), 0);
    pool_close(pool);
}

/* It is the chain that keeps it until then, not the test. */
CONTRACT_TEST(a_result_lives_until_the_task_after_has_ended, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct box box = {.arguments = 0};
    tarn_future *before = link_pack_submit(pool, &box);
    assert_int_equal(status_of(before), TARN_OK);
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *after = link_pack_after(pool, before);
    tarn_drop(before);
    assert_int_equal(atomic_load(&box.results), 0);
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(status_of(after), TARN_OK);
    pool_close(pool);
    assert_int_equal(atomic_load(&box.results), 1);
    assert_int_equal(atomic_load(&box.arguments), 1);
    tarn_drop(after);
    assert_int_equal(atomic_load(&box.results), 2);
    assert_int_equal(atomic_load(&box.arguments), 1);
}

CONTRACT_TEST(the_arguments_are_there_once_it_is_queued, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct source source = source_new();
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *after = square_after(pool, source.future);
    tarn_future *failed = square_after(pool, source.future);
    assert_null(square_args(after));
    assert_true(tarn_cancel(failed));
    source_give(&source, 12);
    assert_int_equal(square_args(after)->a1, 12);
    assert_null(square_args(failed));
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(status_of(after), TARN_OK);
    assert_int_equal(square_args(after)->a1, 12);
    tarn_drop(after);
    tarn_drop(failed);
    tarn_drop(source.future);
    pool_close(pool);
}

/* ---- Across executors ---- */

CONTRACT_TEST(a_chain_may_go_through_several_executors, SHARED_MEMORY)
{
    tarn_executor *pools[3] = {pool_of(1), pool_open(), tarn_thread_pool(.max_workers = 2)};
    size_t length = test_count(3000);
    struct source source = source_new();
    tarn_future *last = tarn_hold(source.future);
    for (size_t i = 0; i < length; i++) {
        tarn_future *next = link_add_after(pools[i % 3], last);
        tarn_drop(last);
        last = next;
    }
    source_give(&source, 0);
    assert_result(last, &link_add_task, (int)length);
    tarn_drop(source.future);
    for (int i = 0; i < 3; i++)
        pool_close(pools[i]);
}

CONTRACT_TEST(each_task_of_a_chain_runs_on_its_own_executor, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_executor *serial = tarn_thread_pool(.max_workers = 1, .max_spares = TARN_NONE);
    tarn_future *first = thread_number_submit(serial);
    int expected = 0;
    assert_int_equal(thread_number_result(first, &expected), TARN_OK);
    for (int i = 0; i < 50; i++) {
        tarn_future *there = thread_number_after(pool, first);
        tarn_future *back = thread_number_after(serial, there);
        int thread = 0;
        assert_int_equal(thread_number_result(back, &thread), TARN_OK);
        assert_int_equal(thread, expected);
        assert_int_equal(thread_number_result(there, &thread), TARN_OK);
        assert_int_not_equal(thread, expected);
        tarn_drop(there);
        tarn_drop(back);
    }
    tarn_drop(first);
    pool_close(pool);
    pool_close(serial);
}
