/* SPDX-License-Identifier: Apache-2.0 */

/* Every shape of task and of keyword call, for every compiler, standard and both languages. */
#include <tarn.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "runner.h"
#ifdef __cplusplus
}
#endif

#include <stdlib.h>

#include "shared.h"

/* Names that the macros must neither shadow nor stumble over. */
static int executor = 1, future = 2, args = 3, name = 4, f = 5;

static int names_are_used(void)
{
    return executor + future + args + name + f;
}

/* ---- From none to eight arguments ---- */

static int calls;

static void nothing(void)
{
    calls++;
}
TARN_TASK(void, nothing, void);

static void still_nothing(void)
{
    calls++;
}
TARN_TASK(void, still_nothing);

static int answer(void)
{
    return 42;
}
TARN_TASK(int, answer, void);

static void count(int n)
{
    calls += n;
}
TARN_TASK(void, count, int);

static int two(int a, int b)
{
    return 10 * a + b;
}
TARN_TASK(int, two, int, int);

static int three(int a, int b, int c)
{
    return 10 * two(a, b) + c;
}
TARN_TASK(int, three, int, int, int);

static int four(int a, int b, int c, int d)
{
    return 10 * three(a, b, c) + d;
}
TARN_TASK(int, four, int, int, int, int);

static int five(int a, int b, int c, int d, int e)
{
    return 10 * four(a, b, c, d) + e;
}
TARN_TASK(int, five, int, int, int, int, int);

static int six(int a, int b, int c, int d, int e, int g)
{
    return 10 * five(a, b, c, d, e) + g;
}
TARN_TASK(int, six, int, int, int, int, int, int);

static int seven(int a, int b, int c, int d, int e, int g, int h)
{
    return 10 * six(a, b, c, d, e, g) + h;
}
TARN_TASK(int, seven, int, int, int, int, int, int, int);

static long long eight(char a, short b, int c, long d, long long e, float g, double h,
                       unsigned char i)
{
    return a + b + c + d + e + (g > 5.5f) + (h > 6.5) + i;
}
TARN_TASK(long long, eight, char, short, int, long, long long, float, double, unsigned char);

/* ---- Types ---- */

struct point {
    double x, y;
};
struct table {
    int cells[30];
    char title[8];
};
struct sealed {
    const int key;
    char letter;
};
typedef struct {
    char letter;
    double number;
} padded;
enum colour { RED, GREEN };
typedef int (*compare_function)(const void *, const void *);

static unsigned long long int twice(unsigned long long int n)
{
    return 2 * n;
}
TARN_TASK(unsigned long long int, twice, unsigned long long int);

static struct point mirror(struct point p)
{
    struct point mirrored = {p.y, p.x};
    return mirrored;
}
TARN_TASK(struct point, mirror, struct point);

static struct table fill(struct table t, int value)
{
    for (int i = 0; i < 30; i++)
        t.cells[i] = value;
    return t;
}
TARN_TASK(struct table, fill, struct table, int);

static struct sealed open_and_seal(struct sealed s)
{
    return s;
}
TARN_TASK(struct sealed, open_and_seal, struct sealed);

static enum colour paint(enum colour c, bool really, padded p)
{
    return really && p.letter == 'p' ? c : RED;
}
TARN_TASK(enum colour, paint, enum colour, bool, padded);

static int constant(const int a, const struct point p, const unsigned long n)
{
    return a + (p.x > 0.5) + (n > 5);
}
TARN_TASK(int, constant, const int, const struct point, const unsigned long);

static const char *next(const char *text, char *const constant_pointer, void *any)
{
    return constant_pointer || any ? NULL : text + 1;
}
TARN_TASK(const char *, next, const char *, char *const, void *);

static void *same(void *p)
{
    return p;
}
TARN_TASK(void *, same, void *);

static int use(void (*plain)(void), int (*written_out)(int, int), compare_function named)
{
    int n = 0;
    plain();
    return written_out(1, 2) + named(&n, &n);
}
TARN_TASK(int, use, void (*)(void), int (*)(int, int), compare_function);

static void run_plain(void (*plain)(void))
{
    plain();
}
TARN_TASK(void, run_plain, void (*)(void));

static tarn_bytes shift(tarn_bytes in, const tarn_bytes unused, int by)
{
    char *out = (char *)tarn_result_memory(in.size);
    for (size_t i = 0; i < in.size; i++)
        out[i] = (char)(((const char *)in.data)[i] + by);
    tarn_bytes shifted = {out, in.size - unused.size};
    return shifted;
}
TARN_TASK(tarn_bytes, shift, tarn_bytes, const tarn_bytes, int);

