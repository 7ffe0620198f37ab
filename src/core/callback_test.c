/* SPDX-License-Identifier: Apache-2.0 */

/* The aftermath: what a thread has still to do for the futures that it ended. (Hooks that are told
 * at once, and the lock: hook_test.c.) */
#include "core/callback.h"

#include "core/future.h"
#include "core/hook.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "runner.h"

#include <string.h>

enum { STACK = 256 * 1024 };

/* What happened, as letters. */
static char text[128];
static size_t length;
static bool within, nested, locked, running;

static void forget(void)
{
    memset(text, 0, sizeof text);
    length = 0;
    within = nested = locked = running = false;
}

static uint32_t word(const tarn_future *cell)
{
    return tn_u32_load_relaxed(&cell->state);
}

static tarn_future *new_pending(void)
{
    tarn_future *cell = tn_cell_new(NULL, 0, 0);
    assert_non_null(cell);
    return cell;
}

static void end(tarn_future *cell)
{
    tn_hooks_end(cell, TN_PENDING, TN_CANCELLED);
}

/* A hook that is told later, writes a letter, and may end one more future. */
typedef struct later_hook {
    tn_hook hook; /* with its letter as the tag */
    tarn_future *next;
} later_hook;

static void tell_later(tn_hook *hook)
{
    const later_hook *l = (const void *)hook;
    nested = nested || within;
    locked = locked || word(hook->future) & TN_HOOK_LOCK;
    running = running || tn_callbacks_running() > 0;
    text[length++] = (char)hook->tag;
    within = true;
    if (l->next)
        end(l->next);
    within = false;
}

static tn_hook_owner later_owner = {.later = tell_later};

static void add_later(later_hook *l, tarn_future *cell, char letter, tarn_future *next)
{
    l->hook = (tn_hook){.future = cell, .owner = &later_owner, .tag = (size_t)letter};
    l->next = next;
    assert_true(tn_hook_add(&l->hook));
}

static void tell_at_once(tn_hook_owner *owner, tn_hook *hook)
{
    (void)owner;
    text[length++] = (char)hook->tag;
}

static tn_hook_owner at_once = {.ended = tell_at_once};

static void write_letter(tarn_future *future, void *data)
{
    const char *letter = data;
    locked = locked || word(future) & TN_HOOK_LOCK;
    text[length++] = *letter;
}

static void add_callback(tarn_future *cell, const char *letter)
{
    assert_int_equal(tarn_on_done(cell, write_letter, (void *)(uintptr_t)letter), TARN_OK);
}

static void assert_at_rest(void)
{
    const tn_aftermath *own = tn_aftermath_here();
    assert_null(own->later.first);
    assert_null(own->callbacks.first);
    assert_false(own->in_use);
    assert_int_equal(tn_callbacks_running(), 0);
}

/* ---- later hooks ---- */

TEST(later_hooks_are_told_after_the_others_and_before_callbacks)
{
    tarn_future *cell = new_pending();
    later_hook later[2];
    tn_hook hooks[2] = {{.future = cell, .owner = &at_once, .tag = '1'},
                        {.future = cell, .owner = &at_once, .tag = '2'}};
    forget();
    add_callback(cell, "x");
    add_later(&later[0], cell, 'a', NULL);
    assert_true(tn_hook_add(&hooks[0]));
    add_callback(cell, "y");
    add_later(&later[1], cell, 'b', NULL);
    assert_true(tn_hook_add(&hooks[1]));
    end(cell);
    assert_string_equal(text, "12abxy");
    assert_false(locked || nested || running);
    assert_at_rest();
    tarn_drop(cell);
}

TEST(a_later_hook_is_unlinked_when_it_is_told)
{
    tarn_future *cell = new_pending();
    later_hook later;
    forget();
    add_later(&later, cell, 'a', NULL);
    end(cell);
    assert_null(later.hook.prev);
    assert_null(cell->hooks);
    assert_false(word(cell) & TN_HOOKS);
    assert_false(tn_hook_remove(&later.hook));
    assert_string_equal(text, "a");
    tarn_drop(cell);
}

TEST(a_later_hook_that_was_removed_is_not_told)
{
    tarn_future *cell = new_pending();
    later_hook later[3];
    forget();
    for (int i = 0; i < 3; i++)
        add_later(&later[i], cell, (char)('a' + i), NULL);
    assert_true(tn_hook_remove(&later[1].hook));
    assert_false(tn_hook_remove(&later[1].hook));
    end(cell);
    assert_string_equal(text, "ac");
    tarn_drop(cell);
}

/* The end of the next one is worked off by the loop that told the hook of the former. */
TEST(what_a_later_hook_ends_is_told_of_after_it_and_not_within)
{
    enum { N = 4 };
    tarn_future *cells[N];
    later_hook later[N], second[N];
    forget();
    for (int i = 0; i < N; i++)
        cells[i] = new_pending();
    for (int i = 0; i < N; i++) {
        add_later(&later[i], cells[i], (char)('a' + i), i + 1 < N ? cells[i + 1] : NULL);
        add_later(&second[i], cells[i], (char)('A' + i), NULL);
        add_callback(cells[i], (const char *[]){"1", "2", "3", "4"}[i]);
    }
    end(cells[0]);
    assert_string_equal(text, "aAbBcCdD1234");
    assert_false(nested);
    assert_at_rest();
    for (int i = 0; i < N; i++)
        tarn_drop(cells[i]);
}

