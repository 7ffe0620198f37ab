/* SPDX-License-Identifier: Apache-2.0 */

/* What a task has beside submit and result, in every shape: many at once, maps, continuations, and
 * release functions. For every compiler, standard and both languages, as shapes.c. */
#include <tarn.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "runner.h"
#ifdef __cplusplus
}
#endif

#include <stdlib.h>

/* ---- From none to eight arguments ---- */

static int calls;

static void m0_nothing(void)
{
    calls++;
}
TARN_TASK(void, m0_nothing);

static int m0(void)
{
    return 7;
}
TARN_TASK(int, m0, void);

static void m1_nothing(int a)
{
    calls += a;
}
TARN_TASK(void, m1_nothing, int);

static int m1(int a)
{
    return a;
}
TARN_TASK(int, m1, int);

static int m2(int a, int b)
{
    return 10 * a + b;
}
TARN_TASK(int, m2, int, int);

static int m3(int a, int b, int c)
{
    return 10 * m2(a, b) + c;
}
TARN_TASK(int, m3, int, int, int);

static int m4(int a, int b, int c, int d)
{
    return 10 * m3(a, b, c) + d;
}
TARN_TASK(int, m4, int, int, int, int);

static int m5(int a, int b, int c, int d, int e)
{
    return 10 * m4(a, b, c, d) + e;
}
TARN_TASK(int, m5, int, int, int, int, int);

static int m6(int a, int b, int c, int d, int e, int g)
{
    return 10 * m5(a, b, c, d, e) + g;
}
TARN_TASK(int, m6, int, int, int, int, int, int);

static int m7(int a, int b, int c, int d, int e, int g, int h)
{
    return 10 * m6(a, b, c, d, e, g) + h;
}
TARN_TASK(int, m7, int, int, int, int, int, int, int);

static int m8(int a, int b, int c, int d, int e, int g, int h, int i)
{
    return 10 * m7(a, b, c, d, e, g, h) + i;
}
TARN_TASK(int, m8, int, int, int, int, int, int, int, int);

static tarn_executor *start(void)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    return pool;
}

