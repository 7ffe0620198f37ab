/* SPDX-License-Identifier: Apache-2.0 */

/* Chained futures and their way into the queue: its limit, the options of views, callbacks. */
#include "chained.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- The limit of a queue ---- */

static void check_limit(int when_full)
{
    enum { N = 20 };
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1, .max_spares = TARN_NONE,
                                           .queue_limit = 2, .when_full = when_full);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct source source = source_new();
    tarn_future *queued[2];
    tarn_future *after[N];
    pool_block(pool, &gate, &blocker, 1);
    for (int i = 0; i < 2; i++)
        queued[i] = thread_number_submit(pool);
    for (int i = 0; i < N; i++)
        after[i] = thread_number_after(pool, i % 2 ? blocker : source.future);
    /* This would block here, or be refused, or run them on this thread. */
    source_give(&source, 1);
    for (int i = 0; i < N; i++)
        assert_false(tarn_done(after[i]));
    pool_unblock(&gate, &blocker, 1);
    int expected = 0;
    assert_int_equal(thread_number_result(queued[0], &expected), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_result(after[i], &thread_number_task, expected);
    tarn_drop_all(queued, 2);
    tarn_drop(source.future);
    pool_close(pool);
}

CONTRACT_TEST(a_full_queue_takes_what_is_chained_and_nobody_waits, SPARES | GATES)
{
    check_limit(TARN_FULL_BLOCK);
    check_limit(TARN_FULL_REFUSE);
    check_limit(TARN_FULL_CALLER);
}

/* While chained tasks wait they take no place, no thread, and nobody's turn. */
CONTRACT_TEST(what_is_chained_takes_no_worker_while_it_waits, GATES)
{
    enum { N = 1000 };
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    static tarn_future *after[N];
    int threads = threads_count();
    for (int i = 0; i < N; i++)
        after[i] = link_add_after(pool, i % 10 ? after[i - 1] : source.future);
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.workers, 0);
    assert_int_equal(stats.queued, N);
    assert_int_equal(stats.submitted, N);
    assert_int_equal(threads_count(), threads);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);

    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_true(stats.workers <= (uint64_t)pool_workers());
    assert_int_equal(stats.spares, 0);
    assert_int_equal(stats.queued, N);
    assert_int_equal(stats.running, 0);
    for (int i = 0; i < N; i++)
        assert_false(tarn_done(after[i]));

    source_give(&source, 0);
    for (int i = N - 1; i >= 0; i--)
        assert_result(after[i], &link_add_task, i % 10 + 1);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.ok, N + pool_workers());
    assert_int_equal(stats.spares, 0);
    tarn_drop(source.future);
    pool_close(pool);
}

/* ---- Views ---- */

struct turns {
    atomic_int next;
    int order[6];
};

static struct turns turns;

static int link_turn(int who)
{
    turns.order[atomic_fetch_add(&turns.next, 1)] = who;
    return who;
}
TARN_TASK(int, link_turn, int);

CONTRACT_TEST(a_chained_task_has_the_priority_of_its_view, GATES)
{
    tarn_executor *pool = pool_of(1);
    tarn_executor *high = tarn_with(pool, .priority = TARN_PRIORITY_HIGH);
    tarn_executor *low = tarn_with(pool, .priority = TARN_PRIORITY_LOW);
    struct source sources[3] = {source_new(), source_new(), source_new()};
    tarn_future *futures[6];
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    atomic_store(&turns.next, 0);
    pool_block(pool, &gate, &blocker, 1);
    futures[0] = link_turn_after(low, sources[0].future);
    futures[1] = link_turn_after(pool, sources[1].future);
    futures[2] = link_turn_after(high, sources[2].future);
    futures[3] = link_turn_submit(pool, 4);
    for (int i = 0; i < 3; i++)
        source_give(&sources[i], i);
    futures[4] = link_turn_submit(pool, 5);
    futures[5] = link_turn_submit(high, 6);
    pool_unblock(&gate, &blocker, 1);
    for (int i = 0; i < 6; i++)
        assert_ended(futures[i], TARN_OK);
    static const int expected[] = {2, 6, 4, 1, 5, 0};
    for (int i = 0; i < 6; i++)
        assert_int_equal(turns.order[i], expected[i]);
    for (int i = 0; i < 3; i++)
        tarn_drop(sources[i].future);
    pool_close(pool);
}

