/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_map_from: items that come and go one by one. */
#include "contract.h"
#include "items.h"

#include <sched.h>
#include <stdio.h>

/* ---- Order, and how far ahead ---- */

/* A source of n numbers, and what takes their squares. */
struct flow {
    size_t n;
    size_t asked, given, taken; /* calls of next(), those that gave an item, calls of take() */
    size_t enough;              /* take() says so after that many */
    size_t most_ahead;          /* items that were given and not taken */
    uint64_t most_queued;       /* futures of the pool that had not ended */
    size_t wrong;
    tarn_executor *pool;
};

static void look_at_pool(struct flow *flow)
{
    tarn_stats stats = {.size = sizeof(stats)};
    flow->wrong += tarn_executor_stats(flow->pool, &stats) != TARN_OK;
    if (stats.queued + stats.running > flow->most_queued)
        flow->most_queued = stats.queued + stats.running;
}

static bool give_number(long long *number, void *data)
{
    struct flow *flow = data;
    flow->asked++;
    if (flow->given == flow->n)
        return false;
    *number = (long long)flow->given++;
    if (flow->given - flow->taken > flow->most_ahead)
        flow->most_ahead = flow->given - flow->taken;
    if (flow->given % 512 == 0)
        look_at_pool(flow);
    return true;
}

static bool take_square(size_t i, tarn_status status, const long long *square, void *data)
{
    struct flow *flow = data;
    flow->wrong += i != flow->taken++ || status != TARN_OK;
    flow->wrong += *square != (long long)i * (long long)i;
    if (i % 512 == 0)
        look_at_pool(flow);
    return flow->taken < flow->enough;
}

static long long square_long(long long n)
{
    return n * n;
}
TARN_TASK(long long, square_long, long long);

CONTRACT_TEST(a_stream_gives_its_results_in_order, MAPS)
{
    const size_t counts[] = {0, 1, 2, 33, 1000, test_count(2000000)};
    tarn_executor *pool = pool_open();
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        struct flow flow = {.n = counts[k], .enough = SIZE_MAX, .pool = pool};
        assert_int_equal(square_long_map_from(pool, give_number, take_square, &flow, TARN_FOREVER),
                         TARN_OK);
        assert_int_equal(flow.wrong, 0);
        assert_int_equal(flow.given, counts[k]);
        assert_int_equal(flow.taken, counts[k]);
        /* Once it has said that there are no more, it is left alone. */
        assert_int_equal(flow.asked, counts[k] + 1);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_stream_without_end_is_taken_from_until_it_is_enough, MAPS)
{
    size_t enough = test_count(300000);
    tarn_executor *pool = pool_open();
    struct flow flow = {.n = SIZE_MAX, .enough = enough, .pool = pool};
    assert_int_equal(square_long_map_from(pool, give_number, take_square, &flow, TARN_FOREVER),
                     TARN_CANCELLED);
    assert_contains(tarn_last_error(), "take()");
    assert_int_equal(flow.wrong, 0);
    assert_int_equal(flow.taken, enough);
    /* A few chunks, each of which holds at most 256 KiB: whatever the machine is busy with. */
    size_t few = 8 * (size_t)pool_workers();
    assert_in_range(flow.most_queued, 0, few);
    assert_in_range(flow.most_ahead, 1, few * (256 * 1024) / (2 * sizeof(long long)));
    pool_close(pool);
}

/* ---- Stuck items ---- */

struct stream {
    struct helper helper;
    tarn_executor *pool;
    struct items *items;
    tarn_deadline deadline;
    atomic_size_t given;
    size_t taken;
    size_t enough;
    size_t wrong;
    tarn_status status;
};

static bool give_item(struct live_arguments *item, void *data)
{
    struct stream *stream = data;
    size_t i = atomic_load(&stream->given);
    if (i == stream->items->n)
        return false;
    *item = stream->items->in[i];
    atomic_store(&stream->given, i + 1);
    return true;
}

