/* SPDX-License-Identifier: Apache-2.0 */

/* Chains: what may happen while they are made, queued and ended. */
#include "core/chain_test.h"

#include "core/deadlock.h"
#include "core/executor.h"
#include "core/view.h"
#include "duel.h"

#include <sched.h>

/* ---- places in the middle of things ---- */

void __wrap_tn_pages_unmap(void *pages, size_t size);
void __real_tn_pages_unmap(void *pages, size_t size);
void __wrap_tn_hold_args(const tarn_task *task, const void *args);
void __real_tn_hold_args(const tarn_task *task, const void *args);
void __wrap_tn_limit_queue(tarn_future *future);
void __real_tn_limit_queue(tarn_future *future);
void __wrap_tn_count(uint32_t executor, tn_event event);
void __real_tn_count(uint32_t executor, tn_event event);
void __wrap_tn_count_end(uint32_t executor, tarn_status status, bool started);
void __real_tn_count_end(uint32_t executor, tarn_status status, bool started);
void __wrap_tn_registry_remove(tarn_executor *executor);
void __real_tn_registry_remove(tarn_executor *executor);

static size_t unmapped; /* buffers that are gone */

/* Called once, in the middle of something; then NULL again. */
static void (*at_held)(void), (*at_limit)(void), (*at_submitted)(void), (*at_cancelled)(void),
    (*at_removing)(void), (*at_removed)(void);

static void do_now(void (**what)(void))
{
    void (*now)(void) = *what;
    if (now) {
        *what = NULL;
        now();
    }
}

void __wrap_tn_pages_unmap(void *pages, size_t size)
{
    unmapped++;
    __real_tn_pages_unmap(pages, size);
}

void __wrap_tn_hold_args(const tarn_task *task, const void *args)
{
    __real_tn_hold_args(task, args);
    do_now(&at_held);
}

void __wrap_tn_limit_queue(tarn_future *future)
{
    do_now(&at_limit);
    __real_tn_limit_queue(future);
}

void __wrap_tn_count(uint32_t executor, tn_event event)
{
    if (event == TN_SUBMITTED)
        do_now(&at_submitted);
    __real_tn_count(executor, event);
}

void __wrap_tn_count_end(uint32_t executor, tarn_status status, bool started)
{
    __real_tn_count_end(executor, status, started);
    if (status == TARN_CANCELLED)
        do_now(&at_cancelled);
}

void __wrap_tn_registry_remove(tarn_executor *executor)
{
    do_now(&at_removing);
    __real_tn_registry_remove(executor);
    do_now(&at_removed);
}

static tarn_buffer *keep(tarn_buffer *buffer)
{
    return tarn_buffer_hold(buffer);
}
TARN_TASK(tarn_buffer *, keep, tarn_buffer *);

/* ---- what may happen in between ---- */

static tarn_future *chained;

static void cancel_it(void)
{
    tarn_cancel(chained);
}

/* It has its arguments already, and holds the buffer among them, but is not queued yet. */
TEST(one_cancelled_on_its_way_into_the_queue_holds_no_buffer)
{
    shelf *s = open_shelf();
    tarn_promise *promise = tarn_promise_new(&keep_task);
    tarn_future *before = tarn_promise_future(promise);
    tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
    chained = keep_after(&s->executor, before);
    size_t unmapped_before = unmapped;
    at_held = cancel_it;
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
    assert_null(at_held);
    run(s);
    assert_ended(chained, TARN_CANCELLED);
    assert_int_equal(unmapped, unmapped_before);
    tarn_drop(before);
    tarn_promise_drop(promise);
    assert_int_equal(unmapped, unmapped_before + 1);
    close_shelf(s);
}

