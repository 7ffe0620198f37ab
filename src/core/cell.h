/* SPDX-License-Identifier: Apache-2.0 */

/* The cell: task, future, arguments and small result in one block of 64 or 128 bytes.
 *
 * Who may touch which field in which state is the table in README.md of this folder. Cells live in
 * memory that is never given back: an address that was a cell stays one. */
#ifndef TN_CORE_CELL_H
#define TN_CORE_CELL_H

#include "core/layout.h"
#include "platform/atomic.h"

#include <stdalign.h>
#include <tarn.h>

/* The state word. Everything that decides who may do what next stands in this one word. */
#define TN_STATE_MASK 0x0003u
#define TN_PENDING    0x0000u
#define TN_RUNNING    0x0001u
#define TN_FINISHED   0x0002u /* this bit alone: it has ended */
#define TN_CANCELLED  0x0003u /* ended, and never ran */
#define TN_WAITER     0x0004u /* a thread may sleep on this word */
#define TN_HOOK_LOCK  0x0008u /* the list of hooks is being used */
#define TN_HOOKS      0x0010u /* the list of hooks is not empty */
#define TN_STOP       0x0020u /* somebody asked the running task to stop */
#define TN_SEIZED     0x0040u /* pending, but somebody is about to end it without running it */
#define TN_PROMISE    0x0080u /* no task runs it: the program ends it */
#define TN_IMMORTAL   0x0100u /* static: never freed, never counted */
#define TN_LARGE      0x0200u /* of the 128-byte class */
#define TN_SPECIAL    0x0400u /* its ext says more about how it is to be run and ended */
#define TN_COUNTED    0x0800u /* pending, and counted against the limit of a queue */
#define TN_OWNING     0x1000u /* it owns arguments or a result that are to be released */
#define TN_OVERDUE    0x2000u /* the running task has reached its own time limit */
#define TN_CHAINED    0x4000u /* not queued yet: it waits for other futures to end */
#define TN_SEEN       0x8000u /* of chain.c, under the mutex of the graph */
#define TN_HOME_SHIFT 16      /* above: the heap that it came from */

/* The owners word: whoever takes it to zero frees the cell. The low bits count handles, the nodes
 * of completions and the futures chained to it; each other kind of owner is one bit, as there is at
 * most one of each. */
#define TN_HANDLE        0x00000001u
#define TN_HANDLES       0x00ffffffu
#define TN_OWNER_QUEUE   0x01000000u /* the entry in a queue, then the worker that took it out */
#define TN_OWNER_CLAIM   0x02000000u /* a worker that runs it while the entry is still queued */
#define TN_OWNER_HOOKS   0x04000000u /* the thread that runs its callbacks */
#define TN_OWNER_PROMISE 0x08000000u /* the promise */
#define TN_OWNER_TIMER   0x10000000u /* the timer, while it ends it */
#define TN_OWNER_CHAIN   0x20000000u /* the hooks by which it waits for others */

#define TN_SMALL_PAYLOAD 16
#define TN_LARGE_PAYLOAD 80
#define TN_NO_RUNNER     UINT16_MAX

struct tn_hook;
struct tn_chain;
struct tn_frame;
struct tn_limit;
struct tn_view;
struct tn_wait;

/* Memory of a tarn_bytes result. */
typedef struct tn_block {
    struct tn_block *next;
    size_t size; /* bytes of data */
    alignas(16) unsigned char data[];
} tn_block;

/* A block of that size; NULL: no memory. */
tn_block *tn_block_new(size_t size);

/* Frees a list of blocks, all but the one that `kept` points into, which is returned. */
tn_block *tn_block_free_all(tn_block *blocks, const void *kept);

/* A future that is more than one call. */
typedef struct tn_body {
    void (*run)(tarn_future *future, struct tn_frame *frame);
    void (*dispose)(tarn_future *future); /* before it is freed; runs code of the user */
} tn_body;

/* What only some futures need, allocated when the first such thing turns up. */
typedef struct tn_ext {
    void *payload;        /* arguments and result, if they do not fit the cell */
    tn_block *memory;     /* of tarn_result_memory() */
    char *text;           /* of the failure; NULL: that of its status */
    tarn_failure failure; /* size 0: none recorded */

    /* Only if TN_SPECIAL. */
    struct tn_view *view;   /* its options; NULL: none. The view is the executor's: not to be looked
                               at once the future has ended */
    int attempts;           /* how often it has started */
    int crashes;            /* ... and has crashed the process that it ran in */
    struct tn_limit *limit; /* its place among those with a time limit; NULL: it has none */
    struct tn_chain *chain; /* what it waits for, or waited; NULL: nothing */
    struct tn_wait *needs;  /* the same, for the search for cycles */
    uint32_t process;       /* the tn_process_generation() that chained it */
    const struct tn_body *body; /* what it is in place of one call of its task; NULL: one call */
} tn_ext;

struct tarn_future {
    alignas(16) tn_atomic_u32 state; /* the payload follows the header */
    tn_atomic_u32 owners;
    uint32_t executor;    /* tn_executor_id of the executor that it was submitted to; 0: none */
    int16_t status;       /* a tarn_status, once FINISHED */
    tn_atomic_u16 runner; /* the context that runs it, for the search for cycles */
    tarn_future *link;    /* of the queue, then of the heap */
    const tarn_task *task;
    struct tn_hook *hooks; /* a ring; this is the oldest */
    tn_atomic_ptr ext;     /* a tn_ext; atomic, as tarn_error() may add one to what has ended */
};

_Static_assert(sizeof(tarn_future) == 48, "header and 16 bytes of payload are one cache line");

/* A pending cell with one handle and the given further owners; NULL: no memory. */
tarn_future *tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners);

/* Gives back one owner (TN_HANDLE or one TN_OWNER_); the last frees. */
void tn_cell_release(tarn_future *cell, uint32_t owner);

/* Takes one more handle; false: there are 16 million already. */
bool tn_cell_hold(tarn_future *cell);

/* The cell's ext, or NULL. acquire: a task that fails may add one while f_args() looks for the
 * payload. */
static inline tn_ext *tn_cell_ext(const tarn_future *cell)
{
    return tn_ptr_load_acquire(&cell->ext);
}

/* The same, made if need be; NULL: no memory. Only for whoever may write the cell. */
tn_ext *tn_cell_need_ext(tarn_future *cell);

/* Whether it has started once, if it does not run: between two tries it is pending again. Only for
 * whoever seized or ended it. */
static inline bool tn_cell_was_tried(const tarn_future *cell)
{
    return (tn_u32_load_relaxed(&cell->state) & TN_SPECIAL) && tn_cell_ext(cell)->attempts > 0;
}

/* Where arguments and result are. */
static inline void *tn_cell_payload(const tarn_future *cell)
{
    const tn_ext *ext = tn_cell_ext(cell);
    return ext && ext->payload ? ext->payload : (void *)(uintptr_t)(cell + 1);
}

/* Where a started task writes its result; its value once the future has ended TARN_OK. */
static inline void *tn_cell_result(const tarn_future *cell)
{
    return (unsigned char *)tn_cell_payload(cell) + tn_layout_of(cell->task).result;
}

#endif
