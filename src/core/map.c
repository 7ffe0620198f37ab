/* SPDX-License-Identifier: Apache-2.0 */

/* Maps: items go out in chunks, of which a few are in flight, in a ring, and come back in order.
 *
 * A chunk has its own copy of its items and results. So a map may return at its deadline while an
 * item still runs, and nobody writes to the caller's memory behind his back. */
#include "core/chunk.h"
#include "core/context.h"
#include "core/deadline.h"
#include "core/front.h"
#include "core/future.h"
#include "core/registry.h"
#include "core/release.h"
#include "core/run.h"
#include "core/status.h"
#include "core/submit.h"
#include "core/task.h"
#include "core/wait.h"
#include "platform/memory.h"

#include <stdio.h>

enum {
    CHUNK_NS = 250 * 1000,    /* what a chunk should take: a few hundred times what it costs */
    CHUNK_BYTES = 256 * 1024, /* at most, unless one item is larger */
    GROWTH = 8,               /* how much larger than the former a chunk can be */
    CHUNKS_A_WORKER = 4,      /* in flight */
    MOST_CHUNKS = 1024
};

typedef struct mapper {
    tn_undo undo; /* first */
    tarn_executor *executor;
    const tarn_task *task;
    int64_t until;

    /* Where items come from and results go to: arrays, or functions. */
    const unsigned char *in;
    unsigned char *out;
    tarn_status *statuses;
    size_t n; /* SIZE_MAX: not known */
    bool (*next)(void *item, void *data);
    bool (*take)(size_t i, tarn_status status, const void *result, void *data);
    void *data;

    size_t fetched, delivered; /* items */
    bool exhausted;            /* there are no more */
    bool plain;                /* items are copied as they are */
    size_t workers;
    size_t size, most; /* items of the next chunk, and of any */

    tarn_future **ring;
    size_t window, first, count;

    tarn_status status; /* TARN_OK, or why the map or its first item ended otherwise */
    char text[200];
} mapper;

/* ---- Results --------------------------------------------------------------------------------- */

/* Notes how an item ended, if it is the first that did not end well. */
static void note(mapper *m, size_t i, tarn_status status, const char *text)
{
    if (status == TARN_OK || m->status != TARN_OK)
        return;
    m->status = status;
    snprintf(m->text, sizeof m->text, "tarn_map: item %zu of \"%.40s\" ended %s: %s", i,
             m->task->name, tarn_status_name(status), text ? text : tarn_status_text(status));
}

/* Hands one item out; false: whoever takes them has enough. */
static bool deliver(mapper *m, tarn_status status, const void *result, const char *text)
{
    size_t i = m->delivered++;
    note(m, i, status, text);
    if (m->take && status != TARN_OK)
        tn_error_format(status, "%s", text ? text : tarn_status_text(status));
    if (m->take)
        return m->take(i, status, status == TARN_OK ? result : NULL, m->data);
    if (m->statuses)
        m->statuses[i] = status;
    if (status == TARN_OK && m->out)
        memcpy(m->out + i * m->task->result.size, result, m->task->result.size);
    return true;
}

/* How the items of an ended chunk ended that it did not get to. */
static tarn_status status_of_rest(const tarn_future *future)
{
    tarn_status status = tn_future_status(future);
    return status == TARN_OK ? TARN_CANCELLED : status;
}