__attribute__((const)) static int pure(int n)
{
    return n;
}
TARN_TASK(int, pure, int);

TARN_TASK(int, abs, int);

/* ---- Names ---- */

static int result(int args_of_it)
{
    return args_of_it + 1;
}
TARN_TASK(int, result, int);

TARN_TASK_AS(two_again, int, two, int, int);
TARN_TASK_AS(nothing_again, void, nothing);

#define N        5
#define R        3
#define T        3
#define A        3
#define V        7
#define M        1
#define X        9
#define NONE_    1
#define SOME_    1
#define a1(x)    x
#define p(x)     x
#define r_(x)    x
#define shape(x) ((x) * (x))
static int(shape)(int x)
{
    return x;
}
TARN_TASK(int, shape, int);
#undef p

/* ---- Tests ---- */

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

/* Submits, and compares the result with what is expected; what is not an lvalue comes by a type. */
#define ASSERT_TASK(task, type, expected, ...) \
    do { \
        tarn_future *future_of_it = task##_submit(__VA_ARGS__); \
        type got; \
        assert_int_equal(task##_result(future_of_it, &got), TARN_OK); \
        assert_true(got == (expected)); \
        tarn_drop(future_of_it); \
    } while (0)

TEST(void_tasks_run)
{
    calls = 0;
    tarn_executor *pool = start();
    tarn_future *futures[] = {nothing_submit(pool), still_nothing_submit(pool),
                              count_submit(pool, 5), nothing_again_submit(pool)};
    finish(pool);
    assert_int_equal(calls, 8);
    assert_int_equal(nothing_result(futures[0]), TARN_OK);
    assert_int_equal(still_nothing_result(futures[1]), TARN_OK);
    assert_int_equal(count_result(futures[2]), TARN_OK);
    assert_int_equal(nothing_again_result(futures[3]), TARN_OK);
    tarn_drop_all(futures, 4);
}

TEST(zero_to_eight_arguments_arrive_in_order)
{
    tarn_executor *pool = start();
    ASSERT_TASK(answer, int, 42, pool);
    ASSERT_TASK(result, int, 2, pool, 1);
    ASSERT_TASK(two, int, 12, pool, 1, 2);
    ASSERT_TASK(three, int, 123, pool, 1, 2, 3);
    ASSERT_TASK(four, int, 1234, pool, 1, 2, 3, 4);
    ASSERT_TASK(five, int, 12345, pool, 1, 2, 3, 4, 5);
    ASSERT_TASK(six, int, 123456, pool, 1, 2, 3, 4, 5, 6);
    ASSERT_TASK(seven, int, 1234567, pool, 1, 2, 3, 4, 5, 6, 7);
    ASSERT_TASK(eight, long long, 25, pool, 1, 2, 3, 4, 5, 6, 7, 8);
    finish(pool);
}

TEST(structs_travel_whole)
{
    tarn_executor *pool = start();
    struct point point = {1, 2}, mirrored;
    tarn_future *it = mirror_submit(pool, point);
    assert_int_equal(mirror_result(it, &mirrored), TARN_OK);
    assert_true(mirrored.x > 1.5 && mirrored.y < 1.5);
    tarn_drop(it);

    struct table table = {{0}, "title"}, filled;
    it = fill_submit(pool, table, 7);
    assert_int_equal(fill_result(it, &filled), TARN_OK);
    assert_int_equal(filled.cells[29], 7);
    assert_string_equal(filled.title, "title");
    tarn_drop(it);

    struct sealed sealed = {3, 's'}, back = {0, 0};
    it = open_and_seal_submit(pool, sealed);
    assert_int_equal(open_and_seal_result(it, &back), TARN_OK);
    assert_int_equal(back.key, 3);
    tarn_drop(it);

    padded padded_struct = {'p', 1};
    ASSERT_TASK(paint, enum colour, GREEN, pool, GREEN, true, padded_struct);
    ASSERT_TASK(constant, int, 3, pool, 1, point, 6);
    finish(pool);
}

TEST(pointers_and_functions_travel)
{
    tarn_executor *pool = start();
    const char *text = "ab";
    int here;
    ASSERT_TASK(next, const char *, text + 1, pool, text, NULL, NULL);
    ASSERT_TASK(same, void *, &here, pool, &here);
    ASSERT_TASK(abs, int, 4, pool, -4);
    ASSERT_TASK(pure, int, 4, pool, 4);
    ASSERT_TASK(twice, unsigned long long int, 42, pool, 21);
    tarn_future *it = run_plain_submit(pool, nothing);
    assert_int_equal(run_plain_result(it), TARN_OK);
    tarn_drop(it);
    finish(pool);
}

static int compare_nothing(const void *a, const void *b)
{
    return a != b;
}

TEST(function_pointers_may_be_written_out)
{
    tarn_executor *pool = start();
    ASSERT_TASK(use, int, 12, pool, nothing, two, compare_nothing);
    finish(pool);
}

TEST(bytes_travel)
{
    tarn_executor *pool = start();
    tarn_bytes in = {"HAL", 3}, none = {NULL, 0}, out;
    tarn_future *it = shift_submit(pool, in, none, 1);
    assert_int_equal(shift_result(it, &out), TARN_OK);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "IBM", 3);
    assert_memory_equal(shift_args(it)->a1.data, "HAL", 3);
    tarn_drop(it);
    finish(pool);
}

