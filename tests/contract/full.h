/* SPDX-License-Identifier: Apache-2.0 */

/* Executors whose workers stand at a gate and whose queue is full, and threads that submit to them
 * and may have to wait. */
#ifndef TESTS_CONTRACT_FULL_H
#define TESTS_CONTRACT_FULL_H

#include <stdatomic.h>

#include "contract.h"

enum { FULL_WORKERS = 4, FULL_LIMIT = 8 };

struct full {
    tarn_executor *pool;
    struct gate gate; /* where the workers stand */
    tarn_future *blockers[FULL_WORKERS];
    int workers;
    tarn_future *queued[FULL_LIMIT]; /* as many as the limit */
    int limit;
};

/* Opens one with these options, whose queue_limit is at most FULL_LIMIT, and fills it with calls of
 * square(). */
void full_open(struct full *full, const struct pool_options *options);

/* Lets the workers go; what was queued ends well, unless the test has dropped it and left NULL. */
void full_release(struct full *full);

/* The same, and then shuts it down. */
void full_close(struct full *full);

/* A thread that submits stand_at(), and how far it has come. */
struct submitter {
    struct helper helper;
    tarn_executor *executor;
    struct gate *gate;
    tarn_future *future; /* what the submit gave; after submitter_join() */
    atomic_bool begun, returned;
};

/* Blocks until the thread sleeps in the submit that it has begun. Nobody else may use the library
 * meanwhile: it is not to sleep for a lock. */
void await_sleep_in_submit(const struct helper *helper, atomic_bool *begun);

void submitter_start(struct submitter *submitter, tarn_executor *executor, struct gate *gate);

/* Starts one and returns when it sleeps in its submit. */
void submitter_block(struct submitter *submitter, tarn_executor *executor, struct gate *gate);

/* Waits until its submit has returned, and gives the future. */
tarn_future *submitter_join(struct submitter *submitter);

#endif
