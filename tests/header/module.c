/* SPDX-License-Identifier: Apache-2.0 */

/* A module that is loaded at run time, with a task of a name that others have, too. */
#include <tarn.h>

static int scale(int n)
{
    return n * FACTOR;
}
TARN_TASK(int, scale, int);

TARN_API int scale_in_module(tarn_executor *executor, int n);

int scale_in_module(tarn_executor *executor, int n)
{
    tarn_future *future = scale_submit(executor, n);
    int result;
    tarn_status status = scale_result(future, &result);
    tarn_drop(future);
    return status == TARN_OK ? result : -1;
}