static bool take_item(size_t i, tarn_status status, const int *result, void *data)
{
    struct stream *stream = data;
    stream->wrong += i != stream->taken++;
    stream->wrong += (status == TARN_OK) != (result != NULL);
    stream->items->statuses[i] = status;
    if (result)
        stream->items->out[i] = *result;
    return stream->taken < stream->enough;
}

static void run_stream(void *data)
{
    struct stream *stream = data;
    stream->status = live_map_from(stream->pool, give_item, take_item, stream, stream->deadline);
}

CONTRACT_TEST(a_stream_is_not_asked_for_more_while_its_items_are_stuck, GATES)
{
    size_t n = test_count(1000000);
    tarn_executor *pool = pool_open();
    struct stream stream = {.pool = pool, .items = items_new(n), .enough = SIZE_MAX};
    items_act(stream.items, STAND, 0, n);
    helper_start(&stream.helper, run_stream, &stream);
    gate_await(&stream.items->gate, 1);
    helper_await_sleep(&stream.helper);
    assert_in_range(atomic_load(&stream.given), 1, 8 * (size_t)pool_workers());
    gate_open(&stream.items->gate);
    helper_join(&stream.helper);
    assert_int_equal(stream.status, TARN_OK);
    assert_int_equal(stream.wrong, 0);
    assert_int_equal(stream.taken, n);
    pool_close(pool);
    items_check(stream.items);
    items_free(stream.items);
}

CONTRACT_TEST(items_of_a_stream_end_each_by_themselves, GATES)
{
    tarn_executor *pool = pool_open();
    struct stream stream = {.pool = pool, .items = items_new(5000), .enough = SIZE_MAX};
    items_act(stream.items, FAIL, 30, 70);
    items_act(stream.items, END_THREAD, 31, 700);
    run_stream(&stream);
    assert_int_equal(stream.status, TARN_FAILED);
    assert_contains(tarn_last_error(), "item 30 ");
    assert_int_equal(stream.wrong, 0);
    assert_int_equal(stream.taken, 5000);
    pool_close(pool);
    items_check(stream.items);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(stream.items->statuses[i],
                         i % 70 == 30 || i % 700 == 31 ? TARN_FAILED : TARN_OK);
    items_free(stream.items);
}

CONTRACT_TEST(what_a_stream_had_not_begun_when_it_was_enough_never_runs, GATES)
{
    tarn_executor *pool = pool_open();
    struct stream stream = {.pool = pool, .items = items_new(1000), .enough = 1};
    items_act(stream.items, STAND, 1, 1);
    run_stream(&stream);
    assert_int_equal(stream.status, TARN_CANCELLED);
    assert_int_equal(stream.taken, 1);
    assert_in_range(atomic_load(&stream.given), 1, 8 * (size_t)pool_workers());
    gate_open(&stream.items->gate);
    pool_close(pool);
    /* One at each worker can have begun. */
    assert_in_range(gate_arrived(&stream.items->gate), 0, pool_workers());
    items_free(stream.items);
}

CONTRACT_TEST(a_stream_ends_at_its_deadline_although_an_item_is_stuck, GATES)
{
    tarn_executor *pool = pool_open();
    struct stream stream = {
        .pool = pool, .items = items_new(1000), .enough = SIZE_MAX, .deadline = tarn_in(0.03)};
    items_act(stream.items, STAND, 20, 1000);
    run_stream(&stream);
    assert_int_equal(stream.status, TARN_TIMEOUT);
    assert_int_equal(stream.wrong, 0);
    assert_in_range(stream.taken, 0, 20);
    items_move(stream.items);
    gate_open(&stream.items->gate);
    pool_close(pool);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(stream.items->statuses[i], i < stream.taken ? TARN_OK : TARN_END);
    items_free(stream.items);
}

