/* SPDX-License-Identifier: Apache-2.0 */
#include "process/codec.h"

#include "core/task.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static tarn_bytes join(tarn_bytes a, int n, tarn_bytes b)
{
    (void)a;
    (void)n;
    return b;
}
TARN_TASK(tarn_bytes, join, tarn_bytes, int, tarn_bytes);

static int twice(int n)
{
    return 2 * n;
}
TARN_TASK(int, twice, int);

static struct join_arguments example(void)
{
    struct join_arguments args;
    memset(&args, 0, sizeof(args));
    args.a1 = (tarn_bytes){"abc", 3};
    args.a2 = 7;
    args.a3 = (tarn_bytes){"defgh", 5};
    return args;
}

TEST(arguments_come_out_as_they_went_in)
{
    struct join_arguments args = example(), out;
    size_t size = tn_args_size(&join_task, &args);
    unsigned char *bytes = malloc(size);
    tn_args_encode(&join_task, &args, bytes);
    assert_true(tn_args_decode(&join_task, bytes, size, &out));
    assert_int_equal(out.a2, 7);
    assert_int_equal(out.a1.size, 3);
    assert_memory_equal(out.a1.data, "abc", 3);
    assert_memory_equal(out.a3.data, "defgh", 5);
    /* Nor do they say where the others lay in memory. */
    assert_null(((struct join_arguments *)(void *)bytes)->a1.data);
    free(bytes);
}

TEST(arguments_that_are_cut_or_too_long_are_none)
{
    struct join_arguments args = example(), out;
    size_t size = tn_args_size(&join_task, &args);
    unsigned char *bytes = calloc(1, size + 1);
    tn_args_encode(&join_task, &args, bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(tn_args_decode(&join_task, bytes, cut, &out));
    assert_false(tn_args_decode(&join_task, bytes, size + 1, &out));
    ((struct join_arguments *)(void *)bytes)->a1.size = SIZE_MAX;
    assert_false(tn_args_decode(&join_task, bytes, size, &out));
    free(bytes);
}

static tarn_future *running(const tarn_task *task, const void *args)
{
    tarn_future *future = tn_task_cell(task, args, tn_task_needs(task, args), 0);
    assert_non_null(future);
    return future;
}

TEST(a_result_has_the_size_of_its_type_or_is_lost)
{
    int n = 21, result = 42;
    unsigned char bytes[sizeof(int) + 1];
    tarn_future *future = running(&twice_task, &n);
    assert_int_equal(tn_result_size(&twice_task, &result), sizeof(int));
    tn_result_encode(&twice_task, &result, bytes);
    assert_int_equal(tn_result_decode(future, bytes, sizeof(int)), TARN_OK);
    assert_int_equal(*(int *)tn_cell_result(future), 42);
    assert_int_equal(tn_result_decode(future, bytes, sizeof(int) - 1), TARN_LOST);
    assert_int_equal(tn_result_decode(future, bytes, sizeof(int) + 1), TARN_LOST);
    tarn_drop(future);
}

TEST(bytes_of_a_result_are_copied_and_their_size_is_checked)
{
    struct join_arguments args = example();
    tarn_bytes result = {"result", 6}, kept;
    unsigned char bytes[64];
    tarn_future *future = running(&join_task, &args);
    size_t size = tn_result_size(&join_task, &result);
    assert_int_equal(size, sizeof(result) + 6);
    tn_result_encode(&join_task, &result, bytes);
    assert_int_equal(tn_result_decode(future, bytes, size), TARN_OK);
    memset(bytes + sizeof(result), 'x', 6);
    memcpy(&kept, tn_cell_result(future), sizeof(kept));
    assert_int_equal(kept.size, 6);
    assert_memory_equal(kept.data, "result", 6);
    assert_int_equal(tn_result_decode(future, bytes, size - 1), TARN_LOST);
    assert_int_equal(tn_result_decode(future, bytes, sizeof(result) - 1), TARN_LOST);
    tarn_drop(future);
}

TEST(a_result_of_more_bytes_than_there_can_be_has_no_size)
{
    tarn_bytes result = {"", SIZE_MAX - 1};
    assert_int_equal(tn_result_size(&join_task, &result), SIZE_MAX);
}

TEST(a_failure_says_what_why_and_where)
{
    char text[] = "the disk is full";
    unsigned char bytes[256];
    tarn_failure failure = {.status = TARN_FAILED};
    size_t size = tn_failure_encode(&(tn_report){.line = 12, .file = "a.c", .text = text}, bytes,
                                    sizeof(bytes));
    char *decoded = tn_failure_decode(&failure, bytes, size);
    assert_string_equal(decoded, "the disk is full");
    assert_string_equal(failure.file, "a.c");
    assert_int_equal(failure.line, 12);
    free(decoded);
}

/* Whatever it is, there are texts in it that end. */
TEST(a_failure_of_noise_is_bounded)
{
    unsigned char noise[300];
    memset(noise, 'x', sizeof(noise));
    for (size_t size = 0; size < sizeof(noise); size++) {
        tarn_failure failure = {.status = TARN_FAILED};
        char *text = tn_failure_decode(&failure, noise, size);
        assert_true(!text == (size <= 4));
        if (text)
            assert_true(strlen(text) == size - 4 && !failure.file);
        free(text);
    }
}