static void finish(tarn_executor *pool)
{
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Asserts that both futures of a task gave these results, and drops them. */
#define ASSERT_BOTH(task, first, second) \
    do { \
        int got_[2] = {0, 0}; \
        assert_int_equal(task##_result(futures[0], &got_[0]), TARN_OK); \
        assert_int_equal(task##_result(futures[1], &got_[1]), TARN_OK); \
        assert_int_equal(got_[0], first); \
        assert_int_equal(got_[1], second); \
        tarn_drop_all(futures, 2); \
    } while (0)

/* Submits both items of a task, maps them, and has them fetched. */
#define ASSERT_MANY(task, second, ...) \
    do { \
        const struct task##_arguments items_[2] = {__VA_ARGS__}; \
        int out_[2] = {0, 0}; \
        tarn_status statuses_[2] = {TARN_END, TARN_END}; \
        assert_int_equal(task##_submit_many(pool, items_, 2, futures), TARN_OK); \
        ASSERT_BOTH(task, 0, second); \
        assert_int_equal(task##_map(pool, items_, 2, out_, statuses_, TARN_FOREVER), TARN_OK); \
        assert_int_equal(out_[0], 0); \
        assert_int_equal(out_[1], second); \
        assert_int_equal(statuses_[1], TARN_OK); \
    } while (0)

TEST(tasks_without_arguments_are_submitted_by_number)
{
    tarn_executor *pool = start();
    tarn_future *futures[2];
    assert_int_equal(m0_submit_many(pool, 2, futures), TARN_OK);
    ASSERT_BOTH(m0, 7, 7);
    calls = 0;
    assert_int_equal(m0_nothing_submit_many(pool, 2, futures), TARN_OK);
    finish(pool);
    assert_int_equal(calls, 2);
    tarn_drop_all(futures, 2);
}

/* With one argument an item is the argument itself. */
TEST(one_argument_is_an_item)
{
    tarn_executor *pool = start();
    tarn_future *futures[2];
    const int in[2] = {3, 4};
    int out[2] = {0, 0};
    assert_int_equal(m1_submit_many(pool, in, 2, futures), TARN_OK);
    ASSERT_BOTH(m1, 3, 4);
    assert_int_equal(m1_map(pool, in, 2, out, NULL, TARN_FOREVER), TARN_OK);
    assert_int_equal(out[1], 4);
    calls = 0;
    assert_int_equal(m1_nothing_submit_many(pool, in, 2, futures), TARN_OK);
    assert_int_equal(m1_nothing_map(pool, in, 2, NULL, TARN_FOREVER), TARN_OK);
    finish(pool);
    assert_int_equal(calls, 14);
    tarn_drop_all(futures, 2);
}

TEST(two_to_eight_arguments_are_a_struct)
{
    tarn_executor *pool = start();
    tarn_future *futures[2];
    ASSERT_MANY(m2, 12, {0, 0}, {1, 2});
    ASSERT_MANY(m3, 123, {0, 0, 0}, {1, 2, 3});
    ASSERT_MANY(m4, 1234, {0, 0, 0, 0}, {1, 2, 3, 4});
    ASSERT_MANY(m5, 12345, {0, 0, 0, 0, 0}, {1, 2, 3, 4, 5});
    ASSERT_MANY(m6, 123456, {0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6});
    ASSERT_MANY(m7, 1234567, {0, 0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6, 7});
    ASSERT_MANY(m8, 12345678, {0, 0, 0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6, 7, 8});
    finish(pool);
}

/* ---- Types ---- */

struct pair {
    double x, y;
};
struct sealed {
    const int key;
    char letter;
};
typedef int (*two_ints)(int, int);

static struct pair swap(struct pair pair)
{
    struct pair swapped = {pair.y, pair.x};
    return swapped;
}
TARN_TASK(struct pair, swap, struct pair);

static struct sealed seal(const struct sealed sealed)
{
    return sealed;
}
TARN_TASK(struct sealed, seal, const struct sealed);

static const char *skip_one(const char *text)
{
    return text + 1;
}
TARN_TASK(const char *, skip_one, const char *);

static int call_both(int (*written_out)(int, int), const two_ints named)
{
    return written_out(1, 2) + named(3, 4);
}
TARN_TASK(int, call_both, int (*)(int, int), const two_ints);

static float halve(const float number)
{
    return number / 2;
}
TARN_TASK(float, halve, const float);

static bool is_large(tarn_buffer *buffer)
{
    return tarn_buffer_size(buffer) > 10;
}
TARN_TASK(bool, is_large, tarn_buffer *);

static size_t larger(const tarn_buffer *buffer, tarn_bytes bytes)
{
    size_t size = tarn_buffer_size(buffer);
    return size > bytes.size ? size : bytes.size;
}
TARN_TASK(size_t, larger, const tarn_buffer *, tarn_bytes);

TEST(items_and_results_are_of_any_type)
{
    tarn_executor *pool = start();
    const struct pair pairs[2] = {{1, 2}, {3, 4}};
    struct pair swapped[2] = {{0, 0}, {0, 0}};
    assert_int_equal(swap_map(pool, pairs, 2, swapped, NULL, TARN_FOREVER), TARN_OK);
    assert_true(swapped[1].x > 3.5 && swapped[1].y < 3.5);

    const struct sealed sealed[1] = {{5, 's'}};
    struct sealed back[1] = {{0, 0}};
    assert_int_equal(seal_map(pool, sealed, 1, back, NULL, TARN_FOREVER), TARN_OK);
    assert_int_equal(back[0].key, 5);

    const char *texts[2] = {"ab", "cd"};
    const char *skipped[2] = {NULL, NULL};
    assert_int_equal(skip_one_map(pool, texts, 2, skipped, NULL, TARN_FOREVER), TARN_OK);
    assert_string_equal(skipped[1], "d");

    struct call_both_arguments functions[1] = {{m2, m2}};
    int sum = 0;
    assert_int_equal(call_both_map(pool, functions, 1, &sum, NULL, TARN_FOREVER), TARN_OK);
    assert_int_equal(sum, 46);

    float numbers[2] = {1, 5}, halves[2] = {0, 0};
    assert_int_equal(halve_map(pool, numbers, 2, halves, NULL, TARN_FOREVER), TARN_OK);
    assert_true(halves[1] > 2.25f && halves[1] < 2.75f);
    finish(pool);
}

TEST(buffers_are_a_kind_of_their_own)
{
    assert_int_equal(is_large_task.args[0].kind, TARN_KIND_BUFFER);
    assert_int_equal(larger_task.args[0].kind, TARN_KIND_BUFFER);
    assert_int_equal(larger_task.args[1].kind, TARN_KIND_BYTES);
    assert_int_equal(skip_one_task.args[0].kind, TARN_KIND_POINTER);

    tarn_executor *pool = start();
    tarn_buffer *buffer = tarn_buffer_new(100, TARN_WORKERS_READ);
    bool is = false;
    assert_int_equal(is_large_map(pool, &buffer, 1, &is, NULL, TARN_FOREVER), TARN_OK);
    assert_true(is);
    tarn_bytes bytes = {"abc", 3};
    tarn_future *future = larger_submit(pool, buffer, bytes);
    size_t size = 0;
    assert_int_equal(larger_result(future, &size), TARN_OK);
    assert_int_equal(size, 100);
    tarn_drop(future);
    tarn_buffer_drop(buffer);
    finish(pool);
}

/* ---- Streams ---- */

struct stream {
    int given, taken;
};

static bool give_int(int *item, void *data)
{
    struct stream *stream = (struct stream *)data;
    *item = stream->given;
    return stream->given++ < 5;
}

static bool give_two(struct m2_arguments *item, void *data)
{
    struct stream *stream = (struct stream *)data;
    item->a1 = stream->given;
    item->a2 = 1;
    return stream->given++ < 5;
}

static bool take_int(size_t i, tarn_status status, const int *result, void *data)
{
    ((struct stream *)data)->taken += status == TARN_OK && result ? *result : -1000 * (int)i;
    return true;
}

static bool take_nothing(size_t i, tarn_status status, void *data)
{
    ((struct stream *)data)->taken += status == TARN_OK ? 1 : -1000 * (int)i;
    return true;
}

static bool give_sealed(struct sealed *item, void *data)
{
    struct sealed sealed = {3, 's'};
    memcpy((void *)item, &sealed, sizeof sealed);
    return ((struct stream *)data)->given++ < 5;
}

static bool take_sealed(size_t i, tarn_status status, const struct sealed *result, void *data)
{
    ((struct stream *)data)->taken += status == TARN_OK ? result->key : -1000 * (int)i;
    return true;
}

TEST(streams_have_callbacks_of_their_own_types)
{
    tarn_executor *pool = start();
    struct stream one = {0, 0}, two = {0, 0}, none = {0, 0}, any = {0, 0};
    assert_int_equal(m1_map_from(pool, give_int, take_int, &one, TARN_FOREVER), TARN_OK);
    assert_int_equal(one.taken, 10);
    assert_int_equal(m2_map_from(pool, give_two, take_int, &two, TARN_FOREVER), TARN_OK);
    assert_int_equal(two.taken, 105);
    calls = 0;
    assert_int_equal(m1_nothing_map_from(pool, give_int, take_nothing, &none, TARN_FOREVER),
                     TARN_OK);
    assert_int_equal(none.taken, 5);
    assert_int_equal(calls, 10);
    assert_int_equal(seal_map_from(pool, give_sealed, take_sealed, &any, TARN_FOREVER), TARN_OK);
    assert_int_equal(any.taken, 15);
    finish(pool);
}

/* ---- Continuations ---- */

TEST(tasks_of_none_or_one_argument_come_after_others)
{
    tarn_executor *pool = start();
    int got = 0;
    calls = 0;
    tarn_future *futures[4] = {m2_submit(pool, 1, 2), NULL, NULL, NULL};
    futures[1] = m1_after(pool, futures[0]);
    futures[2] = m1_nothing_after(pool, futures[1]);
    futures[3] = m0_after(pool, futures[2]);
    assert_int_equal(m1_result(futures[1], &got), TARN_OK);
    assert_int_equal(got, 12);
    assert_int_equal(m0_result(futures[3], &got), TARN_OK);
    assert_int_equal(got, 7);
    assert_int_equal(calls, 12);
    tarn_drop_all(futures, 4);
    finish(pool);
}

/* ---- Release functions ---- */

static int args_released, results_released;

static int *new_int(int value)
{
    int *number = (int *)malloc(sizeof *number);
    *number = value;
    return number;
}

static void free_result(int *number)
{
    results_released += *number;
    free(number);
}

static void free_argument(int *number)
{
    args_released += *number;
    free(number);
}

static int *own(int *number)
{
    return new_int(*number + 1);
}
TARN_TASK_OWNING(int *, own, free_argument, free_result, int *);

static int *make(void)
{
    return new_int(10);
}
TARN_TASK_OWNING(int *, make, void, free_result);

static int *make_again(void)
{
    return new_int(20);
}
TARN_TASK_OWNING(int *, make_again, void, free_result, void);

static int read_of(int *number, int unused)
{
    return *number + unused;
}
static void free_first(int *number, int unused)
{
    args_released += *number + unused;
    free(number);
}
TARN_TASK_OWNING(int, read_of, free_first, void, int *, int);

static void eat(int *a, int *b, int *c, int *d, int *e, int *g, int *h, int *i)
{
    calls += *a + *b + *c + *d + *e + *g + *h + *i;
}
static void free_eight(int *a, int *b, int *c, int *d, int *e, int *g, int *h, int *i)
{
    int *all[8] = {a, b, c, d, e, g, h, i};
    for (int k = 0; k < 8; k++)
        free_argument(all[k]);
}
TARN_TASK_OWNING(void, eat, free_eight, void, int *, int *, int *, int *, int *, int *, int *,
                 int *);

static int own_nothing(const int n)
{
    return n;
}
TARN_TASK_OWNING(int, own_nothing, void, void, const int);

static void free_sealed(const struct sealed sealed)
{
    args_released += sealed.key;
}
TARN_TASK_DECLARE(struct sealed, seal_and_free, struct sealed);
static struct sealed seal_and_free(struct sealed sealed)
{
    return sealed;
}
TARN_TASK_DEFINE_OWNING(struct sealed, seal_and_free, free_sealed, free_sealed, struct sealed);

TEST(release_functions_are_called_with_what_they_are_to_release)
{
    tarn_executor *pool = start();
    args_released = results_released = calls = 0;
    tarn_future *futures[] = {
        own_submit(pool, new_int(1)),
        make_submit(pool),
        make_again_submit(pool),
        read_of_submit(pool, new_int(100), 7),
        eat_submit(pool, new_int(1000), new_int(1000), new_int(1000), new_int(1000), new_int(1000),
                   new_int(1000), new_int(1000), new_int(1000)),
        own_nothing_submit(pool, 5),
    };
    finish(pool);
    assert_int_equal(args_released + results_released, 0);
    assert_int_equal(calls, 8000);
    tarn_drop_all(futures, 6);
    assert_int_equal(args_released, 1 + 107 + 8000);
    assert_int_equal(results_released, 2 + 10 + 20);
}

TEST(release_functions_take_structs)
{
    tarn_executor *pool = start();
    struct sealed sealed = {3, 's'};
    args_released = 0;
    tarn_future *future = seal_and_free_submit(pool, sealed);
    finish(pool);
    tarn_drop(future);
    assert_int_equal(args_released, 6);
}

TEST(the_descriptor_says_what_is_released)
{
    assert_non_null(own_task.release_args);
    assert_non_null(own_task.release_result);
    assert_null(make_task.release_args);
    assert_non_null(make_task.release_result);
    assert_non_null(read_of_task.release_args);
    assert_null(read_of_task.release_result);
    assert_true(!own_nothing_task.release_args && !own_nothing_task.release_result);
    assert_true(!m1_task.release_args && !m1_task.release_result);
    assert_null(m0_task.loop);
    assert_non_null(m1_task.loop);
    assert_non_null(m1_nothing_task.loop);
}
