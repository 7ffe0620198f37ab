/* SPDX-License-Identifier: Apache-2.0 */

/* Chains as long as one likes: nothing in them is recursive, and what is behind them is
 * released. */
#include "chained.h"

#include <stdatomic.h>

enum { SMALL_STACK = 256 * 1024 };

static size_t length_of_chain(void)
{
    return test_count(1000000);
}

/* A pool whose stacks are too small for a call for each link. */
static tarn_executor *open_small(void)
{
    return pool_with(&(struct pool_options){.stack_size = SMALL_STACK});
}

struct small {
    void (*run)(void *data);
    void *data;
};

static void *small_main(void *data)
{
    const struct small *small = data;
    small->run(small->data);
    return NULL;
}

/* Runs it on a thread that could not hold a call for each link. It must not assert. */
static void run_small(void (*run)(void *data), void *data)
{
    struct small small = {run, data};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, small_main, &small), 0);
    pthread_attr_destroy(&attributes);
    pthread_join(thread, NULL);
}

/* The links of a chain after `before`; the caller drops each. */
static tarn_future **chain_up(tarn_executor *pool, tarn_future *before, size_t n)
{
    tarn_future **links = calloc(n, sizeof(*links));
    assert_non_null(links);
    for (size_t i = 0; i < n; i++)
        links[i] = link_add_after(pool, i == 0 ? before : links[i - 1]);
    return links;
}

/* The same, but only the last one is held by the test. */
static tarn_future *chain_loosely(tarn_executor *pool, tarn_future *before, size_t n)
{
    tarn_future *last = tarn_hold(before);
    for (size_t i = 0; i < n; i++) {
        tarn_future *next = link_add_after(pool, last);
        tarn_drop(last);
        last = next;
    }
    return last;
}

static void end_by_value(void *data)
{
    struct source *source = data;
    int value = 0;
    tarn_promise_set(source->promise, &value, sizeof(value));
}

static void end_by_failure(void *data)
{
    struct source *source = data;
    tarn_promise_fail(source->promise, 77, "the first of all");
}

static void end_by_cancel(void *data)
{
    struct source *source = data;
    tarn_cancel(source->future);
}

static void drop_source(struct source *source)
{
    tarn_promise_drop(source->promise);
    tarn_drop(source->future);
}

CONTRACT_TEST(a_chain_of_a_million_runs, 0)
{
    tarn_executor *pool = open_small();
    size_t n = length_of_chain();
    struct source source = source_new();
    tarn_future *last = chain_loosely(pool, source.future, n);
    run_small(end_by_value, &source);
    assert_result(last, &link_add_task, (int)n);
    drop_source(&source);
    pool_close(pool);
}

CONTRACT_TEST(a_chain_of_a_million_fails_from_its_head, 0)
{
    tarn_executor *pool = open_small();
    struct source source = source_new();
    tarn_future *last = chain_loosely(pool, source.future, length_of_chain());
    run_small(end_by_failure, &source);
    assert_true(tarn_done(last));
    assert_passed_on(last, TARN_FAILED, 77, "the first of all");
    drop_source(&source);
    pool_close(pool);
}

CONTRACT_TEST(a_chain_of_a_million_is_cancelled_from_its_head, 0)
{
    tarn_executor *pool = open_small();
    struct source source = source_new();
    tarn_future *last = chain_loosely(pool, source.future, length_of_chain());
    run_small(end_by_cancel, &source);
    assert_true(tarn_cancelled(last));
    tarn_drop(last);
    drop_source(&source);
    pool_close(pool);
}

struct closing {
    tarn_executor *pool;
    tarn_status status;
};

static void shut_down(void *data)
{
    struct closing *closing = data;
    closing->status = tarn_shutdown(closing->pool);
}

CONTRACT_TEST(a_chain_of_a_million_is_closed, 0)
{
    struct closing closing = {.pool = open_small()};
    struct source source = source_new();
    tarn_future *last = chain_loosely(closing.pool, source.future, length_of_chain());
    run_small(shut_down, &closing);
    assert_int_equal(closing.status, TARN_OK);
    assert_true(tarn_done(last));
    assert_ended(last, TARN_CLOSED);
    drop_source(&source);
}

/* All of all of all ..., and with a task in between that mends it. */
CONTRACT_TEST(a_million_all_of_one_end_at_once, POINTERS | SHARED_MEMORY)
{
    tarn_executor *pool = open_small();
    size_t n = length_of_chain();
    struct source source = source_new();
    tarn_future *last = tarn_hold(source.future);
    for (size_t i = 0; i < n; i++) {
        tarn_future *next = tarn_all(&last, 1);
        tarn_drop(last);
        last = next;
    }
    tarn_future *observer = tarn_then(pool, &link_observe_task, last);
    run_small(end_by_failure, &source);
    assert_passed_on(last, TARN_FAILED, 77, "the first of all");
    assert_int_equal(ending_of(observer).code, 77);
    drop_source(&source);
    pool_close(pool);
}

/* ---- Dropping ---- */

enum order { FORWARDS, BACKWARDS, MIXED, ORDERS };

struct drops {
    tarn_future **links;
    size_t n;
    enum order order;
};

static void drop_links(void *data)
{
    const struct drops *drops = data;
    size_t n = drops->n;
    for (size_t i = 0; i < n; i++) {
        /* Any odd step goes through all of a power of two. */
        size_t k = drops->order == FORWARDS    ? i
                   : drops->order == BACKWARDS ? n - 1 - i
                                               : (i * 40503) % n;
        tarn_drop(drops->links[k]);
        drops->links[k] = NULL;
    }
}

