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
 *      copied with its data, and a tarn_buffer is held; what a pointer, or a tarn_bytes inside a
 *      struct, points to stays yours and must live until the task has ended, unless the task is
 *      TARN_TASK_OWNING. The copies live until the last drop of the future.
 *   2. Each submit gives one reference to one future; give it back once, by tarn_drop(). Drop is
 *      not cancel: the task still runs. tarn_hold() makes one more reference.
 *   3. Results are copied out; a tarn_bytes result is a view that lives until the last drop.
 *   4. Completions, promises and buffers are ended once, by tarn_completions_drop(),
 *      tarn_promise_drop() and tarn_buffer_drop().
 *   5. Each executor is ended once, by a tarn_shutdown() that returned TARN_OK or by
 *      tarn_abandon(). Futures outlive it.
 *   6. Callbacks and release functions run once, on some thread, with no lock of the library held.
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
 * Order: tasks of one priority submitted by one thread from outside start in that order. From
 * inside of tasks there is no order. Every queued task starts eventually, if its executor's workers
 * go on to end tasks: every 16th start is of the next lower priority that has any, be there a flood
 * of the higher one or not.
 *
 * fork() and exit(): a forked child finds the executors of its parent closed; what had not ended in
 * them never ends there, cannot be cancelled, and answers TARN_CLOSED to whatever would wait for
 * it. It may open executors of its own; completions and promises from before the fork are not for
 * it. exit() closes all executors, cancels what has not begun, asks what runs to stop, and waits
 * for nobody, or for as many seconds as the environment variable TARN_EXIT_WAIT says; what runs in
 * worker processes then is killed. Callbacks of
 * what it cancels run in exit(). What forks on a worker, or in a callback on the thread of the time
 * limits, must not return in the child: that ends the child's only thread.
 *
 * Odd exits: a task that ends its thread (pthread_exit) ends TARN_FAILED, and another thread takes
 * its worker's place; an initializer that does so breaks the executor; callbacks and finalizers
 * must not, nor must what a wait in a callback runs in place. Leaving a task or callback by longjmp() is undefined. A C++ exception that leaves a task
 * or release function ends the process; none may leave a callback.
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
    TARN_EXPIRED = -4,       /* ended by its own time limit: see tarn_with() */
    TARN_STOPPED = -5,       /* it saw a request to stop, and ended */
    TARN_LOST = -6,          /* its worker died */
    TARN_CLOSED = -7,        /* the executor takes no more work */
    TARN_FULL = -8,          /* the executor's queue is full */
    TARN_BROKEN = -9,        /* no worker can start, or the initializer failed */
    TARN_DEADLOCK = -10,     /* this wait would close a cycle, or leave nobody to run tasks */
    TARN_NO_MEMORY = -11,    /* memory, or a counter, is used up */
    TARN_INVALID = -12,      /* an argument is wrong; tarn_last_error() names it */
    TARN_UNSUPPORTED = -13,  /* this executor or this system cannot do it */
    TARN_UNKNOWN_TASK = -14, /* the worker process does not have this task */
    TARN_MISMATCH = -15,     /* the future belongs to a task of another shape */
    TARN_NOT_BOOTED = -16,   /* no tarn_boot(), and no .worker_program */
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
 * TARN_TASK_OWNING(R, f, release_args, release_result, A1, ... A8);
 * TARN_TASK_DEFINE_OWNING(R, f, release_args, release_result, A1, ... A8);
 *                                        as TARN_TASK and _DEFINE, for what is to be freed: below
 *
 * make a task of the function R f(A1, ... A8). It takes 0 to 8 arguments by value; void works as
 * result and as argument list. R and the arguments are types, without names, complete at that
 * point, that may be copied as bytes, with an alignment of at most 16; give a typedef to one with a
 * comma in it. What differs from the function's signature does not compile. Each yields a struct
 * f_arguments with the members a1, a2, ..., a descriptor f_task, and these functions (reserved for
 * later: what begins with f_ and ends in _). An *item* of f is an A1 if that is its only argument,
 * else a struct f_arguments:
 *
 *   tarn_future *f_submit(tarn_executor *executor, A1 a1, ...);
 *       Queues one call and returns at once; it blocks only on a full queue with TARN_FULL_BLOCK.
 *       Never NULL: a refused call is a future that has already ended and says why: TARN_CLOSED (a
 *       shutdown has begun; after one that returned TARN_OK the executor must not be used at all),
 *       TARN_FULL, TARN_BROKEN, TARN_INVALID, TARN_UNSUPPORTED, TARN_NO_MEMORY.
 *       Owns: the caller drops it.
 *   tarn_status f_result(tarn_future *future, R *result);            (without result for void)
 *       Blocks without a deadline, as tarn_future_wait() does, until the task has ended, and says
 *       how: TARN_OK with *result set, TARN_CANCELLED, TARN_FAILED, TARN_EXPIRED, TARN_STOPPED,
 *       TARN_BROKEN, TARN_CLOSED, TARN_FULL, TARN_MISMATCH, TARN_INVALID, TARN_UNSUPPORTED,
 *       TARN_NO_MEMORY. The call's own failures are TARN_DEADLOCK, TARN_MISMATCH, TARN_INVALID, and
 *       TARN_CLOSED in a forked child; tarn_done() tells which. *result is set on TARN_OK only.
 *   const struct f_arguments *f_args(const tarn_future *future);
 *       The arguments as submitted. Valid until the last drop. NULL if the task was refused, has no
 *       arguments, is not f, or waits for another (f_after).
 *   tarn_status f_submit_many(tarn_executor *executor, const ITEM *args, size_t n,
 *                             tarn_future **futures);                (without args if f has none)
 *       n times f_submit(), for less, into futures[0] to [n - 1]; each waits for room as it would by
 *       itself, and some may be taken after others were refused. Returns TARN_OK, or why the first
 *       one that was refused was; TARN_INVALID also if nothing was written (NULL, n too large).
 *   tarn_future *f_after(tarn_executor *executor, tarn_future *before);  (0 or 1 argument only)
 *       Queues a call once *before* has ended TARN_OK; the argument is its result (see tarn_after).
 *   tarn_status f_map(tarn_executor *executor, const ITEM *in, size_t n, R *out,
 *                     tarn_status *statuses, tarn_deadline deadline);    (without out for void)
 *   tarn_status f_map_from(tarn_executor *executor, bool (*next)(ITEM *item, void *data),
 *                          bool (*take)(size_t i, tarn_status status, const R *result, void *data),
 *                          void *data, tarn_deadline deadline);      (take without result for void)
 *       Many calls, a few queued at a time (see tarn_map; both need an argument).
 *
 * Struct padding is copied along with the struct. Two tasks of one name (in C++: and namespace) in
 * one program or library are a link error; in two of them they are two tasks, as descriptors are
 * hidden. A library whose tasks others submit by its header exports them: it, and they, are compiled
 * with -DTARN_TASK_VISIBILITY='"default"'. A library that has been loaded by dlopen() stays loaded
 * once one of its tasks was submitted or promised, or given to an executor.
 *
 * Release functions: void release_args(A1, ... A8) gets the copied arguments of every call that was
 * submitted, exactly once, whatever becomes of it: at the last drop of the future, or once a queue
 * has let go of what was cancelled in it, or before the submit returns if that refuses. (With
 * f_after it is not called: the argument stays the other future's.) void release_result(R) gets
 * each result that f returned, unless it called tarn_fail(), when f has to see to it itself: at the
 * last drop if the task ended TARN_OK, and before it ends otherwise. Types must be the same: free()
 * takes a void *, so a char * needs a function of its own around it. In place of either write void
 * for "nothing to release".
 * They run on whatever thread drops last, and must neither end it nor wait for an executor. */

/* Bytes of any length. As an argument they are copied at submit. As a result they must point into
 * tarn_result_memory(), to static data or into the task's arguments; anything else would leak or
 * dangle, unnoticed. A result with a size but no data, as where tarn_result_memory() gave NULL and
 * nobody looked, ends TARN_NO_MEMORY. */
typedef struct tarn_bytes {
    const void *data;
    size_t size; /* bytes */
} tarn_bytes;

typedef enum tarn_kind {
    TARN_KIND_VALUE = 1,
    TARN_KIND_POINTER = 2,
    TARN_KIND_BYTES = 3,
    TARN_KIND_BUFFER = 4 /* a tarn_buffer *, or a const one */
} tarn_kind;

/* The descriptor that TARN_TASK() makes, f_task. Bindings may fill in their own: it and what it
 * points to must stay until the last drop of every future of the task, and until the executors that
 * it was submitted to are gone. For a pool of processes all of it has to be initialized statically:
 * a worker has a copy of its own, without what the program has written at run time. call() gets
 * arguments aligned for any type, and room for the result, aligned as its size allows; either is
 * unused if its size is 0. */
typedef struct tarn_field {
    const char *type; /* as written in the program, for messages */
    uint32_t kind;    /* a tarn_kind; 0: no value */
    uint32_t offset;  /* bytes from the start of the arguments */
    size_t size;      /* bytes; 0: no value */
} tarn_field;

/* What the library notes of one descriptor. Zero at first; only the library uses it. */
typedef struct tarn_mark {
    const void *task;
    uint32_t traits;
} tarn_mark;

typedef struct tarn_task {
    size_t size; /* sizeof(tarn_task) */
    const char *name;
    void (*call)(const void *args, void *result);
    tarn_field result;
    const tarn_field *args;
    uint32_t arg_count;
    uint32_t flags;   /* 0 */
    size_t args_size; /* bytes of all arguments together */
    /* The calls of a map: from number *done to n - 1, whose arguments and results lie one after the
     * other. Counts *done up as each returns, by an atomic store that releases its result, and
     * returns itself before the next if *halt is not 0. NULL: the library makes them by call(). */
    void (*loop)(const void *args, void *results, size_t n, size_t *done, const int *halt);
    void (*release_args)(const void *args);     /* NULL: nothing to release */
    void (*release_result)(const void *result); /* likewise */
    tarn_mark *mark; /* in the same module; NULL: the library finds it out again for each call, and
                        does not keep a module loaded */
} tarn_task;

/* Is to be the first line of main(): here worker processes begin, and end, for they are the same
 * program, started anew: what stands before it runs in them, too, with other arguments (see
 * tarn_process_pool()). Without it that needs a .worker_program. A library leaves it to the
 * program, which must neither be set-user-ID nor be started by the loader (ld-linux.so PROGRAM).
 * argc and argv are main's own.
 * Returns TARN_OK; TARN_INVALID if argc is negative or argv is NULL. In what is to be a worker it
 * does not return. */
TARN_API tarn_status tarn_boot(int argc, char **argv);

/* ---- Executors ------------------------------------------------------------------------------- */

typedef struct tarn_executor tarn_executor;

/* The end of a struct of options. Not to be used: values without a name end up in it, and are
 * refused in C++, in C at least warned of. */
#define TARN_NAMES_ONLY_ \
    size_t tarn_last_; \
    const struct tarn_write_the_name_of_the_option_ *tarn_end_

#define TARN_NONE (-1) /* "none at all", where 0 means the default */

/* What a submit does that finds the queue full. Tasks and callbacks never wait or are refused for
 * it with TARN_FULL_BLOCK: what they submit is taken over the limit (tarn_stats counts it). */
typedef enum tarn_when_full {
    TARN_FULL_BLOCK = 0,  /* it blocks until there is room, or submit_within has passed */
    TARN_FULL_REFUSE = 1, /* the future ends TARN_FULL */
    TARN_FULL_CALLER = 2  /* it runs the task itself before it returns. On threads that are no
                             workers of the executor tarn_worker_index() is then -1, and there is
                             no tarn_worker_local(): an initializer cannot be had with it */
} tarn_when_full;

typedef enum tarn_log_level {
    TARN_LOG_WARNING = 1, /* it goes on, with less */
    TARN_LOG_ERROR = 2    /* the executor is broken */
} tarn_log_level;

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
                                     all that follows ends TARN_BROKEN, with its text, but not its code */
    const void *initializer_args; /* a struct f_arguments of it; copied. NULL if it takes none */
    const tarn_task *finalizer;   /* takes no argument; run by each worker as it retires, if its
                                     initializer did not fail */
    double idle_timeout;  /* seconds a worker stays without work; 0: 30; negative: leaves at once */
    size_t stack_size;    /* bytes of each worker's stack, 16 KiB to 64 GiB; 0: 8 MiB. A wait runs
                            a task in place only while 1/8 of it, at least 64 KiB, is free */
    size_t queue_limit;   /* tasks that wait for a worker, at most; 0: no limit. Those that were
                            cancelled meanwhile do not count */
    int when_full;        /* a tarn_when_full */
    double submit_within; /* seconds that a submit waits for room; then TARN_FULL; 0: no limit */
    const char *affinity; /* CPUs that the workers may use, as taskset writes them, "0-3,8"; copied;
                             NULL: those of the thread that starts the worker */
    bool pin;             /* each worker stays on one CPU of them, in turn, by its index */
    /* Told, in one sentence, what nobody else is told of: a thread that could not be started, a
     * task that ended its thread, a broken executor. On any thread, with no lock held; it must not
     * end this executor. The library never writes to stderr. */
    void (*on_log)(tarn_log_level level, const char *text, void *data);
    void *log_data;
    TARN_NAMES_ONLY_;
} tarn_thread_options;

