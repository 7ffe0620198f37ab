/* SPDX-License-Identifier: Apache-2.0 */

/* Executors made of nothing but the installed header: what a back end needs, the core has. */
#include <tarn_backend.h>

#include "runner.h"

#include <string.h>

/* ---- one that runs each future inside submit ---- */

typedef struct immediate {
    tarn_executor executor;
    bool closed;
    int blocks, unblocks, stops;
    bool may_block;
    bool cancelled, killed; /* as the last stop() said */
    int64_t until;          /* as the last finish() said */
} immediate;

static immediate *immediate_of(tarn_executor *executor)
{
    return (immediate *)(void *)executor;
}

static tarn_status immediate_submit(tarn_executor *executor, tarn_future *first, size_t n,
                                    bool owed)
{
    if (immediate_of(executor)->closed && !owed)
        return TARN_CLOSED;
    while (n-- > 0) {
        tarn_future *future = first;
        first = *tarn_backend_link(future);
        tarn_backend_run(executor, 0, future);
    }
    return TARN_OK;
}

static tarn_future *immediate_stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    immediate *i = immediate_of(executor);
    i->closed = true;
    i->stops++;
    i->cancelled = cancel_pending;
    i->killed = kill_running;
    return NULL;
}

static tarn_status immediate_finish(tarn_executor *executor, int64_t until)
{
    immediate_of(executor)->until = until;
    tarn_backend_close(executor);
    return TARN_OK;
}

static tarn_status immediate_drain(tarn_executor *executor, int64_t until)
{
    (void)executor;
    (void)until;
    return TARN_OK;
}

static void immediate_abandon(tarn_executor *executor)
{
    tarn_backend_close(executor);
}

static int one_worker(const tarn_executor *executor)
{
    (void)executor;
    return 1;
}

static tarn_status no_resize(tarn_executor *executor, int max_workers)
{
    (void)executor;
    (void)max_workers;
    return tarn_backend_error(TARN_UNSUPPORTED, NULL);
}

static void few_stats(const tarn_executor *executor, tarn_stats *stats)
{
    (void)executor;
    stats->max_workers = stats->workers = 1;
}

static bool immediate_block(tarn_executor *executor, bool timed)
{
    immediate_of(executor)->blocks++;
    return timed || immediate_of(executor)->may_block;
}

static void immediate_unblock(tarn_executor *executor)
{
    immediate_of(executor)->unblocks++;
}

static const tarn_backend immediate_backend = {.size = sizeof immediate_backend,
                                               .kind = "immediate",
                                               .submit = immediate_submit,
                                               .stop = immediate_stop,
                                               .finish = immediate_finish,
                                               .drain = immediate_drain,
                                               .abandon = immediate_abandon,
                                               .resize = no_resize,
                                               .worker_limit = one_worker,
                                               .stats = few_stats,
                                               .block = immediate_block,
                                               .unblock = immediate_unblock};

/* ---- one that keeps futures until the test runs them ---- */

enum { PLACES = 8 };

typedef struct manual {
    tarn_executor executor;
    tarn_future *queue[PLACES];
    size_t length;
} manual;

static tarn_future *manual_stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    manual *m = (manual *)(void *)executor;
    (void)kill_running;
    tarn_future *list = NULL;
    while (cancel_pending && m->length > 0) {
        tarn_future *future = m->queue[--m->length];
        *tarn_backend_link(future) = list;
        list = future;
    }
    return list;
}

static tarn_status manual_submit(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    manual *m = (manual *)(void *)executor;
    (void)owed;
    if (m->length + n > PLACES)
        return TARN_FULL;
    while (n-- > 0) {
        m->queue[m->length++] = first;
        first = *tarn_backend_link(first);
    }
    return TARN_OK;
}

/* Nobody runs what is left: it is over only when nothing is. */
static tarn_status manual_finish(tarn_executor *executor, int64_t until)
{
    (void)until;
    if (((manual *)(void *)executor)->length > 0)
        return TARN_TIMEOUT;
    tarn_backend_close(executor);
    return TARN_OK;
}

static const tarn_backend manual_backend = {.size = sizeof manual_backend,
                                            .kind = "manual",
                                            .capabilities = TARN_CAN_POINTERS,
                                            .submit = manual_submit,
                                            .stop = manual_stop,
                                            .finish = manual_finish,
                                            .abandon = immediate_abandon,
                                            .drain = immediate_drain,
                                            .resize = no_resize,
                                            .worker_limit = one_worker,
                                            .stats = few_stats,
                                            .block = immediate_block,
                                            .unblock = immediate_unblock};

