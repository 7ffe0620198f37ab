/* SPDX-License-Identifier: Apache-2.0 */

/* GThreadPool has no future. The closest: each task writes its result into a place of the caller's,
 * and the last one says that all are done. */
#include <glib.h>

#include "../bench.h"

static int count, unfinished;
static int *results;
static GMutex mutex;
static GCond all_done;

static void empty(gpointer data, gpointer unused)
{
    int i = GPOINTER_TO_INT(data) - 1; /* a task's data may not be NULL */

    (void)unused;
    results[i] = i;
    if (g_atomic_int_dec_and_test(&unfinished)) {
        g_mutex_lock(&mutex);
        g_cond_signal(&all_done);
        g_mutex_unlock(&mutex);
    }
}

int main(int argc, char **argv)
{
    count = unfinished = argument(argc, argv, 1, 1000000);
    results = g_new0(int, count);
    memset(results, 0xff, (size_t)count * sizeof *results);
    GThreadPool *pool = g_thread_pool_new(empty, NULL, argument(argc, argv, 2, 2), TRUE, NULL);
    int64_t sum = 0;

    int64_t start = nanoseconds();
    for (int i = 0; i < count; i++)
        g_thread_pool_push(pool, GINT_TO_POINTER(i + 1), NULL);
    g_mutex_lock(&mutex);
    while (g_atomic_int_get(&unfinished) > 0)
        g_cond_wait(&all_done, &mutex);
    g_mutex_unlock(&mutex);
    for (int i = 0; i < count; i++)
        sum += results[i];
    int64_t end = nanoseconds();

    check_sum(sum, count);
    report("ns", (double)(end - start) / count);
    g_thread_pool_free(pool, FALSE, TRUE);
    g_free(results);
    return 0;
}
