/* SPDX-License-Identifier: Apache-2.0 */

/* The same task in each place that a task may lie in. */
#ifndef TESTS_PROGRAMS_TASKS_H
#define TESTS_PROGRAMS_TASKS_H

/* The program submits what a shared library has. */
#define TARN_TASK_VISIBILITY "default"
#include <tarn.h>

typedef struct answer {
    int value, pid;
} answer;

TARN_TASK_DECLARE(answer, answer_of_program, int);
TARN_TASK_DECLARE(answer, answer_of_archive, int);
TARN_TASK_DECLARE(answer, answer_of_library, int);
TARN_TASK_DECLARE(answer, answer_of_plugin, int);

/* 10 * n and that digit; no answer for less than 0: fails with -n. */
static inline answer answer_with(int digit, int n, int pid)
{
    if (n < 0)
        tarn_fail(-n, "less than 0");
    return (answer){10 * n + digit, pid};
}

#endif
