/* SPDX-License-Identifier: Apache-2.0 */

/* In the program itself. */
#include "tasks.h"

#include <unistd.h>

answer answer_of_program(int n)
{
    return answer_with(1, n, (int)getpid());
}
TARN_TASK_DEFINE(answer, answer_of_program, int);