/* A power of two, so that a mixed order is simple to make. */
static size_t length_to_drop(void)
{
    size_t n = 1;
    while (2 * n <= test_count(250000))
        n *= 2;
    return n;
}

static void check_dropped(void (*end)(void *data), enum order order, bool before)
{
    tarn_executor *pool = open_small();
    size_t n = length_to_drop();
    struct source source = source_new();
    struct drops drops = {chain_up(pool, source.future, n), n, order};
    tarn_future *last = tarn_hold(drops.links[n - 1]);
    if (before)
        run_small(drop_links, &drops);
    run_small(end, &source);
    tarn_future_wait(last, TARN_FOREVER);
    if (!before)
        run_small(drop_links, &drops);
    tarn_drop(last);
    drop_source(&source);
    pool_close(pool);
    free(drops.links);
}

CONTRACT_TEST(a_long_chain_may_be_dropped_in_any_order, 0)
{
    for (enum order order = FORWARDS; order < ORDERS; order++) {
        check_dropped(end_by_failure, order, false);
        check_dropped(end_by_failure, order, true);
        check_dropped(end_by_value, order, false);
        check_dropped(end_by_value, order, true);
    }
}

/* Nobody but the chain itself holds it, and what it is made of comes back. */
CONTRACT_TEST(a_chain_that_nobody_holds_runs_and_leaves_nothing, SHARED_MEMORY)
{
    tarn_executor *pool = open_small();
    size_t n = length_to_drop();
    size_t before = 0;
    for (int round = 0; round < 6; round++) {
        struct source source = source_new();
        tarn_future *last = chain_loosely(pool, source.future, n);
        tarn_future *all = tarn_all(&last, 1);
        tarn_drop(last);
        if (round % 2)
            source_give(&source, 1);
        else
            source_cancel(&source);
        tarn_drop(source.future);
        tarn_future_wait(all, TARN_FOREVER);
        assert_ended(all, round % 2 ? TARN_OK : TARN_CANCELLED);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
        if (round == 2)
            before = memory_resident();
    }
    /* One chain takes some 60 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)20 << 20));
    pool_close(pool);
}

/* ---- Cancelling in the middle ---- */

CONTRACT_TEST(cancelling_in_the_middle_ends_what_follows_and_nothing_else, SHARED_MEMORY)
{
    enum { N = 100, AT = 40 };
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future **links = chain_up(pool, source.future, N);
    assert_true(tarn_cancel(links[AT]));
    for (int i = 0; i < N; i++)
        assert_int_equal(tarn_cancelled(links[i]), i >= AT);
    assert_false(tarn_done(source.future));
    source_give(&source, 0);
    for (int i = 0; i < AT; i++)
        assert_result(links[i], &link_add_task, i + 1);
    tarn_drop_all(&links[AT], N - AT);
    free(links);
    tarn_drop(source.future);
    pool_close(pool);
}

CONTRACT_TEST(cancelling_all_leaves_its_futures_alone, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    tarn_future **links = chain_up(pool, source.future, 10);
    tarn_future *all = tarn_all(links, 10);
    tarn_future *after = nothing_after(pool, all);
    assert_true(tarn_cancel(all));
    assert_true(tarn_cancelled(after));
    assert_int_equal(tarn_cancel_all(links, 10), 10);
    assert_true(tarn_cancelled(links[9]));
    source_give(&source, 0);
    tarn_drop_all(links, 10);
    free(links);
    tarn_drop(all);
    tarn_drop(after);
    tarn_drop(source.future);
    pool_close(pool);
}

/* From its tail, link by link: each leaves those before it alone. */
CONTRACT_TEST(a_chain_may_be_cancelled_backwards, 0)
{
    tarn_executor *pool = pool_open();
    size_t n = test_count(100000);
    struct source source = source_new();
    tarn_future **links = chain_up(pool, source.future, n);
    for (size_t i = n; i-- > 0;) {
        assert_false(tarn_done(links[i]));
        assert_true(tarn_cancel(links[i]));
        tarn_drop(links[i]);
    }
    free(links);
    source_give(&source, 0);
    tarn_drop(source.future);
    pool_close(pool);
}

/* ---- Without an end ---- */

struct endless {
    tarn_executor *pool;
    tarn_future *last; /* of the task that runs, or will */
    size_t left;
    struct gate over;
};

static struct endless endless;

TARN_TASK_DECLARE(void, link_extend, void);

/* Each task puts the next one behind itself. */
static void link_extend(void)
{
    if (endless.left-- == 0) {
        gate_pass(&endless.over);
        return;
    }
    tarn_future *next = link_extend_after(endless.pool, endless.last);
    tarn_drop(endless.last);
    endless.last = next;
}
TARN_TASK_DEFINE(void, link_extend, void);

CONTRACT_TEST(a_chain_that_extends_itself_without_end_stays_small, NESTED)
{
    size_t n = test_count(300000);
    size_t resident = 0;
    tarn_executor *pool = pool_open();
    for (int round = 0; round < 3; round++) {
        struct source source = source_new();
        endless = (struct endless){.pool = pool, .left = n, .over = GATE_OPEN};
        endless.last = link_extend_after(pool, source.future);
        source_give(&source, 0);
        tarn_drop(source.future);
        gate_await(&endless.over, 1);
        assert_ended(endless.last, TARN_OK);
        if (round == 0)
            resident = memory_resident();
    }
    /* What 600,000 links would take is 240 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < resident + ((size_t)20 << 20));
    pool_close(pool);
}
