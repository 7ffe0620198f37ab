/* SPDX-License-Identifier: Apache-2.0 */

/* In a static library. */
#include "tasks.h"

#include <unistd.h>

answer answer_of_archive(int n)
{
    return answer_with(2, n, (int)getpid());
}
TARN_TASK_DEFINE(answer, answer_of_archive, int);

/* Nobody uses it: the collection of sections leaves it out. */
answer answer_unused(int n);

answer answer_unused(int n)
{
    return answer_with(5, n, (int)getpid());
}
TARN_TASK(answer, answer_unused, int);
