/* SPDX-License-Identifier: Apache-2.0 */

/* Completions: a list of the tags whose futures have ended, in that order.
 *
 * A node is *linked* (its future has not ended, and holds it as a hook), then *ready* (in the list,
 * under the mutex), then free. Whoever ends the future moves it from linked to ready; tarn_next()
 * moves it from ready to free. The order of locks is: graph, hook lock of a future, mutex. */
#include "core/closure.h"
#include "core/future.h"
#include "core/hook.h"
#include "core/process.h"
#include "core/status.h"
#include "core/context.h"
#include "core/deadline.h"
#include "core/wait.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "platform/mutex.h"
#include "platform/process.h"

enum { FIRST_BLOCK = 16, LARGEST_BLOCK = 4096 };

typedef struct node_block {
    struct node_block *next;
    size_t count;
    tn_hook nodes[];
} node_block;

struct tarn_completions {
    tn_hook_owner owner;
    int64_t until;
    uint32_t process; /* the one that made them: its children must not touch the mutex */
    tn_mutex mutex;   /* of all that follows, and of ready and free nodes */
    tn_cond news;     /* a tag is ready, or the last one was handed out */
    size_t sleepers;
    size_t added, delivered; /* of all times */
    tn_hook *ready, **last;  /* by next */
    tn_hook *free;           /* by next */
    node_block *blocks;
    size_t first;         /* while not loose: the nodes before it were handed out */
    uint32_t executor;    /* that whoever waits may help: of the last future added */
    int fd;               /* -1: nobody asked for it */
    const void *consumer; /* the first to call tarn_next(); NULL: nobody yet */
    bool loose; /* others add futures or take tags, too: what a wait on it waits for may change */

    /* While not loose: what the chained ones depend on. Of the consumer's, without the mutex. */
    tn_closure closure;
    bool collected;
};

static void make_ready(tn_hook_owner *owner, tn_hook *node)
{
    tarn_completions *c = (tarn_completions *)(void *)owner;
    tn_mutex_lock(&c->mutex);
    node->next = NULL;
    if (!c->ready && c->fd >= 0)
        tn_event_raise(c->fd);
    *c->last = node;
    c->last = &node->next;
    if (c->sleepers > 0)
        tn_cond_signal(&c->news);
    /* The last touch: whoever gets this tag may end the completions. */
    tn_mutex_unlock(&c->mutex);
}

static node_block *new_block(size_t count)
{
    if (count > (SIZE_MAX - sizeof(node_block)) / sizeof(tn_hook))
        return NULL;
    node_block *block = tn_alloc(sizeof *block + count * sizeof(tn_hook));
    if (block)
        block->count = count;
    return block;
}

/* Under the mutex: a node for one more future; NULL: no memory. */
static tn_hook *take_node(tarn_completions *c)
{
    if (!c->free) {
        size_t count = c->blocks ? c->blocks->count * 2 : 0;
        count = count < FIRST_BLOCK ? FIRST_BLOCK : count > LARGEST_BLOCK ? LARGEST_BLOCK : count;
        node_block *block = new_block(count);
        if (!block)
            return NULL;
        block->next = c->blocks;
        c->blocks = block;
        for (size_t i = 0; i < block->count; i++) {
            block->nodes[i].next = c->free;
            c->free = &block->nodes[i];
        }
    }
    tn_hook *node = c->free;
    c->free = node->next;
    return node;
}

/* TARN_OK in the process that made them. */
static tarn_status check_process(const tarn_completions *c)
{
    if (c->process == tn_process_generation())
        return TARN_OK;
    return tn_error(TARN_CLOSED, "the completions belong to the process that forked this one");
}

static void link_node(tarn_completions *c, tn_hook *node)
{
    if (tn_future_ended(node->future) || !tn_hook_add(node))
        make_ready(&c->owner, node);
}

tarn_completions *tarn_completions_new(tarn_deadline deadline)
{
    tarn_completions *c = tn_alloc(sizeof *c);
    if (!c)
        goto no_memory;
    if (tn_process_watch_over() != TARN_OK)
        goto no_mutex;
    c->owner.ended = make_ready;
    c->process = tn_process_generation();
    c->until = tn_until(deadline);
    c->last = &c->ready;
    c->fd = -1;
    c->loose = true;
    if (tn_mutex_init(&c->mutex) != 0)
        goto no_mutex;
    if (tn_cond_init(&c->news) != 0)
        goto no_cond;
    return c;

no_cond:
    tn_mutex_destroy(&c->mutex);
no_mutex:
    tn_free(c);
no_memory:
    tn_error(TARN_NO_MEMORY, "tarn_completions_new: no memory");
    return NULL;
}