/* Many futures that end one another, on a stack that could not hold them. */
typedef struct row {
    tarn_future **cells;
    later_hook *later;
    size_t n;
} row;

static void end_row(void *data)
{
    end(((row *)data)->cells[0]);
}

static void tell_row(tn_hook *hook)
{
    const later_hook *l = (const void *)hook;
    if (l->next)
        end(l->next);
}

TEST(a_million_futures_that_end_one_another_need_no_stack)
{
    static tn_hook_owner owner = {.later = tell_row};
    row r = {.n = test_count(1000000)};
    r.cells = tn_alloc_array(r.n, sizeof *r.cells);
    r.later = tn_alloc_array(r.n, sizeof *r.later);
    assert_true(r.cells && r.later);
    for (size_t i = 0; i < r.n; i++)
        r.cells[i] = new_pending();
    for (size_t i = 0; i < r.n; i++) {
        r.later[i].hook = (tn_hook){.future = r.cells[i], .owner = &owner};
        r.later[i].next = i + 1 < r.n ? r.cells[i + 1] : NULL;
        assert_true(tn_hook_add(&r.later[i].hook));
    }
    tn_thread thread;
    assert_int_equal(tn_thread_start(&thread, STACK, "row", end_row, &r), 0);
    tn_thread_join(thread);
    for (size_t i = 0; i < r.n; i++) {
        assert_true(tarn_cancelled(r.cells[i]));
        tarn_drop(r.cells[i]);
    }
    tn_free(r.cells);
    tn_free(r.later);
}

/* ---- callbacks ---- */

typedef struct caller {
    tarn_future *next;
    char letter, after; /* written before it ends the next one, and after that */
} caller;

static void end_next(tarn_future *future, void *data)
{
    const caller *c = data;
    (void)future;
    text[length++] = c->letter;
    if (c->next)
        end(c->next);
    text[length++] = c->after;
}

/* Unlike a later hook: what a callback ended has been told of everything when it goes on. */
TEST(what_a_callback_ends_is_worked_off_before_it_goes_on)
{
    tarn_future *cells[3] = {new_pending(), new_pending(), new_pending()};
    caller callers[2] = {{cells[1], '(', ')'}, {cells[2], '[', ']'}};
    later_hook later[3];
    forget();
    assert_int_equal(tarn_on_done(cells[0], end_next, &callers[0]), TARN_OK);
    assert_int_equal(tarn_on_done(cells[1], end_next, &callers[1]), TARN_OK);
    for (int i = 0; i < 3; i++) {
        add_later(&later[i], cells[i], (char)('a' + i), NULL);
        add_callback(cells[i], (const char *[]){"1", "2", "3"}[i]);
    }
    end(cells[0]);
    assert_string_equal(text, "a(b[c3]2)1");
    assert_at_rest();
    for (int i = 0; i < 3; i++)
        tarn_drop(cells[i]);
}

/* What a callback ends may have later hooks, which must not wait for those who called it. */
TEST(callbacks_of_what_later_hooks_end_come_in_the_order_of_the_ends)
{
    tarn_future *cells[3] = {new_pending(), new_pending(), new_pending()};
    caller callers[2] = {{cells[2], '<', '>'}, {NULL, '{', '}'}};
    later_hook later[2];
    forget();
    add_later(&later[0], cells[0], 'a', cells[1]);
    add_later(&later[1], cells[2], 'c', NULL);
    assert_int_equal(tarn_on_done(cells[1], end_next, &callers[1]), TARN_OK);
    assert_int_equal(tarn_on_done(cells[0], end_next, &callers[0]), TARN_OK);
    add_callback(cells[2], "3");
    end(cells[0]);
    assert_string_equal(text, "a<c3>{}");
    for (int i = 0; i < 3; i++)
        tarn_drop(cells[i]);
}

TEST(code_of_the_user_within_has_an_aftermath_of_its_own)
{
    tarn_future *cell = new_pending();
    later_hook later;
    tn_aftermath saved;
    forget();
    add_later(&later, cell, 'a', NULL);
    tn_aftermath *own = tn_aftermath_here();
    own->in_use = true;
    own->later = (tn_hook_list){&later.hook, &later.hook};
    tn_callback_begin(&saved);
    assert_int_equal(tn_callbacks_running(), 1);
    assert_false(own->in_use);
    assert_null(own->later.first);
    end(cell);
    assert_string_equal(text, "a");
    tn_callback_end(&saved);
    assert_int_equal(tn_callbacks_running(), 0);
    assert_true(own->in_use);
    assert_ptr_equal(own->later.first, &later.hook);
    *own = (tn_aftermath){.in_use = false};
    tarn_drop(cell);
}

/* Its later hook may be the last that anybody does with a future. */
static void drop_it(tn_hook *hook)
{
    tarn_future *cell = hook->future;
    tn_free(hook);
    tarn_drop(cell);
}

TEST(a_later_hook_may_free_itself_and_its_future)
{
    static tn_hook_owner owner = {.later = drop_it};
    tarn_future *cell = new_pending();
    for (int i = 0; i < 2; i++) {
        tn_hook *hook = tn_alloc(sizeof *hook);
        assert_non_null(hook);
        *hook = (tn_hook){.future = i == 0 ? cell : tarn_hold(cell), .owner = &owner};
        assert_true(tn_hook_add(hook));
    }
    forget();
    add_callback(cell, "x");
    end(cell);
    assert_string_equal(text, "x");
    assert_at_rest();
}
