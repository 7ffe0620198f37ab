/* SPDX-License-Identifier: Apache-2.0 */

/* tarn.h - run ordinary C functions on pools of workers, and get a future for each call.
 *
 *     static int square(int n) { return n * n; }      an ordinary function ...
 *     TARN_TASK(int, square, int);                    ... made a task: reads like its prototype
 *
 *     int main(int argc, char **argv)
 *     {
 *         tarn_boot(argc, argv);                      the first line of main
 *         tarn_executor *pool = tarn_thread_pool(.max_workers = 3);
 *         tarn_future *future = square_submit(pool, 7);
 *         int result;
 *         if (square_result(future, &result) == TARN_OK)     blocks until the task has ended
 *             printf("%d\n", result);
 *         tarn_drop(future);
 *         return tarn_shutdown(pool) != TARN_OK;
 *     }
 *
 * Ownership, the whole list.
 *   1. Arguments are copied at submit; yours may go at once. An argument that is a tarn_bytes is
 *      copied with its data; what a pointer, or a tarn_bytes inside a struct, points to stays yours
 *      and must live until the task has ended. The copies live until the last drop of the future.
 *   2. Each submit gives one reference to one future; give it back once, by tarn_drop(). Drop is
 *      not cancel: the task still runs. tarn_hold() makes one more reference.
 *   3. Results are copied out; a tarn_bytes result is a view that lives until the last drop.
 *   4. Completions and promises are ended once, by tarn_completions_drop() and tarn_promise_drop().
 *   5. Each executor is ended once, by a tarn_shutdown() that returned TARN_OK or by
 *      tarn_abandon(). Futures outlive it.
 *   6. Callbacks run once, on some thread, with no lock of the library held.
 *
 * Threads: every function may be called from any thread, and one object may be used by many threads
 * at once; only what ends an object must be its last use. Using it afterwards is undefined. What
 * was written before a submit is seen by the task, and what the task wrote before it returned is
 * seen by whoever learned that it ended: by a wait, by tarn_done(), by a tag or a callback. A
 * function blocks only if its description says so. No call is async-signal-safe; waits are not
 * cancellation points.
 *
 * Bad arguments: NULL is accepted by everything that ends an object, and where options are
 * expected; everything else answers it with TARN_INVALID (or false, NULL, 0, -1). Nothing here
 * crashes on a NULL, zero, negative or huge argument, and tarn_last_error() names the argument.
 *
 * Order: tasks submitted by one thread from outside start in that order. From inside of tasks there
 * is no order. Every queued task starts eventually.
 *
 * fork() and exit(): a forked child finds the executors of its parent closed; what had not ended in
 * them never ends there, cannot be cancelled, and answers TARN_CLOSED to whatever would wait for
 * it. It may open executors of its own; completions and promises from before the fork are not for
 * it. exit() closes all executors, cancels what has not begun, asks what runs to stop, and waits
 * for nobody, or for as many seconds as the environment variable TARN_EXIT_WAIT says; callbacks of
 * what it cancels run in exit(). What forks on a worker must not return in the child: that ends the
 * child's only thread.
 *
 * Odd exits: a task that ends its thread (pthread_exit) ends TARN_FAILED, and another thread takes
 * its worker's place; an initializer that does so breaks the executor; callbacks and finalizers
 * must not. Leaving a task or callback by longjmp() is undefined; a C++ exception that leaves one
 * ends the process.
 */
#ifndef TARN_H
#define TARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TARN_VERSION 100 /* major * 10000 + minor * 100 + patch */

#define TARN_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ---------------------------------------------------------------------------------- */

