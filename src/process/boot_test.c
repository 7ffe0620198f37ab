/* SPDX-License-Identifier: Apache-2.0 */
#include "process/boot.h"

#include "runner.h"

#include <limits.h>
#include <tarn.h>

TEST(a_program_has_booted_once_main_said_so)
{
    char name[] = "program";
    char *arguments[] = {name, NULL};
    assert_false(tn_booted());
    assert_int_equal(tarn_boot(-1, arguments), TARN_INVALID);
    assert_int_equal(tarn_boot(INT_MIN, arguments), TARN_INVALID);
    assert_int_equal(tarn_boot(1, NULL), TARN_INVALID);
    assert_false(tn_booted());
    assert_int_equal(tarn_boot(1, arguments), TARN_OK);
    assert_true(tn_booted());
    assert_int_equal(tarn_boot(1, arguments), TARN_OK);
    assert_true(tn_booted());
}

/* An exec with an empty list of arguments is odd, but the program did begin with it. */
TEST(a_program_may_have_no_name)
{
    char *arguments[] = {NULL};
    assert_int_equal(tarn_boot(0, arguments), TARN_OK);
    assert_true(tn_booted());
}