/* A pool of threads. They start on demand and retire when idle. With max_workers = 1 and max_spares
 * = TARN_NONE all tasks run on one and the same thread. options: NULL for all defaults. The default
 * of max_workers counts the CPUs of .affinity, or else of the calling thread, and not more than the
 * control group's quota of CPU time, rounded up.
 * Workers block all signals but SIGPROF, SIGABRT and those that their own instructions raise; so
 * does a child that a task spawns, unless told otherwise (POSIX_SPAWN_SETSIGMASK).
 * Returns NULL if it failed, and tarn_last_error() says why: an option is out of range, the
 * initializer takes arguments and none are given, the finalizer takes arguments, no memory.
 * Owns: the caller ends it by tarn_shutdown() or tarn_abandon(). */
TARN_API tarn_executor *tarn_thread_pool(const tarn_thread_options *options);

/* How the processes of workers are made. */
typedef enum tarn_start {
    TARN_START_FORK = 0, /* as copies of their server: fast. Where a library of the program has
                            started threads before main(), as TARN_START_SPAWN: a copy of such a
                            process is not safe */
    TARN_START_SPAWN = 1 /* each executes the program anew, with a layout of its address space, and
                            initialized libraries, of its own */
} tarn_start;

typedef struct tarn_process_options {
    size_t size;     /* sizeof(tarn_process_options); the macro sets it */
    int max_workers; /* tasks that run at once, 1 to 500; 0: the CPUs this process may use */
    const tarn_task *initializer; /* these three as in tarn_thread_options, in each process */
    const void *initializer_args;
    const tarn_task *finalizer; /* nobody is told of one that crashes or fails */
    double idle_timeout;  /* seconds a worker stays without work; 0: 30; negative: leaves at once */
    size_t queue_limit;   /* as in tarn_thread_options */
    int when_full;        /* TARN_FULL_BLOCK or TARN_FULL_REFUSE */
    double submit_within; /* as in tarn_thread_options */
    uint64_t max_tasks_per_worker; /* a worker is replaced after so many; 0: it never is for that */
    bool strict; /* the first worker that dies, be it idle, and is not to, breaks the pool: what is
                    pending ends TARN_BROKEN. Otherwise it costs the task that ran there */
    int prefetch; /* calls that a worker is given at once, the one that runs among them, 1 to 30; 0: up
                     to 16, if they are short. They are pending until the worker begins with them,
                     and taken back from one that is slow or dies, if it has not begun by its own
                     word. What has a start_within or run_limit is never given ahead: short calls
                     take longer with one. 1: none is, and what was given to a worker that dies is
                     lost, begun or not: nothing runs twice, whatever a task has overwritten */
    int start;    /* a tarn_start */
    const char *worker_program; /* path from the root; copied. Of a program whose main() begins with
                                   tarn_boot(), with this version of tarn, such as tarn-worker,
                                   which is installed for that; NULL: this program */
    TARN_NAMES_ONLY_;
} tarn_process_options;

