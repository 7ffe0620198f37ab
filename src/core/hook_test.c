/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hook.h"

#include "core/future.h"
#include "duel.h"
#include "platform/memory.h"
#include "runner.h"

#include <sched.h>
#include <string.h>

enum { STACK = 256 * 1024 };

/* Writes down the tags of its hooks in the order in which they are told. */
typedef struct listener {
    tn_hook_owner owner;
    size_t tags[64];
    size_t count;
    bool linked; /* a hook was told before it was unlinked */
} listener;

static void listen(tn_hook_owner *owner, tn_hook *hook)
{
    listener *l = (listener *)(void *)owner;
    l->linked = l->linked || hook->next || hook->prev;
    l->tags[l->count++] = hook->tag;
}

static listener new_listener(void)
{
    return (listener){.owner = {.ended = listen}};
}

static void add_hooks(tarn_future *cell, listener *l, tn_hook *hooks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hooks[i] = (tn_hook){.future = cell, .owner = &l->owner, .tag = i};
        assert_true(tn_hook_add(&hooks[i]));
    }
}

static uint32_t word(const tarn_future *cell)
{
    return tn_u32_load_relaxed(&cell->state);
}

static tarn_future *new_running(void)
{
    tarn_future *cell = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_true(tn_future_start(cell));
    return cell;
}

/* Ends what new_running() gave. */
static void finish(tarn_future *cell)
{
    assert_true(tn_hooks_end(cell, TN_RUNNING, TN_FINISHED));
}

static void drop(tarn_future *cell)
{
    tn_cell_release(cell, TN_OWNER_QUEUE);
    tarn_drop(cell);
}

/* ---- telling ---- */

