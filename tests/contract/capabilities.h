/* SPDX-License-Identifier: Apache-2.0 */

/* The capability table: which executor can do what.
 *
 * A new executor is one line in COLUMNS, and its column in capabilities.c. A test that needs what a
 * column lacks is not run there; capabilities.c then asserts what happens instead. */
#ifndef TESTS_CONTRACT_CAPABILITIES_H
#define TESTS_CONTRACT_CAPABILITIES_H

#include <tarn.h>

struct pool_options;

#define COLUMNS(X, test, needs) \
    X(threads, test, needs) \
    X(serial, test, needs) \
    X(processes, test, needs)

enum capability {
    POINTERS = 1 << 0,       /* tasks take pointers */
    SHARED_MEMORY = 1 << 1,  /* ... and see through them what the test sees: gates work */
    NESTED_SUBMIT = 1 << 2,  /* tasks may submit to the executor that runs them, and wait */
    WORKER_LOCAL = 1 << 3,   /* tarn_worker_local(), initializer and finalizer */
    SPARES = 1 << 4,         /* a waiting worker's place is taken by another thread */
    PARALLEL = 1 << 5,       /* several workers, as many as the test asks for */
    STOP_IS_KILL = 1 << 6,   /* tarn_stop() ends a task that does not look */
    COOPERATIVE = 1 << 7,    /* ... and a time limit asks only */
    MAPS = 1 << 8,           /* tarn_map() and tarn_map_from() */
    BUFFERS = 1 << 9,        /* tasks take a tarn_buffer */
    BIG_CALLS = 1 << 10,     /* arguments and results of any size */
    WORKER_THREADS = 1 << 11 /* the workers are threads of this process */
};

/* What most tests need: tasks that can be held at a gate. */
#define GATES  (POINTERS | SHARED_MEMORY)
#define NESTED (GATES | NESTED_SUBMIT)

struct column {
    const char *name;
    unsigned capabilities;
    int workers;  /* of an executor that was opened without options */
    size_t scale; /* test_count() is divided by it; 0: not */
    tarn_executor *(*open)(const struct pool_options *options);
};

extern const struct column column_threads; /* a pool of threads */
extern const struct column column_serial;  /* the same with one worker and no spare: a serializer */
extern const struct column column_processes; /* a pool of processes */

#endif