/* Hands out the first n items of an ended chunk; false: whoever takes them has enough. */
static bool deliver_chunk(mapper *m, tarn_future *future, size_t n)
{
    tn_chunk *chunk = tn_chunk_of(future);
    size_t size = m->task->result.size;
    if (chunk->done == chunk->count && chunk->all_ok && !m->take && !m->statuses) {
        if (size > 0)
            memcpy(m->out + m->delivered * size, chunk->results, chunk->count * size);
        chunk->taken = chunk->count;
        m->delivered += chunk->count;
        return true;
    }
    const tarn_failure *failure = tarn_error(future);
    bool more = true;
    for (size_t i = 0; i < n && more; i++) {
        tarn_status status = i < chunk->done ? chunk->statuses[i] : status_of_rest(future);
        if (status == TARN_OK && tn_lacks_data(m->task, chunk->results + i * size))
            status = TARN_NO_MEMORY;
        const char *text = i >= chunk->done ? (failure ? failure->text : NULL)
                           : chunk->texts   ? chunk->texts[i]
                                            : NULL;
        more = deliver(m, status, chunk->results + i * size, text);
        /* What take() was shown is released with the chunk; what lies in `out` is the caller's. */
        if (!m->take)
            chunk->taken = i + 1;
    }
    return more;
}

