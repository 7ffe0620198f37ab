/* SPDX-License-Identifier: Apache-2.0 */
#include "core/task.h"

#include "core/future.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

static void call_nothing(const void *args, void *result)
{
    (void)args;
    (void)result;
}

static tarn_task task_of(size_t args_size, size_t result_size)
{
    return (tarn_task){.size = sizeof(tarn_task),
                       .name = "task",
                       .call = call_nothing,
                       .result = {.type = "R", .kind = TARN_KIND_VALUE, .size = result_size},
                       .args_size = args_size};
}

/* ---- layout ---- */

/* The strictest alignment, up to 16, that an object of this size can have. */
static size_t strictest(size_t size)
{
    size_t alignment = 16;
    while (size % alignment != 0)
        alignment /= 2;
    return size == 0 ? 1 : alignment;
}

TEST(the_result_follows_the_arguments_aligned_and_without_waste)
{
    for (size_t args = 0; args <= 200; args++) {
        for (size_t result = 0; result <= 200; result++) {
            tarn_task task = task_of(args, result);
            tn_layout layout = tn_layout_of(&task);
            size_t alignment = strictest(result);
            assert_true(layout.result >= args);
            assert_true(layout.result - args < alignment);
            assert_int_equal(layout.result % alignment, 0);
            assert_int_equal(layout.bytes, layout.result + result);
            assert_int_equal(layout.size, layout.bytes);
        }
    }
}

TEST(a_call_of_two_small_values_fits_the_small_cell)
{
    static const struct {
        size_t args, result, payload;
    } rows[] = {{4, 4, 8}, {8, 8, 16}, {0, 16, 16}, {16, 0, 16}, {4, 8, 16}, {12, 4, 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tarn_task task = task_of(rows[i].args, rows[i].result);
        assert_int_equal(tn_layout_of(&task).size, rows[i].payload);
    }
}

TEST(a_cell_holds_its_arguments_and_room_for_the_result)
{
    unsigned char args[256];
    for (size_t i = 0; i < sizeof args; i++)
        args[i] = (unsigned char)i;
    for (size_t size = 0; size <= 200; size += 3) {
        for (size_t result = 0; result <= 200; result += 5) {
            tarn_task task = task_of(size, result);
            tarn_future *cell = tn_task_cell(&task, args, tn_task_needs(&task, args), 0);
            assert_non_null(cell);
            assert_int_equal((uintptr_t)tn_cell_result(cell) % strictest(result), 0);
            memset(tn_cell_result(cell), 0xff, result);
            assert_memory_equal(tn_cell_payload(cell), args, size);
            tarn_drop(cell);
        }
    }
}

/* ---- bytes ---- */

typedef struct three {
    tarn_bytes first;
    int number;
    tarn_bytes second, third;
} three;

static const tarn_field three_fields[] = {
    {"tarn_bytes", TARN_KIND_BYTES, offsetof(three, first), sizeof(tarn_bytes)},
    {"int", TARN_KIND_VALUE, offsetof(three, number), sizeof(int)},
    {"tarn_bytes", TARN_KIND_BYTES, offsetof(three, second), sizeof(tarn_bytes)},
    {"tarn_bytes", TARN_KIND_BYTES, offsetof(three, third), sizeof(tarn_bytes)},
};

static const tarn_task three_task = {.size = sizeof(tarn_task),
                                     .name = "three",
                                     .call = call_nothing,
                                     .args = three_fields,
                                     .arg_count = 4,
                                     .args_size = sizeof(three),
                                     .result = {"long", TARN_KIND_VALUE, 0, sizeof(long)}};

TEST(bytes_are_copied_deeply)
{
    char one[] = "one", big[3000];
    memset(big, 'b', sizeof big);
    three args = {{one, 4}, 5, {big, sizeof big}, {"", 0}};
    assert_int_equal(tn_task_needs(&three_task, &args).bytes, 4 + sizeof big);
    tarn_future *cell = tn_task_cell(&three_task, &args, tn_task_needs(&three_task, &args), 0);
    memset(one, 'x', sizeof one);
    memset(big, 'x', sizeof big);

    const three *copy = tn_cell_payload(cell);
    assert_int_equal(copy->number, 5);
    assert_string_equal(copy->first.data, "one");
    assert_int_equal(copy->second.size, sizeof big);
    for (size_t i = 0; i < sizeof big; i++)
        assert_int_equal(((const char *)copy->second.data)[i], 'b');
    assert_int_equal(copy->third.size, 0);

    /* The result lies between the arguments and their bytes, and touches neither. */
    memset(tn_cell_result(cell), 0xff, sizeof(long));
    assert_string_equal(copy->first.data, "one");
    assert_int_equal(copy->third.size, 0);
    tarn_drop(cell);
}

TEST(bytes_of_every_length_arrive)
{
    char data[130];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)i;
    for (size_t i = 0; i <= sizeof data; i++) {
        three args = {{data, i}, 1, {data, sizeof data - i}, {data, 1}};
        tarn_future *cell = tn_task_cell(&three_task, &args, tn_task_needs(&three_task, &args), 0);
        const three *copy = tn_cell_payload(cell);
        assert_ptr_not_equal(copy->third.data, data);
        assert_memory_equal(copy->first.data, data, i);
        assert_memory_equal(copy->second.data, data, sizeof data - i);
        assert_memory_equal(copy->third.data, data, 1);
        tarn_drop(cell);
    }
}

