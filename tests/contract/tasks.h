/* SPDX-License-Identifier: Apache-2.0 */

/* Tasks that several files of the suite use. */
#ifndef TESTS_CONTRACT_TASKS_H
#define TESTS_CONTRACT_TASKS_H

#include <tarn.h>

#include "gate.h"

/* n * n */
TARN_TASK_DECLARE(int, square, int);

/* Does nothing, and gives nothing. */
TARN_TASK_DECLARE(void, nothing, void);

/* Gives the bytes back, as a view of its argument. */
TARN_TASK_DECLARE(tarn_bytes, echo, tarn_bytes);

/* Fails with that code, and the text "code <n>". */
TARN_TASK_DECLARE(int, fail_with, int);

/* Passes a gate, and gives the number back. */
TARN_TASK_DECLARE(int, stand_at, struct gate *, int);

/* Arrives at the gate, and goes on until it is asked to stop, or until the gate is open. Gives 1 if
 * it was asked. */
TARN_TASK_DECLARE(int, work_until_stopped, struct gate *);

/* The number of the system's thread that runs it. */
TARN_TASK_DECLARE(int, thread_number, void);

/* What a call inside a task answered. */
struct answer {
    tarn_status status;
    char error[200]; /* tarn_last_error() after it, if it failed */
};

struct answer answer_of(tarn_status status);

#endif
