/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin with tasks, which run in processes: its host, host.c, knows nothing of that. */
#include <tarn.h>
#include <unistd.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static int own_pid(void)
{
    return (int)getpid();
}
TARN_TASK(int, own_pid, void);

TARN_API int run(const char *worker_program);

int run(const char *worker_program)
{
    tarn_executor *pool = tarn_process_pool(.max_workers = 2, .worker_program = worker_program);
    tarn_future *squared = square_submit(pool, 7), *asked = own_pid_submit(pool);
    int result = 0, pid = 0;
    bool good = square_result(squared, &result) == TARN_OK && result == 49;
    good &= own_pid_result(asked, &pid) == TARN_OK && pid != (int)getpid();
    tarn_drop(squared);
    tarn_drop(asked);
    return tarn_shutdown(pool) == TARN_OK && good;
}
