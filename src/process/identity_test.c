/* SPDX-License-Identifier: Apache-2.0 */
#include "process/identity.h"

#include "runner.h"

#include <string.h>

static int add(int a, short b)
{
    return a + b;
}
TARN_TASK(int, add, int, short);

TEST(a_task_is_found_by_its_identity)
{
    tn_identity identity;
    tarn_status status;
    char why[TN_WHY];
    assert_int_equal(tn_identity_of(&add_task, &identity), TARN_OK);
    assert_string_equal(identity.name, "add");
    assert_ptr_equal(tn_identity_find(&identity, &status, why), &add_task);
}

TEST(a_descriptor_that_no_other_process_has_is_refused)
{
    tarn_task copy = add_task;
    tn_identity identity;
    assert_int_equal(tn_identity_of(&copy, &identity), TARN_UNSUPPORTED);
    assert_non_null(strstr(tarn_last_error(), "\"add\""));
}

/* Asserts that it is not found, with that status and these words. */
static void expect_none(const tn_identity *identity, tarn_status expected, const char *words)
{
    tarn_status status = TARN_OK;
    char why[TN_WHY];
    assert_null(tn_identity_find(identity, &status, why));
    assert_int_equal(status, expected);
    assert_non_null(strstr(why, words));
}

TEST(another_place_or_name_is_another_task)
{
    tn_identity identity;
    assert_int_equal(tn_identity_of(&add_task, &identity), TARN_OK);
    tn_identity other = identity;
    other.offset += 8;
    expect_none(&other, TARN_UNKNOWN_TASK, "\"add\"");
    other = identity;
    strcpy(other.name, "odd");
    expect_none(&other, TARN_UNKNOWN_TASK, "\"odd\"");
    expect_none(&other, TARN_UNKNOWN_TASK, "initialize it statically, as TARN_TASK() does");
    other = identity;
    strcpy(other.module.path, "/nowhere.so");
    other.module.id_size = 1;
    expect_none(&other, TARN_UNKNOWN_TASK, "cannot load the library of \"add\"");
}

TEST(a_difference_of_shape_is_named)
{
    tn_identity identity;
    assert_int_equal(tn_identity_of(&add_task, &identity), TARN_OK);
    tn_identity other = identity;
    other.args[1].size = 4;
    expect_none(&other, TARN_MISMATCH, "argument 2 has 2 bytes there, not 4");
    expect_none(&other, TARN_MISMATCH, "initialize it statically");
    other = identity;
    other.args[0].kind = TARN_KIND_BYTES;
    expect_none(&other, TARN_MISMATCH, "argument 1 is of another kind");
    other = identity;
    other.arg_count = 1;
    expect_none(&other, TARN_MISMATCH, "2 arguments there, not 1");
    other = identity;
    other.args_size++;
    expect_none(&other, TARN_MISMATCH, "the struct of arguments has 8 bytes there, not 9");
    other = identity;
    other.result.kind = TARN_KIND_BYTES;
    expect_none(&other, TARN_MISMATCH, "its result is of another kind");
}
