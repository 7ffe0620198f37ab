/* SPDX-License-Identifier: Apache-2.0 */
#include "core/closure.h"

#include "core/chain_test.h"
#include "platform/thread.h"

void *__wrap_tn_alloc_array(size_t count, size_t size);
void *__real_tn_alloc_array(size_t count, size_t size);

static size_t arrays_left = SIZE_MAX; /* allocations that succeed */
static size_t arrays;                 /* how many did */

void *__wrap_tn_alloc_array(size_t count, size_t size)
{
    if (arrays_left == 0)
        return NULL;
    if (arrays_left != SIZE_MAX)
        arrays_left--;
    arrays++;
    return __real_tn_alloc_array(count, size);
}

/* ---- helpers ---- */

static bool is_seen(const tarn_future *future)
{
    return tn_future_word(future) & TN_SEEN;
}

static size_t place_of(const tn_closure *closure, const tarn_future *future)
{
    size_t i = 0, found = SIZE_MAX;
    for (; i < closure->count; i++) {
        if (closure->futures[i] == future) {
            assert_int_equal(found, SIZE_MAX);
            found = i;
        }
    }
    return found;
}

/* Each of those is in it once, after the one before. */
static void assert_in_order(const tn_closure *closure, tarn_future *const *futures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(place_of(closure, futures[i]), SIZE_MAX);
        if (i > 0)
            assert_true(place_of(closure, futures[i - 1]) < place_of(closure, futures[i]));
        assert_false(is_seen(futures[i]));
    }
}

/* A chain of n futures after the first of them. */
static void chain_up(shelf *s, tarn_future **chain, size_t n)
{
    for (size_t i = 1; i < n; i++)
        chain[i] = add_one_after(&s->executor, chain[i - 1]);
}

static void drop_chain(tarn_future **chain, size_t n)
{
    tarn_drop_all(&chain[1], n - 1);
}

/* ---- what is collected ---- */

TEST(what_waits_for_nothing_is_not_collected)
{
    shelf *s = open_shelf();
    source pending = new_source(), ended = new_source();
    give(&ended, 1);
    tarn_future *futures[4] = {pending.future, ended.future, add_one_submit(&s->executor, 1),
                               add_one_after(&s->executor, ended.future)};
    tn_closure closure;
    assert_true(tn_closure_collect(&closure, futures, 4));
    assert_int_equal(closure.count, 0);
    assert_true(tn_closure_collect(&closure, NULL, 0));
    tn_closure_drop(&closure);
    run(s);
    for (int i = 2; i < 4; i++)
        assert_ended(futures[i], TARN_OK);
    drop_source(&pending);
    drop_source(&ended);
    close_shelf(s);
}

