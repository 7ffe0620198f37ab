/* SPDX-License-Identifier: Apache-2.0 */
#include "items.h"

#include "contract.h"

#include <sched.h>

int result_of(size_t i)
{
    return (int)(i * 3) + 1;
}

static void arrive_until_stopped(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
    while (!tarn_stop_requested())
        sched_yield();
}

static void stand(struct items *items)
{
    long long nobody = 0;
    atomic_compare_exchange_strong(&items->stood_at, &nobody, clock_now());
    gate_pass(&items->gate);
}

static int live(struct items *items, size_t i)
{
    int run = atomic_fetch_add(&items->runs[i], 1) + 1;
    enum act act = items->acts[i];
    if (act == FAIL || act == FAIL_AND_END || (act == FAIL_TWICE && run <= 2))
        tarn_fail((int)i, "item %zu", i);
    if (act == END_THREAD || act == FAIL_AND_END || (act == END_ONCE && run == 1))
        pthread_exit(NULL);
    if (act == STAND)
        stand(items);
    if (act == UNTIL_STOPPED || (act == STOP_ONCE && (run == 1 || tarn_stop_requested())))
        arrive_until_stopped(&items->gate);
    if (act == LOOK)
        tarn_stop_requested();
    if (act == CLOSE_THE_POOL)
        tarn_shutdown(items->pool);
    return result_of(i);
}
TARN_TASK_DEFINE(int, live, struct items *, size_t);

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n > 0 ? n : 1, size);
    assert_non_null(memory);
    return memory;
}

struct items *items_new(size_t n)
{
    struct items *items = allocate(1, sizeof(*items));
    items->n = n;
    items->gate = (struct gate)GATE_CLOSED;
    items->acts = allocate(n, sizeof(*items->acts));
    items->runs = allocate(n, sizeof(*items->runs));
    items->in = allocate(n, sizeof(*items->in));
    items->out = allocate(n, sizeof(*items->out));
    items->statuses = allocate(n, sizeof(*items->statuses));
    for (size_t i = 0; i < n; i++) {
        items->in[i].a1 = items;
        items->in[i].a2 = i;
        items->out[i] = UNTOUCHED;
        items->statuses[i] = TARN_END;
    }
    return items;
}

void items_free(struct items *items)
{
    free(items->acts);
    free(items->runs);
    free(items->in);
    free(items->out);
    free(items->statuses);
    free(items);
}

void items_act(struct items *items, enum act act, size_t first, size_t of)
{
    for (size_t i = first; i < items->n; i += of)
        items->acts[i] = act;
}

tarn_status items_map(tarn_executor *executor, struct items *items, tarn_deadline deadline)
{
    return live_map(executor, items->in, items->n, items->out, items->statuses, deadline);
}

static void *moved(void *array, size_t size)
{
    void *copy = allocate(1, size);
    memcpy(copy, array, size);
    free(array);
    return copy;
}

void items_move(struct items *items)
{
    items->in = moved(items->in, items->n * sizeof(*items->in));
    items->out = moved(items->out, items->n * sizeof(*items->out));
    items->statuses = moved(items->statuses, items->n * sizeof(*items->statuses));
}

static bool never_ran(tarn_status status)
{
    return status == TARN_CANCELLED || status == TARN_CLOSED || status == TARN_BROKEN ||
           status == TARN_FULL;
}

void items_check(const struct items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        tarn_status status = items->statuses[i];
        int runs = atomic_load(&items->runs[i]);
        bool ran_as_it_says = status == TARN_OK || status == TARN_FAILED ? runs >= 1
                              : never_ran(status)                        ? runs == 0
                                                                         : true;
        if (!ran_as_it_says || items->out[i] != (status == TARN_OK ? result_of(i) : UNTOUCHED))
            fail_msg("item %zu: %s, %d runs, result %d", i, tarn_status_name(status), runs,
                     items->out[i]);
    }
}

size_t items_count(const struct items *items, tarn_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < items->n; i++)
        count += items->statuses[i] == status;
    return count;
}
