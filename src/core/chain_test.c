/* SPDX-License-Identifier: Apache-2.0 */

/* Chains: who holds what, and what is left of one that cannot be made. (See chain_race_test.c.) */
#include "core/chain_test.h"

void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);

static size_t blocks_left = SIZE_MAX; /* allocations that succeed */

void *__wrap_tn_alloc(size_t size)
{
    if (blocks_left == 0)
        return NULL;
    if (blocks_left != SIZE_MAX)
        blocks_left--;
    return __real_tn_alloc(size);
}

static tarn_bytes echo(tarn_bytes bytes)
{
    return bytes;
}
TARN_TASK(tarn_bytes, echo, tarn_bytes);

/* ---- who holds what ---- */

TEST(what_comes_before_is_held_until_the_task_has_ended)
{
    shelf *s = open_shelf();
    source before = new_source();
    tarn_future *after = add_one_after(&s->executor, before.future);
    assert_int_equal(handles(before.future), 2);
    assert_true(is_listed(s));
    give(&before, 1);
    assert_false(is_listed(s));
    assert_int_equal(handles(before.future), 2);
    run(s);
    assert_int_equal(handles(before.future), 1);
    int value = 0;
    assert_int_equal(add_one_result(after, &value), TARN_OK);
    assert_int_equal(value, 2);
    assert_int_equal(tn_u32_load_relaxed(&after->owners), TN_HANDLE);
    tarn_drop(after);
    drop_source(&before);
    close_shelf(s);
}

TEST(what_is_cancelled_gives_back_what_it_waited_for_at_once)
{
    shelf *s = open_shelf();
    source before[2] = {new_source(), new_source()};
    tarn_future *both[3] = {before[0].future, before[1].future, before[0].future};
    tarn_future *after = add_one_after(&s->executor, before[0].future);
    tarn_future *all = tarn_all(both, 3);
    assert_int_equal(handles(before[0].future), 4);
    assert_true(tarn_cancel(after));
    assert_false(is_listed(s));
    assert_true(tarn_cancel(all));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(handles(before[i].future), 1);
        assert_null(before[i].future->hooks);
        assert_false(tarn_done(before[i].future));
    }
    assert_int_equal(tn_u32_load_relaxed(&all->owners), TN_HANDLE);
    assert_ended(after, TARN_CANCELLED);
    assert_ended(all, TARN_CANCELLED);
    drop_source(&before[0]);
    drop_source(&before[1]);
    close_shelf(s);
}

TEST(chains_leave_their_executors_list_in_any_order)
{
    enum { N = 4 };
    for (int order = 0; order < N * N * N * N; order++) {
        shelf *s = open_shelf();
        source before = new_source();
        tarn_future *after[N];
        for (int i = 0; i < N; i++)
            after[i] = add_one_after(&s->executor, before.future);
        /* Some of them, some twice, in an order of their own. */
        for (int digits = order, i = 0; i < N - 1; i++, digits /= N)
            tarn_cancel(after[digits % N]);
        int left = 0, listed = 0;
        for (int i = 0; i < N; i++)
            left += !tarn_done(after[i]);
        tn_mutex_lock(&tn_registry_mutex);
        tn_chain *list = tn_chain_take_all(&s->executor);
        tn_mutex_unlock(&tn_registry_mutex);
        tn_chain_end_list(list, TARN_CLOSED);
        for (int i = 0; i < N; i++) {
            tarn_status status = tarn_result(after[i], NULL, NULL, 0);
            assert_true(status == TARN_CLOSED || status == TARN_CANCELLED);
            listed += status == TARN_CLOSED;
            tarn_drop(after[i]);
        }
        assert_int_equal(listed, left);
        assert_int_equal(handles(before.future), 1);
        drop_source(&before);
        close_shelf(s);
    }
}

/* ---- no memory, no counter ---- */

