/* SPDX-License-Identifier: Apache-2.0 */
#include "core/future.h"

#include "core/hook.h"
#include "core/status.h"
#include "duel.h"
#include "platform/memory.h"
#include "runner.h"

#include <string.h>

/* ---- failures of the system ---- */

void *__wrap_tn_alloc(size_t size);
void *__real_tn_alloc(size_t size);
tarn_future *__wrap_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners);
tarn_future *__real_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners);

static bool no_blocks, no_cells;

void *__wrap_tn_alloc(size_t size)
{
    return no_blocks ? NULL : __real_tn_alloc(size);
}

tarn_future *__wrap_tn_cell_new(const tarn_task *task, size_t payload, uint32_t owners)
{
    return no_cells ? NULL : __real_tn_cell_new(task, payload, owners);
}

/* ---- the truth table ---- */

enum { SEIZED = TN_PENDING | TN_SEIZED };

static const uint32_t states[] = {TN_PENDING, SEIZED, TN_RUNNING, TN_FINISHED, TN_CANCELLED};
enum { STATES = sizeof states / sizeof *states, STATE_BITS = TN_STATE_MASK | TN_SEIZED };

static tarn_future *cell_in(uint32_t state, uint32_t others)
{
    tarn_future *cell = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_non_null(cell);
    tn_u32_or_relaxed(&cell->state, state | others);
    return cell;
}

static void release(tarn_future *cell)
{
    tn_cell_release(cell, TN_OWNER_QUEUE);
    tarn_drop(cell);
}

static void check_transition(bool (*transition)(tarn_future *future), uint32_t from, bool allowed,
                             uint32_t to)
{
    static const uint32_t others[] = {0, TN_WAITER, TN_STOP, TN_PROMISE,
                                      TN_WAITER | TN_STOP | TN_PROMISE};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        tarn_future *cell = cell_in(from, others[i]);
        uint32_t rest = tn_future_word(cell) & ~(uint32_t)STATE_BITS;
        assert_int_equal(transition(cell), allowed);
        assert_int_equal(tn_future_word(cell) & STATE_BITS, allowed ? to : from);
        assert_int_equal(tn_future_word(cell) & ~(uint32_t)STATE_BITS, rest);
        release(cell);
    }
}

TEST(only_what_is_pending_starts)
{
    for (int i = 0; i < STATES; i++)
        check_transition(tn_future_start, states[i], states[i] == TN_PENDING, TN_RUNNING);
}

TEST(only_what_is_pending_is_seized)
{
    for (int i = 0; i < STATES; i++)
        check_transition(tn_future_seize, states[i], states[i] == TN_PENDING, SEIZED);
}

TEST(only_what_is_pending_is_cancelled)
{
    for (int i = 0; i < STATES; i++)
        check_transition(tn_future_cancel, states[i], states[i] == TN_PENDING, TN_CANCELLED);
}

static bool finish_failed(tarn_future *future)
{
    tn_future_finish(future, TARN_FAILED);
    return true;
}

TEST(what_runs_or_is_seized_can_be_finished)
{
    check_transition(finish_failed, TN_RUNNING, true, TN_FINISHED);
    check_transition(finish_failed, SEIZED, true, TN_FINISHED);
}

static bool finish_untold(tarn_future *future)
{
    return tn_future_finish_untold(future, TARN_OK);
}

TEST(what_nobody_is_to_be_told_of_can_end_untold)
{
    static const uint32_t heard[] = {TN_WAITER, TN_HOOK_LOCK, TN_HOOKS, TN_SPECIAL, TN_OWNING};
    static const uint32_t unheard[] = {0, TN_STOP};
    for (size_t i = 0; i < sizeof heard / sizeof *heard + sizeof unheard / sizeof *unheard; i++) {
        bool quiet = i < sizeof unheard / sizeof *unheard;
        uint32_t bit = quiet ? unheard[i] : heard[i - sizeof unheard / sizeof *unheard];
        tarn_future *cell = cell_in(TN_RUNNING, bit);
        uint32_t before = tn_future_word(cell);
        assert_int_equal(finish_untold(cell), quiet);
        assert_int_equal(tn_future_word(cell),
                         quiet ? (before & ~TN_STATE_MASK) | TN_FINISHED : before);
        tn_u32_and_relaxed(&cell->state, ~bit);
        release(cell);
    }
}

