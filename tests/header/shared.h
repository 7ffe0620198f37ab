/* SPDX-License-Identifier: Apache-2.0 */

/* A task that is defined in one file and submitted from others, in C and in C++. */
#ifndef TESTS_HEADER_SHARED_H
#define TESTS_HEADER_SHARED_H

#include <tarn.h>

#ifdef __cplusplus
extern "C" {
#endif

int increment(int n);

/* Submits increment(n) and waits: what the other file sees of the same task. -1 if it failed. */
int increment_in_other_file(tarn_executor *executor, int n);

#ifdef __cplusplus
}
#endif

TARN_TASK_DECLARE(int, increment, int);

/* Declared, and never defined: costs nothing as long as nobody submits it. */
TARN_TASK_DECLARE(void, nobody_defines_it, double, const char *);

#endif