/* A pool of processes: this program, started anew as a server that starts workers, on demand. With
 * .worker_program it is that one, and this needs no tarn_boot(): a worker loads the library that
 * a task lies in, by its path, if it is the same file: by its build-id or, if it has none, the very
 * file that this program has loaded. If that was removed or replaced, its tasks end
 * TARN_UNKNOWN_TASK or, where it has one of another shape by now, TARN_MISMATCH. With
 * .worker_program what lies in this program itself ends TARN_UNKNOWN_TASK, too. The library uses the
 * tarn of its worker: one that hides a tarn of its own has no tarn_fail() and no
 * tarn_result_memory() there. A descriptor that is not static data is refused (TARN_UNSUPPORTED).
 * A crash costs the task that runs in that worker: it ends TARN_LOST, and tarn_error() has the
 * signal or exit status. So does a task that calls exit(), what runs in a worker that somebody
 * kills or that ends with its server, and all that was given to one that overwrote the memory it
 * shares with this program: see tarn_lost. A task may be killed: tarn_stop() does after its grace,
 * .run_limit at once, a tarn_shutdown() with .kill_running, too; with it is killed what it has
 * forked, as far as that is still in the process group of the worker. If the system runs out of
 * memory, it ends workers sooner than this process (oom_score_adj).
 * Arguments and result are copied between the processes: up to 64 KiB of either, where a tarn_bytes
 * counts its data and 16 bytes more. A little more may be taken; over 66,048 bytes it ends
 * TARN_UNSUPPORTED when a worker is to be given it; so do pointers, buffers and maps, at the
 * submit. What a task changes in memory stays in its process; it has no executor of this program,
 * and cannot open a pool of processes. Callbacks and what is chained run on one thread of the pool.
 * Workers see no signals of the terminal, and end with this process, however that ends. A task whose
 * worker died before it began is sent to another; one that may have begun is run again only by
 * .retries. Release functions may run on a thread of the pool.
 *
 * What a worker is: the program as far as its tarn_boot(). What stands before that, and what runs
 * before main(), as constructors do, runs again in the server, with TARN_START_SPAWN in each
 * worker, and with other arguments. What main() does afterwards is not there: globals have their
 * first values, and setlocale() and the like belong in the initializer. Environment and working
 * directory are those at the opening of the pool (for a server that replaces another: of then).
 * Standard input is /dev/null, standard output and error are this program's, and other descriptors
 * are not inherited. No signal is blocked or ignored. Workers are in the background of a terminal:
 * one that writes to it is stopped if that is set so (stty tostop). A task's stack is that of
 * `ulimit -s`. When a worker ends, what stdio has buffered is written, but no atexit() handler or
 * destructor runs, unless a task calls exit(). A crash or a kill loses what is buffered, of stdout
 * the last line.
 * .run_limit is of tasks: an initializer may take as long as it likes, while what is queued is
 * pending (.start_within); one that hangs is killed by a tarn_shutdown() with .kill_running, and
 * with .cancel_pending is not begun again for what is queued.
 *
 * What this process sees of it: the server is a child of its own, called tarn-server, and workers are
 * the server's. So wait() and waitpid(-1) do not run out of children while a pool is open; that
 * they may get the server's end, or that SIGCHLD is ignored, does no harm. Whoever closes
 * descriptors that are not its own (closefrom) breaks the pool.
 *
 * options: NULL for all defaults.
 * Returns NULL if it failed, and tarn_last_error() says why: neither tarn_boot() was called, nor is
 * there a .worker_program; as tarn_thread_pool(); no process can be started, or not that program.
 * If it turns out to be none whose main() begins with
 * tarn_boot(), all tasks end TARN_BROKEN; so they do for good once the server has died 20 times
 * without a reply of a worker in between.
 * Owns: the caller ends it by tarn_shutdown() or tarn_abandon(). */
