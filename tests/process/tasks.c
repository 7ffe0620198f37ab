/* SPDX-License-Identifier: Apache-2.0 */

/* Alone, this is a library without a tarn of its own: it uses what the program has that loads it,
 * host or worker. */
#include "tasks.h"

#include <signal.h>
#include <string.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static int crash(int signal_)
{
    raise(signal_);
    return 0;
}
TARN_TASK(int, crash, int);

static void fail(int code)
{
    tarn_fail(code, "on purpose");
}
TARN_TASK(void, fail, int);

static tarn_bytes repeat(int n, char c)
{
    size_t size = (size_t)n;
    void *memory = tarn_result_memory(size);
    if (memory)
        memset(memory, c, size);
    return (tarn_bytes){memory, size};
}
TARN_TASK(tarn_bytes, repeat, int, char);

static char mark;

static void begin(void)
{
    *tarn_worker_local() = &mark;
}
TARN_TASK(void, begin, void);

static bool has_begun(void)
{
    return *tarn_worker_local() == &mark;
}
TARN_TASK(bool, has_begun, void);

TARN_API const struct tasks tasks;
const struct tasks tasks = {&square_task, &crash_task, &fail_task,
                            &repeat_task, &begin_task, &has_begun_task};