TEST(hooks_are_told_once_in_the_order_in_which_they_were_added)
{
    for (size_t n = 0; n <= 5; n++) {
        tarn_future *cell = new_running();
        listener l = new_listener();
        tn_hook hooks[5];
        add_hooks(cell, &l, hooks, n);
        assert_int_equal((word(cell) & TN_HOOKS) != 0, n > 0);
        assert_int_equal(l.count, 0);

        finish(cell);
        assert_int_equal(l.count, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(l.tags[i], i);
        assert_false(l.linked);
        assert_null(cell->hooks);
        assert_int_equal(word(cell) & (TN_STATE_MASK | TN_HOOKS | TN_HOOK_LOCK), TN_FINISHED);
        drop(cell);
    }
}

TEST(a_cancelled_future_tells_its_hooks_too)
{
    tarn_future *cell = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    listener l = new_listener();
    tn_hook hooks[3];
    add_hooks(cell, &l, hooks, 3);
    assert_true(tn_hooks_end(cell, TN_PENDING, TN_CANCELLED));
    assert_int_equal(l.count, 3);
    assert_int_equal(word(cell) & TN_STATE_MASK, TN_CANCELLED);
    drop(cell);
}

static void see_state(tn_hook_owner *owner, tn_hook *hook)
{
    (void)owner;
    hook->tag = word(hook->future);
}

TEST(a_hook_sees_the_future_ended_and_its_lock_held)
{
    tarn_future *cell = new_running();
    tn_hook_owner owner = {.ended = see_state};
    tn_hook hook = {.future = cell, .owner = &owner};
    assert_true(tn_hook_add(&hook));
    finish(cell);
    assert_int_equal(hook.tag & TN_STATE_MASK, TN_FINISHED);
    assert_true(hook.tag & TN_HOOK_LOCK);
    assert_false(word(cell) & TN_HOOK_LOCK);
    drop(cell);
}

TEST(an_end_from_another_state_changes_nothing)
{
    tarn_future *cell = new_running();
    listener l = new_listener();
    tn_hook hooks[1];
    add_hooks(cell, &l, hooks, 1);
    uint32_t before = word(cell);
    assert_false(tn_hooks_end(cell, TN_PENDING, TN_CANCELLED));
    assert_false(tn_hooks_end(cell, TN_SEIZED, TN_FINISHED));
    assert_int_equal(word(cell), before);
    assert_int_equal(l.count, 0);
    finish(cell);
    assert_false(tn_hooks_end(cell, TN_RUNNING, TN_FINISHED));
    assert_int_equal(l.count, 1);
    drop(cell);
}

TEST(the_end_keeps_the_bits_that_are_not_its_own)
{
    tarn_future *cell = new_running();
    listener l = new_listener();
    tn_hook hooks[1];
    uint32_t others = TN_STOP | TN_PROMISE | TN_WAITER;
    tn_u32_or_relaxed(&cell->state, others);
    uint32_t home = word(cell) >> TN_HOME_SHIFT;
    add_hooks(cell, &l, hooks, 1);
    finish(cell);
    assert_int_equal(word(cell) & others, others);
    assert_int_equal(word(cell) >> TN_HOME_SHIFT, home);
    drop(cell);
}

TEST(after_the_end_no_hook_is_added)
{
    tarn_future *cell = new_running();
    finish(cell);
    listener l = new_listener();
    tn_hook hook = {.future = cell, .owner = &l.owner};
    uint32_t before = word(cell);
    assert_false(tn_hook_add(&hook));
    assert_null(hook.next);
    assert_int_equal(word(cell), before);
    assert_int_equal(l.count, 0);
    drop(cell);
}

/* ---- removing ---- */

/* Removes the hooks of a set from a ring of 5, in either order. */
static void check_removal(uint32_t set, bool backwards)
{
    enum { N = 5 };
    tarn_future *cell = new_running();
    listener l = new_listener();
    tn_hook hooks[N];
    add_hooks(cell, &l, hooks, N);
    for (size_t i = 0; i < N; i++) {
        size_t which = backwards ? N - 1 - i : i;
        if (set & 1u << which) {
            tn_hook_remove(&hooks[which]);
            assert_null(hooks[which].next);
        }
    }
    assert_int_equal((word(cell) & TN_HOOKS) != 0, set != (1u << N) - 1);

    finish(cell);
    size_t told = 0;
    for (size_t i = 0; i < N; i++) {
        if (!(set & 1u << i))
            assert_int_equal(l.tags[told++], i);
    }
    assert_int_equal(l.count, told);
    drop(cell);
}

TEST(a_removed_hook_is_not_told_and_the_others_keep_their_order)
{
    for (uint32_t set = 0; set < 1u << 5; set++) {
        check_removal(set, false);
        check_removal(set, true);
    }
}

TEST(removing_twice_or_after_the_end_does_nothing)
{
    tarn_future *cell = new_running();
    listener l = new_listener();
    tn_hook hooks[2];
    add_hooks(cell, &l, hooks, 2);
    tn_hook_remove(&hooks[0]);
    tn_hook_remove(&hooks[0]);
    finish(cell);
    tn_hook_remove(&hooks[1]);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.tags[0], 1);
    drop(cell);
}

TEST(a_removed_hook_can_be_added_again_at_the_end)
{
    tarn_future *cell = new_running();
    listener l = new_listener();
    tn_hook hooks[3];
    add_hooks(cell, &l, hooks, 3);
    tn_hook_remove(&hooks[1]);
    assert_true(tn_hook_add(&hooks[1]));
    finish(cell);
    assert_int_equal(l.count, 3);
    assert_int_equal(l.tags[0], 0);
    assert_int_equal(l.tags[1], 2);
    assert_int_equal(l.tags[2], 1);
    drop(cell);
}

static void ignore(tn_hook_owner *owner, tn_hook *hook)
{
    (void)owner;
    (void)hook;
}