/* Says the same of n items, which have no results. */
static void deliver_same(mapper *m, size_t n, tarn_status status)
{
    for (size_t i = 0; m->statuses && i < n; i++)
        m->statuses[m->delivered + i] = status;
    m->delivered += n;
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* Sizes the next chunk by how long this one took. */
static void learn(mapper *m, const tn_chunk *chunk)
{
    if (chunk->done == 0 || m->most == 1)
        return;
    double each = (double)(chunk->ns > 0 ? chunk->ns : 1) / (double)chunk->done;
    double fitting = CHUNK_NS / each, largest = (double)m->size * GROWTH;
    if (fitting > largest)
        fitting = largest;
    if (fitting > (double)m->most)
        fitting = (double)m->most;
    m->size = fitting < 1 ? 1 : (size_t)fitting;
}

/* So that all workers have something to do until the end. */
static size_t size_of_next(const mapper *m)
{
    size_t share = m->n == SIZE_MAX ? m->size : (m->n - m->fetched) / (2 * m->workers) + 1;
    return share < m->size ? share : m->size;
}

/* Fetches one item into the chunk; TARN_END: there are no more. */
static tarn_status fetch(mapper *m, tarn_future *future)
{
    void *place = tn_chunk_place(future);
    if (m->next ? !m->next(place, m->data) : m->fetched == m->n)
        return TARN_END;
    if (!m->next)
        memcpy(place, m->in + m->fetched * m->task->args_size, m->task->args_size);
    m->fetched++;
    tarn_status status = tn_chunk_add(future);
    if (status != TARN_OK)
        tn_release_refused(m->task, place);
    return status;
}

/* Fills a chunk. A source that is slow is not asked for more than it gives while a chunk would
 * run. */
static tarn_status fill(mapper *m, tarn_future *future)
{
    const tn_chunk *chunk = tn_chunk_of(future);
    tarn_status status = TARN_OK;
    if (m->plain && !m->next) {
        size_t left = m->n - m->fetched, n = left < chunk->room ? left : chunk->room;
        tn_chunk_add_plain(future, m->in + m->fetched * m->task->args_size, n);
        m->fetched += n;
        m->exhausted = m->fetched == m->n;
        return TARN_OK;
    }
    int64_t until = m->next ? tn_clock_now() + CHUNK_NS : TN_CLOCK_NEVER;
    while (chunk->count < chunk->room && status == TARN_OK && (!m->next || tn_clock_now() < until))
        status = fetch(m, future);
    m->exhausted = status == TARN_END;
    return status == TARN_END ? TARN_OK : status;
}

static tarn_status too_late(void)
{
    return tn_error(TARN_TIMEOUT, "tarn_map: not all items had begun by the deadline");
}

/* Queues a chunk. What is refused has ended so, like any other; but if there was no room for it by
 * the deadline, TARN_TIMEOUT. */
static tarn_status send(mapper *m, tarn_future *future)
{
    tarn_status status = tn_submit_cell(m->executor, future, m->until);
    if (status == TARN_OK)
        return TARN_OK;
    if (status == TARN_FULL && tn_is_past(m->until)) {
        tn_future_refuse(future, TARN_CANCELLED, NULL);
        return too_late();
    }
    tn_count(m->executor->id, TN_REJECTED);
    tn_future_refuse(future, status, tarn_last_error());
    return TARN_OK;
}

static tarn_future *new_chunk(mapper *m, size_t room)
{
    tarn_future *future = tn_chunk_new(m->task, room);
    tn_view *view = tn_view_of(m->executor);
    if (!future || !view)
        return future;
    if (!tn_view_apply(view, future)) {
        tn_cell_release(future, TN_OWNER_QUEUE);
        tn_cell_release(future, TN_HANDLE);
        return NULL;
    }
    tn_chunk_of(future)->retries = view->options.retries;
    tn_chunk_of(future)->retry_on = view->options.retry_on;
    return future;
}

static tarn_status refuse_item(tarn_status status)
{
    return tn_error(status, status == TARN_INVALID
                                ? "tarn_map: a tarn_bytes of an item has no data for its size"
                                : "tarn_map: no memory");
}

/* Makes and queues one more chunk, if there are items for it. */
static tarn_status send_next(mapper *m)
{
    tarn_future *future = new_chunk(m, size_of_next(m));
    if (!future)
        return tn_error(TARN_NO_MEMORY, "tarn_map: no memory");
    tarn_status status = fill(m, future);
    if (tn_chunk_of(future)->count == 0) {
        tn_limit_forget(future);
        tn_cell_release(future, TN_OWNER_QUEUE);
        tn_cell_release(future, TN_HANDLE);
        return status == TARN_OK ? TARN_OK : refuse_item(status);
    }
    m->ring[(m->first + m->count++) % m->window] = future;
    tarn_status sent = send(m, future);
    return status == TARN_OK ? sent : refuse_item(status);
}

/* Sends the items of a chunk from number `from` on once more, as the oldest chunk. */
static tarn_status send_rest(mapper *m, tarn_future *future, size_t from)
{
    size_t count = tn_chunk_of(future)->count - from;
    tarn_future *rest = new_chunk(m, count);
    if (!rest) {
        deliver_same(m, count, TARN_CANCELLED);
        return tn_error(TARN_NO_MEMORY, "tarn_map: no memory");
    }
    tn_chunk_move(future, from, rest);
    m->first = (m->first + m->window - 1) % m->window;
    m->count++;
    m->ring[m->first] = rest;
    return send(m, rest);
}

/* The oldest chunk has ended: hands it out. TARN_CANCELLED: whoever takes the items has enough. */
static tarn_status collect(mapper *m)
{
    tarn_future *future = m->ring[m->first];
    size_t reached = tn_chunk_reached(future);
    m->first = (m->first + 1) % m->window;
    m->count--;
    learn(m, tn_chunk_of(future));
    tarn_status status = deliver_chunk(m, future, reached) ? TARN_OK : TARN_CANCELLED;
    if (status == TARN_OK && reached < tn_chunk_of(future)->count)
        status = send_rest(m, future, reached);
    tn_cell_release(future, TN_HANDLE);
    return status;
}

/* ---- Abandoning ------------------------------------------------------------------------------ */

/* Of a chunk that runs: what is known of it. Its failures are still being written. */
static void deliver_known(mapper *m, tarn_future *future)
{
    tn_chunk *chunk = tn_chunk_of(future);
    size_t known = m->take ? 0 : tn_chunk_known(future);
    for (size_t i = 0; i < known; i++)
        deliver(m, chunk->statuses[i], chunk->results + i * m->task->result.size, NULL);
    chunk->taken = known;
    deliver_same(m, chunk->count - known, TARN_TIMEOUT);
}

/* Nobody waits for this chunk any more, or wants to know how it ends. */
static void drop_chunk(tarn_future *future)
{
    if (!tn_future_withdraw(future)) {
        tn_u32_or_relaxed(&tn_chunk_of(future)->halt, TN_HALT_ABANDONED);
        tn_u32_or_relaxed(&future->state, TN_STOP);
    }
    tn_cell_release(future, TN_HANDLE);
}

/* Nobody waits for this chunk any more: what it has not begun never runs, what runs is asked to
 * stop. */
static void abandon_chunk(mapper *m, tarn_future *future)
{
    tn_chunk *chunk = tn_chunk_of(future);
    size_t count = chunk->count;
    if (tn_future_cancel(future)) {
        tn_registry_discard(future->executor);
        deliver_same(m, count, TARN_CANCELLED);
    } else if (!tn_future_ended(future)) {
        tn_u32_or_relaxed(&chunk->halt, TN_HALT_ABANDONED);
        tn_u32_or_relaxed(&future->state, TN_STOP);
        deliver_known(m, future);
    } else if (!m->take) {
        size_t reached = tn_chunk_reached(future);
        deliver_chunk(m, future, reached);
        deliver_same(m, count - reached, TARN_CANCELLED);
    }
    tn_cell_release(future, TN_HANDLE);
}

static void abandon(mapper *m)
{
    for (size_t i = 0; i < m->count; i++)
        abandon_chunk(m, m->ring[(m->first + i) % m->window]);
    if (m->next)
        return;
    for (size_t i = m->fetched; i < m->n; i++)
        tn_release_refused(m->task, m->in + i * m->task->args_size);
    deliver_same(m, m->n - m->delivered, TARN_CANCELLED);
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* One step: hands the oldest chunk out, or sends one more, or waits. TARN_END: that was all. */
static tarn_status advance(mapper *m)
{
    if (m->count > 0 && tn_future_ended(m->ring[m->first]))
        return collect(m);
    if (!m->exhausted && m->count < m->window) {
        if (tn_is_past(m->until))
            return too_late();
        return send_next(m);
    }
    if (m->count == 0)
        return TARN_END;
    tarn_status status = tn_wait_one(m->ring[m->first], m->until);
    if (status == TARN_TIMEOUT)
        tn_error(status, "tarn_map: not all items had ended by the deadline");
    return status;
}

static tarn_status run_all(mapper *m)
{
    tarn_executor *pool = m->executor->pool;
    const tn_view *view = tn_view_of(m->executor);
    bool limited = view && (view->options.start_within > 0 || view->options.run_limit > 0);
    tarn_stats stats = {.size = sizeof stats};
    pool->backend->stats(pool, &stats);
    m->workers = stats.max_workers == 0            ? 1
                 : stats.max_workers > MOST_CHUNKS ? MOST_CHUNKS
                                                   : (size_t)stats.max_workers;
    m->window =
        m->workers < MOST_CHUNKS / CHUNKS_A_WORKER ? m->workers * CHUNKS_A_WORKER : MOST_CHUNKS;
    m->size = 1;
    m->most = limited ? 1 : tn_chunk_room(m->task, CHUNK_BYTES);
    m->exhausted = m->n == 0;
    m->plain = !(tn_task_traits(m->task) & (TN_TASK_OWNING | TN_TASK_BYTES));
    m->ring = tn_alloc_array(m->window, sizeof(tarn_future *));
    tarn_status status =
        m->ring ? TARN_OK : tn_error(TARN_NO_MEMORY, "tarn_map: no memory for its chunks");
    while (status == TARN_OK)
        status = advance(m);
    if (status != TARN_END) {
        snprintf(m->text, sizeof m->text, "%s",
                 status == TARN_CANCELLED ? "tarn_map_from: take() ended it" : tarn_last_error());
        m->status = status;
        abandon(m);
    }
    tn_free(m->ring);
    return m->status == TARN_OK ? TARN_OK : tn_error_format(m->status, "%s", m->text);
}

/* An item that was run in place ended the thread. The caller's arrays may have been on its stack. */
static void undo(tn_undo *undo)
{
    mapper *m = (mapper *)(void *)undo;
    for (size_t i = 0; i < m->count; i++)
        drop_chunk(m->ring[(m->first + i) % m->window]);
    tn_free(m->ring);
    tn_front_leave(m->executor->pool);
    tn_free(m);
}

/* The executor has to stay until the map is over, even if it is shut down meanwhile. */
static tarn_status run(const mapper *map)
{
    tarn_executor *pool = map->executor->pool;
    mapper *m = tn_alloc(sizeof *m), without = *map;
    tn_inside inside;
    tn_front_visit(pool);
    tn_inside_begin(&inside, pool);
    if (m) {
        *m = *map;
        m->undo.undo = undo;
        tn_undo_begin(&m->undo);
    }
    /* Without memory it says so of every item. */
    tarn_status status = run_all(m ? m : &without);
    if (m)
        tn_undo_end(&m->undo);
    tn_inside_end(&inside);
    tn_front_leave(pool);
    tn_free(m);
    return status;
}

static tarn_status check(tarn_executor *executor, const tarn_task *task, const char *call)
{
    tarn_status status = tn_task_check(task, call);
    if (status == TARN_OK)
        status = tn_submit_check(executor, task, call);
    if (status != TARN_OK)
        return status;
    if (task->args_size == 0)
        return tn_error_format(TARN_INVALID, "%s: \"%s\" takes no argument; submit it n times",
                               call, task->name);
    if (!(executor->pool->backend->capabilities & TARN_CAN_POINTERS))
        return tn_error_format(TARN_UNSUPPORTED,
                               "%s: workers of kind \"%s\" have no memory in common with the "
                               "caller",
                               call, executor->pool->backend->kind);
    return TARN_OK;
}

/* What cannot be copied is found before anything is called. */
static tarn_status check_items(const tarn_task *task, const unsigned char *in, size_t n)
{
    bool bytes = tn_task_traits(task) & TN_TASK_BYTES;
    for (size_t i = 0; bytes && i < n; i++) {
        if (tn_task_needs(task, in + i * task->args_size).bytes == SIZE_MAX)
            return tn_error_format(
                TARN_INVALID, "tarn_map: a tarn_bytes of item %zu has no data for its size", i);
    }
    return TARN_OK;
}

tarn_status tarn_map(tarn_executor *executor, const tarn_task *task, const void *in, size_t n,
                     void *out, tarn_status *statuses, tarn_deadline deadline)
{
    tarn_status status = check(executor, task, "tarn_map");
    if (status != TARN_OK)
        return status;
    size_t size = task->args_size > task->result.size ? task->args_size : task->result.size;
    if (n > PTRDIFF_MAX / size || n > PTRDIFF_MAX / sizeof *statuses)
        return tn_error(TARN_INVALID, "tarn_map: n is beyond the address space");
    if (!in && n > 0)
        return tn_error(TARN_INVALID, "tarn_map: in is NULL");
    if (!out && n > 0 && task->result.size > 0)
        return tn_error(TARN_INVALID, "tarn_map: out is NULL, but the task has a result");
    if (task->result.kind == TARN_KIND_BYTES)
        return tn_error(TARN_UNSUPPORTED, "tarn_map: a tarn_bytes result has no owner here; take "
                                          "them by tarn_map_from()");
    status = check_items(task, in, n);
    if (status != TARN_OK)
        return status;
    mapper m = {.executor = executor,
                .task = task,
                .until = tn_until(deadline),
                .in = in,
                .out = out,
                .statuses = statuses,
                .n = n};
    return run(&m);
}

tarn_status tarn_map_from(tarn_executor *executor, const tarn_task *task,
                          bool (*next)(void *item, void *data),
                          bool (*take)(size_t i, tarn_status status, const void *result,
                                       void *data),
                          void *data, tarn_deadline deadline)
{
    tarn_status status = check(executor, task, "tarn_map_from");
    if (status != TARN_OK)
        return status;
    if (!next || !take)
        return tn_error(TARN_INVALID, "tarn_map_from: next or take is NULL");
    mapper m = {.executor = executor,
                .task = task,
                .until = tn_until(deadline),
                .n = SIZE_MAX,
                .next = next,
                .take = take,
                .data = data};
    return run(&m);
}