TARN_API tarn_executor *tarn_process_pool(const tarn_process_options *options);

typedef enum tarn_priority {
    TARN_PRIORITY_LOW = -1,
    TARN_PRIORITY_NORMAL = 0,
    TARN_PRIORITY_HIGH = 1
} tarn_priority;

/* What retries are for; to be joined by |. */
typedef enum tarn_retry {
    TARN_RETRY_LOST = 1,    /* the worker died, which threads never do */
    TARN_RETRY_EXPIRED = 2, /* run_limit was reached (not start_within) */
    TARN_RETRY_FAILED = 4   /* the task called tarn_fail(), or ended its thread, unless a wait or a
                               submit ran it in place */
} tarn_retry;

typedef struct tarn_task_options {
    size_t size; /* sizeof(tarn_task_options); the macro sets it */
    /* Seconds from when it is queued: a task that has not started by then never will, and ends
     * TARN_EXPIRED at that time whatever the workers do. */
    double start_within;
    /* Seconds from each start: then the task is asked to stop. One that sees it ends TARN_EXPIRED;
     * one that does not look runs on and ends as ever. In a process it is killed, without being
     * asked, and ends TARN_EXPIRED. */
    double run_limit;
    int priority; /* a tarn_priority: queued tasks of a higher one start first, but for every 16th
                     start (see Order, above) */
    /* How often a task is run again, at most. It is queued anew each time, behind the others and
     * over the limit; only the last ending counts. Not if it was asked to stop by others than
     * run_limit, nor once a shutdown with .cancel_pending has begun. */
    int retries;
    int retry_on; /* of tarn_retry; 0: TARN_RETRY_LOST, so that .retries alone does nothing on a
                     pool of threads, nor for what run_limit has ended */
    TARN_NAMES_ONLY_;
} tarn_task_options;