/* From the middle of a long ring outwards: a search would make this too slow to end in time. */
TEST(removing_costs_the_same_in_a_ring_of_any_length)
{
    size_t n = test_count(600000);
    tarn_future *cell = new_running();
    tn_hook_owner owner = {.ended = ignore};
    tn_hook *hooks = tn_alloc_array(n, sizeof *hooks);
    assert_non_null(hooks);
    for (size_t i = 0; i < n; i++) {
        hooks[i] = (tn_hook){.future = cell, .owner = &owner};
        assert_true(tn_hook_add(&hooks[i]));
    }
    for (size_t i = 0; i < n; i++)
        tn_hook_remove(&hooks[(n / 2 + i) % n]);
    assert_null(cell->hooks);
    finish(cell);
    drop(cell);
    tn_free(hooks);
}

/* ---- the lock ---- */

typedef struct contender {
    tn_hook hook;
    tn_hook_owner owner;
    tn_atomic_u32 told;
    bool added;
} contender;

static void contender_ended(tn_hook_owner *owner, tn_hook *hook)
{
    (void)hook;
    contender *c = (contender *)(void *)((char *)owner - offsetof(contender, owner));
    tn_u32_add_relaxed(&c->told, 1);
}

static contender new_contender(tarn_future *cell)
{
    return (contender){.hook = {.future = cell}, .owner = {.ended = contender_ended}};
}

static void add_contender(void *data)
{
    contender *c = data;
    c->added = tn_hook_add(&c->hook);
}

static void remove_contender(void *data)
{
    tn_hook_remove(&((contender *)data)->hook);
}

static void end_cell(void *data)
{
    tn_hooks_end(data, TN_RUNNING, TN_FINISHED);
}

static void lock_by_hand(tarn_future *cell)
{
    uint32_t state = tn_u32_load_relaxed(&cell->state);
    assert_false(state & TN_HOOK_LOCK);
    assert_true(tn_u32_cas_strong_acq_rel(&cell->state, &state, state | TN_HOOK_LOCK));
}

static void unlock_by_hand(tarn_future *cell)
{
    tn_u32_xor_release(&cell->state, TN_HOOK_LOCK);
    tn_futex_wake(&cell->state, INT_MAX);
}

static void await_sleeper(tarn_future *cell)
{
    while (!(word(cell) & TN_WAITER))
        sched_yield();
}

static tn_thread start(void (*run)(void *data), void *data)
{
    tn_thread thread;
    assert_int_equal(tn_thread_start(&thread, STACK, "hook-test", run, data), 0);
    return thread;
}

TEST(adding_waits_for_the_lock)
{
    tarn_future *cell = new_running();
    contender c = new_contender(cell);
    c.hook.owner = &c.owner;
    lock_by_hand(cell);
    tn_thread thread = start(add_contender, &c);
    await_sleeper(cell);
    assert_null(cell->hooks);
    unlock_by_hand(cell);
    tn_thread_join(thread);
    assert_true(c.added);
    assert_ptr_equal(cell->hooks, &c.hook);
    finish(cell);
    assert_int_equal(tn_u32_load_relaxed(&c.told), 1);
    drop(cell);
}

TEST(the_end_waits_for_the_lock)
{
    tarn_future *cell = new_running();
    contender c = new_contender(cell);
    c.hook.owner = &c.owner;
    assert_true(tn_hook_add(&c.hook));
    lock_by_hand(cell);
    tn_thread thread = start(end_cell, cell);
    await_sleeper(cell);
    assert_int_equal(word(cell) & TN_STATE_MASK, TN_RUNNING);
    assert_int_equal(tn_u32_load_relaxed(&c.told), 0);
    unlock_by_hand(cell);
    tn_thread_join(thread);
    assert_int_equal(word(cell) & TN_STATE_MASK, TN_FINISHED);
    assert_int_equal(tn_u32_load_relaxed(&c.told), 1);
    drop(cell);
}

/* A hook whose telling lasts until somebody sleeps on the cell. */
static void linger(tn_hook_owner *owner, tn_hook *hook)
{
    contender *c = (contender *)(void *)((char *)owner - offsetof(contender, owner));
    await_sleeper(hook->future);
    tn_u32_add_relaxed(&c->told, 1);
}