/* How a call, a wait or a task ended. The numbers are fixed, on every system. */
typedef enum tarn_status {
    TARN_OK = 0,
    TARN_END = 1,            /* nothing more to give, for now */
    TARN_TIMEOUT = -1,       /* this wait reached its deadline; the task goes on */
    TARN_CANCELLED = -2,     /* cancelled before it started: it never ran and never will */
    TARN_FAILED = -3,        /* the task said so, by tarn_fail() */
    TARN_EXPIRED = -4,       /* ended by its own time limit (reserved) */
    TARN_STOPPED = -5,       /* it saw a request to stop, and ended */
    TARN_LOST = -6,          /* its worker died (reserved) */
    TARN_CLOSED = -7,        /* the executor takes no more work */
    TARN_FULL = -8,          /* the executor's queue is full (reserved: pools have no limit) */
    TARN_BROKEN = -9,        /* no worker can start, or the initializer failed */
    TARN_DEADLOCK = -10,     /* this wait would close a cycle, or leave nobody to run tasks */
    TARN_NO_MEMORY = -11,    /* memory, or a counter, is used up */
    TARN_INVALID = -12,      /* an argument is wrong; tarn_last_error() names it */
    TARN_UNSUPPORTED = -13,  /* this executor or this system cannot do it */
    TARN_UNKNOWN_TASK = -14, /* the worker does not have this task (reserved) */
    TARN_MISMATCH = -15,     /* the future belongs to a task of another shape */
    TARN_NOT_BOOTED = -16,   /* tarn_boot() was not called (reserved) */
    TARN_SYSTEM = -17        /* the system refused; tarn_last_error() says what */
} tarn_status;

/* The name of a status, such as "TARN_TIMEOUT"; "unknown status" for any other number. */
TARN_API const char *tarn_status_name(tarn_status status);

/* One sentence for humans: what a status means. Never NULL. */
TARN_API const char *tarn_status_text(tarn_status status);

/* Why the last call of the calling thread that failed did so: one sentence, of up to 247 bytes,
 * that names the argument and the remedy. "" if none failed yet. Valid until the thread's next
 * failing call. A submit that is refused is such a call; how a *task* ended is none: see
 * tarn_error(). */
TARN_API const char *tarn_last_error(void);

/* ---- Time ------------------------------------------------------------------------------------ */

/* A moment of CLOCK_MONOTONIC, in nanoseconds. All zero is "never". Waits take deadlines, so a
 * sequence of calls can share one; options take durations, as double seconds. */
typedef struct tarn_deadline {
    int64_t ns;
} tarn_deadline;

#define TARN_FOREVER TARN_DEADLINE_(0) /* no deadline; for an object with static storage: {0} */
#define TARN_NOW     TARN_DEADLINE_(1) /* long past: look, do not wait */

/* The moment so many seconds from now. Negative or not a number: TARN_NOW. Beyond the clock's
 * range, infinity included: TARN_FOREVER. */
TARN_API tarn_deadline tarn_in(double seconds);

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* TARN_TASK(R, f, A1, ... A8);           at file scope, in the file that has the function f
 * TARN_TASK_DECLARE(R, f, A1, ... A8);   in a header, for every file that submits f
 * TARN_TASK_DEFINE(R, f, A1, ... A8);    in the one file that has f and includes that header
 * TARN_TASK_AS(name, R, f, A1, ... A8);  the same as TARN_TASK, under another name: for clashes and
 *                                        for C++ members and overloads
 *
 * make a task of the function R f(A1, ... A8). It takes 0 to 8 arguments by value; void works as
 * result and as argument list. R and the arguments are types, without names, complete at that
 * point, that may be copied as bytes, with an alignment of at most 16; give a typedef to one with a
 * comma in it. What differs from the function's signature does not compile. Each yields three
 * functions and one struct (f_submit, f_result, f_args, f_task, f_arguments; reserved for later:
 * f_map, f_after, f_submit_many, and what begins with f_ and ends in _):
 *
 *   tarn_future *f_submit(tarn_executor *executor, A1 a1, ...);
 *       Queues one call and returns at once. Never NULL: a refused call is a future that has
 *       already ended and says why: TARN_CLOSED (a shutdown has begun; after one that returned
 *       TARN_OK the executor must not be used at all), TARN_BROKEN, TARN_INVALID,
 *       TARN_UNSUPPORTED, TARN_NO_MEMORY. Owns: the caller drops it.
 *   tarn_status f_result(tarn_future *future, R *result);            (without result for void)
 *       Blocks without a deadline, as tarn_future_wait() does, until the task has ended, and says
 *       how: TARN_OK with *result set, TARN_CANCELLED, TARN_FAILED, TARN_STOPPED, TARN_BROKEN,
 *       TARN_CLOSED, TARN_INVALID, TARN_UNSUPPORTED, TARN_NO_MEMORY. The call's own failures are
 *       TARN_DEADLOCK, TARN_MISMATCH, TARN_INVALID, and TARN_CLOSED in a forked child; tarn_done()
 *       tells which. *result is set on TARN_OK only.
 *   const struct f_arguments *f_args(const tarn_future *future);
 *       The arguments as submitted: members a1, a2, ... Valid until the last drop. NULL if the task
 *       was refused, has no arguments, or is not f.
 *
 * Struct padding is copied along with the struct. Two tasks of one name (in C++: and namespace) in
 * one program or library are a link error; in two of them they are two tasks. */

