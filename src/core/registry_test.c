/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include "idle_backend.h"
#include "platform/memory.h"
#include "platform/thread.h"

#include <string.h>

enum { MOST = 65535 };

static uint32_t slot_of(const tarn_executor *executor)
{
    return executor->id & 0xffff;
}

static uint32_t discarded(const tarn_executor *executor)
{
    return tn_u32_load_relaxed(tn_registry_discarded(executor->id));
}

TEST(an_open_executor_knows_its_back_end_and_has_a_number)
{
    tarn_executor one, other;
    idle_open(&one);
    idle_open(&other);
    assert_ptr_equal(one.backend, &idle_backend);
    assert_int_not_equal(one.id, 0);
    assert_int_not_equal(slot_of(&one), 0);
    assert_int_not_equal(slot_of(&one), slot_of(&other));
    tarn_backend_close(&other);
    tarn_backend_close(&one);
}

TEST(what_cannot_be_opened_is_refused)
{
    tarn_executor executor = {.id = 0};
    tarn_backend other_size = idle_backend;
    other_size.size--;
    assert_int_equal(tarn_backend_open(NULL, &idle_backend), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "executor"));
    assert_int_equal(tarn_backend_open(&executor, NULL), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "backend"));
    assert_int_equal(tarn_backend_open(&executor, &other_size), TARN_INVALID);
    tarn_backend no_stop = idle_backend;
    no_stop.stop = NULL;
    assert_int_equal(tarn_backend_open(&executor, &no_stop), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "NULL"));
    assert_int_equal(executor.id, 0);
    assert_null(executor.backend);
    tarn_backend_close(NULL);
}

TEST(a_slot_is_used_again_under_another_number)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t slot = slot_of(&executor), before = executor.id;
    tarn_backend_close(&executor);
    for (int i = 0; i < 1000; i++) {
        idle_open(&executor);
        assert_int_equal(slot_of(&executor), slot);
        assert_int_not_equal(executor.id, before);
        before = executor.id;
        tarn_backend_close(&executor);
    }
}

TEST(a_number_is_never_that_of_no_executor)
{
    /* Beyond the turn of the generation's 16 bits. */
    tarn_executor executor;
    for (int i = 0; i < 70000; i++) {
        idle_open(&executor);
        assert_int_not_equal(executor.id, 0);
        tarn_backend_close(&executor);
    }
}

TEST(discarded_entries_are_counted_by_executor)
{
    tarn_executor one, other;
    idle_open(&one);
    idle_open(&other);
    tn_registry_discard(one.id);
    tn_registry_discard(one.id);
    tn_registry_discard(other.id);
    assert_int_equal(discarded(&one), 2);
    assert_int_equal(discarded(&other), 1);
    tarn_backend_close(&other);
    tarn_backend_close(&one);
}

TEST(a_new_executor_inherits_no_discarded_entries)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t slot = slot_of(&executor);
    for (int i = 0; i < 5; i++)
        tn_registry_discard(executor.id);
    tarn_backend_close(&executor);
    tn_registry_discard(executor.id);
    idle_open(&executor);
    assert_int_equal(slot_of(&executor), slot);
    assert_int_equal(discarded(&executor), 0);
    tarn_backend_close(&executor);
}

TEST(to_discard_for_nobody_or_for_one_that_is_gone_is_harmless)
{
    tarn_executor gone, open;
    idle_open(&open);
    idle_open(&gone);
    uint32_t old = gone.id;
    tarn_backend_close(&gone);
    for (int i = 0; i < 100; i++) {
        tn_registry_discard(0);
        tn_registry_discard(old);
    }
    assert_int_equal(discarded(&open), 0);
    tarn_backend_close(&open);
}

TEST(when_65535_executors_are_open_the_next_is_refused)
{
    tarn_executor *all = tn_alloc_array(MOST, sizeof *all);
    unsigned char *seen = tn_alloc(MOST + 1);
    assert_non_null(all);
    assert_non_null(seen);
    for (int i = 0; i < MOST; i++) {
        idle_open(&all[i]);
        assert_false(seen[slot_of(&all[i])]);
        seen[slot_of(&all[i])] = 1;
        /* Every slot is real, those of the last page too. */
        tn_registry_discard(all[i].id);
    }
    tarn_executor more = {.id = 0};
    assert_int_equal(tarn_backend_open(&more, &idle_backend), TARN_NO_MEMORY);
    assert_non_null(strstr(tarn_last_error(), "65,535"));
    assert_int_equal(more.id, 0);

    tarn_backend_close(&all[1000]);
    idle_open(&more);
    assert_int_equal(slot_of(&more), slot_of(&all[1000]));
    assert_int_not_equal(more.id, all[1000].id);
    all[1000] = more;
    for (int i = 0; i < MOST; i++) {
        assert_int_equal(discarded(&all[i]), i != 1000);
        tarn_backend_close(&all[i]);
    }
    tn_free(seen);
    tn_free(all);
}

TEST(to_discard_under_a_number_never_given_out_is_harmless)
{
    tn_registry_discard(0xffffffffu);
    tn_registry_discard(0x0001ff00u);
}

/* ---- Pins ------------------------------------------------------------------------------------ */

TEST(an_executor_is_found_by_its_number_until_it_is_gone)
{
    tarn_executor one, other;
    idle_open(&one);
    uint32_t old = one.id;
    assert_null(tn_registry_hold(0));
    assert_null(tn_registry_hold(old + 0x10000));
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(tn_registry_hold(old), &one);
    for (int i = 0; i < 3; i++)
        tn_registry_let_go(&one);
    tarn_backend_close(&one);
    assert_null(tn_registry_hold(old));
    /* Its slot is another's, or nobody's. */
    idle_open(&other);
    assert_null(tn_registry_hold(old));
    assert_ptr_equal(tn_registry_hold(other.id), &other);
    tn_registry_let_go(&other);
    tarn_backend_close(&other);
    assert_null(tn_registry_hold(other.id));
}

typedef struct removal {
    tarn_executor executor;
    tn_thread thread;
    tn_atomic_u32 over;
} removal;

static void remove_it(void *data)
{
    removal *r = data;
    tarn_backend_close(&r->executor);
    tn_u32_store_release(&r->over, 1);
}

static void removal_begin(removal *r)
{
    tn_u32_set(&r->over, 0);
    assert_int_equal(tn_thread_start(&r->thread, 0, "remover", remove_it, r), 0);
    /* It has begun once nobody finds the executor any more. */
    while (tn_registry_hold(r->executor.id))
        tn_registry_let_go(&r->executor);
}

TEST(who_is_pinned_is_not_removed_before_the_last_has_let_go)
{
    for (int i = 0; i < 200; i++) {
        removal r;
        idle_open(&r.executor);
        assert_non_null(tn_registry_hold(r.executor.id));
        assert_non_null(tn_registry_hold(r.executor.id));
        removal_begin(&r);
        tn_registry_let_go(&r.executor);
        assert_int_equal(tn_u32_load_acquire(&r.over), 0);
        /* As exit() does, which finds it by its place. */
        tn_mutex_lock(&tn_registry_mutex);
        assert_ptr_equal(tn_registry_find(r.executor.id), &r.executor);
        tn_registry_pin(&r.executor);
        tn_mutex_unlock(&tn_registry_mutex);
        tn_registry_let_go(&r.executor);
        assert_int_equal(tn_u32_load_acquire(&r.over), 0);
        tn_registry_let_go(&r.executor);
        tn_thread_join(r.thread);
        assert_int_equal(tn_u32_load_acquire(&r.over), 1);
    }
}
