/* SPDX-License-Identifier: Apache-2.0 */

/* What goes into a task, and what comes out of it. */
#include "contract.h"

CONTRACT_TEST(submit_returns_the_value, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = square_submit(pool, i);
    for (int i = 0; i < 20; i++) {
        int result = -1;
        assert_int_equal(square_result(futures[i], &result), TARN_OK);
        assert_int_equal(result, i * i);
    }
    tarn_drop_all(futures, 20);
    pool_close(pool);
}

CONTRACT_TEST(a_task_needs_neither_arguments_nor_a_result, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = nothing_submit(pool);
    assert_int_equal(nothing_result(future), TARN_OK);
    assert_null(nothing_args(future));
    tarn_drop(future);
    pool_close(pool);
}

static long long add_eight(char a, short b, int c, long d, long long e, float f, double g, bool h)
{
    return a + b + c + d + e + (long long)f + (long long)g + h;
}
TARN_TASK(long long, add_eight, char, short, int, long, long long, float, double, bool);

CONTRACT_TEST(a_task_takes_eight_arguments, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = add_eight_submit(pool, 1, -2, 3, -4, 1LL << 40, 6, 7.5, true);
    long long sum = 0;
    assert_int_equal(add_eight_result(future, &sum), TARN_OK);
    assert_true(sum == (1LL << 40) + 12);
    tarn_drop(future);
    pool_close(pool);
}

/* Larger than any cell, so that argument and result are kept elsewhere. */
struct block {
    unsigned char bytes[5000];
};

static struct block reverse(struct block in)
{
    struct block out;
    for (size_t i = 0; i < sizeof(in.bytes); i++)
        out.bytes[i] = in.bytes[sizeof(in.bytes) - 1 - i];
    return out;
}
TARN_TASK(struct block, reverse, struct block);

CONTRACT_TEST(large_arguments_and_results_travel_by_value, 0)
{
    tarn_executor *pool = pool_open();
    struct block in;
    struct block out;
    for (size_t i = 0; i < sizeof(in.bytes); i++)
        in.bytes[i] = (unsigned char)(i * 7);
    tarn_future *future = reverse_submit(pool, in);
    assert_int_equal(reverse_result(future, &out), TARN_OK);
    for (size_t i = 0; i < sizeof(in.bytes); i++)
        assert_int_equal(out.bytes[i], in.bytes[sizeof(in.bytes) - 1 - i]);
    assert_memory_equal(reverse_args(future)->a1.bytes, in.bytes, sizeof(in.bytes));
    tarn_drop(future);
    pool_close(pool);
}

static char next_char(char c)
{
    return (char)(c + 1);
}
TARN_TASK(char, next_char, char);

