/* SPDX-License-Identifier: Apache-2.0 */

/* The contract suite: what every executor promises, tested on each of them.
 *
 *     CONTRACT_TEST(submit_returns_the_value, 0)
 *     {
 *         tarn_executor *pool = pool_open();
 *         ...
 *         pool_close(pool);
 *     }
 *
 * becomes one test for each column of COLUMNS that has all the capabilities asked for; its name is
 * "<column>/<test>". What a column lacks is not left out but asserted: see capabilities.c. */
#ifndef TESTS_CONTRACT_CONTRACT_H
#define TESTS_CONTRACT_CONTRACT_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <tarn.h>

#include "capabilities.h"
#include "gate.h"
#include "runner.h"
#include "tasks.h"

/* For max_workers: as many as the executor takes if nothing is said. */
enum { DEFAULT_SIZE = -1 };

/* The options that every kind of executor has. */
struct pool_options {
    int max_workers; /* 0: the column's own number */
    int max_spares;
    const char *name;
    const tarn_task *initializer;
    const void *initializer_args;
    const tarn_task *finalizer;
    double idle_timeout;
    size_t stack_size;
    size_t queue_limit;
    int when_full;
    double submit_within;
    const char *affinity;
    bool pin;
    void (*on_log)(tarn_log_level level, const char *text, void *data);
    void *log_data;
};

/* The column that the running test is for. */
const struct column *this_column(void);

/* An executor of this column, which the test asserts to be there. */
tarn_executor *pool_open(void);
tarn_executor *pool_of(int max_workers);
tarn_executor *pool_with(const struct pool_options *options);

/* The same without the assertion: NULL if it was refused. */
tarn_executor *pool_try(const struct pool_options *options);

/* Shuts it down and asserts that it is gone. */
void pool_close(tarn_executor *pool);

/* One whose queue has room for so many. */
tarn_executor *pool_bounded(size_t queue_limit, tarn_when_full when_full);

/* How many tasks pool_open()'s executor runs at once. */
int pool_workers(void);

/* Fills all the workers of an executor of that size with tasks that stand at the gate, and returns
 * when they do. The futures are the caller's. */
void pool_block(tarn_executor *pool, struct gate *gate, tarn_future **blockers, int workers);

/* Opens the gate, waits for the blockers and drops them. */
void pool_unblock(struct gate *gate, tarn_future **blockers, int workers);

/* Waits until the future's task has arrived at the gate; false: it has ended before. */
bool arrives(struct gate *gate, tarn_future *future);

/* Asserts how a future ended, and drops it. Waits for its end. */
void assert_ended(tarn_future *future, tarn_status status);

/* The status of a future, which stays. Waits for its end. */
tarn_status status_of(tarn_future *future);

/* The counts of an executor, by it or by a view of it. The test asserts that they can be had. */
tarn_stats stats_of(const tarn_executor *executor);

/* Asserts that this is the next tag; that there is none, and what tarn_next() says instead. */
void assert_next(tarn_completions *completions, size_t tag);
void assert_no_next(tarn_completions *completions, tarn_status status);

/* Nanoseconds of the clock that deadlines are moments of. */
int64_t clock_now(void);

/* Asserts that a string contains another, and prints both if not. */
#define assert_contains(text, part) assert_contains_at((text), (part), __FILE__, __LINE__)
void assert_contains_at(const char *text, const char *part, const char *file, int line);

void contract_add(const char *name, const struct column *column, unsigned needs,
                  void (*run)(void **));
void contract_begin(const struct column *column);

#define CONTRACT_TEST(name, needs) \
    static void contract_##name(void); \
    COLUMNS(CONTRACT_TEST_ON_, name, needs) \
    static void contract_##name(void)

#define CONTRACT_TEST_ON_(column_name, test, needs) \
    static void contract_##test##_on_##column_name(void **state) \
    { \
        (void)state; \
        contract_begin(&column_##column_name); \
        contract_##test(); \
    } \
    __attribute__((constructor)) static void contract_add_##test##_on_##column_name(void) \
    { \
        contract_add(#column_name "/" #test, &column_##column_name, needs, \
                     contract_##test##_on_##column_name); \
    }

#endif