TEST(a_chain_is_collected_from_its_beginning_with_a_handle_each)
{
    enum { N = 50 };
    shelf *s = open_shelf();
    source first = new_source();
    tarn_future *chain[N] = {first.future};
    chain_up(s, chain, N);
    tn_closure closure;
    /* The last of them brings all the others; so does one in the middle beside it. */
    tarn_future *targets[3] = {chain[N - 1], chain[N / 2], chain[N - 1]};
    assert_true(tn_closure_collect(&closure, targets, 3));
    assert_int_equal(closure.count, N);
    assert_in_order(&closure, chain, N);
    assert_int_equal(handles(chain[0]), 3);
    for (int i = 1; i < N; i++)
        assert_int_equal(handles(chain[i]), i + 1 < N ? 3 : 2);
    tn_closure_drop(&closure);
    assert_int_equal(closure.count, 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(handles(chain[i]), i + 1 < N ? 2 : 1);

    assert_true(tn_closure_collect(&closure, &chain[N / 2], 1));
    assert_int_equal(closure.count, N / 2 + 1);
    assert_int_equal(place_of(&closure, chain[N / 2 + 1]), SIZE_MAX);
    tn_closure_drop(&closure);

    give(&first, 1);
    run(s);
    drop_chain(chain, N);
    drop_source(&first);
    close_shelf(s);
}

TEST(what_has_ended_is_not_collected)
{
    shelf *s = open_shelf();
    source sources[3] = {new_source(), new_source(), new_source()};
    tarn_future *befores[3] = {sources[0].future, sources[1].future, sources[2].future};
    tarn_future *all = tarn_all(befores, 3);
    give(&sources[1], 1);
    tn_closure closure;
    assert_true(tn_closure_collect(&closure, &all, 1));
    assert_int_equal(closure.count, 3);
    assert_int_equal(place_of(&closure, sources[1].future), SIZE_MAX);
    assert_int_equal(place_of(&closure, all), 2);
    tn_closure_drop(&closure);
    give(&sources[0], 1);
    give(&sources[2], 1);
    assert_true(tn_closure_collect(&closure, &all, 1));
    assert_int_equal(closure.count, 0);
    tn_closure_drop(&closure);
    assert_ended(all, TARN_OK);
    for (int i = 0; i < 3; i++)
        drop_source(&sources[i]);
    close_shelf(s);
}

/* There are 4 to the power of 20 ways through it. */
TEST(what_is_met_in_many_ways_is_collected_once)
{
    enum { LAYERS = 20, LAYER = 4 };
    shelf *s = open_shelf();
    source first = new_source();
    tarn_future *futures[LAYERS][LAYER + 1];
    for (int depth = 0; depth < LAYERS; depth++) {
        for (int i = 0; i < LAYER; i++)
            futures[depth][i] = depth == 0 ? add_one_after(&s->executor, first.future)
                                           : tarn_all(&futures[depth - 1][i % 2 ? LAYER : i], 1);
        futures[depth][LAYER] = tarn_all(futures[depth], LAYER);
    }
    tn_closure closure;
    assert_true(tn_closure_collect(&closure, &futures[LAYERS - 1][LAYER], 1));
    assert_int_equal(closure.count, LAYERS * (LAYER + 1) + 1);
    for (int depth = 0; depth < LAYERS; depth++) {
        size_t all = place_of(&closure, futures[depth][LAYER]);
        for (int i = 0; i < LAYER; i++) {
            assert_true(place_of(&closure, futures[depth][i]) < all);
            assert_false(is_seen(futures[depth][i]));
        }
    }
    tn_closure_drop(&closure);
    give(&first, 1);
    run(s);
    for (int depth = 0; depth < LAYERS; depth++) {
        for (int i = 0; i <= LAYER; i++)
            assert_ended(futures[depth][i], TARN_OK);
    }
    drop_source(&first);
    close_shelf(s);
}

TEST(a_chain_of_any_length_is_collected)
{
    size_t n = test_count(300000);
    shelf *s = open_shelf();
    source first = new_source();
    tarn_future *last = tarn_hold(first.future);
    for (size_t i = 0; i < n; i++) {
        tarn_future *next = add_one_after(&s->executor, last);
        tarn_drop(last);
        last = next;
    }
    tn_closure closure;
    assert_true(tn_closure_collect(&closure, &last, 1));
    assert_int_equal(closure.count, n + 1);
    assert_ptr_equal(closure.futures[0], first.future);
    assert_ptr_equal(closure.futures[n], last);
    tn_closure_drop(&closure);
    tarn_promise_drop(first.promise);
    assert_ended(last, TARN_CANCELLED);
    tarn_drop(first.future);
    close_shelf(s);
}

/* ---- what is not ---- */

static void assert_untouched(tarn_future *const *chain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_false(is_seen(chain[i]));
        assert_int_equal(handles(chain[i]), i + 1 < n ? 2 : 1);
    }
}

