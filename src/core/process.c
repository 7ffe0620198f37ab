/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include "core/chain.h"
#include "core/context.h"
#include "core/deadline.h"
#include "core/executor.h"
#include "core/future.h"
#include "core/heap.h"
#include "core/registry.h"
#include "core/status.h"
#include "platform/process.h"
#include "platform/thread.h"

/* ---- exit() ---------------------------------------------------------------------------------- */

/* One that can kill is to ask first, if there is time to wait for that. */
static tarn_future *close_one(tarn_executor *executor, bool patient)
{
    bool ask = patient && executor->backend->press;
    tarn_future *cancelled = tn_executor_close(executor, true, !ask);
    if (ask)
        executor->backend->press(executor, NULL, false);
    return cancelled;
}

static void stop_all(bool patient)
{
    bool more = true;
    for (uint32_t place = 1; more; place++) {
        tn_mutex_lock(&tn_registry_mutex);
        more = place < tn_registry_limit();
        tarn_executor *executor = more ? tn_registry_at(place) : NULL;
        tarn_future *cancelled = executor ? close_one(executor, patient) : NULL;
        tn_chain *chained = executor ? tn_chain_take_all(executor) : NULL;
        tn_mutex_unlock(&tn_registry_mutex);
        /* Runs callbacks: not under the mutex. */
        tn_futures_end(cancelled, TARN_CANCELLED, NULL);
        tn_chain_end_list(chained, TARN_CANCELLED);
    }
}

static void drain_all(int64_t until)
{
    const tn_context *context = tn_context_here();
    tn_mutex_lock(&tn_registry_mutex);
    for (uint32_t place = 1; place < tn_registry_limit(); place++) {
        tarn_executor *executor = tn_registry_at(place);
        if (!executor || (context && context->executor == executor))
            continue;
        tn_registry_pin(executor);
        tn_mutex_unlock(&tn_registry_mutex);
        executor->backend->drain(executor, until);
        tn_registry_let_go(executor);
        tn_mutex_lock(&tn_registry_mutex);
    }
    tn_mutex_unlock(&tn_registry_mutex);
}

/* Closes all executors, cancels what has not begun, asks what runs to stop. TARN_EXIT_WAIT says how
 * many seconds to wait for that; without it nobody waits, and the end of the process ends them. */
static void at_exit(void)
{
    double seconds = tn_process_setting("TARN_EXIT_WAIT");
    stop_all(seconds > 0);
    if (seconds > 0) {
        drain_all(tn_clock_after(seconds));
        stop_all(false);
    }
}

/* ---- fork() ---------------------------------------------------------------------------------- */

/* The locks that all threads share. fork() takes them, so that the child finds what they guard in
 * order. None of them is taken while another one is held, but for what stop() of a back end does
 * under the first. */
static tn_mutex *const shared[] = {&tn_registry_mutex, &tn_deadlock_mutex, &tn_heap_mutex,
                                   &tn_failure_mutex, &tn_thread_end_mutex};

enum { SHARED = sizeof shared / sizeof *shared };

static void before_fork(void)
{
    for (int i = 0; i < SHARED; i++)
        tn_mutex_lock(shared[i]);
}

static void after_fork(void)
{
    for (int i = SHARED; i-- > 0;)
        tn_mutex_unlock(shared[i]);
    tn_context_after_fork();
}

tarn_status tn_process_watch_over(void)
{
    return tn_process_watch(at_exit, before_fork, after_fork) == 0
               ? TARN_OK
               : tn_error(TARN_NO_MEMORY, "no memory to watch over exit() and fork()");
}
