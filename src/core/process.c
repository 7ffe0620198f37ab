/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include "core/deadline.h"
#include "core/executor.h"
#include "core/run.h"
#include "core/status.h"
#include "platform/process.h"

/* Closes all executors, cancels what has not begun, asks what runs to stop. TARN_EXIT_WAIT says how
 * many seconds to wait for that; without it nobody waits, and the end of the process ends them. */
static void at_exit(void)
{
    int64_t until = tn_clock_after(tn_process_setting("TARN_EXIT_WAIT"));
    tn_executor_stop_all();
    tn_executor_drain_all(until);
}

static tn_mutex *const shared[] = {&tn_slots_mutex, &tn_graph_mutex, &tn_heaps_mutex,
                                   &tn_failures_mutex};

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

tarn_status tn_process_enter(void)
{
    return tn_process_watch(at_exit, before_fork, after_fork) == 0
               ? TARN_OK
               : tn_error(TARN_NO_MEMORY, "no memory to watch over exit() and fork()");
}