/* The same for one that the executor refuses, and for one that has run. */
TEST(a_buffer_is_given_back_however_the_task_ended)
{
    static const tarn_status refusals[] = {TARN_OK, TARN_SYSTEM};
    for (int i = 0; i < 2; i++) {
        shelf *s = open_shelf();
        tarn_promise *promise = tarn_promise_new(&keep_task);
        tarn_future *before = tarn_promise_future(promise);
        tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
        tarn_future *after = keep_after(&s->executor, before);
        size_t unmapped_before = unmapped;
        s->refusal = refusals[i];
        assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
        run(s);
        tarn_drop(before);
        tarn_promise_drop(promise);
        assert_int_equal(unmapped, unmapped_before);
        assert_ended(after, refusals[i]);
        assert_int_equal(unmapped, unmapped_before + 1);
        close_shelf(s);
    }
}

static tn_thread canceller;
static tn_atomic_u32 cancelled;

static void cancel_chained(void *data)
{
    (void)data;
    tarn_cancel(chained);
    tn_u32_store_release(&cancelled, 1);
}

/* Returns when the other thread has cancelled it, or cannot yet. */
static void cancel_at_once(void)
{
    assert_int_equal(tn_thread_start(&canceller, 256 * 1024, "cancel", cancel_chained, NULL), 0);
    while (!(tn_future_word(chained) & TN_WAITER) && !tn_u32_load_acquire(&cancelled))
        sched_yield();
}

/* What has ended must not come into the ring of what may expire: nobody would take it out again. */
TEST(one_cancelled_while_its_time_limit_begins_has_none)
{
    shelf *s = open_shelf();
    tarn_executor *view = tarn_with(&s->executor, .start_within = 1000);
    source before = new_source();
    chained = add_one_after(view, before.future);
    tn_u32_store_relaxed(&cancelled, 0);
    at_limit = cancel_at_once;
    give(&before, 1);
    assert_null(at_limit);
    tn_thread_join(canceller);
    assert_true(tarn_cancelled(chained));
    assert_false(tn_cell_ext(chained)->limit->linked);
    run(s);
    assert_ended(chained, TARN_CANCELLED);
    drop_source(&before);
    close_shelf(s);
}

/* The first of two, which has ended with a buffer: the chain alone holds it. */
static bool look_and_cancel(const tarn_future *future, void *data)
{
    size_t *seen = data;
    size_t unmapped_before = unmapped;
    if ((*seen)++ == 0) {
        cancel_at_once();
        assert_true(tarn_done(future));
        assert_int_equal(unmapped, unmapped_before);
    }
    return true;
}

TEST(a_chain_that_is_looked_through_holds_what_has_ended_before_it)
{
    tarn_promise *promise = tarn_promise_new(&keep_task);
    tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
    source pending = new_source();
    tarn_future *both[2] = {tarn_promise_future(promise), pending.future};
    chained = tarn_all(both, 2);
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(both[0]);
    tn_u32_store_relaxed(&cancelled, 0);
    const tn_wait *needs = tn_cell_ext(chained)->needs;
    size_t seen = 0;
    assert_true(needs->each(needs, look_and_cancel, &seen));
    assert_int_equal(seen, 2);
    tn_thread_join(canceller);
    /* What has ended waits for nothing. */
    assert_false(needs->each(needs, look_and_cancel, &seen));
    assert_int_equal(seen, 2);
    assert_ended(chained, TARN_CANCELLED);
    drop_source(&pending);
}

static bool seized;

static void seize_it(void)
{
    seized = tn_future_seize(chained);
}

/* The same for one that somebody is about to end: he may come before its time limit, or after
 * it. */
TEST(one_seized_while_its_time_limit_begins_leaves_none)
{
    shelf *s = open_shelf();
    tarn_executor *view = tarn_with(&s->executor, .start_within = 1000);
    source before = new_source();
    chained = add_one_after(view, before.future);
    at_limit = seize_it;
    give(&before, 1);
    assert_null(at_limit);
    assert_true(seized);
    assert_null(s->first);
    tn_future_refuse(chained, TARN_EXPIRED, NULL);
    assert_false(tn_cell_ext(chained)->limit->linked);
    assert_ended(chained, TARN_EXPIRED);
    assert_int_equal(handles(before.future), 1);
    drop_source(&before);
    close_shelf(s);
}

