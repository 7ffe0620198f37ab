/* SPDX-License-Identifier: Apache-2.0 */

/* In a shared library that the program is linked with. */
#include "tasks.h"

#include <unistd.h>

answer answer_of_library(int n)
{
    return answer_with(3, n, (int)getpid());
}
TARN_TASK_DEFINE(answer, answer_of_library, int);