/* Each allocation fails once, in the middle of the walk. */
TEST(without_memory_nothing_is_collected_and_nothing_marked)
{
    enum { N = 1000 };
    shelf *s = open_shelf();
    source first = new_source();
    static tarn_future *chain[N];
    chain[0] = first.future;
    chain_up(s, chain, N);
    tn_closure closure;
    size_t spared = 0;
    bool collected = false;
    for (; !collected; spared++) {
        arrays_left = spared;
        collected = tn_closure_collect(&closure, &chain[N - 1], 1);
        arrays_left = SIZE_MAX;
        if (!collected) {
            assert_int_equal(closure.count, 0);
            assert_null(closure.futures);
            assert_untouched(chain, N);
        }
    }
    /* Two arrays, which grow from 64 to 1024. */
    assert_int_equal(spared, 11);
    assert_int_equal(closure.count, N);
    tn_closure_drop(&closure);
    assert_untouched(chain, N);
    give(&first, 1);
    run(s);
    drop_chain(chain, N);
    drop_source(&first);
    close_shelf(s);
}

TEST(a_target_with_too_many_references_is_not_collected)
{
    enum { N = 10 };
    shelf *s = open_shelf();
    source first = new_source();
    tarn_future *chain[N] = {first.future};
    chain_up(s, chain, N);
    tarn_future *last = chain[N - 1];
    tn_u32_add_relaxed(&last->owners, TN_HANDLES - 1);
    tn_closure closure;
    tarn_future *targets[2] = {chain[N - 2], last};
    assert_false(tn_closure_collect(&closure, targets, 2));
    assert_int_equal(closure.count, 0);
    tn_u32_sub_relaxed(&last->owners, TN_HANDLES - 1);
    assert_untouched(chain, N);
    give(&first, 1);
    run(s);
    drop_chain(chain, N);
    drop_source(&first);
    close_shelf(s);
}

/* ---- while others go on ---- */

typedef struct mover {
    shelf *shelf;
    tn_atomic_u32 over;
    size_t rounds;
} mover;

/* Makes chains, lets them run or fail, and ends them, again and again. */
static void keep_moving(void *data)
{
    mover *m = data;
    while (!tn_u32_load_acquire(&m->over)) {
        source first = new_source();
        tarn_future *chain[8] = {first.future};
        for (int i = 1; i < 8; i++)
            chain[i] = add_one_after(&m->shelf->executor, chain[i - 1]);
        if (m->rounds++ % 2)
            tarn_cancel(chain[m->rounds % 8]);
        give(&first, 1);
        run(m->shelf);
        drop_chain(chain, 8);
        drop_source(&first);
    }
}

static tn_thread start(void (*begin)(void *data), void *data)
{
    tn_thread thread;
    assert_int_equal(tn_thread_start(&thread, 256 * 1024, "closure-test", begin, data), 0);
    return thread;
}

typedef struct shared {
    shelf *shelf;
    source first;
    tarn_future *chain[16];
} shared;

static void end_first(void *data)
{
    shared *c = data;
    give(&c->first, 1);
    run(c->shelf);
}

/* What ends during the walk is in it or not, and never touched afterwards. */
TEST(a_chain_that_ends_while_it_is_collected_is_left_as_it_is)
{
    size_t rounds = test_count(3000);
    shelf *s = open_shelf();
    mover m = {.shelf = s};
    tn_thread others = start(keep_moving, &m);
    for (size_t round = 0; round < rounds; round++) {
        shared c = {.shelf = s, .first = new_source()};
        c.chain[0] = c.first.future;
        chain_up(s, c.chain, 16);
        tn_thread ender = start(end_first, &c);
        tn_closure closure;
        assert_true(tn_closure_collect(&closure, &c.chain[15], 1));
        assert_true(closure.count <= 16);
        tn_thread_join(ender);
        tn_closure_drop(&closure);
        run(s);
        for (int i = 0; i < 16; i++)
            assert_false(is_seen(c.chain[i]));
        drop_chain(c.chain, 16);
        drop_source(&c.first);
    }
    tn_u32_store_release(&m.over, 1);
    tn_thread_join(others);
    close_shelf(s);
}
