/* SPDX-License-Identifier: Apache-2.0 */

/* The counts of tarn_executor_stats().
 *
 * A worker counts in books of its own: a load and a store, for nobody else writes them. Whatever
 * happens on other threads is counted in the registry, by the executor's number (see there). Both
 * only ever grow, so that a reader who reads the end of a life before its beginning never finds
 * more ends than beginnings. */
#ifndef TN_CORE_COUNT_H
#define TN_CORE_COUNT_H

#include "platform/atomic.h"

#include <tarn.h>

/* In the order in which they are read. */
typedef enum tn_event {
    TN_ENDED_OK,
    TN_ENDED_FAILED, /* in any way that has no count of its own */
    TN_ENDED_CANCELLED,
    TN_ENDED_EXPIRED,
    TN_ENDED_STOPPED,
    TN_ENDED_LOST,
    TN_ENDED_RUN, /* one of these was an end of a task that had started; counted before it */
    TN_STARTED,   /* for the first time */
    TN_SUBMITTED,
    TN_REJECTED,
    TN_RETRIED,
    TN_OVER_LIMIT,
    TN_EVENTS
} tn_event;

typedef struct tn_books {
    uint32_t executor; /* whose; 0: nobody's, and nothing is counted here */
    tn_atomic_u64 counts[TN_EVENTS];
    struct tn_books *next; /* of the same executor; of front.c */
} tn_books;

/* What the calling thread counts for that executor goes into these books, until NULL. */
void tn_books_open(tn_books *books);

/* Counts something in books that nobody else counts in meanwhile. */
void tn_books_enter(tn_books *books, tn_event event, size_t n);

/* Counts something of an executor, by its number; 0: not counted. */
void tn_count(uint32_t executor, tn_event event);
void tn_count_many(uint32_t executor, tn_event event, size_t n);

/* Counts the end of a future of that executor: how, and whether it had started. To be called before
 * the end can be seen, where that is possible. */
void tn_count_end(uint32_t executor, tarn_status status, bool started);

#endif