tarn_status tarn_completions_add(tarn_completions *completions, tarn_future *future, size_t tag)
{
    tarn_completions *c = completions;
    if (!c)
        return tn_error(TARN_INVALID, "tarn_completions_add: completions is NULL");
    if (!future)
        return tn_error(TARN_INVALID, "tarn_completions_add: future is NULL");
    if (check_process(c) != TARN_OK || tn_future_check_process(future) != TARN_OK)
        return TARN_CLOSED;
    if (!tn_cell_hold(future))
        return tn_error(TARN_NO_MEMORY,
                        "tarn_completions_add: the future has 16,777,215 references");
    tn_mutex_lock(&c->mutex);
    tn_hook *node = take_node(c);
    if (node) {
        *node = (tn_hook){.future = future, .owner = &c->owner, .tag = tag};
        c->added++;
        c->loose = true;
        c->executor = future->executor;
    }
    tn_mutex_unlock(&c->mutex);
    if (!node) {
        tn_cell_release(future, TN_HANDLE);
        return tn_error(TARN_NO_MEMORY, "tarn_completions_add: no memory");
    }
    link_node(c, node);
    return TARN_OK;
}

/* Takes a handle for each of n nodes; false: one future has too many. */
static bool hold_all(tarn_completions *c, tarn_future *const *futures, tn_hook *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!tn_cell_hold(futures[i])) {
            while (i-- > 0)
                tn_cell_release(futures[i], TN_HANDLE);
            return false;
        }
        nodes[i] = (tn_hook){.future = futures[i], .owner = &c->owner, .tag = i};
    }
    return true;
}

tarn_completions *tarn_as_completed(tarn_future *const *futures, size_t n, tarn_deadline deadline)
{
    if (!futures && n > 0) {
        tn_error(TARN_INVALID, "tarn_as_completed: futures is NULL");
        return NULL;
    }
    if (n > PTRDIFF_MAX / sizeof *futures) {
        tn_error(TARN_INVALID, "tarn_as_completed: n is beyond the address space");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!futures[i]) {
            tn_error_format(TARN_INVALID, "tarn_as_completed: futures[%zu] is NULL", i);
            return NULL;
        }
        if (tn_future_check_process(futures[i]) != TARN_OK)
            return NULL;
    }

    tarn_completions *c = tarn_completions_new(deadline);
    node_block *block = c ? new_block(n) : NULL;
    if (!block || !hold_all(c, futures, block->nodes, n)) {
        tn_free(block);
        tarn_completions_drop(c);
        tn_error(TARN_NO_MEMORY, "tarn_as_completed: no memory for so many futures");
        return NULL;
    }
    c->blocks = block;
    c->added = n;
    c->loose = false;
    c->executor = n > 0 ? futures[n - 1]->executor : 0;
    for (size_t i = 0; i < n; i++)
        link_node(c, &block->nodes[i]);
    return c;
}

/* ---- Handing out ----------------------------------------------------------------------------- */

/* Under the mutex: the oldest ready node, or NULL. */
static tn_hook *take_ready(tarn_completions *c)
{
    tn_hook *node = c->ready;
    if (!node)
        return NULL;
    c->ready = node->next;
    if (!c->ready) {
        c->last = &c->ready;
        if (c->fd >= 0)
            tn_event_clear(c->fd);
    }
    c->delivered++;
    if (c->sleepers > 0 && c->delivered == c->added)
        tn_cond_broadcast(&c->news);
    return node;
}

typedef struct next_wait {
    tn_wait wait;
    tarn_completions *completions;
} next_wait;

/* All that was not handed out: the nodes that have a future. There is one block, which is walked
 * from where the former walk found one. */
