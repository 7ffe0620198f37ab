/* SPDX-License-Identifier: Apache-2.0 */
#include "core/count.h"

#include "core/registry.h"
#include "platform/tls.h"

TN_THREAD_LOCAL(tn_books *, own_books);

void tn_books_open(tn_books *books)
{
    *own_books() = books;
}

void tn_count_many(uint32_t executor, tn_event event, size_t n)
{
    tn_books *books = *own_books();
    if (executor == 0)
        return;
    if (!books || books->executor != executor) {
        tn_registry_count(executor, event, n);
        return;
    }
    tn_atomic_u64 *count = &books->counts[event];
    /* release: who reads an end reads the beginning after it, which was counted before. */
    tn_u64_store_release(count, tn_u64_load_relaxed(count) + n);
}

void tn_count(uint32_t executor, tn_event event)
{
    tn_count_many(executor, event, 1);
}

static tn_event event_of(tarn_status status)
{
    switch (status) {
    case TARN_OK: return TN_ENDED_OK;
    case TARN_CANCELLED: return TN_ENDED_CANCELLED;
    case TARN_EXPIRED: return TN_ENDED_EXPIRED;
    case TARN_STOPPED: return TN_ENDED_STOPPED;
    case TARN_LOST: return TN_ENDED_LOST;
    default: return TN_ENDED_FAILED;
    }
}

void tn_count_end(uint32_t executor, tarn_status status, bool started)
{
    if (started)
        tn_count(executor, TN_ENDED_RUN);
    tn_count(executor, event_of(status));
}
