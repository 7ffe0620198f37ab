/* SPDX-License-Identifier: Apache-2.0 */

/* A module for unload.c, which loads copies of it, and unloads them too early. */
#include <tarn.h>

#include <sched.h>
#include <stdatomic.h>

#include "unloaded.h"

static int tripled(int n)
{
    return 3 * n;
}
TARN_TASK(int, tripled, int);

static int tripled_word(atomic_int *word)
{
    while (atomic_load(word) == 0)
        sched_yield();
    return 3 * atomic_load(word);
}
TARN_TASK(int, tripled_word, atomic_int *);

static int failing(int n)
{
    tarn_fail(n, "as it should");
    return 0;
}
TARN_TASK(int, failing, int);

static void count(atomic_int *times)
{
    *tarn_worker_local() = times;
    atomic_fetch_add(times, 1);
}
TARN_TASK(void, count, atomic_int *);

static void count_end(void)
{
    atomic_fetch_add((atomic_int *)*tarn_worker_local(), 1);
}
TARN_TASK(void, count_end, void);

static tarn_future *submit_tripled(tarn_executor *executor, int n)
{
    return tripled_submit(executor, n);
}

static tarn_future *submit_tripled_word(tarn_executor *executor, atomic_int *word)
{
    return tripled_word_submit(executor, word);
}

static tarn_future *submit_failing(tarn_executor *executor, int n)
{
    return failing_submit(executor, n);
}

static tarn_future *triple_after(tarn_executor *executor, tarn_future *before)
{
    return tripled_after(executor, before);
}

static tarn_promise *promise_tripled(void)
{
    return tarn_promise_new(&tripled_task);
}

static tarn_executor *open_counting(atomic_int *times)
{
    struct count_arguments arguments = {times};
    return tarn_thread_pool(.max_workers = 1, .initializer = &count_task,
                            .initializer_args = &arguments, .finalizer = &count_end_task);
}

static tarn_status read_tripled(tarn_future *future, int *value)
{
    return tripled_result(future, value);
}

TARN_API const struct unloaded unloaded;
const struct unloaded unloaded = {
    submit_tripled,  submit_tripled_word, submit_failing, triple_after,
    promise_tripled, open_counting,       read_tripled,
};
