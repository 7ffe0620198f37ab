/* SPDX-License-Identifier: Apache-2.0 */

/* Tables of bad input: what a function answers, and that tarn_last_error() names the argument.
 *
 * A row that is wrong is printed and counted, and the table goes on. */
#ifndef TESTS_CONTRACT_ROWS_H
#define TESTS_CONTRACT_ROWS_H

#include "contract.h"

/* Before each row: notes its function, and makes tarn_last_error() speak of something else. */
void row_begin(const char *function);

/* names: what tarn_last_error() must contain; NULL: the call did not fail. */
void row_end(bool right, const char *names, const char *call, const char *file, int line);

/* Runs a table and asserts that all of its rows are right. */
void rows_run(void (*table)(void));

/* Forgets which functions had rows; whether one has had a row since. */
void rows_forget(void);
bool rows_cover(const char *function);

/* Rows: the function, the call, what it returns, the argument that the sentence names. */
#define ROW(function, call, value, names) \
    do { \
        row_begin(function); \
        bool right_ = (call) == (value); \
        row_end(right_, names, #call, __FILE__, __LINE__); \
    } while (0)

/* Of functions that return nothing: they come back, and leave the last error alone. */
#define ROW_VOID(function, call) \
    do { \
        row_begin(function); \
        call; \
        row_end(true, NULL, #call, __FILE__, __LINE__); \
    } while (0)

/* Of functions that return a refused future: it says so itself. */
#define ROW_REFUSED_BY(function, call, ended, names) \
    do { \
        row_begin(function); \
        tarn_future *refused_ = (call); \
        bool named_ = strstr(tarn_last_error(), names) != NULL; \
        bool right_ = refused_ && tarn_done(refused_) && named_ && \
                      tarn_result(refused_, NULL, NULL, 0) == (ended) && tarn_error(refused_) && \
                      tarn_error(refused_)->status == (ended); \
        row_end(right_, names, #call, __FILE__, __LINE__); \
        tarn_drop(refused_); \
    } while (0)
#define ROW_REFUSED(call, ended, names) ROW_REFUSED_BY("tarn_submit", call, ended, names)

#endif