static tn_thread closer;
static tn_atomic_u32 closing, removed;

static void note_closing(void)
{
    tn_u32_store_release(&closing, 1);
}

static void note_removed(void)
{
    tn_u32_store_release(&removed, 1);
}

static void close_by_thread(void *data)
{
    (void)data;
    tarn_shutdown(&the_shelf.executor);
}

/* Returns when the other thread is about to remove the executor, and has had the time for it. */
static void close_meanwhile(void)
{
    at_removing = note_closing;
    at_removed = note_removed;
    assert_int_equal(tn_thread_start(&closer, 256 * 1024, "close", close_by_thread, NULL), 0);
    while (!tn_u32_load_acquire(&closing))
        sched_yield();
    for (int i = 0; i < 1000; i++)
        sched_yield();
    assert_false(tn_u32_load_acquire(&removed));
}

TEST(an_executor_stays_while_a_chain_is_on_its_way_into_its_queue)
{
    shelf *s = open_shelf();
    tarn_promise *promise = tarn_promise_new(&keep_task);
    tarn_future *before = tarn_promise_future(promise);
    tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
    tarn_future *after = keep_after(&s->executor, before);
    at_held = close_meanwhile;
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof buffer), TARN_OK);
    assert_null(at_held);
    tn_thread_join(closer);
    assert_true(tn_u32_load_acquire(&removed));
    assert_ended(after, TARN_CLOSED);
    tarn_drop(before);
    tarn_promise_drop(promise);
}

static void shut_down(void)
{
    close_shelf(&the_shelf);
}

/* The executor goes, and its views with it, when the future has ended and its hooks wait. */
TEST(one_that_ends_while_its_executor_goes_needs_no_view)
{
    shelf *s = open_shelf();
    tarn_executor *view = tarn_with(&s->executor, .run_limit = 1000);
    source before = new_source();
    tarn_future *after = add_one_after(view, before.future);
    at_cancelled = shut_down;
    assert_true(tarn_cancel(after));
    assert_null(at_cancelled);
    assert_ended(after, TARN_CANCELLED);
    assert_int_equal(handles(before.future), 1);
    drop_source(&before);
}

static void cancel_and_drop(void)
{
    tarn_cancel(chained);
    tarn_drop(chained);
}

static void note_ending(tarn_future *future, void *data)
{
    *(tarn_status *)data = tarn_result(future, NULL, NULL, 0);
}

/* Until the executor is forgotten, all that is chained to it has ended: what ends later could not
 * leave its list. */
TEST(when_an_executor_is_forgotten_nothing_is_chained_to_it)
{
    shelf *s = open_shelf();
    source before = new_source();
    tarn_status ending = TARN_OK;
    chained = add_one_after(&s->executor, before.future);
    assert_int_equal(tarn_on_done(chained, note_ending, &ending), TARN_OK);
    at_removed = cancel_and_drop;
    close_shelf(s);
    assert_null(at_removed);
    assert_int_equal(ending, TARN_CLOSED);
    assert_int_equal(handles(before.future), 1);
    drop_source(&before);
}

static bool listed_too_early;

static void look_at_list(void)
{
    listed_too_early = is_listed(&the_shelf);
}