/* Bytes of any length. As an argument they are copied at submit. As a result they must point into
 * tarn_result_memory(), to static data or into the task's arguments; anything else would leak or
 * dangle, unnoticed. */
typedef struct tarn_bytes {
    const void *data;
    size_t size; /* bytes */
} tarn_bytes;

typedef enum tarn_kind {
    TARN_KIND_VALUE = 1,
    TARN_KIND_POINTER = 2,
    TARN_KIND_BYTES = 3
} tarn_kind;

/* The descriptor that TARN_TASK() makes, f_task. Bindings may fill in their own: it and what it
 * points to must stay until the last drop of every future of the task. call() gets arguments
 * aligned for any type, and room for the result, aligned as its size allows; either is unused if
 * its size is 0. */
typedef struct tarn_field {
    const char *type; /* as written in the program, for messages */
    uint32_t kind;    /* a tarn_kind; 0: no value */
    uint32_t offset;  /* bytes from the start of the arguments */
    size_t size;      /* bytes; 0: no value */
} tarn_field;

typedef struct tarn_task {
    size_t size; /* sizeof(tarn_task) */
    const char *name;
    void (*call)(const void *args, void *result);
    tarn_field result;
    const tarn_field *args;
    uint32_t arg_count;
    uint32_t flags;   /* 0 */
    size_t args_size; /* bytes of all arguments together */
} tarn_task;

/* Is to be the first line of main(): the place where worker processes will begin, and end. Nothing
 * in this version needs it, and a library leaves it to the program. argc and argv are main's own.
 * Returns TARN_OK; TARN_INVALID if argc is negative or argv is NULL. */
TARN_API tarn_status tarn_boot(int argc, char **argv);

/* ---- Executors ------------------------------------------------------------------------------- */

typedef struct tarn_executor tarn_executor;

#define TARN_NONE (-1) /* "none at all", where 0 means the default */

/* Zero is the default everywhere.
 * Written as keywords: tarn_thread_pool(.max_workers = 3); for an options struct of one's own there
 * is (tarn_thread_pool)(&options). */
typedef struct tarn_thread_options {
    size_t size;      /* sizeof(tarn_thread_options); the macro sets it */
    int max_workers;  /* tasks that run at once, 1 to 32,767; 0: the CPUs this process may use */
    int max_spares;   /* further threads, for workers that wait; 0: 256; TARN_NONE: none */
    const char *name; /* of its threads: name-0, name-1, ..., cut to 15 bytes; copied; NULL: tarn */
    const tarn_task *initializer; /* run by each worker before its first task. If it calls
                                     tarn_fail(), the executor is broken: all that is pending and
                                     all that follows ends TARN_BROKEN, with its text */
    const void *initializer_args; /* a struct f_arguments of it; copied. NULL if it takes none */
    const tarn_task *finalizer;   /* takes no argument; run by each worker as it retires, if its
                                     initializer did not fail */
    double idle_timeout; /* seconds a worker stays without work; 0: 30; negative: leaves at once */
    size_t stack_size;   /* bytes of each worker's stack, 16 KiB to 64 GiB; 0: 8 MiB. A wait runs
                            a task in place only while 1/8 of it, at least 64 KiB, is free */
    char tarn_end_;      /* unused: values without a name are refused here */
} tarn_thread_options;

