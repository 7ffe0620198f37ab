/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin for plugins.c: it brings the library to a program that has none. */
#include <tarn.h>

#include <sched.h>
#include <stdlib.h>

#include "plugin.h"

static int tripled_word(atomic_int *word)
{
    while (atomic_load(word) == 0)
        sched_yield();
    return 3 * atomic_load(word);
}
TARN_TASK(int, tripled_word, atomic_int *);

struct work {
    tarn_executor *pool;
    tarn_future *future;
};

static struct work *begin(atomic_int *word)
{
    struct work *work = malloc(sizeof(*work));
    if (!work)
        return NULL;
    work->pool = tarn_thread_pool(.max_workers = 1);
    work->future = tripled_word_submit(work->pool, word);
    return work;
}

static int end(struct work *work)
{
    int value = 0;
    tarn_status status = tripled_word_result(work->future, &value);
    tarn_drop(work->future);
    if (status == TARN_OK)
        status = tarn_shutdown(work->pool);
    free(work);
    return status == TARN_OK ? value : (int)status;
}

/* What the library has to see to when the thread ends. */
static void touch(void)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_drop(tarn_promise_future(promise));
    tarn_promise_drop(promise);
}

TARN_API const struct plugin plugin;
const struct plugin plugin = {begin, end, touch};
