#include <stdio.h>
#include <unistd.h>
#include <tarn.h>

static int square(int n) /* an ordinary C function ... */
{
    sleep(1);
    return n * n;
}
TARN_TASK(int, square, int); /* ... made a task: reads like its prototype */

int main(int argc, char **argv)
{
    tarn_boot(argc, argv); /* worker processes begin, and end, here */

    int numbers[] = {1, 2, 3, 4, 5};
    tarn_future *futures[5];
    tarn_executor *executor = tarn_thread_pool(.max_workers = 3); /* or tarn_process_pool */

    for (int i = 0; i < 5; i++)
        futures[i] = square_submit(executor, numbers[i]);

    tarn_completions *completed = tarn_as_completed(futures, 5, TARN_FOREVER);
    for (size_t i; tarn_next(completed, &i) == TARN_OK;) {
        int result;
        if (square_result(futures[i], &result) == TARN_OK)
            printf("Square of %d is %d\n", numbers[i], result);
    }

    tarn_completions_drop(completed);
    tarn_drop_all(futures, 5);
    return tarn_shutdown(executor) != TARN_OK;
}