static bool each_added(const tn_wait *wait, bool (*visit)(const tarn_future *, void *), void *data)
{
    tarn_completions *c = ((const next_wait *)(const void *)wait)->completions;
    tn_mutex_lock(&c->mutex);
    bool all = !c->loose;
    const node_block *block = c->blocks;
    while (all && c->first < block->count && !block->nodes[c->first].future)
        c->first++;
    for (size_t i = c->first; all && i < block->count; i++) {
        if (block->nodes[i].future && !visit(block->nodes[i].future, data))
            break;
    }
    tn_mutex_unlock(&c->mutex);
    return all;
}

static bool is_chained(const tarn_future *future)
{
    return future && (tn_future_word(future) & (TN_CHAINED | TN_FINISHED)) == TN_CHAINED;
}

/* The chained ones that were not handed out, with a handle each, up to `most`; how many there
 * are. */
static size_t take_chained(tarn_completions *c, tarn_future **futures, size_t most)
{
    size_t n = 0;
    tn_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->blocks->count; i++) {
        tarn_future *future = c->blocks->nodes[i].future;
        if (!is_chained(future))
            continue;
        if (n < most)
            futures[n] = tn_cell_hold(future) ? future : NULL;
        n++;
    }
    tn_mutex_unlock(&c->mutex);
    return n;
}

/* While not loose, by the consumer: holds all that they depend on, once for all, as none are added.
 * false: no memory, or a future has too many references. */
static bool look_deep(tarn_completions *c)
{
    size_t most = c->collected ? 0 : take_chained(c, NULL, 0);
    c->collected = c->collected || most == 0;
    if (c->collected)
        return true;
    tarn_future **futures = tn_alloc_array(most, sizeof *futures);
    if (!futures)
        return false;
    size_t n = take_chained(c, futures, most);
    bool held = true;
    for (size_t i = 0; i < n; i++)
        held = held && futures[i];
    c->collected = held && tn_closure_collect(&c->closure, futures, n);
    for (size_t i = 0; i < n; i++)
        tarn_drop(futures[i]);
    tn_free(futures);
    return c->collected;
}

/* Under the mutex: notes whether another thread than this one takes tags, too. */
static void note_consumer(tarn_completions *c)
{
    static const char outsider;
    const void *self = tn_context_here() ? (const void *)tn_context_here() : &outsider;
    if (!c->consumer)
        c->consumer = self;
    if (c->consumer != self)
        c->loose = true;
}

/* Under the mutex: whether there is nothing to wait for. */
static bool is_over(const tarn_completions *c)
{
    return c->ready || c->delivered == c->added;
}

static bool has_news(void *completions)
{
    tarn_completions *c = completions;
    tn_mutex_lock(&c->mutex);
    bool over = is_over(c);
    tn_mutex_unlock(&c->mutex);
    return over;
}

/* Under the mutex, which is given back meanwhile: until something is ready, or all is delivered. */
static tarn_status wait_for_ready(tarn_completions *c)
{
    tarn_status status = TARN_OK;
    tn_context *context = tn_context_here();
    bool timed = c->until != TN_CLOCK_NEVER;
    next_wait next = {.wait = {.any = true, .each = each_added}, .completions = c};
    /* If others may add futures or take tags, no cycle can be told. */
    tn_wait *wait = c->loose ? NULL : &next.wait;

    uint32_t executor = c->executor;
    tn_mutex_unlock(&c->mutex);
    if (context) {
        next.wait.deep = wait && !timed && look_deep(c);
        status = tn_sleep_begin(context, wait, timed);
    }
    if (status == TARN_OK)
        tn_wait_help(executor, has_news, c, c->until);
    tn_mutex_lock(&c->mutex);
    if (status != TARN_OK)
        return c->ready ? TARN_OK : status;
    while (!is_over(c) && status == TARN_OK) {
        c->sleepers++;
        bool in_time = tn_cond_wait_until(&c->news, &c->mutex, c->until);
        c->sleepers--;
        if (!in_time && !is_over(c))
            status = TARN_TIMEOUT;
    }
    if (context) {
        tn_mutex_unlock(&c->mutex);
        tn_sleep_end(context);
        tn_mutex_lock(&c->mutex);
    }
    return status;
}