/* A pool of threads. They start on demand and retire when idle. With max_workers = 1 and max_spares
 * = TARN_NONE all tasks run on one and the same thread. options: NULL for all defaults.
 * Workers block all signals but SIGPROF, SIGABRT and those that their own instructions raise; so
 * does a child that a task spawns, unless told otherwise (POSIX_SPAWN_SETSIGMASK).
 * Returns NULL if it failed, and tarn_last_error() says why: an option is out of range, the
 * initializer takes arguments and none are given, the finalizer takes arguments, no memory.
 * Owns: the caller ends it by tarn_shutdown() or tarn_abandon(). */
TARN_API tarn_executor *tarn_thread_pool(const tarn_thread_options *options);

typedef struct tarn_shutdown_options {
    size_t size;         /* sizeof(tarn_shutdown_options); the macro sets it */
    bool cancel_pending; /* cancel what has not begun */
    bool kill_running;   /* ask what runs now to stop (threads can only be asked); what is queued is
                            not asked: add .cancel_pending */
    double time_limit;   /* seconds to wait at most, for finalizers too; 0 or infinity: no limit */
    char tarn_end_;      /* unused: values without a name are refused here */
} tarn_shutdown_options;

/* Refuses new work, finishes what was submitted, joins the workers and frees the executor. Blocks.
 * New work is refused to its own tasks as well, which may use the executor until they return: if
 * they submit others, tarn_drain() it first. One thread at a time.
 * Written as keywords: tarn_shutdown(pool, .cancel_pending = true, .time_limit = 5.0); options may
 * also be NULL: none of them.
 * Returns TARN_OK: the executor is gone (NULL is TARN_OK, too);
 *   TARN_TIMEOUT: not all tasks have ended: the executor stays closed, call again or
 *     tarn_abandon() it; tarn_last_error() names what still runs;
 *   TARN_DEADLOCK: called by one of its own workers or callbacks, it would wait for itself: the
 *     executor is closed, nothing is freed;
 *   TARN_CLOSED: in a forked child, the executor is the parent's;
 *   TARN_INVALID: an option is out of range, nothing was done. */
TARN_API tarn_status tarn_shutdown(tarn_executor *executor, const tarn_shutdown_options *options);

/* Refuses new work and gives the executor up: what was submitted still runs, and the last worker
 * frees it. Does not block. May be called from its own tasks, which may use it until they return.
 * exit() does not wait for what still runs. */
TARN_API void tarn_abandon(tarn_executor *executor);

/* Blocks until nothing is queued or running, callbacks of the tasks included. New work is still
 * taken meanwhile, and waited for: under a steady flow it may not return before the deadline.
 * Returns TARN_OK; TARN_TIMEOUT; TARN_DEADLOCK from one of its own workers or callbacks, which
 * would wait for itself; TARN_CLOSED in a forked child; TARN_INVALID. */
TARN_API tarn_status tarn_drain(tarn_executor *executor, tarn_deadline deadline);

/* One more than the highest tarn_worker_index() that this executor's tasks can see: max_workers and
 * max_spares together. 0 if executor is NULL. */
TARN_API int tarn_worker_limit(const tarn_executor *executor);

/* ---- Submit and result, untyped: for bindings, and beneath the typed functions --------------- */

typedef struct tarn_future tarn_future;

/* args: task->args_size bytes, size must say the same. Else as f_submit(). */
TARN_API tarn_future *tarn_submit(tarn_executor *executor, const tarn_task *task, const void *args,
                                  size_t size);

/* As f_result(). task may be NULL: any task's future will do. result may be NULL if size is 0: only
 * how it ended is wanted; otherwise size must be that of the result, in bytes. */
