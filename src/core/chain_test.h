/* SPDX-License-Identifier: Apache-2.0 */

/* Chains without threads: an executor whose queue the test works off by hand, and futures that it
 * ends when it likes. */
#ifndef TN_CORE_CHAIN_TEST_H
#define TN_CORE_CHAIN_TEST_H

#include "core/chain.h"

#include "core/front.h"
#include "core/future.h"
#include "core/registry.h"
#include "platform/memory.h"
#include "platform/mutex.h"
#include "runner.h"

#include <string.h>

typedef struct shelf {
    tarn_executor executor;
    tn_mutex mutex; /* of the rest */
    tarn_future *first, **last;
    bool closed;
    tarn_status refusal; /* of whatever is submitted, without a text; TARN_OK: none */
} shelf;

static shelf *shelf_of(const tarn_executor *executor)
{
    return (shelf *)(uintptr_t)executor;
}

static tarn_status shelf_submit(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    shelf *s = shelf_of(executor);
    (void)n;
    (void)owed;
    tn_mutex_lock(&s->mutex);
    tarn_status status = s->closed ? TARN_CLOSED : s->refusal;
    if (status == TARN_OK) {
        *s->last = first;
        while (*s->last)
            s->last = tarn_backend_link(*s->last);
    }
    tn_mutex_unlock(&s->mutex);
    return status;
}

static inline tarn_future *take_queue(shelf *s)
{
    tn_mutex_lock(&s->mutex);
    tarn_future *all = s->first;
    s->first = NULL;
    s->last = &s->first;
    tn_mutex_unlock(&s->mutex);
    return all;
}

/* Runs what is queued, and what that queues. */
static inline void run(shelf *s)
{
    tarn_future *queued;
    while ((queued = take_queue(s))) {
        while (queued) {
            tarn_future *future = queued;
            queued = *tarn_backend_link(queued);
            tarn_backend_run(&s->executor, 0, future);
        }
    }
}

static tarn_future *shelf_stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    shelf *s = shelf_of(executor);
    (void)kill_running;
    tn_mutex_lock(&s->mutex);
    s->closed = true;
    tn_mutex_unlock(&s->mutex);
    return cancel_pending ? take_queue(s) : NULL;
}

static void shelf_abandon(tarn_executor *executor)
{
    run(shelf_of(executor));
    tarn_backend_close(executor);
    tn_mutex_destroy(&shelf_of(executor)->mutex);
}

static tarn_status shelf_finish(tarn_executor *executor, int64_t until)
{
    (void)until;
    shelf_abandon(executor);
    return TARN_OK;
}

static tarn_status shelf_drain(tarn_executor *executor, int64_t until)
{
    (void)until;
    return shelf_of(executor)->first ? TARN_TIMEOUT : TARN_OK;
}

static tarn_status shelf_resize(tarn_executor *executor, int max_workers)
{
    (void)executor;
    (void)max_workers;
    return TARN_UNSUPPORTED;
}

static int shelf_limit(const tarn_executor *executor)
{
    (void)executor;
    return 1;
}

static void shelf_stats(const tarn_executor *executor, tarn_stats *stats)
{
    (void)executor;
    stats->max_workers = 1;
}

static bool shelf_block(tarn_executor *executor, bool timed)
{
    (void)executor;
    return timed;
}

static void shelf_unblock(tarn_executor *executor)
{
    (void)executor;
}

static const tarn_backend shelf_backend = {
    .size = sizeof(tarn_backend),
    .kind = "shelf",
    .capabilities = TARN_CAN_POINTERS,
    .submit = shelf_submit,
    .stop = shelf_stop,
    .finish = shelf_finish,
    .abandon = shelf_abandon,
    .drain = shelf_drain,
    .resize = shelf_resize,
    .worker_limit = shelf_limit,
    .stats = shelf_stats,
    .block = shelf_block,
    .unblock = shelf_unblock,
};

static shelf the_shelf;

static inline shelf *open_shelf(void)
{
    memset(&the_shelf, 0, sizeof the_shelf);
    the_shelf.last = &the_shelf.first;
    assert_int_equal(tn_mutex_init(&the_shelf.mutex), 0);
    assert_int_equal(tarn_backend_open(&the_shelf.executor, &shelf_backend), TARN_OK);
    return &the_shelf;
}

static inline void close_shelf(shelf *s)
{
    assert_int_equal(tarn_shutdown(&s->executor), TARN_OK);
}

static int add_one(int n)
{
    return n + 1;
}
TARN_TASK(int, add_one, int);

/* A future that the test ends. */
typedef struct source {
    tarn_promise *promise;
    tarn_future *future;
} source;

static inline source new_source(void)
{
    source s = {.promise = tarn_promise_new(&add_one_task)};
    s.future = tarn_promise_future(s.promise);
    return s;
}

static inline void give(source *s, int value)
{
    tarn_promise_set(s->promise, &value, sizeof value);
}

static inline void drop_source(source *s)
{
    tarn_promise_drop(s->promise);
    tarn_drop(s->future);
}

static inline uint32_t handles(const tarn_future *future)
{
    return tn_u32_load_relaxed(&future->owners) & TN_HANDLES;
}

static inline bool is_listed(const shelf *s)
{
    return s->executor.front->chained;
}

static inline void assert_ended(tarn_future *future, tarn_status status)
{
    assert_true(tarn_done(future));
    assert_int_equal(tarn_result(future, NULL, NULL, 0), status);
    tarn_drop(future);
}

#endif