/* The same executor with options for what is submitted through it: tarn_with(pool, .retries = 2).
 * Of a view's own options those are replaced that are given, which 0 is not: to have a default back
 * begin with the executor. Equal options give the same view, and
 * an executor has 1,024 at most. Everything that takes an executor takes a view, but for what ends
 * one. The first time limit of an executor starts a thread, which its expired tasks' callbacks use.
 * Does not block.
 * Returns NULL if it failed, and tarn_last_error() says why: TARN_INVALID; no memory; no thread;
 * 1,024 views; in a forked child.
 * Owns: the executor; valid until it is gone. */
TARN_API tarn_executor *tarn_with(tarn_executor *executor, const tarn_task_options *options);

typedef struct tarn_shutdown_options {
    size_t size;         /* sizeof(tarn_shutdown_options); the macro sets it */
    bool cancel_pending; /* cancel what has not begun */
    bool kill_running;   /* ask what runs now to stop (threads can only be asked, processes are
                            killed); what is queued is not asked: add .cancel_pending */
    double time_limit;   /* seconds to wait at most, for finalizers too; 0 or infinity: no limit */
    TARN_NAMES_ONLY_;
} tarn_shutdown_options;

/* Refuses new work, finishes what was submitted, joins the workers and frees the executor. Blocks.
 * Submits that wait for room end TARN_CLOSED, and so do the items that a map has not sent yet; the
 * map is waited for. What waits for another future (f_after) that does not end in the meantime ends
 * TARN_CLOSED as well. New work is refused to its own tasks, too, which may use the executor until
 * they return: if they submit others, tarn_drain() it first. One thread at a time.
 * Written as keywords: tarn_shutdown(pool, .cancel_pending = true, .time_limit = 5.0); options may
 * also be NULL: none of them.
 * Returns TARN_OK: the executor is gone (NULL is TARN_OK, too);
 *   TARN_TIMEOUT: not all tasks have ended: the executor stays closed, call again or
 *     tarn_abandon() it; tarn_last_error() names what still runs;
 *   TARN_DEADLOCK: called by one of its own workers or callbacks, it would wait for itself: the
 *     executor is closed, nothing is freed;
 *   TARN_CLOSED: in a forked child, the executor is the parent's;
 *   TARN_INVALID: an option is out of range, or it is a view of tarn_with(): nothing was done. */
TARN_API tarn_status tarn_shutdown(tarn_executor *executor, const tarn_shutdown_options *options);

/* Refuses new work and gives the executor up: what was submitted still runs, and the last worker
 * frees it. Does not block. May be called from its own tasks, which may use it until they return.
 * exit() does not wait for what still runs. Does nothing to a view. */
TARN_API void tarn_abandon(tarn_executor *executor);

/* Blocks until nothing is queued or running, callbacks of the tasks included. New work is still
 * taken meanwhile, and waited for: under a steady flow it may not return before the deadline.
 * Returns TARN_OK; TARN_TIMEOUT; TARN_DEADLOCK from one of its own workers or callbacks, which
 * would wait for itself; TARN_CLOSED in a forked child; TARN_INVALID. */
TARN_API tarn_status tarn_drain(tarn_executor *executor, tarn_deadline deadline);

/* One more than the highest tarn_worker_index() that this executor's tasks can see: max_workers and
 * max_spares together; never less than it was. 0 if executor is NULL, and in a forked child. */
TARN_API int tarn_worker_limit(const tarn_executor *executor);

