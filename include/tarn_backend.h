/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_backend.h - for authors of executors: what a back end gives, and what it is given.
 *
 * An executor is a struct that begins with a tarn_executor, and a table of functions. A future goes
 * one way: the core makes it and hands it to submit(); the back end keeps it in a queue of its own
 * and, when its turn has come, runs it by tarn_backend_run() on one of its threads, or ends it by
 * tarn_backend_refuse(). Either is the back end's last touch of it; what submit() refuses stays the
 * core's. A cancelled future stays in the queue: tarn_backend_run() then only throws it away.
 *
 * This interface is not stable before version 1.0.
 */
#ifndef TARN_BACKEND_H
#define TARN_BACKEND_H

#include <tarn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an executor can do; what it cannot is refused with TARN_UNSUPPORTED. */
typedef enum tarn_capability {
    TARN_CAN_POINTERS = 1 /* tasks may take and return pointers: it shares the caller's memory */
} tarn_capability;

/* Entries are called from any thread unless one says otherwise. They must be there, but for the last
 * five. */
typedef struct tarn_backend {
    size_t size;           /* sizeof(tarn_backend) */
    const char *kind;      /* "threads" */
    uint32_t capabilities; /* of tarn_capability */

    /* Takes n futures over (n >= 1), linked by tarn_backend_link() from `first` on, and returns
     * TARN_OK; or refuses them all: a status, and why by tarn_backend_error(). Runs none of them
     * itself, as whoever submits may not have noted them yet. After stop() only
     * those that are `owed` are taken: tries and continuations of what was submitted before. They
     * are refused after a stop() with `cancel_pending`, and once finish() could have returned. */
    tarn_status (*submit)(tarn_executor *executor, tarn_future *first, size_t n, bool owed);

    /* Takes no more work from now on. With `cancel_pending` it also empties its queue, and returns
     * the futures linked by tarn_backend_link(), the last to NULL, for the caller to cancel; with
     * `kill_running` it asks what runs to stop, as by tarn_stop(future, 0). Runs no code of the
     * user, opens and closes no executor, and does not wait; may be repeated. */
    tarn_future *(*stop)(tarn_executor *executor, bool cancel_pending, bool kill_running);

    /* After stop(): waits until all has ended and every worker has left, frees the executor and
     * returns TARN_OK; or TARN_TIMEOUT, and can be repeated. `until` here and below: nanoseconds of
     * CLOCK_MONOTONIC, INT64_MAX for never. Not by its own workers. */
    tarn_status (*finish)(tarn_executor *executor, int64_t until);

    /* After stop(): does the same later, when the last worker leaves. */
    void (*abandon)(tarn_executor *executor);

    /* As tarn_drain(); also after stop(), and before finish(). Not by its own workers. */
    tarn_status (*drain)(tarn_executor *executor, int64_t until);

    /* As tarn_resize(), max_workers in its range or 0; and as tarn_worker_limit(). */
    tarn_status (*resize)(tarn_executor *executor, int max_workers);
    int (*worker_limit)(const tarn_executor *executor);

    /* Sets what it knows of *stats, which is zero: max_workers, workers, spares, idle, wakes and
     * parks; and as `queued` how many were started that nobody has begun with, see begun(). The
     * counts of tasks are the core's, which reads them afterwards. */
    void (*stats)(const tarn_executor *executor, tarn_stats *stats);

    /* By one of its workers that is about to sleep, and when it has woken: others may run in its
     * place. false: nobody could, and it must not sleep; never if `timed`. */
    bool (*block)(tarn_executor *executor, bool timed);
    void (*unblock)(tarn_executor *executor);

    /* NULL: its tasks look for themselves whether they are asked to stop. Otherwise it is told when
     * one that runs is, be it by its time limit, and with `kill` when it is to be ended. If `future`
     * is NULL, all that run are asked, and `kill` is false. Does not block, and takes no lock for
     * one future without `kill`. */
    void (*press)(tarn_executor *executor, tarn_future *future, bool kill);

    /* NULL: what was started runs. Otherwise whether somebody has begun with one that was started and
     * has not ended. Does not block. */
    bool (*begun)(tarn_executor *executor, tarn_future *future);

    /* The same; or takes back one that was started, if nobody has begun with it, or out of the queue
     * if it is there again by now; true: it is pending and in no queue, and the queue's share in it
     * is the caller's. Does not block. */
    bool (*recall)(tarn_executor *executor, tarn_future *future);

    /* NULL: there is nothing that a thread could do for what it waits for. Otherwise called before
     * it sleeps for any of several futures: does for a while what brings about the end of futures,
     * until over(data) is true, or `until`. Does not sleep. */
    void (*help)(tarn_executor *executor, bool (*over)(void *data), void *data, int64_t until);

    /* NULL: whoever waits for one future sleeps on that alone. Otherwise called first: waits until it
     * has ended, or `until`; comes back earlier if to sleep on it alone is as good. */
    void (*await)(tarn_executor *executor, tarn_future *future, int64_t until);
} tarn_backend;

/* What every executor begins with. The back end may set the last three before it calls
 * tarn_backend_open(), as the options of the same names: the core then keeps to them. The rest is
 * the core's. */
struct tarn_executor {
    const tarn_backend *backend;
    tarn_executor *pool;    /* itself; of a view the executor that runs its tasks */
    struct tn_front *front; /* what the core keeps of it */
    uint32_t id;
    int when_full;
    size_t queue_limit;
    double submit_within;
};

/* The next future in a list; for queues, and for what stop() returns. Only the holder of the queue
 * may use it. */
TARN_API tarn_future **tarn_backend_link(tarn_future *future);

/* Makes a zeroed executor known; backend must stay valid while it is.
 * Returns TARN_OK; TARN_NO_MEMORY: there is none, or there are 65,535 executors; TARN_INVALID. */
TARN_API tarn_status tarn_backend_open(tarn_executor *executor, const tarn_backend *backend);

/* Forgets it, before its memory is freed. No future of it may be queued or running. What still
 * waits for others ends TARN_CLOSED, here, which runs code of the user. */
TARN_API void tarn_backend_close(tarn_executor *executor);

/* Runs a future on the calling thread, which is worker number `index` of the executor meanwhile
 * unless it is one already, and ends it. Blocks as long as the task runs.
 * tarn_worker_local() is new for each run, no task is run in place of a wait, and a task that ends
 * its thread never ends its future.
 * Returns false if it was cancelled: it was only thrown away. A future that lies too deep within
 * others, without memory to note it, ends TARN_NO_MEMORY. */
TARN_API bool tarn_backend_run(tarn_executor *executor, int index, tarn_future *future);

/* Ends a future that will not run, with a status other than TARN_OK and a text (copied; NULL: that
 * of the status). Returns false if it was cancelled before. */
TARN_API bool tarn_backend_refuse(tarn_future *future, tarn_status status, const char *text);

/* Records why a call fails, for tarn_last_error(), and returns the status. text is copied; NULL:
 * that of the status. */
TARN_API tarn_status tarn_backend_error(tarn_status status, const char *text);

#ifdef __cplusplus
}
#endif

#endif