static atomic_int tries;

static int link_fails_twice(int n)
{
    if (atomic_fetch_add(&tries, 1) < 2)
        tarn_fail(n, "not yet");
    return n;
}
TARN_TASK(int, link_fails_twice, int);

/* Its arguments are there each time, and only the last ending goes on. */
CONTRACT_TEST(a_chained_task_is_retried_before_the_chain_goes_on, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_executor *patient = tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    tarn_executor *hasty = tarn_with(pool, .retries = 1, .retry_on = TARN_RETRY_FAILED);
    for (int i = 0; i < 2; i++) {
        struct source source = source_new();
        atomic_store(&tries, 0);
        tarn_future *tried = link_fails_twice_after(i ? hasty : patient, source.future);
        tarn_future *after = link_add_after(pool, tried);
        source_give(&source, 41);
        if (i == 0) {
            assert_result(after, &link_add_task, 42);
            assert_int_equal(atomic_load(&tries), 3);
        } else {
            assert_passed_on(after, TARN_FAILED, 41, "not yet");
            assert_int_equal(tarn_error(tried)->attempts, 2);
        }
        tarn_drop(tried);
        tarn_drop(source.future);
    }
    pool_close(pool);
}

CONTRACT_TEST(the_time_to_start_within_begins_when_it_is_queued, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *hurried = tarn_with(pool, .start_within = 0.02);
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct source source = source_new();
    tarn_future *after = square_after(hurried, source.future);
    tarn_future *last = nothing_after(pool, after);
    /* Twice that long it waits for the other, which does not count. */
    assert_int_equal(tarn_future_wait(after, tarn_in(0.04)), TARN_TIMEOUT);
    pool_block(pool, &gate, blockers, pool_workers());
    int64_t given = clock_now();
    source_give(&source, 3);
    assert_int_equal(status_of(after), TARN_EXPIRED);
    assert_true(clock_now() >= given + 20000000);
    assert_passed_on(last, TARN_EXPIRED, 0, tarn_error(after)->text);
    tarn_drop(after);
    tarn_drop(source.future);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

static int link_until_stopped(int n)
{
    while (!tarn_stop_requested())
        sched_yield();
    return n;
}
TARN_TASK(int, link_until_stopped, int);

CONTRACT_TEST(a_chained_task_may_run_for_so_long, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *limited = tarn_with(pool, .run_limit = 0.01, .start_within = 1000);
    struct source source = source_new();
    tarn_future *after = link_until_stopped_after(limited, source.future);
    tarn_future *last = nothing_after(pool, after);
    source_give(&source, 3);
    assert_ended(last, TARN_EXPIRED);
    assert_ended(after, TARN_EXPIRED);
    tarn_drop(source.future);
    pool_close(pool);
}

/* ---- Callbacks ---- */

struct watcher {
    tarn_executor *pool;
    tarn_future *after;    /* what waits for the future of the callback */
    tarn_future *extended; /* what the callback chained itself */
    tarn_status waited, ending;
    bool queued; /* the task after it could be started when the callback ran */
    struct gate called;
};

static void look_and_wait(tarn_future *future, void *data)
{
    struct watcher *w = data;
    w->queued = tarn_done(w->after) || tarn_running(w->after) || square_args(w->after);
    w->waited = tarn_future_wait(w->after, TARN_FOREVER);
    w->ending = tarn_result(w->after, NULL, NULL, 0);
    w->extended = square_after(w->pool, future);
    gate_pass(&w->called);
}

/* Registered before the chain or after it: callbacks come last. On one worker the callback's wait
 * runs the task itself. */
CONTRACT_TEST(a_callback_may_wait_for_the_task_after, NESTED)
{
    for (int first = 0; first < 2; first++) {
        tarn_executor *pool = pool_open();
        tarn_future *blocker;
        struct gate gate = GATE_CLOSED;
        struct watcher w = {.pool = pool, .called = GATE_OPEN};
        pool_block(pool, &gate, &blocker, 1);
        if (first)
            w.after = square_after(pool, blocker);
        assert_int_equal(tarn_on_done(blocker, look_and_wait, &w), TARN_OK);
        if (!first)
            w.after = square_after(pool, blocker);
        gate_open(&gate);
        gate_await(&w.called, 1);
        assert_true(w.queued);
        assert_int_equal(w.waited, TARN_OK);
        assert_int_equal(w.ending, TARN_OK);
        assert_result(w.extended, &square_task, 0);
        tarn_drop(w.after);
        tarn_drop(blocker);
        pool_close(pool);
    }
}

/* On a thread that is no worker, which ends a whole chain without running any of it. */
CONTRACT_TEST(a_callback_sees_what_its_end_has_ended, 0)
{
    tarn_executor *pool = pool_open();
    struct source source = source_new();
    struct watcher w = {.pool = pool, .called = GATE_OPEN};
    assert_int_equal(tarn_on_done(source.future, look_and_wait, &w), TARN_OK);
    tarn_future *between = square_after(pool, source.future);
    w.after = square_after(pool, between);
    source_cancel(&source);
    assert_int_equal(gate_arrived(&w.called), 1);
    assert_true(w.queued);
    assert_int_equal(w.ending, TARN_CANCELLED);
    assert_ended(w.extended, TARN_CANCELLED);
    tarn_drop(w.after);
    tarn_drop(between);
    tarn_drop(source.future);
    pool_close(pool);
}

struct log {
    char text[16];
    int length;
};

struct entry {
    struct log *log;
    char letter;
    tarn_future *cancel; /* or NULL */
};

static void write_letter(tarn_future *future, void *data)
{
    struct entry *entry = data;
    (void)future;
    entry->log->text[entry->log->length++] = entry->letter;
    if (entry->cancel)
        tarn_cancel(entry->cancel);
}

/* Those of the first future come first, then those of the next; what a callback ends in turn calls
 * its own before that returns. */
CONTRACT_TEST(callbacks_of_a_chain_run_in_the_order_of_its_links, 0)
{
    tarn_executor *pool = pool_open();
    struct source sources[2] = {source_new(), source_new()};
    struct log log = {.length = 0};
    tarn_future *chain[3] = {sources[0].future};
    tarn_future *other = square_after(pool, sources[1].future);
    struct entry entries[6] = {{&log, 'a', NULL}, {&log, 'b', other}, {&log, 'c', NULL},
                               {&log, 'd', NULL}, {&log, 'e', NULL},  {&log, 'x', NULL}};
    assert_int_equal(tarn_on_done(other, write_letter, &entries[5]), TARN_OK);
    for (int i = 1; i < 3; i++)
        chain[i] = square_after(pool, chain[i - 1]);
    for (int i = 4; i >= 0; i -= 2)
        assert_int_equal(tarn_on_done(chain[i / 2], write_letter, &entries[i]), TARN_OK);
    for (int i = 1; i < 4; i += 2)
        assert_int_equal(tarn_on_done(chain[i / 2], write_letter, &entries[i]), TARN_OK);
    source_fail(&sources[0], 1);
    assert_string_equal(log.text, "abxcde");
    tarn_drop_all(chain, 3);
    tarn_drop(other);
    source_cancel(&sources[1]);
    tarn_drop(sources[1].future);
    pool_close(pool);
}

static void cancel_after(tarn_future *future, void *data)
{
    struct watcher *w = data;
    (void)future;
    tarn_cancel(w->after);
    w->ending = tarn_done(w->after) ? TARN_OK : TARN_INVALID;
    gate_pass(&w->called);
}

/* It comes too late for its own successor, and in time for the one after that. */
CONTRACT_TEST(a_callback_may_cancel_the_rest_of_its_chain, GATES)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct watcher w = {.called = GATE_OPEN};
    struct source source = source_new();
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *next = square_after(pool, blocker);
    tarn_future *both[2] = {next, source.future};
    tarn_future *all = tarn_all(both, 2);
    w.after = nothing_after(pool, all);
    tarn_future *last = nothing_after(pool, w.after);
    assert_int_equal(tarn_on_done(blocker, cancel_after, &w), TARN_OK);
    pool_unblock(&gate, &blocker, 1);
    gate_await(&w.called, 1);
    assert_int_equal(w.ending, TARN_OK);
    assert_ended(last, TARN_CANCELLED);
    assert_ended(w.after, TARN_CANCELLED);
    assert_result(next, &square_task, 0);
    assert_false(tarn_done(all));
    source_give(&source, 1);
    assert_ended(all, TARN_OK);
    tarn_drop(source.future);
    pool_close(pool);
}
