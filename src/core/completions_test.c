/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cell.h"
#include "core/future.h"
#include "core/heap.h"
#include "duel.h"
#include "platform/memory.h"
#include "platform/mutex.h"
#include "runner.h"

#include <poll.h>
#include <string.h>

/* ---- the allocator, watched ---- */

void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);
void __wrap_tn_free(void *block);
void __real_tn_free(void *block);

static bool no_blocks;
static tn_atomic_u64 allocations;
static tn_atomic_u64 frees;

void *__wrap_tn_alloc(size_t size)
{
    if (no_blocks)
        return NULL;
    tn_u64_add_relaxed(&allocations, 1);
    return __real_tn_alloc(size);
}

void __wrap_tn_free(void *block)
{
    if (block)
        tn_u64_add_relaxed(&frees, 1);
    __real_tn_free(block);
}

static uint64_t allocated(void)
{
    return tn_u64_load_relaxed(&allocations);
}

/* ---- who sleeps ---- */

bool __wrap_tn_cond_wait_until(tn_cond *cond, tn_mutex *mutex, int64_t until);
bool __real_tn_cond_wait_until(tn_cond *cond, tn_mutex *mutex, int64_t until);

static tn_atomic_u32 sleeps; /* counted under the mutex that the sleep gives back */

bool __wrap_tn_cond_wait_until(tn_cond *cond, tn_mutex *mutex, int64_t until)
{
    tn_u32_add_relaxed(&sleeps, 1);
    tn_futex_wake(&sleeps, 1);
    return __real_tn_cond_wait_until(cond, mutex, until);
}

static void await_sleeps(uint32_t count)
{
    uint32_t seen;
    while ((seen = tn_u32_load_relaxed(&sleeps)) < count)
        tn_futex_wait(&sleeps, seen, INT64_MAX);
}

/* ---- helpers ---- */

static tarn_future *new_pending(void)
{
    tarn_future *future = tn_cell_new(NULL, 0, 0);
    assert_non_null(future);
    return future;
}

static tarn_future *new_ended(void)
{
    tarn_future *future = new_pending();
    assert_true(tarn_cancel(future));
    return future;
}

static tarn_completions *new_completions(void)
{
    tarn_completions *c = tarn_completions_new(TARN_NOW);
    assert_non_null(c);
    return c;
}

static void expect(tarn_completions *c, size_t wanted)
{
    size_t tag = SIZE_MAX;
    assert_int_equal(tarn_next(c, &tag), TARN_OK);
    assert_int_equal(tag, wanted);
}

static void expect_status(tarn_completions *c, tarn_status wanted)
{
    size_t tag = 99;
    assert_int_equal(tarn_next(c, &tag), wanted);
    assert_int_equal(tag, 99);
}

static uint32_t owners(const tarn_future *future)
{
    return tn_u32_load_relaxed(&future->owners);
}

/* ---- order and tags ---- */

TEST(tags_come_in_the_order_of_the_endings)
{
    static const size_t order[] = {3, 0, 4, 1, 2};
    tarn_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = new_pending();
    tarn_completions *c = tarn_as_completed(futures, 5, TARN_NOW);
    for (int i = 0; i < 5; i++)
        assert_true(tarn_cancel(futures[order[i]]));
    for (int i = 0; i < 5; i++)
        expect(c, order[i]);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_drop_all(futures, 5);
}

TEST(what_had_ended_before_is_ready_at_once_in_the_order_of_the_array)
{
    tarn_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = new_ended();
    tarn_completions *c = tarn_as_completed(futures, 5, TARN_FOREVER);
    for (size_t i = 0; i < 5; i++)
        expect(c, i);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_drop_all(futures, 5);
}

TEST(one_future_may_have_many_tags)
{
    tarn_future *future = new_pending(), *same[] = {future, future, future};
    tarn_completions *c = tarn_as_completed(same, 3, TARN_NOW);
    assert_int_equal(tarn_completions_add(c, future, 77), TARN_OK);
    assert_int_equal(tarn_completions_add(c, future, 77), TARN_OK);
    expect_status(c, TARN_TIMEOUT);
    assert_non_null(strstr(tarn_last_error(), "5 of 5"));
    assert_true(tarn_cancel(future));
    for (size_t i = 0; i < 3; i++)
        expect(c, i);
    expect(c, 77);
    expect(c, 77);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_drop(future);
}

