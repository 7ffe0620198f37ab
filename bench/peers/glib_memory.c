/* SPDX-License-Identifier: Apache-2.0 */

/* What GThreadPool's queue takes for each pending task. There is no future in it. */
#include <glib.h>

#include "../bench.h"

static GMutex gate;
static int begun, ran;

static void empty(gpointer data, gpointer unused)
{
    (void)data;
    (void)unused;
    g_atomic_int_set(&begun, 1);
    g_mutex_lock(&gate);
    ran++;
    g_mutex_unlock(&gate);
}

int main(int argc, char **argv)
{
    int n = argument(argc, argv, 1, 1000000);
    GThreadPool *pool = g_thread_pool_new(empty, NULL, 1, TRUE, NULL);

    g_mutex_lock(&gate);
    g_thread_pool_push(pool, GINT_TO_POINTER(1), NULL);
    while (!g_atomic_int_get(&begun))
        g_thread_yield();
    double before = own_bytes();
    for (int i = 0; i < n; i++)
        g_thread_pool_push(pool, GINT_TO_POINTER(1), NULL);
    double bytes = (own_bytes() - before) / n;
    g_mutex_unlock(&gate);

    g_thread_pool_free(pool, FALSE, TRUE);
    if (ran != n + 1)
        wrong("%d tasks ran, not %d", ran, n + 1);
    report("bytes", bytes);
    return 0;
}
