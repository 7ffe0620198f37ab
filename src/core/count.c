/* SPDX-License-Identifier: Apache-2.0 */
#include "core/count.h"

#include "core/registry.h"
#include "platform/tls.h"

TN_THREAD_LOCAL(tn_books *, own_books);

void tn_books_open(tn_books *books)
{
    *own_books() = books;
}

/* The calling thread's, if they are that executor's. */
static tn_books *books_of(uint32_t executor)
{
    tn_books *books = *own_books();
    return books && books->executor == executor ? books : NULL;
}

void tn_books_enter(tn_books *books, tn_event event, size_t n)
{
    tn_atomic_u64 *count = &books->counts[event];
    /* release: who reads an end reads the beginning after it, which was counted before. */
    tn_u64_store_release(count, tn_u64_load_relaxed(count) + n);
}

void tn_count_many(uint32_t executor, tn_event event, size_t n)
{
    tn_books *books = books_of(executor);
    if (books)
        tn_books_enter(books, event, n);
    else if (executor != 0)
        tn_registry_count(executor, event, n);
}

void tn_count(uint32_t executor, tn_event event)
{
    tn_count_many(executor, event, 1);
}

static tn_event event_of(tarn_status status)
{
    switch (status) {
    case TARN_OK:
        return TN_ENDED_OK;
    case TARN_CANCELLED:
        return TN_ENDED_CANCELLED;
    case TARN_EXPIRED:
        return TN_ENDED_EXPIRED;
    case TARN_STOPPED:
        return TN_ENDED_STOPPED;
    case TARN_LOST:
        return TN_ENDED_LOST;
    default:
        return TN_ENDED_FAILED;
    }
}

void tn_count_end(uint32_t executor, tarn_status status, bool started)
{
    tn_books *books = books_of(executor);
    if (books && started) {
        tn_books_enter(books, TN_ENDED_RUN, 1);
        tn_books_enter(books, event_of(status), 1);
        return;
    }
    if (started)
        tn_count(executor, TN_ENDED_RUN);
    tn_count(executor, event_of(status));
}