TEST(an_end_is_reopened_by_adding)
{
    tarn_completions *c = new_completions();
    expect_status(c, TARN_END);
    for (size_t i = 0; i < 3; i++) {
        tarn_future *future = new_pending();
        assert_int_equal(tarn_completions_add(c, future, i), TARN_OK);
        expect_status(c, TARN_TIMEOUT);
        assert_true(tarn_cancel(future));
        tarn_drop(future);
        expect(c, i);
        expect_status(c, TARN_END);
    }
    tarn_completions_drop(c);
}

TEST(as_completed_over_nothing_is_at_its_end)
{
    tarn_completions *c = tarn_as_completed(NULL, 0, TARN_FOREVER);
    assert_non_null(c);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
}

TEST(wrong_arguments_are_refused)
{
    tarn_future *future = new_ended(), *futures[] = {future, NULL};
    tarn_completions *c = new_completions();
    size_t tag;
    assert_int_equal(tarn_completions_add(NULL, future, 0), TARN_INVALID);
    assert_int_equal(tarn_completions_add(c, NULL, 0), TARN_INVALID);
    assert_int_equal(tarn_next(NULL, &tag), TARN_INVALID);
    assert_int_equal(tarn_next(c, NULL), TARN_INVALID);
    assert_int_equal(tarn_completions_fd(NULL), -1);
    assert_null(tarn_as_completed(NULL, 1, TARN_NOW));
    assert_null(tarn_as_completed(futures, 2, TARN_NOW));
    assert_non_null(strstr(tarn_last_error(), "futures[1]"));
    assert_int_equal(owners(future), TN_HANDLE);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_completions_drop(NULL);
    tarn_drop(future);
}

/* ---- references and hooks ---- */

TEST(a_tag_holds_its_future_until_it_is_handed_out)
{
    tarn_future *future = new_pending();
    tarn_completions *c = new_completions();
    assert_int_equal(tarn_completions_add(c, future, 1), TARN_OK);
    assert_int_equal(owners(future), 2 * TN_HANDLE);
    assert_true(tarn_cancel(future));
    assert_int_equal(owners(future), 2 * TN_HANDLE);
    expect(c, 1);
    assert_int_equal(owners(future), TN_HANDLE);
    tarn_completions_drop(c);
    tarn_drop(future);
}

TEST(dropped_completions_leave_nothing_behind)
{
    /* One that is linked, one that is ready, one that was handed out. */
    tarn_future *futures[] = {new_pending(), new_ended(), new_ended()};
    tarn_completions *c = tarn_as_completed(futures, 3, TARN_NOW);
    assert_non_null(futures[0]->hooks);
    expect(c, 1);
    tarn_completions_drop(c);
    for (int i = 0; i < 3; i++)
        assert_int_equal(owners(futures[i]), TN_HANDLE);
    assert_null(futures[0]->hooks);
    assert_false(tn_future_word(futures[0]) & TN_HOOKS);
    assert_true(tarn_cancel(futures[0]));
    tarn_drop_all(futures, 3);
}

TEST(a_future_with_16_million_references_cannot_be_added)
{
    tarn_future *full = new_pending(), *free_one = new_pending();
    tarn_future *futures[] = {free_one, free_one, full};
    tn_u32_set(&full->owners, TN_HANDLES);
    tarn_completions *c = new_completions();
    assert_int_equal(tarn_completions_add(c, full, 1), TARN_NO_MEMORY);
    assert_non_null(strstr(tarn_last_error(), "16,777,215"));
    assert_null(tarn_as_completed(futures, 3, TARN_NOW));
    assert_int_equal(owners(full), TN_HANDLES);
    assert_int_equal(owners(free_one), TN_HANDLE);
    assert_null(free_one->hooks);
    tn_u32_set(&full->owners, TN_HANDLE);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_drop(full);
    tarn_drop(free_one);
}

/* ---- memory ---- */

TEST(without_memory_nothing_is_added)
{
    tarn_future *future = new_pending();
    tarn_completions *c = new_completions();
    no_blocks = true;
    assert_null(tarn_completions_new(TARN_NOW));
    assert_int_equal(tarn_completions_add(c, future, 1), TARN_NO_MEMORY);
    assert_null(tarn_as_completed(&future, 1, TARN_NOW));
    no_blocks = false;
    assert_int_equal(owners(future), TN_HANDLE);
    expect_status(c, TARN_END);
    assert_int_equal(tarn_completions_add(c, future, 1), TARN_OK);
    tarn_completions_drop(c);
    tarn_drop(future);
}