/* ---- tasks ---- */

static int twice(int n)
{
    return 2 * n;
}
TARN_TASK(int, twice, int);

static int where(void)
{
    return tarn_worker_index();
}
TARN_TASK(int, where, void);

static int break_down(int code)
{
    tarn_fail(code, "code %d", code);
    return 1;
}
TARN_TASK(int, break_down, int);

static tarn_bytes reverse(tarn_bytes text)
{
    char *memory = tarn_result_memory(text.size);
    if (!memory)
        return (tarn_bytes){NULL, 0};
    for (size_t i = 0; i < text.size; i++)
        memory[i] = ((const char *)text.data)[text.size - 1 - i];
    return (tarn_bytes){memory, text.size};
}
TARN_TASK(tarn_bytes, reverse, tarn_bytes);

static int length(int before, const char *text)
{
    return before + (int)strlen(text);
}
TARN_TASK(int, length, int, const char *);

static const char *word(void)
{
    return "word";
}
TARN_TASK(const char *, word, void);

/* The executor and the future of the tasks that look around themselves. */
static immediate *self;
static tarn_promise *promise;

static int shut_down_self(void)
{
    return tarn_shutdown(&self->executor) == TARN_DEADLOCK &&
           tarn_drain(&self->executor, TARN_FOREVER) == TARN_DEADLOCK;
}
TARN_TASK(int, shut_down_self, void);

static int wait_here(int timed)
{
    tarn_future *future = tarn_promise_future(promise);
    tarn_status status = tarn_future_wait(future, timed ? tarn_in(0.05) : TARN_FOREVER);
    tarn_drop(future);
    return status;
}
TARN_TASK(int, wait_here, int);

static int fibonacci(int n)
{
    int a = 0, b = 0;
    if (n < 2)
        return n;
    tarn_future *first = twice_submit(&self->executor, n - 1);
    tarn_future *second = twice_submit(&self->executor, n - 2);
    twice_result(first, &a);
    twice_result(second, &b);
    tarn_drop(first);
    tarn_drop(second);
    return a + b;
}
TARN_TASK(int, fibonacci, int);

/* ---- the immediate one ---- */

static void open_immediate(immediate *i)
{
    memset(i, 0, sizeof *i);
    assert_int_equal(tarn_backend_open(&i->executor, &immediate_backend), TARN_OK);
    self = i;
}

TEST(a_task_runs_on_an_executor_that_the_core_never_heard_of)
{
    immediate i;
    open_immediate(&i);
    tarn_future *future = twice_submit(&i.executor, 21);
    assert_true(tarn_done(future));
    int value = 0;
    assert_int_equal(twice_result(future, &value), TARN_OK);
    assert_int_equal(value, 42);
    assert_int_equal(twice_args(future)->a1, 21);
    assert_int_equal(tarn_worker_limit(&i.executor), 1);
    assert_int_equal(tarn_drain(&i.executor, TARN_NOW), TARN_OK);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);

    /* The future outlives it. */
    value = 0;
    assert_int_equal(twice_result(future, &value), TARN_OK);
    assert_int_equal(value, 42);
    tarn_drop(future);
}

