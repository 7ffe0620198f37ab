/* SPDX-License-Identifier: Apache-2.0 */

/* In a library that the program loads while it runs. */
#include "tasks.h"

#include <unistd.h>

answer answer_of_plugin(int n)
{
    return answer_with(4, n, (int)getpid());
}
TARN_TASK_DEFINE(answer, answer_of_plugin, int);