TEST(any_name_will_do)
{
    tarn_executor *pool = start();
    ASSERT_TASK(result, int, 5, pool, 4);
    ASSERT_TASK(shape, int, 4, pool, 4);
    ASSERT_TASK(two_again, int, 34, pool, 3, 4);
    assert_string_equal(two_again_task.name, "two_again");
    assert_int_equal(names_are_used(), 15);
    finish(pool);
}

TEST(the_arguments_come_back_as_submitted)
{
    tarn_executor *pool = start();
    tarn_future *it = eight_submit(pool, 1, 2, 3, 4, 5, 6, 7, 8);
    const struct eight_arguments *given = eight_args(it);
    assert_non_null(given);
    assert_int_equal(given->a1 + 10 * given->a2 + 100 * given->a8, 821);
    assert_true(given->a6 > 5.5f && given->a7 > 6.5);
    assert_null(seven_args(it));
    tarn_drop(it);

    it = nothing_submit(pool);
    assert_null(nothing_args(it));
    tarn_drop(it);
    finish(pool);
}

/* Leaves the stack that the next call will use full of something else than zero. */
__attribute__((noinline)) static void soil_stack(void)
{
    volatile unsigned char dirt[1024];
    for (size_t i = 0; i < sizeof dirt; i++)
        dirt[i] = 0xaa;
}

TEST(padding_between_arguments_is_zero)
{
    tarn_executor *pool = start();
    soil_stack();
    tarn_future *it = eight_submit(pool, (char)-1, -1, -1, -1, -1, -1, -1, 255);
    const unsigned char *bytes = (const unsigned char *)eight_args(it);
    assert_non_null(bytes);
    size_t next_byte = 0;
    for (uint32_t i = 0; i < eight_task.arg_count; i++) {
        for (; next_byte < eight_task.args[i].offset; next_byte++)
            assert_int_equal(bytes[next_byte], 0);
        next_byte += eight_task.args[i].size;
    }
    for (; next_byte < eight_task.args_size; next_byte++)
        assert_int_equal(bytes[next_byte], 0);
    tarn_drop(it);
    finish(pool);
}

TEST(another_tasks_future_is_a_mismatch)
{
    tarn_executor *pool = start();
    tarn_future *it = two_submit(pool, 1, 2);
    long long untouched = 7;
    assert_int_equal(eight_result(it, &untouched), TARN_MISMATCH);
    assert_int_equal(untouched, 7);
    assert_int_equal(nothing_result(it), TARN_MISMATCH);
    tarn_drop(it);
    finish(pool);
}

TEST(the_descriptor_describes)
{
    assert_int_equal(eight_task.size, sizeof(tarn_task));
    assert_string_equal(eight_task.name, "eight");
    assert_int_equal(eight_task.arg_count, 8);
    assert_int_equal(eight_task.args_size, sizeof(struct eight_arguments));
    assert_int_equal(eight_task.flags, 0);
    assert_int_equal(eight_task.args[7].offset, offsetof(struct eight_arguments, a8));
    assert_int_equal(eight_task.args[6].size, sizeof(double));
    assert_string_equal(eight_task.args[7].type, "unsigned char");
    assert_string_equal(eight_task.result.type, "long long");
    assert_int_equal(eight_task.result.size, sizeof(long long));

    assert_int_equal(nothing_task.arg_count, 0);
    assert_int_equal(nothing_task.args_size, 0);
    assert_null(nothing_task.args);
    assert_int_equal(nothing_task.result.kind, 0);
    assert_int_equal(nothing_task.result.size, 0);
}