static void end_lingering(void *data)
{
    tn_hooks_end(((contender *)data)->hook.future, TN_RUNNING, TN_FINISHED);
}

TEST(removing_waits_until_the_hook_was_told)
{
    tarn_future *cell = new_running();
    contender c = new_contender(cell);
    c.owner.ended = linger;
    c.hook.owner = &c.owner;
    assert_true(tn_hook_add(&c.hook));
    tn_thread thread = start(end_lingering, &c);
    while (!(word(cell) & TN_FINISHED))
        sched_yield();
    tn_hook_remove(&c.hook);
    assert_int_equal(tn_u32_load_relaxed(&c.told), 1);
    tn_thread_join(thread);
    drop(cell);
}

/* A sleeper that comes while hooks are told looks at a word with the lock in it. */
TEST(a_sleeper_who_comes_while_hooks_are_told_is_woken)
{
    tarn_future *cell = new_running();
    contender c = new_contender(cell), late = new_contender(cell);
    c.owner.ended = linger;
    c.hook.owner = &c.owner;
    late.hook.owner = &late.owner;
    assert_true(tn_hook_add(&c.hook));
    tn_thread ender = start(end_lingering, &c);
    while (!(word(cell) & TN_FINISHED))
        sched_yield();
    tn_thread adder = start(add_contender, &late);
    tn_thread_join(adder);
    tn_thread_join(ender);
    assert_false(late.added);
    assert_int_equal(tn_u32_load_relaxed(&late.told), 0);
    drop(cell);
}

/* ---- races ---- */

/* The hook and its owner are gone as soon as the removal returns. */
typedef struct removal {
    tarn_future *cell;
    contender *c;
} removal;

static void prepare_removal(void *data)
{
    removal *r = data;
    r->cell = new_running();
    r->c = tn_alloc(sizeof *r->c);
    assert_non_null(r->c);
    r->c->hook = (tn_hook){.future = r->cell, .owner = &r->c->owner};
    r->c->owner.ended = contender_ended;
    assert_true(tn_hook_add(&r->c->hook));
}

static void remove_and_free(void *data)
{
    removal *r = data;
    tn_hook_remove(&r->c->hook);
    memset(r->c, 0xff, sizeof *r->c);
    tn_free(r->c);
}

static void end_removal(void *data)
{
    tn_hooks_end(((removal *)data)->cell, TN_RUNNING, TN_FINISHED);
}

static void check_removal_round(void *data)
{
    removal *r = data;
    assert_null(r->cell->hooks);
    assert_int_equal(word(r->cell) & (TN_STATE_MASK | TN_HOOKS | TN_HOOK_LOCK), TN_FINISHED);
    drop(r->cell);
}

TEST(a_hook_removed_while_its_future_ends_may_be_freed_at_once)
{
    static removal r;
    assert_int_equal(duel_run(test_count(50000), prepare_removal, remove_and_free, end_removal,
                              check_removal_round, &r),
                     0);
}

typedef struct addition {
    tarn_future *cell;
    contender c;
} addition;

static void prepare_addition(void *data)
{
    addition *a = data;
    a->cell = new_running();
    a->c = new_contender(a->cell);
    a->c.hook.owner = &a->c.owner;
}

static void add_left(void *data)
{
    add_contender(&((addition *)data)->c);
}

static void end_addition(void *data)
{
    tn_hooks_end(((addition *)data)->cell, TN_RUNNING, TN_FINISHED);
}

static void check_addition(void *data)
{
    addition *a = data;
    assert_int_equal(tn_u32_load_relaxed(&a->c.told), a->c.added);
    drop(a->cell);
}

TEST(a_hook_added_while_its_future_ends_is_told_or_refused)
{
    static addition a;
    assert_int_equal(
        duel_run(test_count(50000), prepare_addition, add_left, end_addition, check_addition, &a),
        0);
}

enum { THREADS = 3, HOOKS_EACH = 8 };