CONTRACT_TEST(a_stream_whose_deadline_has_passed_is_not_asked_for_anything, GATES)
{
    tarn_executor *pool = pool_open();
    struct stream stream = {
        .pool = pool, .items = items_new(10), .enough = SIZE_MAX, .deadline = TARN_NOW};
    run_stream(&stream);
    assert_int_equal(stream.status, TARN_TIMEOUT);
    assert_int_equal(atomic_load(&stream.given) + stream.taken, 0);
    items_free(stream.items);
    pool_close(pool);
}

CONTRACT_TEST(a_stream_in_a_closed_pool_takes_refusals_until_its_end, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    struct stream stream = {.pool = pool, .items = items_new(100), .enough = SIZE_MAX};
    tarn_future *blocker;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    run_stream(&stream);
    assert_int_equal(stream.status, TARN_CLOSED);
    assert_int_equal(items_count(stream.items, TARN_CLOSED), 100);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
    items_check(stream.items);
    items_free(stream.items);
}

/* ---- Slow sources, and slow ends ---- */

/* Comes with the next item when all that it gave before has been run. */
static bool give_slowly(struct live_arguments *item, void *data)
{
    struct stream *stream = data;
    tarn_stats stats = {.size = sizeof(stats)};
    do {
        sched_yield();
        stream->wrong += tarn_executor_stats(stream->pool, &stats) != TARN_OK;
    } while (stats.queued + stats.running > 0);
    return give_item(item, data);
}

static bool take_slowly(size_t i, tarn_status status, const int *result, void *data)
{
    struct stream *stream = data;
    tarn_stats stats = {.size = sizeof(stats)};
    do {
        sched_yield();
        stream->wrong += tarn_executor_stats(stream->pool, &stats) != TARN_OK;
    } while (stats.queued + stats.running > 0);
    return take_item(i, status, result, data);
}

CONTRACT_TEST(a_stream_whose_source_or_end_is_slow_loses_nothing, GATES)
{
    tarn_executor *pool = pool_open();
    for (int slow = 1; slow <= 3; slow++) {
        struct stream stream = {.pool = pool, .items = items_new(300), .enough = SIZE_MAX};
        stream.status = live_map_from(pool, slow & 1 ? give_slowly : give_item,
                                      slow & 2 ? take_slowly : take_item, &stream, TARN_FOREVER);
        assert_int_equal(stream.status, TARN_OK);
        assert_int_equal(stream.wrong, 0);
        assert_int_equal(stream.taken, 300);
        items_check(stream.items);
        items_free(stream.items);
    }
    pool_close(pool);
}

/* ---- Results that are bytes, or nothing ---- */

static tarn_bytes spell(int n)
{
    char *text = tarn_result_memory(32);
    if (n % 100 == 77)
        pthread_exit(NULL);
    int length = text ? snprintf(text, 32, "number %d of them", n) : 0;
    return (tarn_bytes){text, (size_t)length};
}
TARN_TASK(tarn_bytes, spell, int);

struct spelling {
    int given, taken, wrong;
    int n;
};

static bool give_int(int *number, void *data)
{
    struct spelling *spelling = data;
    *number = spelling->given;
    return spelling->given++ < spelling->n;
}

static bool take_spelling(size_t i, tarn_status status, const tarn_bytes *result, void *data)
{
    struct spelling *spelling = data;
    char text[32];
    spelling->taken++;
    if (i % 100 == 77) {
        spelling->wrong += status != TARN_FAILED || result;
        return true;
    }
    int length = snprintf(text, sizeof(text), "number %zu of them", i);
    spelling->wrong += status != TARN_OK || !result || result->size != (size_t)length ||
                       memcmp(result->data, text, result->size) != 0;
    return true;
}

/* Also those of a chunk whose thread has ended since. */
CONTRACT_TEST(bytes_that_a_stream_gives_are_there_while_they_are_taken, MAPS)
{
    enum { N = 5000 };
    tarn_executor *pool = pool_open();
    struct spelling spelling = {.n = N};
    assert_int_equal(spell_map_from(pool, give_int, take_spelling, &spelling, TARN_FOREVER),
                     TARN_FAILED);
    assert_contains(tarn_last_error(), "item 77 ");
    assert_int_equal(spelling.taken, N);
    assert_int_equal(spelling.wrong, 0);
    pool_close(pool);
}

