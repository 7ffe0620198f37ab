/* SPDX-License-Identifier: Apache-2.0 */

/* The thread pool. One mutex guards all of it; README.md tells the states of a worker and why
 * nobody sleeps who is needed. */
#ifndef TN_THREADS_POOL_H
#define TN_THREADS_POOL_H

#include "core/context.h"
#include "platform/affinity.h"
#include "platform/mutex.h"
#include "platform/thread.h"
#include "core/queue.h"

typedef struct tn_pool tn_pool;

typedef struct tn_worker {
    tn_context context;
    tn_pool *pool;
    tn_thread thread;
    tn_atomic_u32 stopping; /* its task is asked to stop, with all that this task runs */
    const tarn_task *task;  /* what it runs, at the bottom of its stack; NULL: nothing */
    int *counted;           /* which of the pool's counters it is in, unless it is blocked */
    const tn_wait *wait; /* on which it sleeps, blocked; NULL: that is not known, or it is awake */
    bool useless;        /* its thread had no memory to begin with */
    bool exists;         /* a thread is this worker; otherwise the place is free */

    /* Asleep for want of work. */
    tn_cond wake;
    bool woken;
    struct tn_worker *above, *below; /* in the stack of the idle */
} tn_worker;

struct tn_pool {
    tarn_executor executor;

    /* Set once. */
    int spares; /* threads beyond max_workers, for workers that wait */
    double idle_timeout;
    size_t stack_size;
    tn_cpus *cpus; /* NULL: those of the thread that starts a worker */
    bool pin;
    void (*on_log)(tarn_log_level level, const char *text, void *data);
    void *log_data;
    char *name;
    tarn_future *initializer; /* holds a copy of its arguments; never runs as a future */
    const tarn_task *finalizer;

    tn_mutex mutex; /* of all that follows */
    tn_queue queue;
    int max_workers; /* permits to run */
    int max_threads; /* workers and spares */
    bool shrinking;  /* a resize left more threads than max_workers: they leave as they go idle */
    tn_worker **workers; /* by index; made when first needed, kept until the end */
    int places;          /* of that array: never less */
    tn_worker *idle;     /* the one that went to sleep last */

    /* Where the threads are: each is in one of these states. */
    int threads;  /* all of them */
    int starting; /* on the way to the queue, for the first time: in the initializer */
    int running;  /* have a permit: running a task */
    int blocked;  /* inside a task or initializer, in a wait; gave the permit back */
    int idlers;   /* asleep for want of work */
    int woken;    /* no longer so, on the way to the queue */
    int leaving;  /* on the way out: in the finalizer */
    int ending;   /* in whatever state, they end what was queued: it runs callbacks */

    uint64_t wakes, parks; /* of idle workers, for tarn_executor_stats() */

    int start_error;   /* why a thread could not be started; 0: the last one was */
    bool start_logged; /* that was told */

    bool closed;       /* takes no more work */
    bool cancelled;    /* ... not even what is owed */
    bool broken;       /* the initializer failed, and so does everything else */
    bool abandoned;    /* the last thread frees it */
    char failure[256]; /* why it is broken */

    int watchers;    /* threads in drain or shutdown */
    tn_cond settled; /* nothing is queued and nothing runs, or the last thread has left */
    bool has_left;   /* `left` is a thread to be joined: the last that has left */
    tn_thread left;
};

/* A pool with its locks and all else zero; NULL: no memory. */
tn_pool *tn_pool_new(void);

/* Frees it, when no thread is left but perhaps the caller. */
void tn_pool_free(tn_pool *pool);

/* Whether nothing is queued and nothing runs. Under the mutex. */
bool tn_pool_is_settled(const tn_pool *pool);

/* Wakes drain and shutdown if there may be news for them. Under the mutex. */
void tn_pool_tell_watchers(tn_pool *pool);

/* Gives the mutex back, and tells the program's log, if there is one, that a thread could not be
 * started. */
void tn_pool_unlock(tn_pool *pool);

/* Tells the program's log. Without the mutex. */
void tn_pool_log(tn_pool *pool, tarn_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