tarn_status tarn_next(tarn_completions *completions, size_t *tag)
{
    tarn_completions *c = completions;
    if (!c)
        return tn_error(TARN_INVALID, "tarn_next: completions is NULL");
    if (!tag)
        return tn_error(TARN_INVALID, "tarn_next: tag is NULL");
    if (check_process(c) != TARN_OK)
        return TARN_CLOSED;

    tn_mutex_lock(&c->mutex);
    note_consumer(c);
    tarn_status status = TARN_OK;
    tn_hook *node;
    while (!(node = take_ready(c)) && status == TARN_OK) {
        if (c->delivered == c->added)
            status = TARN_END;
        else
            status = tn_is_past(c->until) ? TARN_TIMEOUT : wait_for_ready(c);
    }
    size_t unfinished = c->added - c->delivered, added = c->added;
    tarn_future *future = NULL;
    if (node) {
        *tag = node->tag;
        future = node->future;
        node->future = NULL;
        node->next = c->free;
        c->free = node;
    }
    tn_mutex_unlock(&c->mutex);

    if (node) {
        tn_cell_release(future, TN_HANDLE);
        return TARN_OK;
    }
    if (status == TARN_TIMEOUT)
        tn_error_format(status, "tarn_next: %zu of %zu futures unfinished", unfinished, added);
    return status;
}

int tarn_completions_fd(tarn_completions *completions)
{
    tarn_completions *c = completions;
    if (!c)
        tn_error(TARN_INVALID, "tarn_completions_fd: completions is NULL");
    if (!c || check_process(c) != TARN_OK)
        return -1;
    int error = 0;
    tn_mutex_lock(&c->mutex);
    if (c->fd < 0) {
        error = tn_event_open(&c->fd);
        if (error != 0)
            c->fd = -1;
        else if (c->ready)
            tn_event_raise(c->fd);
    }
    int fd = c->fd;
    tn_mutex_unlock(&c->mutex);
    if (error != 0)
        tn_error_format(TARN_SYSTEM,
                        "tarn_completions_fd: no descriptor: %s; raise the limit on "
                        "open files",
                        strerror(error));
    return fd;
}

/* The next future of a block that was not handed out, from node *i on, with a handle; NULL:
 * none. */
static tarn_future *next_pending(tarn_completions *c, node_block *block, size_t *i)
{
    tarn_future *future = NULL;
    tn_mutex_lock(&c->mutex);
    while (!future && *i < block->count) {
        future = block->nodes[(*i)++].future;
        if (future && (tn_future_ended(future) || !tn_cell_hold(future)))
            future = NULL;
    }
    tn_mutex_unlock(&c->mutex);
    return future;
}

size_t tarn_completions_cancel(tarn_completions *completions)
{
    tarn_completions *c = completions;
    size_t cancelled = 0;
    if (!c)
        tn_error(TARN_INVALID, "tarn_completions_cancel: completions is NULL");
    if (!c || check_process(c) != TARN_OK)
        return 0;
    tn_mutex_lock(&c->mutex);
    node_block *block = c->blocks;
    tn_mutex_unlock(&c->mutex);
    /* Not under the mutex, which the end of each takes; blocks stay where they are. */
    for (; block; block = block->next) {
        tarn_future *future;
        for (size_t i = 0; (future = next_pending(c, block, &i));) {
            cancelled += tn_future_call_off(future);
            tn_cell_release(future, TN_HANDLE);
        }
    }
    return cancelled;
}

void tarn_completions_drop(tarn_completions *completions)
{
    tarn_completions *c = completions;
    if (!c || check_process(c) != TARN_OK)
        return;
    for (node_block *block = c->blocks; block; block = block->next) {
        for (size_t i = 0; i < block->count; i++) {
            tn_hook *node = &block->nodes[i];
            if (!node->future)
                continue;
            tn_hook_remove(node);
            tn_cell_release(node->future, TN_HANDLE);
        }
    }
    /* Whoever made the last node ready may still be inside: it lets go of the mutex. */
    tn_mutex_lock(&c->mutex);
    tn_mutex_unlock(&c->mutex);

    tn_closure_drop(&c->closure);
    while (c->blocks) {
        node_block *block = c->blocks;
        c->blocks = block->next;
        tn_free(block);
    }
    if (c->fd >= 0)
        tn_fd_close(c->fd);
    tn_cond_destroy(&c->news);
    tn_mutex_destroy(&c->mutex);
    tn_free(c);
}