static bool give_text(tarn_bytes *text, void *data)
{
    static char letters[40];
    struct spelling *spelling = data;
    memset(letters, 'a' + spelling->given % 26, sizeof(letters));
    *text = (tarn_bytes){letters, (size_t)(spelling->given % 40)};
    return spelling->given++ < spelling->n;
}

static bool take_text(size_t i, tarn_status status, const tarn_bytes *result, void *data)
{
    struct spelling *spelling = data;
    spelling->taken++;
    spelling->wrong += status != TARN_OK || result->size != i % 40;
    for (size_t k = 0; k < i % 40; k++)
        spelling->wrong += ((const char *)result->data)[k] != (char)('a' + i % 26);
    return true;
}

/* The source may use one piece of memory for all its items; and a result may lie in its
 * argument. */
CONTRACT_TEST(bytes_that_a_stream_is_given_are_copied, MAPS)
{
    enum { N = 5000 };
    tarn_executor *pool = pool_open();
    struct spelling spelling = {.n = N};
    assert_int_equal(echo_map_from(pool, give_text, take_text, &spelling, TARN_FOREVER), TARN_OK);
    assert_int_equal(spelling.taken, N);
    assert_int_equal(spelling.wrong, 0);
    pool_close(pool);
}

static bool give_wrong_text(tarn_bytes *text, void *data)
{
    struct spelling *spelling = data;
    bool more = give_text(text, data);
    if (spelling->given == 300)
        *text = (tarn_bytes){NULL, 1};
    return more;
}

CONTRACT_TEST(a_stream_ends_with_an_item_that_cannot_be_copied, MAPS)
{
    tarn_executor *pool = pool_open();
    struct spelling spelling = {.n = 1000};
    assert_int_equal(echo_map_from(pool, give_wrong_text, take_text, &spelling, TARN_FOREVER),
                     TARN_INVALID);
    assert_contains(tarn_last_error(), "tarn_bytes");
    assert_int_equal(spelling.given, 300);
    assert_in_range(spelling.taken, 0, 299);
    assert_int_equal(spelling.wrong, 0);
    pool_close(pool);
}

static void check_even(int n)
{
    if (n % 2 != 0)
        tarn_fail(n, "%d is odd", n);
}
TARN_TASK(void, check_even, int);

static bool take_check(size_t i, tarn_status status, void *data)
{
    struct spelling *spelling = data;
    spelling->taken++;
    spelling->wrong += status != (i % 2 == 0 ? TARN_OK : TARN_FAILED);
    return true;
}

CONTRACT_TEST(a_stream_without_results_tells_how_each_item_ended, MAPS)
{
    tarn_executor *pool = pool_open();
    struct spelling spelling = {.n = 3000};
    assert_int_equal(check_even_map_from(pool, give_int, take_check, &spelling, TARN_FOREVER),
                     TARN_FAILED);
    assert_contains(tarn_last_error(), "1 is odd");
    assert_int_equal(spelling.taken, 3000);
    assert_int_equal(spelling.wrong, 0);
    pool_close(pool);
}

/* ---- Texts ---- */

static int fail_if_odd(int n)
{
    if (n % 2)
        tarn_fail(n, "item %d is odd", n);
    return n;
}
TARN_TASK(int, fail_if_odd, int);

static bool give_below_1000(int *item, void *data)
{
    int *next = data;
    if (*next == 1000)
        return false;
    *item = (*next)++;
    return true;
}

static bool text_is_of_item(size_t i, tarn_status status, const int *result, void *data)
{
    char text[64];
    (void)data;
    /* What it said of the last failure stays, whatever has become of that item. */
    if (i % 2 == 0)
        return status == TARN_OK && *result == (int)i &&
               (i == 0 || strstr(tarn_last_error(), "is odd"));
    snprintf(text, sizeof(text), "item %zu is odd", i);
    return status == TARN_FAILED && !result && strcmp(tarn_last_error(), text) == 0;
}