/* Changes max_workers, 1 to 32,767, of processes 1 to 500; 0: the default, counted anew. More start
 * as they are needed; those that are too many leave when their tasks have ended. Does not block. To
 * size arrays by tarn_worker_limit(), resize first.
 * Returns TARN_OK; TARN_NO_MEMORY; TARN_CLOSED once a shutdown has begun, and in a forked child;
 * TARN_UNSUPPORTED; TARN_INVALID. */
TARN_API tarn_status tarn_resize(tarn_executor *executor, int max_workers);

/* The state and the counts of an executor. At any moment, submitted is the sum of queued, running,
 * ok, failed, cancelled, expired, stopped and lost. Later versions append members. */
typedef struct tarn_stats {
    size_t size;          /* sizeof(tarn_stats): to be set before the call */
    uint64_t max_workers; /* as it was given, or resized */
    uint64_t workers;     /* there now, spares included */
    uint64_t spares;      /* of them, those above max_workers */
    uint64_t idle;        /* of them, those that sleep for want of work */
    uint64_t queued;      /* submitted, and not begun; what waits for others (f_after), too */
    uint64_t running;     /* started, and not ended; between two tries, too */
    uint64_t submitted;   /* and not refused, since the executor was opened; as all that follow */
    uint64_t ok;
    uint64_t failed; /* in any way that has no count of its own */
    uint64_t cancelled;
    uint64_t expired;
    uint64_t stopped;
    uint64_t lost;
    uint64_t rejected;   /* submits that were refused: not among the submitted */
    uint64_t retried;    /* further tries */
    uint64_t over_limit; /* submits that a full queue took all the same */
    uint64_t wakes;      /* of idle workers, for work */
    uint64_t parks;      /* of workers, for want of work */
} tarn_stats;

/* Fills *stats, or the part of it that stats->size covers. A count may lag behind a future's end
 * by a moment. Does not block.
 * Returns TARN_OK; TARN_CLOSED in a forked child; TARN_INVALID. */
TARN_API tarn_status tarn_executor_stats(const tarn_executor *executor, tarn_stats *stats);

/* ---- Submit and result, untyped: for bindings, and beneath the typed functions --------------- */

typedef struct tarn_future tarn_future;

/* args: task->args_size bytes, size must say the same. Else as f_submit(). */
TARN_API tarn_future *tarn_submit(tarn_executor *executor, const tarn_task *task, const void *args,
                                  size_t size);

/* As f_submit_many(). args: n times task->args_size bytes, one after the other. */
TARN_API tarn_status tarn_submit_many(tarn_executor *executor, const tarn_task *task,
                                      const void *args, size_t n, tarn_future **futures);

/* As f_result(). task may be NULL: any task's future will do. result may be NULL if size is 0: only
 * how it ended is wanted; otherwise size must be that of the result, in bytes. */
TARN_API tarn_status tarn_result(tarn_future *future, const tarn_task *task, void *result,
                                 size_t size);

/* As f_args(). task may be NULL: any task's arguments will do. */
TARN_API const void *tarn_args(const tarn_future *future, const tarn_task *task);

/* ---- Futures --------------------------------------------------------------------------------- */

/* PENDING -> RUNNING -> FINISHED, or PENDING -> CANCELLED. RUNNING means running: a task that is
 * only queued, or given to a worker process that has not begun with it, is PENDING and can be
 * cancelled. A future has ended when it is FINISHED (how: see tarn_result()) or CANCELLED. The three
 * predicates are snapshots; false for NULL. tarn_running() and tarn_future_state() take the mutex
 * of a process pool, and believe its worker. */
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
 * Returns true if the task never ran and never will (or, with .retries, not again): now cancelled,
 * or already so; false if it is running or has finished. */
TARN_API bool tarn_cancel(tarn_future *future);

/* Cancels all of n that have not started. NULL entries are skipped. Returns how many of them never
 * ran and never will. */
TARN_API size_t tarn_cancel_all(tarn_future *const *futures, size_t n);

/* Cancels a task that has not started; asks one that runs to stop, and waits up to grace_seconds
 * (>= 0, infinity allowed) for it to end. A thread is only ever asked: the task learns of it by
 * tarn_stop_requested(), is not woken from a wait, and what it has submitted is not asked. A process
 * that has not ended by then is killed. Blocks.
 * Returns TARN_OK: it has ended, in whatever way; TARN_CLOSED in a forked child; TARN_INVALID;
 *   TARN_TIMEOUT: it still runs, as is to be expected on a thread after 0 seconds; never in a
 *     process, which is killed, so that the answer is TARN_OK;
 *   TARN_DEADLOCK: as for tarn_future_wait(), with an infinite grace. */
TARN_API tarn_status tarn_stop(tarn_future *future, double grace_seconds);

/* Calls fn(future, data) once when the future has ended: on the thread that ends it, in the order
 * of registration, after what waited for it by f_after() was queued; at once, on this thread, if it
 * has ended already. fn may use any function of this header, and may drop the future; the future is
 * valid in it even if all references were dropped before. It is no part of the task: tarn_fail()
 * does nothing. What blocks in fn holds up the worker it runs on. There is no way to take it back.
 * Returns TARN_OK; TARN_NO_MEMORY, TARN_INVALID, TARN_CLOSED in a forked child: fn will not be
 * called. */
