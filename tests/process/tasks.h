/* SPDX-License-Identifier: Apache-2.0 */

/* Tasks in a library that a program loads when it runs. */
#ifndef TESTS_PROCESS_TASKS_H
#define TESTS_PROCESS_TASKS_H

#include <tarn.h>

struct tasks {
    const tarn_task *square; /* int of int */
    const tarn_task *crash;  /* int of int: raises that signal */
    const tarn_task *fail;   /* void of int: tarn_fail() with that code, and "on purpose" */
    const tarn_task *repeat; /* tarn_bytes of int and char: so many of these, in memory of tarn */
    const tarn_task *begin;  /* void of nothing: an initializer */
    const tarn_task *has_begun; /* bool of nothing: whether that ran there */
};

#endif