TEST(nodes_are_used_again)
{
    enum { AT_ONCE = 100 };
    tarn_future *futures[AT_ONCE];
    tarn_completions *c = new_completions();
    uint64_t blocks = 0;
    size_t footprint = 0;
    for (size_t round = 0; round < 1 + test_count(1000000) / AT_ONCE; round++) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            futures[i] = new_pending();
            assert_int_equal(tarn_completions_add(c, futures[i], i), TARN_OK);
        }
        for (size_t i = 0; i < AT_ONCE; i++)
            assert_true(tarn_cancel(futures[i]));
        for (size_t i = 0; i < AT_ONCE; i++)
            expect(c, i);
        tarn_drop_all(futures, AT_ONCE);
        if (round == 0) {
            blocks = allocated();
            footprint = tn_heap_footprint();
        }
    }
    assert_int_equal(allocated(), blocks);
    assert_int_equal(tn_heap_footprint(), footprint);
    tarn_completions_drop(c);
}

TEST(nodes_come_in_blocks)
{
    size_t n = test_count(200000);
    tarn_future *future = new_ended();
    tarn_completions *c = new_completions();
    uint64_t before = allocated();
    for (size_t i = 0; i < n; i++)
        assert_int_equal(tarn_completions_add(c, future, i), TARN_OK);
    assert_true(allocated() - before < 12 + n / 4000);
    for (size_t i = 0; i < n; i++)
        expect(c, i);
    tarn_completions_drop(c);
    tarn_drop(future);
}

TEST(everything_allocated_is_freed)
{
    uint64_t before = allocated() - tn_u64_load_relaxed(&frees);
    tarn_future *future = new_pending();
    for (int i = 0; i < 10; i++) {
        tarn_completions *c = tarn_as_completed(&future, 1, TARN_NOW);
        for (size_t j = 0; j < 500; j++)
            assert_int_equal(tarn_completions_add(c, future, j), TARN_OK);
        assert_true(tarn_completions_fd(c) >= 0);
        tarn_completions_drop(c);
        if (i == 0)
            before = allocated() - tn_u64_load_relaxed(&frees);
    }
    assert_int_equal(allocated() - tn_u64_load_relaxed(&frees), before);
    tarn_drop(future);
}

/* ---- the descriptor ---- */

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

TEST(the_descriptor_is_readable_exactly_while_a_tag_is_ready)
{
    tarn_future *first = new_pending(), *second = new_pending();
    tarn_completions *c = new_completions();
    int fd = tarn_completions_fd(c);
    assert_true(fd >= 0);
    assert_int_equal(tarn_completions_fd(c), fd);
    for (int round = 0; round < 3; round++) {
        assert_false(is_readable(fd));
        assert_int_equal(tarn_completions_add(c, first, 1), TARN_OK);
        assert_int_equal(tarn_completions_add(c, second, 2), TARN_OK);
        assert_false(is_readable(fd));
        expect_status(c, TARN_TIMEOUT);
        assert_true(tarn_cancel(first));
        assert_true(is_readable(fd));
        assert_true(is_readable(fd));
        assert_true(tarn_cancel(second));
        expect(c, 1);
        assert_true(is_readable(fd));
        expect(c, 2);
        assert_false(is_readable(fd));
        expect_status(c, TARN_END);
        assert_false(is_readable(fd));
        tarn_drop(first);
        tarn_drop(second);
        first = new_pending();
        second = new_pending();
    }
    tarn_completions_drop(c);
    tarn_drop(first);
    tarn_drop(second);
}

TEST(a_descriptor_asked_for_late_knows_what_is_ready)
{
    tarn_future *future = new_ended();
    tarn_completions *c = tarn_as_completed(&future, 1, TARN_NOW);
    int fd = tarn_completions_fd(c);
    assert_true(is_readable(fd));
    expect(c, 0);
    assert_false(is_readable(fd));
    tarn_completions_drop(c);
    tarn_drop(future);
}

/* ---- several threads ---- */

enum { CONSUMERS = 3 };

typedef struct crowd {
    tarn_completions *c;
    size_t count;
    tn_atomic_u32 *seen; /* by tag */
    tn_atomic_u32 taken, wrong;
} crowd;

static void consume(void *data)
{
    crowd *all = data;
    size_t tag;
    tarn_status status;
    while ((status = tarn_next(all->c, &tag)) == TARN_OK) {
        if (tag >= all->count || tn_u32_add_relaxed(&all->seen[tag], 1) != 0)
            tn_u32_store_relaxed(&all->wrong, 1);
        tn_u32_add_relaxed(&all->taken, 1);
    }
    if (status != TARN_END)
        tn_u32_store_relaxed(&all->wrong, 1);
}