/* Each allocation of a chain fails once: then nothing is left of it. */
TEST(a_chain_that_cannot_be_made_leaves_no_trace)
{
    shelf *s = open_shelf();
    tarn_executor *view = tarn_with(&s->executor, .start_within = 1000);
    assert_non_null(view);
    source before = new_source();
    tarn_future *twice[2] = {before.future, before.future};
    for (int all = 0; all < 2; all++) {
        tarn_future *future = NULL;
        for (size_t spared = 0; !future || tarn_done(future); spared++) {
            assert_true(spared < 10);
            tarn_drop(future);
            blocks_left = spared;
            future = all ? tarn_all(twice, 2) : add_one_after(view, before.future);
            blocks_left = SIZE_MAX;
            if (tarn_done(future)) {
                assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_NO_MEMORY);
                assert_int_equal(handles(before.future), 1);
                assert_null(before.future->hooks);
                assert_false(is_listed(s));
            }
        }
        assert_true(tarn_cancel(future));
        tarn_drop(future);
    }
    drop_source(&before);
    close_shelf(s);
}

/* So many references that there is no further one. */
static void use_up(tarn_future *future)
{
    tn_u32_add_relaxed(&future->owners, TN_HANDLES - handles(future));
}

static void restore(tarn_future *future, uint32_t count)
{
    tn_u32_sub_relaxed(&future->owners, handles(future) - count);
}

TEST(a_future_with_too_many_references_cannot_be_waited_for)
{
    shelf *s = open_shelf();
    source before[2] = {new_source(), new_source()};
    tarn_future *both[2] = {before[0].future, before[1].future};
    use_up(before[1].future);
    assert_ended(add_one_after(&s->executor, before[1].future), TARN_NO_MEMORY);
    assert_ended(tarn_all(both, 2), TARN_NO_MEMORY);
    restore(before[1].future, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(handles(before[i].future), 1);
        drop_source(&before[i]);
    }
    close_shelf(s);
}

TEST(one_with_too_many_references_is_closed_when_its_turn_comes)
{
    shelf *s = open_shelf();
    source before = new_source();
    tarn_future *after = add_one_after(&s->executor, before.future);
    use_up(after);
    close_shelf(s);
    assert_false(tarn_done(after));
    restore(after, 1);
    give(&before, 1);
    assert_ended(after, TARN_CLOSED);
    assert_int_equal(handles(before.future), 1);
    drop_source(&before);
}

TEST(bytes_that_cannot_be_copied_end_it_without_memory)
{
    shelf *s = open_shelf();
    tarn_promise *promise = tarn_promise_new(&echo_task);
    tarn_future *before = tarn_promise_future(promise);
    tarn_future *after = echo_after(&s->executor, before);
    tarn_bytes bytes = {"abc", 3};
    /* The promise's own copy is made, the next is not. */
    blocks_left = 1;
    tarn_status status = tarn_promise_set(promise, &bytes, sizeof bytes);
    blocks_left = SIZE_MAX;
    assert_int_equal(status, TARN_OK);
    assert_ended(after, TARN_NO_MEMORY);
    assert_int_equal(handles(before), 1);
    tarn_drop(before);
    tarn_promise_drop(promise);
    close_shelf(s);
}

/* The chain itself takes two blocks, the text a third. */
TEST(a_failure_passes_on_its_status_when_there_is_no_memory_for_its_text)
{
    shelf *s = open_shelf();
    source before = new_source();
    assert_int_equal(tarn_promise_fail(before.promise, 7, "a text"), TARN_OK);
    for (size_t spared = 2; spared <= 3; spared++) {
        blocks_left = spared;
        tarn_future *after = add_one_after(&s->executor, before.future);
        blocks_left = SIZE_MAX;
        assert_int_equal(tarn_error(after)->code, 7);
        assert_string_equal(tarn_error(after)->text,
                            spared == 2 ? tarn_status_text(TARN_FAILED) : "a text");
        assert_ended(after, TARN_FAILED);
    }
    drop_source(&before);
    close_shelf(s);
}