CONTRACT_TEST(each_item_of_a_stream_that_failed_says_why, MAPS)
{
    tarn_executor *pool = pool_open();
    int next = 0;
    assert_int_equal(
        fail_if_odd_map_from(pool, give_below_1000, text_is_of_item, &next, TARN_FOREVER),
        TARN_FAILED);
    assert_contains(tarn_last_error(), "item 1 ");
    pool_close(pool);
}

/* ---- What next() and take() may do ---- */

struct recursion {
    tarn_executor *pool;
    int given, depth;
    long long sum;
    tarn_status shut, drained;
};

static bool give_few(int *number, void *data)
{
    struct recursion *recursion = data;
    *number = recursion->given;
    return recursion->given++ < 4;
}

static bool take_and_recurse(size_t i, tarn_status status, const int *result, void *data)
{
    struct recursion *recursion = data;
    int squared = 0;
    tarn_future *future = square_submit(recursion->pool, *result);
    if (square_result(future, &squared) == TARN_OK && status == TARN_OK)
        recursion->sum += squared;
    tarn_drop(future);
    if (recursion->depth < 3 && i % 2 == 1) {
        struct recursion below = {.pool = recursion->pool, .depth = recursion->depth + 1};
        if (square_map_from(below.pool, give_few, take_and_recurse, &below, TARN_FOREVER) ==
            TARN_OK)
            recursion->sum += below.sum;
    }
    return true;
}

CONTRACT_TEST(whoever_takes_from_a_stream_may_submit_and_stream, GATES)
{
    tarn_executor *pool = pool_open();
    struct recursion recursion = {.pool = pool};
    assert_int_equal(square_map_from(pool, give_few, take_and_recurse, &recursion, TARN_FOREVER),
                     TARN_OK);
    /* 0 + 1 + 16 + 81 on each of the 15 levels. */
    assert_int_equal(recursion.sum, 98 * 15);
    pool_close(pool);
}

static int stream_inside(tarn_executor *pool)
{
    struct recursion recursion = {.pool = pool};
    if (square_map_from(pool, give_few, take_and_recurse, &recursion, TARN_FOREVER) != TARN_OK)
        tarn_fail(1, "%s", tarn_last_error());
    return (int)recursion.sum;
}
TARN_TASK(int, stream_inside, tarn_executor *);

CONTRACT_TEST(a_task_may_stream_in_its_own_pool, NESTED)
{
    tarn_executor *pool = pool_of(1);
    int sum = 0;
    tarn_future *future = stream_inside_submit(pool, pool);
    assert_int_equal(stream_inside_result(future, &sum), TARN_OK);
    assert_int_equal(sum, 98 * 15);
    tarn_drop(future);
    pool_close(pool);
}

static bool take_and_close(size_t i, tarn_status status, const int *result, void *data)
{
    struct recursion *recursion = data;
    (void)result;
    if (i == 0 && status == TARN_OK) {
        recursion->drained = tarn_drain(recursion->pool, TARN_FOREVER);
        recursion->shut = tarn_shutdown(recursion->pool);
    }
    return true;
}

/* The pool cannot come to rest before the map has returned. */
CONTRACT_TEST(whoever_takes_from_a_stream_cannot_wait_for_the_end_of_its_pool, MAPS)
{
    tarn_executor *pool = pool_open();
    struct recursion recursion = {.pool = pool};
    tarn_status status = square_map_from(pool, give_few, take_and_close, &recursion, TARN_FOREVER);
    assert_true(status == TARN_OK || status == TARN_CLOSED);
    assert_int_equal(recursion.drained, TARN_DEADLOCK);
    assert_int_equal(recursion.shut, TARN_DEADLOCK);
    assert_ended(square_submit(pool, 1), TARN_CLOSED);
    pool_close(pool);
}