typedef struct crowd {
    tarn_future *cell;
    contender all[THREADS][HOOKS_EACH];
    tn_atomic_u32 next;
    size_t rounds;
} crowd;

/* Adds and removes its hooks again and again; leaves the even ones in. */
static void mingle(void *data)
{
    crowd *c = data;
    contender *mine = c->all[tn_u32_add_relaxed(&c->next, 1)];
    for (size_t round = 0; round < c->rounds; round++) {
        for (int i = 0; i < HOOKS_EACH; i++)
            add_contender(&mine[i]);
        for (int i = 0; i < HOOKS_EACH; i++) {
            if (i % 2 == 1 || round + 1 < c->rounds)
                remove_contender(&mine[i]);
        }
    }
}

TEST(many_threads_may_use_the_hooks_of_one_future)
{
    static crowd c;
    c = (crowd){.cell = new_running(), .rounds = test_count(20000)};
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < HOOKS_EACH; j++) {
            c.all[i][j] = new_contender(c.cell);
            c.all[i][j].hook.owner = &c.all[i][j].owner;
        }
    }
    tn_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(mingle, &c);
    for (int i = 0; i < THREADS; i++)
        tn_thread_join(threads[i]);
    finish(c.cell);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < HOOKS_EACH; j++)
            assert_int_equal(tn_u32_load_relaxed(&c.all[i][j].told), j % 2 == 0);
    }
    drop(c.cell);
}

/* ---- callbacks ---- */

typedef struct log {
    char text[16];
    size_t length;
    bool locked;
} log;

static log calls;

static void write_down(tarn_future *future, void *data)
{
    calls.locked = calls.locked || (word(future) & TN_HOOK_LOCK);
    calls.text[calls.length++] = *(const char *)data;
}

static void hook_writes(tn_hook_owner *owner, tn_hook *hook)
{
    (void)owner;
    calls.text[calls.length++] = (char)hook->tag;
}

TEST(callbacks_run_after_all_hooks_in_order_and_without_the_lock)
{
    tarn_future *cell = new_running();
    tn_hook_owner owner = {.ended = hook_writes};
    tn_hook first = {.future = cell, .owner = &owner, .tag = '1'};
    tn_hook second = {.future = cell, .owner = &owner, .tag = '2'};
    calls = (log){.length = 0};
    assert_int_equal(tarn_on_done(cell, write_down, "a"), TARN_OK);
    assert_true(tn_hook_add(&first));
    assert_int_equal(tarn_on_done(cell, write_down, "b"), TARN_OK);
    assert_true(tn_hook_add(&second));
    assert_int_equal(tarn_on_done(cell, write_down, "c"), TARN_OK);
    finish(cell);
    assert_string_equal(calls.text, "12abc");
    assert_false(calls.locked);
    assert_int_equal(tn_u32_load_relaxed(&cell->owners), TN_HANDLE | TN_OWNER_QUEUE);
    drop(cell);
}

static void drop_it(tarn_future *future, void *data)
{
    *(int *)data += 1;
    tarn_drop(future);
}

static void look_at_it(tarn_future *future, void *data)
{
    *(int *)data += tarn_cancelled(future) ? 10 : 1000;
}

TEST(a_callback_may_drop_the_last_handle_and_the_next_still_sees_the_future)
{
    int seen = 0;
    tarn_future *cell = tn_cell_new(NULL, 0, 0);
    assert_int_equal(tarn_on_done(cell, drop_it, &seen), TARN_OK);
    assert_int_equal(tarn_on_done(cell, look_at_it, &seen), TARN_OK);
    assert_true(tn_hooks_end(cell, TN_PENDING, TN_CANCELLED));
    assert_int_equal(seen, 11);

    /* It was freed, once: the heap gives it out again, and the next time another. */
    tarn_future *next = tn_cell_new(NULL, 0, 0), *other = tn_cell_new(NULL, 0, 0);
    assert_ptr_equal(next, cell);
    assert_ptr_not_equal(other, cell);
    tarn_drop(next);
    tarn_drop(other);
}
