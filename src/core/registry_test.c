/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include "platform/memory.h"
#include "runner.h"

#include <string.h>

enum { MOST = 65535 };

/* Only numbers are tested here: of these functions, exit() alone calls stop(). */
static tarn_status submit(tarn_executor *executor, tarn_future *first, size_t n, bool owed)
{
    (void)executor;
    (void)first;
    (void)n;
    (void)owed;
    return TARN_CLOSED;
}

static tarn_future *stop(tarn_executor *executor, bool cancel_pending, bool kill_running)
{
    (void)executor;
    (void)cancel_pending;
    (void)kill_running;
    return NULL;
}

static tarn_status wait_until(tarn_executor *executor, int64_t until)
{
    (void)executor;
    (void)until;
    return TARN_OK;
}

static void give_up(tarn_executor *executor)
{
    (void)executor;
}

static int one_worker(const tarn_executor *executor)
{
    (void)executor;
    return 1;
}

static tarn_status resize(tarn_executor *executor, int max_workers)
{
    (void)executor;
    (void)max_workers;
    return TARN_UNSUPPORTED;
}

static void stats(const tarn_executor *executor, tarn_stats *all)
{
    (void)executor;
    (void)all;
}

static bool block(tarn_executor *executor, bool timed)
{
    (void)executor;
    return timed;
}

static const tarn_backend backend = {.size = sizeof backend,
                                     .kind = "test",
                                     .submit = submit,
                                     .stop = stop,
                                     .finish = wait_until,
                                     .abandon = give_up,
                                     .drain = wait_until,
                                     .resize = resize,
                                     .worker_limit = one_worker,
                                     .stats = stats,
                                     .block = block,
                                     .unblock = give_up};

static uint32_t slot_of(const tarn_executor *executor)
{
    return executor->id & 0xffff;
}

static uint32_t discarded(const tarn_executor *executor)
{
    return tn_u32_load_relaxed(tn_registry_discarded(executor->id));
}

static void open_one(tarn_executor *executor)
{
    *executor = (tarn_executor){.id = 0};
    assert_int_equal(tarn_backend_open(executor, &backend), TARN_OK);
}

TEST(an_open_executor_knows_its_back_end_and_has_a_number)
{
    tarn_executor one, other;
    open_one(&one);
    open_one(&other);
    assert_ptr_equal(one.backend, &backend);
    assert_int_not_equal(one.id, 0);
    assert_int_not_equal(slot_of(&one), 0);
    assert_int_not_equal(slot_of(&one), slot_of(&other));
    tarn_backend_close(&other);
    tarn_backend_close(&one);
}

TEST(what_cannot_be_opened_is_refused)
{
    tarn_executor executor = {.id = 0};
    tarn_backend other_size = backend;
    other_size.size--;
    assert_int_equal(tarn_backend_open(NULL, &backend), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "executor"));
    assert_int_equal(tarn_backend_open(&executor, NULL), TARN_INVALID);
    assert_non_null(strstr(tarn_last_error(), "backend"));
    assert_int_equal(tarn_backend_open(&executor, &other_size), TARN_INVALID);
    tarn_backend no_stop = backend;
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
    open_one(&executor);
    uint32_t slot = slot_of(&executor), before = executor.id;
    tarn_backend_close(&executor);
    for (int i = 0; i < 1000; i++) {
        open_one(&executor);
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
        open_one(&executor);
        assert_int_not_equal(executor.id, 0);
        tarn_backend_close(&executor);
    }
}

TEST(discarded_entries_are_counted_by_executor)
{
    tarn_executor one, other;
    open_one(&one);
    open_one(&other);
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
    open_one(&executor);
    uint32_t slot = slot_of(&executor);
    for (int i = 0; i < 5; i++)
        tn_registry_discard(executor.id);
    tarn_backend_close(&executor);
    tn_registry_discard(executor.id);
    open_one(&executor);
    assert_int_equal(slot_of(&executor), slot);
    assert_int_equal(discarded(&executor), 0);
    tarn_backend_close(&executor);
}

TEST(to_discard_for_nobody_or_for_one_that_is_gone_is_harmless)
{
    tarn_executor gone, open;
    open_one(&open);
    open_one(&gone);
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
        open_one(&all[i]);
        assert_false(seen[slot_of(&all[i])]);
        seen[slot_of(&all[i])] = 1;
        /* Every slot is real, those of the last page too. */
        tn_registry_discard(all[i].id);
    }
    tarn_executor more = {.id = 0};
    assert_int_equal(tarn_backend_open(&more, &backend), TARN_NO_MEMORY);
    assert_non_null(strstr(tarn_last_error(), "65,535"));
    assert_int_equal(more.id, 0);

    tarn_backend_close(&all[1000]);
    open_one(&more);
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
