/* SPDX-License-Identifier: Apache-2.0 */

/* A program of somebody else: C and C++ alike, it knows the installed header and nothing more. */
#include <stdio.h>
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *executor = tarn_thread_pool(.max_workers = 3);
    tarn_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = square_submit(executor, i + 1);

    int sum = 0;
    tarn_completions *completed = tarn_as_completed(futures, 5, TARN_FOREVER);
    for (size_t i; tarn_next(completed, &i) == TARN_OK;) {
        int result;
        if (square_result(futures[i], &result) == TARN_OK)
            sum += result;
    }

    tarn_completions_drop(completed);
    tarn_drop_all(futures, 5);
    if (tarn_shutdown(executor) != TARN_OK)
        return 1;
    printf("the squares of 1 to 5 add up to %d\n", sum);
    return sum != 55;
}
