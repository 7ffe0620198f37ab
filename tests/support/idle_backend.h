/* SPDX-License-Identifier: Apache-2.0 */

/* A back end without workers, for tests of what the core keeps of each executor: it refuses what is
 * submitted, and is always at rest. */
#ifndef TESTS_SUPPORT_IDLE_BACKEND_H
#define TESTS_SUPPORT_IDLE_BACKEND_H

#include "runner.h"

#include <tarn_backend.h>

static int idle_abandoned; /* how often it was told to */

static inline tarn_status idle_submit(tarn_executor *executor, tarn_future *first, size_t n,
                                      bool owed)
{
    (void)executor;
    (void)first;
    (void)n;
    (void)owed;
    return TARN_BROKEN;
}

static inline tarn_future *idle_stop(tarn_executor *executor, bool cancel_pending,
                                     bool kill_running)
{
    (void)executor;
    (void)cancel_pending;
    (void)kill_running;
    return NULL;
}

static inline tarn_status idle_wait(tarn_executor *executor, int64_t until)
{
    (void)executor;
    (void)until;
    return TARN_OK;
}

static inline void idle_abandon(tarn_executor *executor)
{
    (void)executor;
    idle_abandoned++;
}

static inline tarn_status idle_resize(tarn_executor *executor, int max_workers)
{
    (void)executor;
    (void)max_workers;
    return TARN_UNSUPPORTED;
}

static inline int idle_limit(const tarn_executor *executor)
{
    (void)executor;
    return 1;
}

static inline void idle_stats(const tarn_executor *executor, tarn_stats *stats)
{
    (void)executor;
    (void)stats;
}

static inline bool idle_block(tarn_executor *executor, bool timed)
{
    (void)executor;
    return timed;
}

static inline void idle_unblock(tarn_executor *executor)
{
    (void)executor;
}

static const tarn_backend idle_backend = {
    .size = sizeof(tarn_backend),
    .kind = "idle",
    .capabilities = TARN_CAN_POINTERS,
    .submit = idle_submit,
    .stop = idle_stop,
    .finish = idle_wait,
    .abandon = idle_abandon,
    .drain = idle_wait,
    .resize = idle_resize,
    .worker_limit = idle_limit,
    .stats = idle_stats,
    .block = idle_block,
    .unblock = idle_unblock,
};

/* Opens an executor of it; to be ended by tarn_backend_close(). */
static inline void idle_open(tarn_executor *executor)
{
    *executor = (tarn_executor){.id = 0};
    assert_int_equal(tarn_backend_open(executor, &idle_backend), TARN_OK);
}

#endif