TEST(its_tasks_know_which_worker_they_run_on)
{
    immediate i;
    open_immediate(&i);
    int index = -1;
    assert_int_equal(tarn_worker_index(), -1);
    tarn_future *future = where_submit(&i.executor);
    assert_int_equal(where_result(future, &index), TARN_OK);
    assert_int_equal(index, 0);
    assert_int_equal(tarn_worker_index(), -1);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(its_tasks_fail_and_return_bytes_like_any_others)
{
    immediate i;
    open_immediate(&i);
    tarn_future *failed = break_down_submit(&i.executor, 7);
    int value = 9;
    assert_int_equal(break_down_result(failed, &value), TARN_FAILED);
    assert_int_equal(value, 9);
    assert_int_equal(tarn_error(failed)->code, 7);
    assert_string_equal(tarn_error(failed)->text, "code 7");
    assert_string_equal(tarn_error(failed)->task, "break_down");
    assert_int_equal(tarn_error(failed)->worker, 0);

    tarn_future *future = reverse_submit(&i.executor, (tarn_bytes){"stressed", 9});
    tarn_bytes bytes;
    assert_int_equal(reverse_result(future, &bytes), TARN_OK);
    assert_int_equal(bytes.size, 9);
    assert_memory_equal(bytes.data, "\0desserts", 9);
    tarn_drop(failed);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(its_tasks_may_submit_to_it_and_wait)
{
    immediate i;
    open_immediate(&i);
    tarn_future *future = fibonacci_submit(&i.executor, 10);
    int value = 0;
    assert_int_equal(fibonacci_result(future, &value), TARN_OK);
    assert_int_equal(value, 2 * 9 + 2 * 8);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(a_pointer_is_refused_where_it_means_nothing_and_the_argument_named)
{
    immediate i;
    open_immediate(&i);
    tarn_future *argument = length_submit(&i.executor, 1, "abc");
    int value = 9;
    assert_int_equal(length_result(argument, &value), TARN_UNSUPPORTED);
    assert_int_equal(value, 9);
    const char *text = tarn_error(argument)->text;
    assert_non_null(strstr(text, "argument 2"));
    assert_non_null(strstr(text, "\"length\""));
    assert_non_null(strstr(text, "const char *"));
    assert_non_null(strstr(text, "\"immediate\""));
    assert_int_equal(tarn_error(argument)->worker, -1);

    tarn_future *result = word_submit(&i.executor);
    const char *got = NULL;
    assert_int_equal(word_result(result, &got), TARN_UNSUPPORTED);
    assert_null(got);
    assert_non_null(strstr(tarn_error(result)->text, "result of \"word\""));
    tarn_drop(argument);
    tarn_drop(result);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(a_refusal_of_the_back_end_is_a_future_that_says_so)
{
    immediate i;
    open_immediate(&i);
    i.closed = true;
    tarn_future *future = twice_submit(&i.executor, 1);
    int value = 9;
    assert_true(tarn_done(future));
    assert_int_equal(twice_result(future, &value), TARN_CLOSED);
    assert_int_equal(value, 9);
    assert_null(twice_args(future));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(its_own_task_cannot_wait_for_its_end)
{
    immediate i;
    open_immediate(&i);
    tarn_future *future = shut_down_self_submit(&i.executor);
    int answered = 0;
    assert_int_equal(shut_down_self_result(future, &answered), TARN_OK);
    assert_true(answered);
    assert_int_equal(i.stops, 1);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

static int wait_inside(immediate *i, int timed)
{
    tarn_future *future = wait_here_submit(&i->executor, timed);
    int status = 1;
    assert_int_equal(wait_here_result(future, &status), TARN_OK);
    tarn_drop(future);
    return status;
}

TEST(the_back_end_is_told_of_each_sleep_and_may_refuse_one_without_an_end)
{
    immediate i;
    open_immediate(&i);
    promise = tarn_promise_new(NULL);
    assert_int_equal(wait_inside(&i, 0), TARN_DEADLOCK);
    assert_int_equal(i.blocks, 1);
    assert_int_equal(i.unblocks, 0);
    assert_int_equal(wait_inside(&i, 1), TARN_TIMEOUT);
    assert_int_equal(i.blocks, 2);
    assert_int_equal(i.unblocks, 1);

    /* What has ended is waited for without a sleep. */
    assert_int_equal(tarn_promise_set(promise, NULL, 0), TARN_OK);
    assert_int_equal(wait_inside(&i, 0), TARN_OK);
    assert_int_equal(i.blocks, 2);
    tarn_promise_drop(promise);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

/* ---- the manual one ---- */

static void open_manual(manual *m)
{
    memset(m, 0, sizeof *m);
    assert_int_equal(tarn_backend_open(&m->executor, &manual_backend), TARN_OK);
}

TEST(a_future_is_pending_until_its_back_end_runs_it)
{
    manual m;
    open_manual(&m);
    tarn_future *first = twice_submit(&m.executor, 1),
                *second = length_submit(&m.executor, 2, "ab");
    assert_string_equal(tarn_future_state(first), "PENDING");
    assert_string_equal(tarn_future_state(second), "PENDING");
    assert_int_equal(m.length, 2);
    assert_true(tarn_backend_run(&m.executor, 0, m.queue[1]));
    assert_string_equal(tarn_future_state(first), "PENDING");
    int value = 0;
    assert_int_equal(length_result(second, &value), TARN_OK);
    assert_int_equal(value, 4);
    assert_true(tarn_backend_run(&m.executor, 0, m.queue[0]));
    assert_int_equal(twice_result(first, &value), TARN_OK);
    assert_int_equal(value, 2);
    tarn_drop(first);
    tarn_drop(second);
    tarn_backend_close(&m.executor);
}

TEST(a_dropped_future_still_runs)
{
    manual m;
    open_manual(&m);
    tarn_drop(twice_submit(&m.executor, 1));
    assert_true(tarn_backend_run(&m.executor, 0, m.queue[0]));
    tarn_backend_close(&m.executor);
}

TEST(a_cancelled_future_is_only_thrown_away)
{
    manual m;
    open_manual(&m);
    for (int dropped = 0; dropped < 2; dropped++) {
        for (int refused = 0; refused < 2; refused++) {
            tarn_future *future = twice_submit(&m.executor, 1);
            assert_true(tarn_cancel(future));
            if (dropped)
                tarn_drop(future);
            tarn_future *entry = m.queue[--m.length];
            assert_false(refused ? tarn_backend_refuse(entry, TARN_BROKEN, "never seen")
                                 : tarn_backend_run(&m.executor, 0, entry));
            if (!dropped) {
                assert_true(tarn_cancelled(future));
                tarn_drop(future);
            }
        }
    }
    tarn_backend_close(&m.executor);
}

TEST(a_queued_future_can_be_refused_with_a_reason)
{
    manual m;
    open_manual(&m);
    tarn_future *future = twice_submit(&m.executor, 3);
    char text[] = "the machine is gone";
    assert_true(tarn_backend_refuse(m.queue[0], TARN_LOST, text));
    memset(text, 'x', sizeof text - 1);
    int value = 9;
    assert_int_equal(twice_result(future, &value), TARN_LOST);
    assert_int_equal(value, 9);
    assert_string_equal(tarn_error(future)->text, "the machine is gone");
    assert_int_equal(twice_args(future)->a1, 3);
    assert_false(tarn_cancel(future));
    tarn_drop(future);
    tarn_backend_close(&m.executor);
}

TEST(a_full_back_end_refuses_the_next)
{
    manual m;
    open_manual(&m);
    tarn_future *futures[PLACES + 1];
    for (int i = 0; i <= PLACES; i++)
        futures[i] = twice_submit(&m.executor, i);
    assert_int_equal(tarn_result(futures[PLACES], NULL, NULL, 0), TARN_FULL);
    for (int i = 0; i < PLACES; i++)
        assert_true(tarn_backend_run(&m.executor, 0, m.queue[i]));
    for (int i = 0; i < PLACES; i++) {
        int value;
        assert_int_equal(twice_result(futures[i], &value), TARN_OK);
        assert_int_equal(value, 2 * i);
    }
    tarn_drop_all(futures, PLACES + 1);
    tarn_backend_close(&m.executor);
}

TEST(a_request_to_stop_reaches_a_pending_future_as_a_cancel)
{
    manual m;
    open_manual(&m);
    tarn_future *future = twice_submit(&m.executor, 3);
    assert_int_equal(tarn_stop(future, 0), TARN_OK);
    assert_true(tarn_cancelled(future));
    assert_false(tarn_backend_run(&m.executor, 0, m.queue[0]));
    tarn_drop(future);
    tarn_backend_close(&m.executor);
}

/* ---- the end ---- */

TEST(a_shutdown_hands_its_options_on)
{
    immediate i;
    open_immediate(&i);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
    assert_false(i.cancelled || i.killed);
    assert_int_equal(i.until, INT64_MAX);

    open_immediate(&i);
    assert_int_equal(tarn_shutdown(&i.executor, .cancel_pending = true), TARN_OK);
    assert_true(i.cancelled && !i.killed);

    open_immediate(&i);
    int64_t soonest = tarn_in(3600).ns;
    assert_int_equal(tarn_shutdown(&i.executor, .kill_running = true, .time_limit = 3600), TARN_OK);
    assert_true(i.killed && !i.cancelled);
    assert_true(i.until >= soonest && i.until <= tarn_in(3600).ns);
}

static void note_cancel(tarn_future *future, void *data)
{
    char *text = data;
    text[strlen(text)] = (char)('0' + twice_args(future)->a1);
    if (!tarn_cancelled(future))
        strcat(text, "?");
}

TEST(an_impatient_shutdown_cancels_in_order_what_the_back_end_gives_up)
{
    manual m;
    open_manual(&m);
    char order[16] = "";
    tarn_future *futures[3];
    for (int i = 0; i < 3; i++) {
        futures[i] = twice_submit(&m.executor, i);
        assert_int_equal(tarn_on_done(futures[i], note_cancel, order), TARN_OK);
    }
    assert_int_equal(tarn_shutdown(&m.executor, .time_limit = 0.001), TARN_TIMEOUT);
    assert_string_equal(order, "");

    /* One was cancelled by hand before, and one is not held any more. */
    assert_true(tarn_cancel(futures[1]));
    tarn_drop(futures[0]);
    assert_int_equal(tarn_shutdown(&m.executor, .cancel_pending = true), TARN_OK);
    assert_string_equal(order, "102");
    tarn_drop(futures[1]);
    tarn_drop(futures[2]);
}

/* Each level lies on the stack of the one before; no claim is involved. */
static int down(int n);
TARN_TASK_DECLARE(int, down, int);

static int down(int n)
{
    if (n == 0)
        return 7;
    int value = 0;
    tarn_future *future = down_submit(&self->executor, n - 1);
    down_result(future, &value);
    tarn_drop(future);
    return value;
}
TARN_TASK_DEFINE(int, down, int);

TEST(its_tasks_may_nest_deeply)
{
    immediate i;
    open_immediate(&i);
    int value = 0;
    tarn_future *future = down_submit(&i.executor, 100);
    assert_int_equal(down_result(future, &value), TARN_OK);
    assert_int_equal(value, 7);
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

TEST(a_refusal_without_a_reason_does_not_borrow_an_older_one)
{
    immediate i;
    open_immediate(&i);
    i.closed = true;
    assert_int_equal(tarn_wait(NULL, 3, TARN_WAIT_ALL, TARN_NOW, NULL), TARN_INVALID);
    tarn_future *future = twice_submit(&i.executor, 1);
    assert_null(strstr(tarn_error(future)->text, "tarn_wait"));
    tarn_drop(future);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

static int wait_in_a_section(void)
{
    tarn_blocking_begin();
    int status = wait_here(0);
    tarn_blocking_end();
    return status;
}
TARN_TASK(int, wait_in_a_section, void);

TEST(a_wait_without_an_end_inside_a_blocking_section_is_asked_for_too)
{
    immediate i;
    open_immediate(&i);
    promise = tarn_promise_new(NULL);
    /* Hangs as long as nobody asks. */
    tarn_future *future = wait_in_a_section_submit(&i.executor);
    int status = 1;
    assert_int_equal(wait_in_a_section_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_DEADLOCK);
    assert_int_equal(i.blocks - i.unblocks, 1); /* one was refused */
    tarn_drop(future);
    tarn_promise_drop(promise);
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}

static tarn_status answer_nonsense(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    (void)executor;
    (void)first;
    (void)n;
    (void)owed;
    return (tarn_status)-99;
}

static tarn_status answer_end(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    (void)executor;
    (void)first;
    (void)n;
    (void)owed;
    return TARN_END;
}

TEST(a_refusal_that_is_no_failure_is_a_fault_of_the_back_end)
{
    tarn_status (*const answers[])(tarn_executor *, tarn_future *, size_t, bool) = {answer_nonsense,
                                                                                    answer_end};
    for (int i = 0; i < 2; i++) {
        immediate own = {.closed = false};
        tarn_backend odd = immediate_backend;
        odd.submit = answers[i];
        assert_int_equal(tarn_backend_open(&own.executor, &odd), TARN_OK);
        tarn_future *future = twice_submit(&own.executor, 1);
        assert_int_equal(tarn_result(future, NULL, NULL, 0), TARN_SYSTEM);
        assert_non_null(strstr(tarn_error(future)->text, "immediate"));
        tarn_drop(future);
        assert_int_equal(tarn_shutdown(&own.executor), TARN_OK);
    }
}

/* One that ends something whenever it is asked how it is. */
static void busy_stats(const tarn_executor *executor, tarn_stats *stats)
{
    tarn_drop(twice_submit((tarn_executor *)(uintptr_t)executor, 1));
    few_stats(executor, stats);
}

/* Back ends may end futures under a lock of theirs, and count them before they let go of it. */
TEST(what_a_back_end_has_ended_before_it_says_how_it_is_is_counted)
{
    immediate i;
    tarn_backend busy = immediate_backend;
    tarn_stats stats = {.size = sizeof stats};
    memset(&i, 0, sizeof i);
    busy.stats = busy_stats;
    assert_int_equal(tarn_backend_open(&i.executor, &busy), TARN_OK);
    for (uint64_t n = 1; n < 3; n++) {
        assert_int_equal(tarn_executor_stats(&i.executor, &stats), TARN_OK);
        assert_int_equal(stats.ok, n);
        assert_int_equal(stats.submitted, n);
    }
    assert_int_equal(tarn_shutdown(&i.executor), TARN_OK);
}