TEST(bytes_without_data_are_fine_if_they_are_empty)
{
    three args = {.number = 3};
    assert_int_equal(tn_task_needs(&three_task, &args).bytes, 0);
    args.third = (tarn_bytes){"abc", 3};
    tarn_future *cell = tn_task_cell(&three_task, &args, tn_task_needs(&three_task, &args), 0);
    const three *copy = tn_cell_payload(cell);
    assert_int_equal(copy->first.size, 0);
    assert_memory_equal(copy->third.data, "abc", 3);
    tarn_drop(cell);
}

TEST(bytes_that_cannot_be_are_told)
{
    three args = {.number = 3, .second = {NULL, 1}};
    assert_int_equal(tn_task_needs(&three_task, &args).bytes, SIZE_MAX);
    args.second = (tarn_bytes){"x", SIZE_MAX};
    assert_int_equal(tn_task_needs(&three_task, &args).bytes, SIZE_MAX);
    /* Each fits, the sum does not. */
    for (size_t part = SIZE_MAX / 2; part >= SIZE_MAX / 8; part /= 2) {
        args = (three){{"x", part}, 1, {"x", part}, {"x", SIZE_MAX - 2 * part + 5}};
        assert_int_equal(tn_task_needs(&three_task, &args).bytes, SIZE_MAX);
    }
}

TEST(bytes_beyond_memory_are_refused_not_truncated)
{
    /* A whole quarter of the address space: it may be asked for, and is not to be had. */
    three args = {.first = {"x", SIZE_MAX / 8}};
    assert_int_equal(tn_task_needs(&three_task, &args).bytes, SIZE_MAX / 8);
    assert_null(
        tn_task_cell(&three_task, &args, tn_task_needs(&three_task, &args), TN_OWNER_QUEUE));
}

/* ---- malformed descriptors ---- */

static void check_malformed(const tarn_task *task, const char *word)
{
    assert_int_equal(tn_task_check(task, "tarn_something"), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "tarn_something: task"));
    assert_non_null(strstr(tarn_last_error(), word));
}

TEST(a_malformed_descriptor_is_refused_and_its_fault_named)
{
    tarn_task good = task_of(8, 8), bad;
    assert_int_equal(tn_task_check(&good, "tarn_something"), TARN_OK);
    assert_int_equal(tn_task_check(&three_task, "tarn_something"), TARN_OK);

    check_malformed(NULL, "NULL");
    bad = good, bad.size = 0;
    check_malformed(&bad, "size");
    bad = good, bad.size = sizeof bad - 1;
    check_malformed(&bad, "size");
    bad = good, bad.size = sizeof bad + 1;
    check_malformed(&bad, "size");
    bad = good, bad.call = NULL;
    check_malformed(&bad, "call");
    bad = good, bad.name = NULL;
    check_malformed(&bad, "name");
    bad = good, bad.arg_count = 1;
    check_malformed(&bad, "args");
    bad = good, bad.flags = 1;
    check_malformed(&bad, "flags");
    bad = good, bad.args_size = SIZE_MAX;
    check_malformed(&bad, "args_size");
    bad = good, bad.result.size = SIZE_MAX - 7;
    check_malformed(&bad, "result.size");
}