TEST(the_status_of_the_end_is_kept)
{
    for (int status = TARN_OK; status >= TARN_SYSTEM; status--) {
        tarn_future *cell = cell_in(TN_RUNNING, 0);
        tn_future_finish(cell, (tarn_status)status);
        assert_int_equal(tn_future_status(cell), status);
        assert_int_equal(tarn_result(cell, NULL, NULL, 0), status);
        release(cell);
    }
    tarn_future *cell = cell_in(TN_PENDING, 0);
    tn_future_cancel(cell);
    assert_int_equal(tn_future_status(cell), TARN_CANCELLED);
    release(cell);
}

/* Otherwise the search for cycles would take the former runner's next wait for one of this
 * future. */
TEST(what_is_to_run_again_has_no_runner)
{
    tarn_future *cell = cell_in(TN_RUNNING, 0);
    tn_u16_store_relaxed(&cell->runner, 3);
    tn_future_retry(cell);
    assert_int_equal(tn_future_word(cell) & TN_STATE_MASK, TN_PENDING);
    assert_int_equal(tn_u16_load_relaxed(&cell->runner), TN_NO_RUNNER);
    release(cell);
}

TEST(the_verbs_of_each_state)
{
    static const struct {
        uint32_t state;
        bool done, running, cancelled, cancel;
        const char *name;
    } rows[] = {
        {TN_PENDING, false, false, false, true, "PENDING"},
        {SEIZED, false, false, false, false, "PENDING"},
        {TN_RUNNING, false, true, false, false, "RUNNING"},
        {TN_FINISHED, true, false, false, false, "FINISHED"},
        {TN_CANCELLED, true, false, true, true, "CANCELLED"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* A lock that is held, and hooks, make no difference to who only looks. */
        tarn_future *cell = cell_in(rows[i].state, TN_STOP | TN_WAITER);
        assert_int_equal(tarn_done(cell), rows[i].done);
        assert_int_equal(tarn_running(cell), rows[i].running);
        assert_int_equal(tarn_cancelled(cell), rows[i].cancelled);
        assert_string_equal(tarn_future_state(cell), rows[i].name);
        assert_int_equal(tarn_cancel(cell), rows[i].cancel);
        release(cell);
    }
}

/* ---- one of two wins ---- */

typedef struct race {
    bool (*left)(tarn_future *future), (*right)(tarn_future *future);
    uint32_t left_state, right_state;
    tarn_future *cell;
    bool left_won, right_won;
} race;

static void prepare(void *data)
{
    race *r = data;
    r->cell = cell_in(TN_PENDING, 0);
}

static void run_left(void *data)
{
    race *r = data;
    r->left_won = r->left(r->cell);
}

static void run_right(void *data)
{
    race *r = data;
    r->right_won = r->right(r->cell);
}

static void check(void *data)
{
    race *r = data;
    assert_int_equal(r->left_won + r->right_won, 1);
    assert_int_equal(tn_future_word(r->cell) & STATE_BITS,
                     r->left_won ? r->left_state : r->right_state);
    release(r->cell);
}

static void run_race(race *r)
{
    assert_int_equal(duel_run(test_count(20000), prepare, run_left, run_right, check, r), 0);
}

TEST(of_start_and_cancel_one_wins)
{
    static race r = {.left = tn_future_start,
                     .right = tn_future_cancel,
                     .left_state = TN_RUNNING,
                     .right_state = TN_CANCELLED};
    run_race(&r);
}

TEST(of_seize_and_cancel_one_wins)
{
    static race r = {.left = tn_future_seize,
                     .right = tn_future_cancel,
                     .left_state = SEIZED,
                     .right_state = TN_CANCELLED};
    run_race(&r);
}

TEST(of_two_starts_one_wins)
{
    static race r = {.left = tn_future_start,
                     .right = tn_future_start,
                     .left_state = TN_RUNNING,
                     .right_state = TN_RUNNING};
    run_race(&r);
}

TEST(of_start_and_seize_one_wins)
{
    static race r = {.left = tn_future_start,
                     .right = tn_future_seize,
                     .left_state = TN_RUNNING,
                     .right_state = SEIZED};
    run_race(&r);
}

/* Whoever ends it untold, and who wants to be told, at once. */
typedef struct told {
    tn_hook_owner owner; /* first */
    tn_hook hook;
    bool added, untold;
    int calls;
} told;

static void note(tn_hook_owner *owner, tn_hook *hook)
{
    (void)hook;
    ((told *)(void *)owner)->calls++;
}

static void prepare_told(void *data)
{
    told *t = data;
    *t = (told){.owner = {.ended = note}, .hook = {.owner = &t->owner}};
    t->hook.future = cell_in(TN_RUNNING, 0);
}

static void end_it(void *data)
{
    told *t = data;
    t->untold = finish_untold(t->hook.future);
    if (!t->untold)
        tn_future_finish(t->hook.future, TARN_OK);
}

static void hook_it(void *data)
{
    told *t = data;
    t->added = tn_hook_add(&t->hook);
}

static void check_told(void *data)
{
    told *t = data;
    assert_true(tn_future_ended(t->hook.future));
    assert_int_equal(t->calls, t->added);
    assert_false(t->untold && t->added);
    release(t->hook.future);
}

TEST(of_an_untold_end_and_a_hook_the_former_leaves_nobody_untold)
{
    static told t;
    size_t rounds = test_count(20000);
    assert_int_equal(duel_run(rounds, prepare_told, end_it, hook_it, check_told, &t), 0);
}

/* ---- refusals ---- */

static int zero(void)
{
    return 0;
}
TARN_TASK(int, zero, void);

TEST(a_refused_future_has_ended_and_says_why)
{
    char text[] = "because";
    tarn_future *future = tn_future_refused(&zero_task, TARN_CLOSED, text);
    memset(text, 'x', sizeof text - 1);
    assert_true(tarn_done(future));
    int value = 7;
    assert_int_equal(zero_result(future, &value), TARN_CLOSED);
    assert_int_equal(value, 7);
    const tarn_failure *failure = tarn_error(future);
    assert_int_equal(failure->size, sizeof *failure);
    assert_int_equal(failure->status, TARN_CLOSED);
    assert_string_equal(failure->text, "because");
    assert_string_equal(failure->task, "zero");
    assert_int_equal(failure->worker, -1);
    assert_false(tarn_cancel(future));
    assert_null(tarn_args(future, &zero_task));
    assert_int_equal(tn_u32_load_relaxed(&future->owners), TN_HANDLE);
    tarn_drop(future);
}

TEST(a_seized_future_can_be_refused)
{
    tarn_future *cell = cell_in(TN_PENDING, 0);
    assert_true(tn_future_seize(cell));
    tn_future_refuse(cell, TARN_BROKEN, "broken, sorry");
    assert_int_equal(tn_future_status(cell), TARN_BROKEN);
    assert_string_equal(tarn_error(cell)->text, "broken, sorry");
    release(cell);
}

TEST(without_a_text_the_status_speaks)
{
    tarn_future *future = tn_future_refused(&zero_task, TARN_BROKEN, NULL);
    assert_string_equal(tarn_error(future)->text, tarn_status_text(TARN_BROKEN));
    assert_string_equal(tarn_error(future)->task, "zero");
    tarn_drop(future);
}

TEST(without_memory_a_failure_keeps_its_status)
{
    no_blocks = true;
    tarn_future *future = tn_future_refused(&zero_task, TARN_BROKEN, "lost");
    const tarn_failure *failure = tarn_error(future);
    no_blocks = false;
    assert_int_equal(failure->status, TARN_BROKEN);
    assert_string_equal(failure->text, tarn_status_text(TARN_BROKEN));
    tarn_drop(future);
}

static void count_call(tarn_future *future, void *data)
{
    *(int *)data += tarn_done(future);
}

/* Without memory: everything about a refusal must still work. */
static void check_immortal(tarn_future *future, tarn_status status)
{
    assert_non_null(future);
    assert_true(tarn_done(future));
    assert_false(tarn_running(future));
    assert_false(tarn_cancel(future));
    assert_ptr_equal(tarn_hold(future), future);
    int value = 7, called = 0;
    assert_int_equal(zero_result(future, &value), status);
    assert_int_equal(value, 7);
    assert_int_equal(tarn_result(future, NULL, NULL, 0), status);
    assert_int_equal(tarn_error(future)->status, status);
    assert_string_equal(tarn_error(future)->text, tarn_status_text(status));
    assert_null(tarn_args(future, NULL));
    assert_int_equal(tarn_stop(future, 1), TARN_OK);
    assert_int_equal(tarn_on_done(future, count_call, &called), TARN_OK);
    assert_int_equal(called, 1);
    assert_int_equal(tarn_future_wait(future, TARN_FOREVER), TARN_OK);
    assert_int_equal(tarn_wait(&future, 1, TARN_WAIT_FIRST, TARN_FOREVER, NULL), TARN_OK);
    for (int i = 0; i < 4; i++)
        tarn_drop(future);
    assert_true(tarn_done(future));
}

TEST(a_refusal_without_memory_is_an_immortal_future)
{
    no_cells = no_blocks = true;
    for (int status = TARN_TIMEOUT; status >= TARN_SYSTEM; status--) {
        if (status == TARN_CANCELLED)
            continue;
        tarn_future *future = tn_future_refused(&zero_task, (tarn_status)status, "lost");
        check_immortal(future, (tarn_status)status);
    }
    no_cells = no_blocks = false;
}

TEST(a_lack_of_memory_needs_no_memory_to_be_told)
{
    tarn_future *future = tn_future_refused(&zero_task, TARN_NO_MEMORY, NULL);
    assert_true(tn_future_word(future) & TN_IMMORTAL);
    check_immortal(future, TARN_NO_MEMORY);
}

/* ---- failures ---- */

TEST(an_ending_without_a_record_gets_one_when_somebody_asks)
{
    tarn_promise *promise = tarn_promise_new(&zero_task);
    tarn_future *future = tarn_promise_future(promise);
    assert_null(tarn_error(future));
    tarn_promise_drop(promise);
    const tarn_failure *failure = tarn_error(future);
    assert_int_equal(failure->status, TARN_CANCELLED);
    assert_string_equal(failure->task, "zero");
    assert_int_equal(failure->worker, -1);
    assert_ptr_equal(tarn_error(future), failure);
    tarn_drop(future);
}

TEST(what_ended_well_has_no_failure)
{
    tarn_future *cell = cell_in(TN_RUNNING, 0);
    assert_null(tarn_error(cell));
    tn_future_finish(cell, TARN_OK);
    assert_null(tarn_error(cell));
    release(cell);
}

typedef struct askers {
    tarn_future *cell;
    const tarn_failure *left, *right;
} askers;

static void prepare_cancelled(void *data)
{
    askers *a = data;
    a->cell = tn_cell_new(&zero_task, 0, TN_OWNER_QUEUE);
    assert_true(tn_future_cancel(a->cell));
}

static void ask_left(void *data)
{
    askers *a = data;
    a->left = tarn_error(a->cell);
}

static void ask_right(void *data)
{
    askers *a = data;
    a->right = tarn_error(a->cell);
    if (a->right->status != TARN_CANCELLED)
        a->right = NULL;
}

static void check_asked(void *data)
{
    askers *a = data;
    assert_ptr_equal(a->left, a->right);
    assert_int_equal(a->left->status, TARN_CANCELLED);
    release(a->cell);
}

TEST(two_who_ask_at_once_get_one_record)
{
    static askers a;
    assert_int_equal(
        duel_run(test_count(20000), prepare_cancelled, ask_left, ask_right, check_asked, &a), 0);
}

/* ---- callbacks ---- */

TEST(a_callback_on_what_has_ended_runs_at_once)
{
    tarn_future *cell = cell_in(TN_CANCELLED, 0);
    int called = 0;
    no_blocks = true; /* it needs no memory, either */
    assert_int_equal(tarn_on_done(cell, count_call, &called), TARN_OK);
    no_blocks = false;
    assert_int_equal(called, 1);
    release(cell);
}

TEST(without_memory_a_callback_is_refused_and_never_called)
{
    tarn_future *cell = cell_in(TN_PENDING, 0);
    int called = 0;
    no_blocks = true;
    assert_int_equal(tarn_on_done(cell, count_call, &called), TARN_NO_MEMORY);
    no_blocks = false;
    assert_true(tarn_cancel(cell));
    assert_int_equal(called, 0);
    release(cell);
}

/* ---- drop ---- */

TEST(drop_all_skips_null_and_leaves_null)
{
    tarn_future *futures[] = {cell_in(TN_CANCELLED, 0), NULL, cell_in(TN_CANCELLED, 0)};
    tarn_future *first = futures[0], *last = futures[2];
    tarn_drop_all(futures, 3);
    for (int i = 0; i < 3; i++)
        assert_null(futures[i]);
    assert_int_equal(tn_u32_load_relaxed(&first->owners), TN_OWNER_QUEUE);
    assert_int_equal(tn_u32_load_relaxed(&last->owners), TN_OWNER_QUEUE);
    tn_cell_release(first, TN_OWNER_QUEUE);
    tn_cell_release(last, TN_OWNER_QUEUE);
    tarn_drop_all(NULL, 3);
    tarn_drop(NULL);
}