TEST(each_tag_goes_to_exactly_one_of_several_consumers)
{
    size_t n = test_count(100000);
    static crowd all;
    all.count = n;
    all.seen = tn_alloc_array(n, sizeof *all.seen);
    tarn_future **futures = tn_alloc_array(n, sizeof(tarn_future *));
    assert_non_null(all.seen);
    assert_non_null(futures);
    for (size_t i = 0; i < n; i++)
        futures[i] = new_pending();
    all.c = tarn_as_completed(futures, n, TARN_FOREVER);
    tn_thread threads[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(
            tn_thread_start(&threads[i], (size_t)256 * 1024, "consumer", consume, &all), 0);
    for (size_t i = 0; i < n; i++)
        assert_true(tarn_cancel(futures[i]));
    /* The one who takes the last tag wakes the others: all end. */
    for (int i = 0; i < CONSUMERS; i++)
        tn_thread_join(threads[i]);
    assert_int_equal(tn_u32_load_relaxed(&all.wrong), 0);
    assert_int_equal(tn_u32_load_relaxed(&all.taken), n);
    tarn_completions_drop(all.c);
    tarn_drop_all(futures, n);
    tn_free(futures);
    tn_free(all.seen);
}

TEST(the_last_tag_wakes_all_who_sleep_for_nothing)
{
    tarn_future *future = new_pending();
    static tn_atomic_u32 seen;
    static crowd all;
    tn_u32_set(&seen, 0);
    tn_u32_set(&sleeps, 0);
    all = (crowd){.c = tarn_as_completed(&future, 1, TARN_FOREVER), .count = 1, .seen = &seen};
    tn_thread threads[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(
            tn_thread_start(&threads[i], (size_t)256 * 1024, "consumer", consume, &all), 0);
    await_sleeps(CONSUMERS);
    assert_true(tarn_cancel(future));
    for (int i = 0; i < CONSUMERS; i++)
        tn_thread_join(threads[i]);
    assert_int_equal(tn_u32_load_relaxed(&all.taken), 1);
    assert_int_equal(tn_u32_load_relaxed(&all.wrong), 0);
    tarn_completions_drop(all.c);
    tarn_drop(future);
}

/* Who is handed the last tag may end the completions at once. */
typedef struct last_tag {
    tarn_completions *c;
    tarn_future *future;
    tarn_status status;
} last_tag;

static void prepare(void *data)
{
    last_tag *l = data;
    l->future = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_true(tn_future_start(l->future));
    l->c = tarn_as_completed(&l->future, 1, TARN_FOREVER);
    assert_non_null(l->c);
}

static void take_and_drop(void *data)
{
    last_tag *l = data;
    size_t tag;
    l->status = tarn_next(l->c, &tag);
    tarn_completions_drop(l->c);
    tarn_drop(l->future);
}

static void finish(void *data)
{
    tarn_future *future = ((last_tag *)data)->future;
    tn_future_finish(future, TARN_OK);
    tn_cell_release(future, TN_OWNER_QUEUE);
}

static void check(void *data)
{
    assert_int_equal(((last_tag *)data)->status, TARN_OK);
}

TEST(completions_may_be_dropped_as_soon_as_the_last_tag_is_out)
{
    static last_tag l;
    assert_int_equal(duel_run(test_count(30000), prepare, take_and_drop, finish, check, &l), 0);
}

static void drop_at_once(void *data)
{
    last_tag *l = data;
    tarn_completions_drop(l->c);
    tarn_drop(l->future);
}

static void no_check(void *data)
{
    (void)data;
}

TEST(completions_may_be_dropped_while_their_futures_end)
{
    static last_tag l;
    assert_int_equal(duel_run(test_count(30000), prepare, drop_at_once, finish, no_check, &l), 0);
}

TEST(completions_over_nothing_can_be_added_to)
{
    tarn_future *future = new_pending();
    tarn_completions *c = tarn_as_completed(NULL, 0, TARN_NOW);
    assert_int_equal(tarn_completions_add(c, future, 5), TARN_OK);
    assert_true(tarn_cancel(future));
    expect(c, 5);
    expect_status(c, TARN_END);
    tarn_completions_drop(c);
    tarn_drop(future);
}