TEST(a_promise_of_a_malformed_task_is_refused)
{
    tarn_task bad = task_of(8, SIZE_MAX);
    assert_null(tarn_promise_new(&bad));
    assert_non_null(strstr(tarn_last_error(), "tarn_promise_new: task"));
}

/* ---- results and arguments ---- */

static int twice(int n)
{
    return 2 * n;
}
TARN_TASK(int, twice, int);
TARN_TASK_AS(other, int, twice, int);

/* A future of `twice` that ended well, or, without `ended`, one that runs. */
static tarn_future *twice_of(int n, bool ended)
{
    tarn_future *cell =
        tn_task_cell(&twice_task, &n, tn_task_needs(&twice_task, &n), TN_OWNER_QUEUE);
    cell->executor = UINT32_MAX;
    assert_true(tn_future_start(cell));
    twice_task.call(tn_cell_payload(cell), tn_cell_result(cell));
    if (ended)
        tn_future_finish(cell, TARN_OK);
    return cell;
}

static void release(tarn_future *cell)
{
    tn_cell_release(cell, TN_OWNER_QUEUE);
    tarn_drop(cell);
}

TEST(the_result_is_copied_out_as_often_as_wanted)
{
    tarn_future *cell = twice_of(21, true);
    for (int i = 0; i < 3; i++) {
        int value = 0;
        assert_int_equal(twice_result(cell, &value), TARN_OK);
        assert_int_equal(value, 42);
        value = 0;
        assert_int_equal(tarn_result(cell, NULL, &value, sizeof value), TARN_OK);
        assert_int_equal(value, 42);
    }
    assert_int_equal(twice_args(cell)->a1, 21);
    assert_ptr_equal(tarn_args(cell, NULL), twice_args(cell));
    release(cell);
}

/* Before it looks whether the future has ended: a mistake shows at once. */
TEST(a_result_of_the_wrong_shape_is_refused_at_once)
{
    for (int ended = 0; ended < 2; ended++) {
        tarn_future *cell = twice_of(1, ended);
        int value = 7;
        long wide = 7;
        assert_int_equal(other_result(cell, &value), TARN_MISMATCH);
        assert_non_null(strstr(tarn_last_error(), "\"twice\""));
        assert_non_null(strstr(tarn_last_error(), "\"other\""));
        assert_int_equal(tarn_result(cell, NULL, &wide, sizeof wide), TARN_INVALID);
        assert_int_equal(tarn_result(cell, &twice_task, &wide, sizeof wide), TARN_INVALID);
        assert_int_equal(tarn_result(cell, NULL, &value, 0), TARN_INVALID);
        assert_int_equal(tarn_result(cell, NULL, NULL, sizeof value), TARN_INVALID);
        assert_int_equal(twice_result(cell, NULL), TARN_INVALID);
        assert_int_equal(twice_result(NULL, &value), TARN_INVALID);
        assert_int_equal(value, 7);
        assert_int_equal(wide, 7);
        assert_null(other_args(cell));
        assert_null(twice_args(NULL));
        if (!ended)
            tn_future_finish(cell, TARN_OK);
        release(cell);
    }
}

TEST(a_refusal_of_a_nameless_task_has_a_name_all_the_same)
{
    tarn_task bad = task_of(0, 0);
    bad.name = NULL;
    tarn_future *future = tn_future_refused(&bad, TARN_INVALID, "bad");
    assert_string_equal(tarn_error(future)->task, "");
    tarn_drop(future);
}
