/* SPDX-License-Identifier: Apache-2.0 */
#include "shared.h"

int increment(int n)
{
    return n + 1;
}
TARN_TASK_DEFINE(int, increment, int);

int increment_in_other_file(tarn_executor *executor, int n)
{
    tarn_future *future = increment_submit(executor, n);
    int result;
    tarn_status status = increment_result(future, &result);
    tarn_drop(future);
    return status == TARN_OK ? result : -1;
}