TARN_API tarn_status tarn_result(tarn_future *future, const tarn_task *task, void *result,
                                 size_t size);

/* As f_args(). task may be NULL: any task's arguments will do. */
TARN_API const void *tarn_args(const tarn_future *future, const tarn_task *task);

/* ---- Futures --------------------------------------------------------------------------------- */

/* PENDING -> RUNNING -> FINISHED, or PENDING -> CANCELLED. RUNNING means running: a task that is
 * only queued is PENDING and can be cancelled. A future has ended when it is FINISHED (how: see
 * tarn_result()) or CANCELLED. The three predicates are snapshots; false for NULL. */
TARN_API bool tarn_done(const tarn_future *future); /* it has ended */
TARN_API bool tarn_running(const tarn_future *future);
TARN_API bool tarn_cancelled(const tarn_future *future);

/* "PENDING", "RUNNING", "FINISHED", "CANCELLED", for logs; "NULL" for NULL. */
TARN_API const char *tarn_future_state(const tarn_future *future);

/* Blocks until the future has ended, in whatever way, or the deadline passes.
 * Inside a task: a wait without a deadline for an unstarted task of the same pool may run it, on
 * this thread, here and now, unless it is made in a tarn_blocking_begin() section, an initializer
 * or a finalizer; any other wait lets a spare worker take this one's place. It never runs any task
 * but those waited for. A task that runs here sees the worker index, the worker-local pointer, the
 * thread-locals and the recursive mutexes of the one that waits: keep nothing there across a wait.
 * Returns TARN_OK: it has ended; TARN_TIMEOUT; TARN_INVALID;
 *   TARN_DEADLOCK: inside a task, without a deadline: the future waits for this task, or no
 *     spare worker can be had and this was the last one running (even if somebody outside might
 *     have ended the wait: give a deadline, or allow spares). Cycles are noticed through
 *     tarn_future_wait(), f_result(), tarn_wait() and tarn_as_completed() without a deadline; not
 *     through promises, completions that others add to or take from, tarn_drain(), or your locks;
 *   TARN_CLOSED: in a forked child, the future belongs to the parent. */
TARN_API tarn_status tarn_future_wait(tarn_future *future, tarn_deadline deadline);

/* Cancels a task that has not started. Waiters, completions and callbacks learn of it at once, the
 * callbacks on this thread.
 * Returns true if the task never ran and never will: now cancelled, or already so; false if it is
 * running or has finished. */
TARN_API bool tarn_cancel(tarn_future *future);

/* Cancels a task that has not started; asks one that runs to stop, and waits up to grace_seconds
 * (>= 0, infinity allowed; 0: only ask) for it to end. A thread is only ever asked: the task learns
 * of it by tarn_stop_requested(), is not woken from a wait, and what it has submitted is not asked.
 * Blocks.
 * Returns TARN_OK: it has ended, in whatever way; TARN_CLOSED in a forked child; TARN_INVALID;
 *   TARN_TIMEOUT: it still runs, as is to be expected after 0 seconds;
 *   TARN_DEADLOCK: as for tarn_future_wait(), with an infinite grace. */
TARN_API tarn_status tarn_stop(tarn_future *future, double grace_seconds);

/* Calls fn(future, data) once when the future has ended: on the thread that ends it, in the order
 * of registration; at once, on this thread, if it has ended already. fn may use any function of
 * this header, and may drop the future; the future is valid in it even if all references were
 * dropped before. It is no part of the task: tarn_fail() does nothing. What blocks in fn holds up
 * the worker it runs on. There is no way to take it back.
 * Returns TARN_OK; TARN_NO_MEMORY, TARN_INVALID, TARN_CLOSED in a forked child: fn will not be
 * called. */
TARN_API tarn_status tarn_on_done(tarn_future *future, void (*fn)(tarn_future *future, void *data),
                                  void *data);

