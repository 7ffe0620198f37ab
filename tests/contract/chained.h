/* SPDX-License-Identifier: Apache-2.0 */

/* What tests of chained futures have in common. */
#ifndef TESTS_CONTRACT_CHAINED_H
#define TESTS_CONTRACT_CHAINED_H

#include "contract.h"

/* A future that the test ends when it likes. It answers square_result(). */
struct source {
    tarn_promise *promise; /* NULL once it has ended */
    tarn_future *future;   /* the test drops it */
};

struct source source_new(void);
void source_give(struct source *source, int value);
void source_fail(struct source *source, int code); /* with the text "code <n>" */
void source_cancel(struct source *source);

/* How another future ended, as a task after it finds it. */
struct ending {
    tarn_status status;
    int code;
    char text[100];
};

/* n + 1 */
TARN_TASK_DECLARE(int, link_add, int);

/* How that future ended. */
TARN_TASK_DECLARE(struct ending, link_observe, tarn_future *);

/* A shutdown on a thread of its own, where it may block. */
struct shutter {
    struct helper helper;
    tarn_executor *pool;
    tarn_shutdown_options options;
    tarn_status status;
};

void shutter_start(struct shutter *shutter, tarn_executor *pool, tarn_shutdown_options options);

/* Asserts that the executor is gone. */
void shutter_join(struct shutter *shutter);

/* Asserts the result of a task that gives an int, and drops its future. */
void assert_result(tarn_future *future, const tarn_task *task, int value);

/* What tarn_then(pool, &link_observe_task, before) gave. Drops it. */
struct ending ending_of(tarn_future *observer);

/* Asserts that a future ended so, with that code and text, as one it was chained to. Drops it. */
void assert_passed_on(tarn_future *future, tarn_status status, int code, const char *text);

#endif