TARN_API tarn_status tarn_on_done(tarn_future *future, void (*fn)(tarn_future *future, void *data),
                                  void *data);

/* Why a task is TARN_LOST: its worker
 *   CRASHED: exited, or ended by a signal such as SIGSEGV;
 *   KILLED: ended by SIGKILL, SIGTERM, SIGINT or SIGHUP, as somebody sends them, or the system when
 *     memory is short; or ended with its server;
 *   POISON: crashed, as on each of several tries: it would do so again;
 *   UNPROVEN: has overwritten what it shares with this process, and was killed: nobody knows what it
 *     ran. */
typedef enum tarn_lost {
    TARN_LOST_CRASHED = 1,
    TARN_LOST_KILLED = 2,
    TARN_LOST_POISON = 3,
    TARN_LOST_UNPROVEN = 4
} tarn_lost;

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
    int attempts;       /* how often it was started: more than 1 after retries */
    int pid;            /* of the worker process that ran it; 0: it ran in none */
    int signal;         /* TARN_LOST: the signal that ended the worker; else 0 */
    int exit_status;    /* TARN_LOST: its exit status, if it was no signal; else 0 */
    int lost;           /* TARN_LOST: a tarn_lost; else 0 */
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
 * each tag goes to exactly one of them. Inside a task it never runs another one in place: a spare
 * worker does.
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

/* Cancels all futures that were added, have not started, and were not handed out: completions are
 * a group. They are handed out as the others. Returns how many it cancelled. */
TARN_API size_t tarn_completions_cancel(tarn_completions *completions);

/* Ends them; the futures are left as they are. Must not be called while another call on it runs. */
TARN_API void tarn_completions_drop(tarn_completions *completions);

/* ---- Chaining -------------------------------------------------------------------------------- */

/* A future of a task that is queued, over the limit of a full queue, once *before* has ended; its
 * .start_within counts from there. No worker waits for that, nor does tarn_drain(). tarn_cancel()
 * of it leaves *before* alone; *before* is held until the task has ended. What has not been queued
 * when its executor is gone ends TARN_CLOSED, or TARN_CANCELLED by .cancel_pending or exit().
 * Chains of any length are fine, and a wait inside a task may run what a chain waits for, as it
 * runs a task.
 *
 * tarn_after: the task takes the result of *before*, and runs only if that ended TARN_OK; otherwise
 *   its future ends as *before* did, with that code, text and place. A tarn_bytes is copied; a
 *   pointer is not: what it points to must live until the task has ended. A task without arguments
 *   takes nothing.
 * tarn_then: the task takes one tarn_future *, which is *before*, and runs however that ended. It
 *   must not drop it.
 *
 * Never NULL: a refused call is a future that has ended: TARN_MISMATCH (the result is not what the
 * task takes: kind and size are compared), and as f_submit(), TARN_FULL excepted.
 * Owns: the caller drops it. */
TARN_API tarn_future *tarn_after(tarn_executor *executor, const tarn_task *task,
                                 tarn_future *before);
TARN_API tarn_future *tarn_then(tarn_executor *executor, const tarn_task *task,
                                tarn_future *before);

/* A future without a value that ends when all of the n have ended: TARN_OK if they all did, else as
 * the first of them in the array that did not. Cancelling it leaves them alone. They are held until
 * it has ended.
 * Never NULL: without memory, or with a NULL entry, it has ended and says so.
 * Owns: the caller drops it. */
TARN_API tarn_future *tarn_all(tarn_future *const *futures, size_t n);

/* ---- Map ------------------------------------------------------------------------------------- */

/* Calls the task for each of n items and blocks until all have ended, as if each were submitted;
 * but they go in chunks, sized by how long they take, and only a few of those are queued at a time.
 * in: n times task->args_size bytes. out (NULL if the task has no result): n results; those of
 * items that did not end TARN_OK are left alone. statuses: NULL, or for each item how it ended. in,
 * out and statuses are not used after the return. What the items own is released, of some perhaps
 * later; what lies in out is the caller's to release, and to drop if it is a tarn_buffer. An item
 * fails by itself; with .retries it is tried again by itself; with .start_within or .run_limit each
 * item is a chunk.
 * Inside a task it may run items in place, as tarn_wait() does. Chunks take places in a limited
 * queue; with TARN_FULL_REFUSE the items of those that find none end TARN_FULL.
 * Returns TARN_OK if every item ended so. Otherwise the status of the first that did not, and
 * tarn_last_error() has its number and text; or
 *   TARN_TIMEOUT: the deadline came first. What had not begun never runs (TARN_CANCELLED in
 *     statuses); what had begun is asked to stop and not waited for (TARN_TIMEOUT, also for what
 *     was to follow it in its chunk);
 *   TARN_DEADLOCK: as tarn_wait(), with the rest as at a deadline;
 *   TARN_UNSUPPORTED: the result is a tarn_bytes (take them by tarn_map_from()), or the executor
 *     has no memory in common with the caller, or TARN_INVALID: nothing was called or released;
 *   TARN_NO_MEMORY: with the rest as at a deadline. */