/* How a future failed. Later versions append members. */
typedef struct tarn_failure {
    size_t size;        /* of this struct */
    tarn_status status; /* as tarn_result() returns it */
    int code;           /* of tarn_fail(); else 0 */
    const char *text;   /* one sentence, never NULL */
    const char *task;   /* its name; "" if there is none */
    const char *file;   /* where the task called tarn_fail(); NULL if it did not */
    int line;           /* likewise; else 0 */
    int worker;         /* the tarn_worker_index() that ran it; -1 if it did not run */
} tarn_failure;

/* NULL if the future has not ended, or ended TARN_OK. Valid until the last drop. */
TARN_API const tarn_failure *tarn_error(const tarn_future *future);

/* One more reference: returns the future itself. NULL if it already has 16 million. */
TARN_API tarn_future *tarn_hold(tarn_future *future);

/* Gives one reference back. The task, if it has not ended, still runs. Must not be called for the
 * last reference while another thread uses the future. */
TARN_API void tarn_drop(tarn_future *future);

/* Drops n futures and stores NULL in their places. NULL entries are skipped. */
TARN_API void tarn_drop_all(tarn_future **futures, size_t n);

/* ---- Many futures ---------------------------------------------------------------------------- */

typedef enum tarn_when {
    TARN_WAIT_ALL = 0,        /* all have ended */
    TARN_WAIT_FIRST = 1,      /* at least one has ended */
    TARN_WAIT_FIRST_ERROR = 2 /* one ended neither TARN_OK nor TARN_CANCELLED, or all have ended */
} tarn_when;

/* Blocks until the condition holds for the n futures, or the deadline passes. The array is only
 * read; duplicates and futures of several executors are fine. *done (may be NULL) is set to the
 * number of entries that have ended, whatever is returned, TARN_INVALID excepted. Each call looks
 * at all n: to take them one by one, completions are the way.
 * Inside a task: TARN_WAIT_ALL without a deadline may run the unstarted ones, as tarn_future_wait()
 * does; the other modes never run any.
 * Returns TARN_OK (also for n = 0); TARN_TIMEOUT; TARN_DEADLOCK and TARN_CLOSED as
 * tarn_future_wait(); TARN_NO_MEMORY; TARN_INVALID. */
TARN_API tarn_status tarn_wait(tarn_future *const *futures, size_t n, tarn_when when,
                               tarn_deadline deadline, size_t *done);

/* Completions hand out the tags of futures in the order in which they end. */
typedef struct tarn_completions tarn_completions;

/* The deadline holds for every tarn_next() on it, and counts from here. With TARN_NOW, tarn_next()
 * never blocks: it answers TARN_TIMEOUT while some have not ended, TARN_END when there is none; for
 * a limit on each wait, poll() the descriptor.
 * Returns NULL without memory.
 * Owns: the caller ends it. */
TARN_API tarn_completions *tarn_completions_new(tarn_deadline deadline);

/* Adds a future under a tag of the caller's choice, at any time. One future may be added several
 * times. Completions hold a reference of their own until the tag is handed out.
 * Returns TARN_OK; TARN_NO_MEMORY; TARN_CLOSED in a forked child; TARN_INVALID. */
TARN_API tarn_status tarn_completions_add(tarn_completions *completions, tarn_future *future,
                                          size_t tag);

/* Completions over n futures with the tags 0 to n - 1.
 * Returns NULL without memory, or if an entry is NULL.
 * Owns: the caller ends it. */
TARN_API tarn_completions *tarn_as_completed(tarn_future *const *futures, size_t n,
                                             tarn_deadline deadline);

/* Blocks until one more future has ended, and sets *tag. Several threads may call it on one object:
 * each tag goes to exactly one of them.
 * Returns TARN_OK;
 *   TARN_END: every tag added so far was handed out (adding more reopens it);
 *   TARN_TIMEOUT: nothing more ended by the deadline; tarn_last_error() counts what is missing;
 *   TARN_DEADLOCK: inside a task, none of the futures of a tarn_as_completed() can ever end, or
 *     no spare worker can be had;
 *   TARN_CLOSED: in a forked child, the completions are the parent's;
 *   TARN_INVALID. */
