/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <stdio.h>

static const char *covered[600];
static size_t rows;
static size_t wrong_rows;
static char marker[200];

void row_begin(const char *function)
{
    assert_true(rows < sizeof(covered) / sizeof(covered[0]));
    covered[rows++] = function;
    if (strcmp(function, "tarn_drain") == 0)
        tarn_future_wait(NULL, TARN_NOW);
    else
        tarn_drain(NULL, TARN_NOW);
    snprintf(marker, sizeof(marker), "%s", tarn_last_error());
}

void row_end(bool right, const char *names, const char *call, const char *file, int line)
{
    bool named =
        strcmp(tarn_last_error(), marker) != 0 && strstr(tarn_last_error(), names ? names : "");
    if (right && (names ? named : strcmp(tarn_last_error(), marker) == 0))
        return;
    wrong_rows++;
    print_error("%s:%d: %s\n    %s; tarn_last_error() is \"%s\"%s%s\n", file, line, call,
                right ? "answers as it should" : "answers something else", tarn_last_error(),
                names ? ", should name " : ", should be unchanged", names ? names : "");
}

void rows_run(void (*table)(void))
{
    wrong_rows = 0;
    table();
    assert_int_equal(wrong_rows, 0);
}

void rows_forget(void)
{
    rows = 0;
}

bool rows_cover(const char *function)
{
    for (size_t i = 0; i < rows; i++) {
        if (strcmp(covered[i], function) == 0)
            return true;
    }
    return false;
}