TEST(kinds_are_told_apart)
{
    assert_int_equal(shift_task.result.kind, TARN_KIND_BYTES);
    assert_int_equal(shift_task.args[0].kind, TARN_KIND_BYTES);
    assert_int_equal(shift_task.args[1].kind, TARN_KIND_BYTES);
    assert_int_equal(shift_task.args[2].kind, TARN_KIND_VALUE);
    assert_int_equal(next_task.result.kind, TARN_KIND_POINTER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_task.args[i].kind, TARN_KIND_POINTER);
        assert_int_equal(use_task.args[i].kind, TARN_KIND_POINTER);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(paint_task.args[i].kind, TARN_KIND_VALUE);
    assert_int_equal(mirror_task.result.kind, TARN_KIND_VALUE);
    assert_int_equal(constant_task.args[1].kind, TARN_KIND_VALUE);
}

TEST(two_files_share_a_declared_task)
{
    tarn_executor *pool = start();
    ASSERT_TASK(increment, int, 4, pool, 3);
    assert_int_equal(increment_in_other_file(pool, 4), 5);
    finish(pool);
}

TEST(keyword_calls_take_none_one_or_many)
{
    int workers = 2;
    tarn_executor *pools[] = {tarn_thread_pool(), tarn_thread_pool(.name = "x"),
                              tarn_thread_pool(.max_workers = workers > 1 ? workers : 1,
                                               .name = "y", .idle_timeout = 1.5)};
    for (size_t i = 0; i < 3; i++)
        assert_non_null(pools[i]);
    assert_int_equal(tarn_shutdown(pools[0]), TARN_OK);
    assert_int_equal(tarn_shutdown(pools[1], .time_limit = 60), TARN_OK);
    assert_int_equal(tarn_shutdown(pools[2], .cancel_pending = true, .time_limit = 60), TARN_OK);
}

static void expect_all_options(const tarn_thread_options *options)
{
    assert_int_equal(options->size, sizeof(tarn_thread_options));
    assert_int_equal(options->max_workers, 1);
    assert_int_equal(options->max_spares, 2);
    assert_string_equal(options->name, "x");
    assert_ptr_equal(options->initializer, &two_task);
    assert_ptr_equal(options->initializer_args, &calls);
    assert_ptr_equal(options->finalizer, &nothing_task);
    assert_true(options->idle_timeout > 2.5);
    assert_int_equal(options->stack_size, 65536);
}

TEST(every_option_arrives)
{
    expect_all_options(TARN_OPTIONS_(tarn_thread_options, .max_workers = 1, .max_spares = 2,
                                     .name = "x", .initializer = &two_task,
                                     .initializer_args = &calls, .finalizer = &nothing_task,
                                     .idle_timeout = 3, .stack_size = 65536));
}

static void expect_no_option(const tarn_thread_options *options)
{
    assert_int_equal(options->size, sizeof(tarn_thread_options));
    assert_int_equal(options->max_workers, 0);
    assert_int_equal(options->max_spares, 0);
    assert_null(options->name);
    assert_null(options->initializer);
    assert_null(options->initializer_args);
    assert_null(options->finalizer);
    assert_false(options->idle_timeout > 0 || options->idle_timeout < 0);
    assert_int_equal(options->stack_size, 0);
}

TEST(options_not_given_are_zero)
{
    soil_stack();
    expect_no_option(TARN_OPTIONS_(tarn_thread_options, ));
}

TEST(a_name_in_parentheses_is_the_function)
{
    tarn_thread_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.max_workers = 1;
    tarn_executor *(*make)(const tarn_thread_options *) = tarn_thread_pool;
    tarn_executor *pools[] = {(tarn_thread_pool)(&options), make(&options)};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(pools[i]);
        assert_int_equal((tarn_shutdown)(pools[i], NULL), TARN_OK);
    }
}

static tarn_deadline chosen(bool forever)
{
    return forever ? TARN_FOREVER : TARN_NOW;
}

TEST(deadlines_are_values)
{
    assert_true(chosen(true).ns == 0);
    assert_true(chosen(false).ns == 1);
}