TARN_API tarn_status tarn_map(tarn_executor *executor, const tarn_task *task, const void *in,
                              size_t n, void *out, tarn_status *statuses, tarn_deadline deadline);

/* The same for items that come and go one by one. next(item, data) fills in task->args_size bytes
 * and returns true, or returns false after the last one; it is called only as far ahead as a few
 * chunks, and a tarn_bytes that it gave is copied before it is called again. take(i, status,
 * result, data) is given the endings in the order of the items; result is valid for that call, and
 * NULL unless status is TARN_OK, when tarn_last_error() says why. Both are called on this thread,
 * so that nothing is taken while next waits, and cannot wait for the end of the executor. If take
 * returns false, the map ends there as at a deadline, and returns TARN_CANCELLED; so it does, with
 * TARN_INVALID, if a tarn_bytes has no data for its size. What a map that ends early has got from
 * next, but not handed to take, is not handed to it any more, and some of it may still run: what
 * such items point to should be owned by the task (TARN_TASK_OWNING), or live until a tarn_drain().
 */
TARN_API tarn_status tarn_map_from(tarn_executor *executor, const tarn_task *task,
                                   bool (*next)(void *item, void *data),
                                   bool (*take)(size_t i, tarn_status status, const void *result,
                                                void *data),
                                   void *data, tarn_deadline deadline);

/* ---- Promises -------------------------------------------------------------------------------- */

/* A future that the program itself ends: not by a task, but by tarn_promise_set() or _fail(). */
typedef struct tarn_promise tarn_promise;

/* The future of the promise answers task's f_result(); task NULL: it has no value. A value that is
 * set is released as a result of the task would be.
 * Returns NULL without memory or if task is malformed.
 * Owns: the caller ends it. */
TARN_API tarn_promise *tarn_promise_new(const tarn_task *task);

/* One more reference to its future.
 * Owns: the caller drops it. NULL if there are 16 million. */
TARN_API tarn_future *tarn_promise_future(tarn_promise *promise);

/* Ends the future with TARN_OK. value: size bytes, the size of the task's result (0 if none);
 * copied, tarn_bytes deeply. Unless it returns TARN_OK what the value owns is still the caller's.
 * Returns TARN_OK; TARN_CANCELLED: the future was cancelled; TARN_NO_MEMORY: it has not ended;
 * TARN_INVALID, also if it has ended already: it keeps its first ending. */
TARN_API tarn_status tarn_promise_set(tarn_promise *promise, const void *value, size_t size);

/* Ends the future with TARN_FAILED, a code and a printf-like text, which is lost without memory.
 * Returns TARN_OK; TARN_CANCELLED; TARN_INVALID, as tarn_promise_set(), or if format is NULL. */
TARN_API tarn_status tarn_promise_fail(tarn_promise *promise, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the promise. A future that has not ended is cancelled. */
TARN_API void tarn_promise_drop(tarn_promise *promise);

/* ---- Buffers --------------------------------------------------------------------------------- */

/* Memory that tasks share with the program without a copy, whatever their executor: an argument of
 * type tarn_buffer * is held by its future until the last drop. One that a task returns, or that is
 * set in a promise, is a reference that the future owns from then on: a task holds its argument to
 * return it, and whoever wants to keep a result holds that. */
typedef struct tarn_buffer tarn_buffer;

typedef enum tarn_access {
    TARN_WORKERS_READ = 0, /* tasks only read it; where they have a process of their own, one that
                              writes crashes */
    TARN_WORKERS_WRITE = 1
} tarn_access;

/* size bytes, all zero, at the start of a page.
 * Returns NULL without memory, or if size is 0.
 * Owns: the caller ends it. */
TARN_API tarn_buffer *tarn_buffer_new(size_t size, tarn_access access);
TARN_API void *tarn_buffer_data(const tarn_buffer *buffer); /* NULL for NULL */
TARN_API size_t tarn_buffer_size(const tarn_buffer *buffer);

/* One more reference: returns the buffer itself. tarn_buffer_drop() gives one back; the last frees
 * the memory. */
TARN_API tarn_buffer *tarn_buffer_hold(tarn_buffer *buffer);
TARN_API void tarn_buffer_drop(tarn_buffer *buffer);

/* ---- Inside a task --------------------------------------------------------------------------- */

/* Makes the running task end TARN_FAILED, with a code and a printf-like text, when it returns; what
 * it returns is ignored. It does not jump. The first call counts. Does nothing outside a task.
 * Written tarn_fail(code, format, ...); the macro adds the place. */
#define tarn_fail(...) tarn_fail_at(__FILE__, __LINE__, __VA_ARGS__)
TARN_API void tarn_fail_at(const char *file, int line, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* True once the running task was asked to stop, by tarn_stop(), by a tarn_shutdown() with
 * .kill_running, or by its .run_limit; in a process by tarn_stop() alone, while its grace lasts, as
 * the others kill at once. Costs a load or two. A task that was told so ends
 * TARN_STOPPED, or TARN_EXPIRED if it was by its limit, unless it calls tarn_fail(); one that never
 * looks ends as if it had not been asked. False outside a task. */
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