TARN_API tarn_status tarn_next(tarn_completions *completions, size_t *tag);

/* A descriptor for epoll, poll and event loops: readable exactly while tarn_next() would hand out
 * a tag. Make the completions with TARN_NOW, and call tarn_next() until it is not TARN_OK. The same
 * at each call; only watch it, and stop watching before the drop: it belongs to the completions.
 * Returns -1 if none can be had; tarn_last_error() says why. */
TARN_API int tarn_completions_fd(tarn_completions *completions);

/* Ends them; the futures are left as they are. Must not be called while another call on it runs. */
TARN_API void tarn_completions_drop(tarn_completions *completions);

/* ---- Promises -------------------------------------------------------------------------------- */

/* A future that the program itself ends: not by a task, but by tarn_promise_set() or _fail(). */
typedef struct tarn_promise tarn_promise;

/* The future of the promise answers task's f_result(); task NULL: it has no value.
 * Returns NULL without memory or if task is malformed.
 * Owns: the caller ends it. */
TARN_API tarn_promise *tarn_promise_new(const tarn_task *task);

/* One more reference to its future.
 * Owns: the caller drops it. NULL if there are 16 million. */
TARN_API tarn_future *tarn_promise_future(tarn_promise *promise);

/* Ends the future with TARN_OK. value: size bytes, the size of the task's result (0 if none);
 * copied, tarn_bytes deeply.
 * Returns TARN_OK; TARN_CANCELLED: the future was cancelled; TARN_NO_MEMORY: it has not ended;
 * TARN_INVALID, also if it has ended already: it keeps its first ending. */
TARN_API tarn_status tarn_promise_set(tarn_promise *promise, const void *value, size_t size);

/* Ends the future with TARN_FAILED, a code and a printf-like text, which is lost without memory.
 * Returns TARN_OK; TARN_CANCELLED; TARN_INVALID, as tarn_promise_set(), or if format is NULL. */
TARN_API tarn_status tarn_promise_fail(tarn_promise *promise, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the promise. A future that has not ended is cancelled. */
TARN_API void tarn_promise_drop(tarn_promise *promise);

/* ---- Inside a task --------------------------------------------------------------------------- */

/* Makes the running task end TARN_FAILED, with a code and a printf-like text, when it returns; what
 * it returns is ignored. It does not jump. The first call counts. Does nothing outside a task.
 * Written tarn_fail(code, format, ...); the macro adds the place. */
#define tarn_fail(...) tarn_fail_at(__FILE__, __LINE__, __VA_ARGS__)
TARN_API void tarn_fail_at(const char *file, int line, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* True once the running task was asked to stop, by tarn_stop() or by a tarn_shutdown() with
 * .kill_running. Costs a load or two. A task that was told so ends TARN_STOPPED, unless it calls
 * tarn_fail(); one that never looks ends as if it had not been asked. False outside a task. */
TARN_API bool tarn_stop_requested(void);

/* Memory for a tarn_bytes result: size bytes that belong to the future once the task returns a
 * tarn_bytes into them, and are freed if it does not. NULL without memory or outside a task. */
TARN_API void *tarn_result_memory(size_t size);

/* Which worker runs this: 0 to tarn_worker_limit() - 1. No two threads have the same at once; a
 * task that a wait runs in place has that of the task that waits. -1 outside workers. */
TARN_API int tarn_worker_index(void);

/* One pointer of this worker's own, NULL at first, for the initializer to set and tasks to use:
 * *tarn_worker_local() = open_database(). NULL outside workers. */
TARN_API void **tarn_worker_local(void);

/* What stands between them blocks outside tarn: lets a spare worker take this one's place. They
 * nest. The end never waits. Without effect outside a task. */
TARN_API void tarn_blocking_begin(void);
TARN_API void tarn_blocking_end(void);

#ifdef __cplusplus
}
#endif

#include "tarn_macros.h" /* TARN_TASK and the keyword calls: not needed to use the library */

#endif
