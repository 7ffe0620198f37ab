/* SPDX-License-Identifier: Apache-2.0 */

/* 07 - A producer that is faster than its pool. Without a limit its blocks pile up in memory. With
 * queue_limit no more than that many wait, and .when_full says who gives way: the producer, which
 * waits; the work, which is refused; or nobody, because the producer works, too. */
#define _POSIX_C_SOURCE 200809L

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tarn.h>

enum { WORKERS = 2, LIMIT = 8, BLOCK = 64 * 1024 };

struct tally {
    atomic_int stored, refused, failed, by_producer;
    atomic_int in_memory; /* blocks that were submitted, and have not ended */
};

/* Slow: a millisecond for each block. */
static void store(tarn_bytes block, struct tally *tally)
{
    struct timespec pause = {.tv_nsec = 1000000};

    (void)block;
    nanosleep(&pause, NULL);
    if (tarn_worker_index() < 0)
        tally->by_producer++;
}
TARN_TASK(void, store, tarn_bytes, struct tally *);

/* Called once for each call when it has ended, on the thread that ends it: several at a time. */
static void count(tarn_future *future, void *data)
{
    struct tally *tally = data;
    tarn_status status = store_result(future);

    if (status == TARN_OK)
        tally->stored++;
    else if (status == TARN_FULL)
        tally->refused++;
    else
        tally->failed++;
    tally->in_memory--;
}

static int produce(const char *policy, int when_full, int blocks)
{
    static const char block[BLOCK];
    struct tally tally = {0};
    int most = 0;

    /* With TARN_FULL_BLOCK a submit can have its patience limited, too: .submit_within. */
    tarn_executor *pool =
        tarn_thread_pool(.max_workers = WORKERS, .queue_limit = LIMIT, .when_full = when_full);
    if (pool == NULL) {
        fprintf(stderr, "07_bounded_queue: %s\n", tarn_last_error());
        return 1;
    }
    for (int i = 0; i < blocks; i++) {
        int in_memory = ++tally.in_memory;
        if (in_memory > most)
            most = in_memory;
        tarn_future *future = store_submit(pool, (tarn_bytes){block, sizeof block}, &tally);
        if (tarn_on_done(future, count, &tally) != TARN_OK)
            tally.failed++;
        tarn_drop(future); /* nobody keeps it: count() sees how it ends */
    }
    /* Waits for all calls and what counts them: only then may the tally go. */
    if (tarn_shutdown(pool) != TARN_OK)
        abort();
    printf("%s: %d stored, %d of them by the producer, %d refused; at most %d in memory\n", policy,
           tally.stored, tally.by_producer, tally.refused, most);
    return tally.failed > 0;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    int blocks = argc > 1 ? atoi(argv[1]) : 200;
    int failed = produce("block", TARN_FULL_BLOCK, blocks);

    failed |= produce("refuse", TARN_FULL_REFUSE, blocks);
    failed |= produce("caller", TARN_FULL_CALLER, blocks);
    return failed;
}