/* Of every size around those of the cells' payloads (16 and 80 bytes). */
#define SIZED(n) \
    struct sized_##n { \
        unsigned char bytes[n]; \
    }; \
    static struct sized_##n same_##n(struct sized_##n in) \
    { \
        return in; \
    } \
    TARN_TASK(struct sized_##n, same_##n, struct sized_##n); \
    static void check_##n(tarn_executor *pool) \
    { \
        struct sized_##n in; \
        struct sized_##n out; \
        memset(&in, n, sizeof(in)); \
        memset(&out, 0, sizeof(out)); \
        tarn_future *future = same_##n##_submit(pool, in); \
        assert_int_equal(same_##n##_result(future, &out), TARN_OK); \
        assert_memory_equal(&in, &out, n); \
        assert_memory_equal(&in, &same_##n##_args(future)->a1, n); \
        tarn_drop(future); \
    }

SIZED(7)
SIZED(8)
SIZED(9)
SIZED(16)
SIZED(17)
SIZED(39)
SIZED(40)
SIZED(41)
SIZED(80)
SIZED(81)

CONTRACT_TEST(values_of_every_size_survive, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = next_char_submit(pool, 'a');
    char result = 0;
    assert_int_equal(next_char_result(future, &result), TARN_OK);
    assert_int_equal(result, 'b');
    tarn_drop(future);
    check_7(pool);
    check_8(pool);
    check_9(pool);
    check_16(pool);
    check_17(pool);
    check_39(pool);
    check_40(pool);
    check_41(pool);
    check_80(pool);
    check_81(pool);
    pool_close(pool);
}

static int is_aligned(long double value)
{
    return value == 1.5L && (uintptr_t)&value % _Alignof(long double) == 0;
}
TARN_TASK(int, is_aligned, long double);

CONTRACT_TEST(arguments_keep_their_alignment, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = is_aligned_submit(pool, 1.5L);
    int result = 0;
    assert_int_equal(is_aligned_result(future, &result), TARN_OK);
    assert_true(result);
    assert_true((uintptr_t)is_aligned_args(future) % _Alignof(long double) == 0);
    tarn_drop(future);
    pool_close(pool);
}

static void check_echo(tarn_executor *pool, size_t size)
{
    unsigned char *data = malloc(size + 1);
    assert_non_null(data);
    memset(data, 0x5a, size);
    tarn_future *future = echo_submit(pool, (tarn_bytes){data, size});
    memset(data, 0, size);

    tarn_bytes result = {NULL, 1};
    assert_int_equal(echo_result(future, &result), TARN_OK);
    assert_int_equal(result.size, size);
    const unsigned char *back = result.data;
    for (size_t i = 0; i < size; i++) {
        if (back[i] != 0x5a)
            fail_msg("byte %zu of %zu is wrong", i, size);
    }
    assert_int_equal(echo_args(future)->a1.size, size);
    tarn_drop(future);
    free(data);
}

CONTRACT_TEST(bytes_of_any_length_are_copied_at_submit, BIG_CALLS)
{
    tarn_executor *pool = pool_open();
    check_echo(pool, 0);
    check_echo(pool, 1);
    check_echo(pool, 48);
    check_echo(pool, 4096);
    check_echo(pool, (size_t)1 << 20);
    pool_close(pool);
}

CONTRACT_TEST(no_bytes_may_be_a_null_pointer, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = echo_submit(pool, (tarn_bytes){NULL, 0});
    tarn_bytes result = {"x", 1};
    assert_int_equal(echo_result(future, &result), TARN_OK);
    assert_int_equal(result.size, 0);
    tarn_drop(future);
    pool_close(pool);
}

static tarn_bytes join(tarn_bytes a, char separator, tarn_bytes b)
{
    char *joined = tarn_result_memory(a.size + 1 + b.size);
    if (!joined) {
        tarn_fail(1, "no memory");
        return (tarn_bytes){NULL, 0};
    }
    memcpy(joined, a.data, a.size);
    joined[a.size] = separator;
    memcpy(joined + a.size + 1, b.data, b.size);
    return (tarn_bytes){joined, a.size + 1 + b.size};
}
TARN_TASK(tarn_bytes, join, tarn_bytes, char, tarn_bytes);

CONTRACT_TEST(several_bytes_arguments_stay_apart, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = join_submit(pool, (tarn_bytes){"left", 4}, '|', (tarn_bytes){"rite", 4});
    tarn_bytes joined;
    assert_int_equal(join_result(future, &joined), TARN_OK);
    assert_int_equal(joined.size, 9);
    assert_memory_equal(joined.data, "left|rite", 9);
    tarn_drop(future);
    pool_close(pool);
}

static tarn_bytes literal(void)
{
    return (tarn_bytes){"static data", 11};
}
TARN_TASK(tarn_bytes, literal, void);

static tarn_bytes tail(tarn_bytes bytes)
{
    return (tarn_bytes){(const char *)bytes.data + 2, bytes.size - 2};
}
TARN_TASK(tarn_bytes, tail, tarn_bytes);

CONTRACT_TEST(a_bytes_result_may_be_static_or_a_part_of_the_arguments, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = literal_submit(pool);
    tarn_bytes result;
    assert_int_equal(literal_result(future, &result), TARN_OK);
    assert_int_equal(result.size, 11);
    assert_memory_equal(result.data, "static data", 11);
    tarn_drop(future);

    future = tail_submit(pool, (tarn_bytes){"abcdef", 6});
    assert_int_equal(tail_result(future, &result), TARN_OK);
    assert_int_equal(result.size, 4);
    assert_memory_equal(result.data, "cdef", 4);
    tarn_drop(future);
    pool_close(pool);
}

static tarn_bytes waste(int blocks)
{
    char *last = NULL;
    for (int i = 0; i < blocks; i++) {
        last = tarn_result_memory(1000);
        if (last)
            memset(last, i, 1000);
    }
    return (tarn_bytes){last, last ? 1000 : 0};
}
TARN_TASK(tarn_bytes, waste, int);

/* The leak checkers see what is not freed. */
CONTRACT_TEST(result_memory_that_is_not_returned_is_freed, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = waste_submit(pool, 10);
    tarn_bytes result;
    assert_int_equal(waste_result(future, &result), TARN_OK);
    assert_int_equal(result.size, 1000);
    assert_int_equal(((const char *)result.data)[999], 9);
    tarn_drop(future);
    tarn_drop(waste_submit(pool, 3));
    pool_close(pool);
}

CONTRACT_TEST(results_can_be_read_again_until_the_last_drop, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = echo_submit(pool, (tarn_bytes){"again", 5});
    tarn_future *second = tarn_hold(future);
    tarn_bytes a;
    tarn_bytes b;
    assert_int_equal(echo_result(future, &a), TARN_OK);
    tarn_drop(future);
    pool_close(pool);
    assert_int_equal(echo_result(second, &b), TARN_OK);
    assert_memory_equal(a.data, "again", 5);
    assert_memory_equal(b.data, "again", 5);
    assert_memory_equal(echo_args(second)->a1.data, "again", 5);
    tarn_drop(second);
}

CONTRACT_TEST(a_result_of_another_shape_is_a_mismatch, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 4);
    tarn_bytes bytes = {"untouched", 9};
    assert_int_equal(echo_result(future, &bytes), TARN_MISMATCH);
    assert_int_equal(bytes.size, 9);
    assert_contains(tarn_last_error(), "square");
    assert_null(echo_args(future));

    long long wide = 17;
    assert_int_equal(tarn_result(future, NULL, &wide, sizeof(wide)), TARN_INVALID);
    assert_contains(tarn_last_error(), "size");
    assert_true(wide == 17);

    int result = 0;
    assert_int_equal(square_result(future, &result), TARN_OK);
    assert_int_equal(result, 16);
    assert_int_equal(square_args(future)->a1, 4);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(the_untyped_functions_carry_the_same_bytes, 0)
{
    tarn_executor *pool = pool_open();
    int argument = 9;
    tarn_future *future = tarn_submit(pool, &square_task, &argument, sizeof(argument));
    int result = 0;
    assert_int_equal(tarn_result(future, &square_task, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, 81);
    result = 0;
    assert_int_equal(tarn_result(future, NULL, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, 81);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_OK);
    assert_int_equal(*(const int *)tarn_args(future, NULL), 9);
    assert_ptr_equal(tarn_args(future, &square_task), square_args(future));
    tarn_drop(future);
    pool_close(pool);
}

/* A binding has no TARN_TASK: it describes its function by hand. */
static void call_triple(const void *args, void *result)
{
    *(int *)result = *(const int *)args * 3;
}

CONTRACT_TEST(a_descriptor_may_be_filled_in_by_hand, POINTERS)
{
    static const tarn_field argument = {"int", TARN_KIND_VALUE, 0, sizeof(int)};
    static const tarn_task triple = {
        .size = sizeof(tarn_task),
        .name = "triple",
        .call = call_triple,
        .result = {"int", TARN_KIND_VALUE, 0, sizeof(int)},
        .args = &argument,
        .arg_count = 1,
        .args_size = sizeof(int),
    };
    tarn_executor *pool = pool_open();
    int n = 14;
    tarn_future *future = tarn_submit(pool, &triple, &n, sizeof(n));
    int result = 0;
    assert_int_equal(tarn_result(future, &triple, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, 42);
    tarn_drop(future);
    pool_close(pool);
}

static void note_order(int *order, int *next, int value)
{
    order[(*next)++] = value;
}
TARN_TASK(void, note_order, int *, int *, int);

CONTRACT_TEST(one_submitter_is_served_in_order_by_one_worker, GATES)
{
    tarn_executor *pool = pool_of(1);
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    tarn_future *futures[100];
    int order[100];
    int next = 0;
    pool_block(pool, &gate, &blocker, 1);
    for (int i = 0; i < 100; i++)
        futures[i] = note_order_submit(pool, order, &next, i);
    pool_unblock(&gate, &blocker, 1);
    for (int i = 0; i < 100; i++)
        assert_ended(futures[i], TARN_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
    pool_close(pool);
}