/* Whoever finds it in the list may end it: ends must not be counted before beginnings. */
TEST(a_chain_is_counted_before_others_can_end_it)
{
    shelf *s = open_shelf();
    source before = new_source();
    at_submitted = look_at_list;
    tarn_future *after = add_one_after(&s->executor, before.future);
    assert_null(at_submitted);
    assert_false(listed_too_early);
    tarn_stats stats = {.size = sizeof stats};
    assert_int_equal(tarn_executor_stats(&s->executor, &stats), TARN_OK);
    assert_int_equal(stats.submitted, 1);
    assert_int_equal(stats.queued, 1);
    assert_true(tarn_cancel(after));
    assert_int_equal(tarn_executor_stats(&s->executor, &stats), TARN_OK);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.cancelled, 1);
    tarn_drop(after);
    drop_source(&before);
    close_shelf(s);
}

TEST(a_refusal_without_a_text_has_that_of_its_status)
{
    shelf *s = open_shelf();
    source before = new_source();
    tarn_future *after = add_one_after(&s->executor, before.future);
    assert_int_equal(tarn_drain(NULL, TARN_NOW), TARN_INVALID);
    s->refusal = TARN_SYSTEM;
    give(&before, 1);
    assert_string_equal(tarn_error(after)->text, tarn_status_text(TARN_SYSTEM));
    assert_ended(after, TARN_SYSTEM);
    drop_source(&before);
    close_shelf(s);
}

/* ---- races ---- */

typedef struct race {
    shelf *shelf;
    source before;
    tarn_future *after, *all;
} race;

static void prepare_race(void *data)
{
    race *r = data;
    r->shelf = open_shelf();
    r->before = new_source();
    r->after = add_one_after(&r->shelf->executor, r->before.future);
    r->all = tarn_all(&r->after, 1);
}

static void trigger(void *data)
{
    give(&((race *)data)->before, 1);
}

static void cancel(void *data)
{
    tarn_cancel(((race *)data)->after);
}

static void close_it(void *data)
{
    race *r = data;
    close_shelf(r->shelf);
}

static void check_race(race *r, tarn_status other)
{
    tarn_status status = tarn_result(r->after, NULL, NULL, 0);
    assert_true(status == TARN_OK || status == other);
    assert_ended(r->all, status);
    assert_int_equal(tn_u32_load_relaxed(&r->after->owners), TN_HANDLE);
    assert_int_equal(handles(r->before.future), 1);
    tarn_drop(r->after);
    drop_source(&r->before);
}

static void check_cancelled(void *data)
{
    race *r = data;
    run(r->shelf);
    assert_false(is_listed(r->shelf));
    check_race(r, TARN_CANCELLED);
    close_shelf(r->shelf);
}

TEST(a_chain_cancelled_while_it_is_queued_ends_once)
{
    static race r;
    assert_int_equal(
        duel_run(test_count(20000), prepare_race, trigger, cancel, check_cancelled, &r), 0);
}

static void check_closed(void *data)
{
    check_race(data, TARN_CLOSED);
}

TEST(a_chain_queued_while_its_executor_goes_ends_once)
{
    static race r;
    assert_int_equal(duel_run(test_count(20000), prepare_race, trigger, close_it, check_closed, &r),
                     0);
}

static void prepare_making(void *data)
{
    race *r = data;
    r->shelf = open_shelf();
    r->before = new_source();
}

static void chain_it(void *data)
{
    race *r = data;
    r->after = add_one_after(&r->shelf->executor, r->before.future);
}

static void stop_it(void *data)
{
    race *r = data;
    tn_executor_close(&r->shelf->executor, true, false);
    tn_chain_end_all(&r->shelf->executor, TARN_CANCELLED);
}

static void check_made(void *data)
{
    race *r = data;
    assert_true(tarn_done(r->after));
    tarn_status status = tarn_result(r->after, NULL, NULL, 0);
    assert_true(status == TARN_CLOSED || status == TARN_CANCELLED);
    tarn_drop(r->after);
    drop_source(&r->before);
    close_shelf(r->shelf);
}

TEST(a_chain_made_while_its_executor_stops_is_cancelled_or_refused)
{
    static race r;
    assert_int_equal(duel_run(test_count(20000), prepare_making, chain_it, stop_it, check_made, &r),
                     0);
}
