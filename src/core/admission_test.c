/* SPDX-License-Identifier: Apache-2.0 */
#include "core/admission.h"

#include "core/deadline.h"
#include "core/registry.h"
#include "duel.h"
#include "idle_backend.h"

#include <sched.h>

enum { STACK = 256 * 1024 };

static size_t taken_of(uint32_t id)
{
    return tn_u64_load_relaxed(&tn_registry_places(id)->word) & TN_MOST_PLACES;
}

/* Takes places without waiting; how many, 0 if there are none. */
static size_t try_enter(uint32_t id, size_t limit, size_t wanted)
{
    size_t taken = 77;
    tarn_status status = tn_admission_enter(id, limit, wanted, TARN_NOW.ns, &taken);
    assert_true(status == TARN_OK || status == TARN_FULL);
    return status == TARN_OK ? taken : 0;
}

static tarn_status status_of_enter(uint32_t id, size_t limit)
{
    size_t taken;
    return tn_admission_enter(id, limit, 1, TARN_NOW.ns, &taken);
}

TEST(places_are_taken_up_to_the_limit_and_given_back)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t id = executor.id;
    assert_int_equal(try_enter(id, 3, 2), 2);
    assert_int_equal(try_enter(id, 3, 5), 1);
    assert_int_equal(try_enter(id, 3, 1), 0);
    tn_admission_leave(id, 2);
    assert_int_equal(taken_of(id), 1);
    assert_int_equal(try_enter(id, 3, 1), 1);
    assert_int_equal(try_enter(id, 3, 9), 1);
    tn_admission_leave(id, 3);
    assert_int_equal(taken_of(id), 0);
    tarn_backend_close(&executor);
}

TEST(places_may_be_forced_beyond_the_limit)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t id = executor.id;
    assert_true(tn_admission_force(id, 5));
    assert_int_equal(try_enter(id, 3, 1), 0);
    tn_admission_leave(id, 2);
    assert_int_equal(try_enter(id, 3, 1), 0);
    tn_admission_leave(id, 1);
    assert_int_equal(try_enter(id, 3, 4), 1);
    tarn_backend_close(&executor);
}

TEST(what_cannot_be_counted_is_not)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t id = executor.id;
    assert_int_equal(try_enter(id, TN_MOST_PLACES, TN_MOST_PLACES - 2), TN_MOST_PLACES - 2);
    assert_false(tn_admission_force(id, 3));
    assert_true(tn_admission_force(id, 2));
    assert_false(tn_admission_force(id, 1));
    assert_int_equal(try_enter(id, TN_MOST_PLACES, 1), 0);
    tn_admission_leave(id, TN_MOST_PLACES);
    /* Nothing has run over into what lies beside it. */
    assert_int_equal(try_enter(id, 1, 1), 1);
    tarn_backend_close(&executor);
}

TEST(what_is_closed_stays_closed)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t id = executor.id;
    assert_int_equal(try_enter(id, 3, 2), 2);
    tn_admission_close(id);
    assert_int_equal(status_of_enter(id, 3), TARN_CLOSED);
    tn_admission_leave(id, 2);
    assert_int_equal(status_of_enter(id, 3), TARN_CLOSED);
    tn_admission_close(id);
    assert_int_equal(status_of_enter(id, 3), TARN_CLOSED);
    tarn_backend_close(&executor);
}

/* Futures that end late, and submits that wake late, know a number that is another's by then. */
TEST(the_places_of_one_that_is_gone_are_not_anothers)
{
    tarn_executor executor;
    idle_open(&executor);
    uint32_t old = executor.id;
    assert_int_equal(try_enter(old, 3, 3), 3);
    tarn_backend_close(&executor);
    idle_open(&executor);
    assert_int_equal(executor.id & 0xffff, old & 0xffff);
    assert_int_equal(taken_of(executor.id), 0);

    assert_int_equal(try_enter(executor.id, 3, 2), 2);
    tn_admission_leave(old, 3);
    assert_int_equal(taken_of(executor.id), 2);
    assert_int_equal(status_of_enter(old, 3), TARN_CLOSED);
    tn_admission_close(old);
    assert_int_equal(status_of_enter(executor.id, 3), TARN_OK);
    tarn_backend_close(&executor);
}

/* ---- Waiting ---- */

/* A thread that takes a place, and how that ended. */
typedef struct waiter {
    uint32_t id;
    size_t limit;
    int64_t until;
    size_t wanted;
    tn_thread thread;
    size_t taken;
    tarn_status status;
    tn_atomic_u32 done;
} waiter;

static void enter(void *data)
{
    waiter *w = data;
    w->status = tn_admission_enter(w->id, w->limit, w->wanted, w->until, &w->taken);
    duel_tell(&w->done, 1);
}

static uint64_t waiting(uint32_t id)
{
    return tn_u64_load_relaxed(&tn_registry_places(id)->word) >> 27 & 0xfffff;
}

static void start(waiter *w, uint32_t id, size_t limit, int64_t until)
{
    uint64_t before = waiting(id);
    *w = (waiter){.id = id, .limit = limit, .until = until, .wanted = 1};
    assert_int_equal(tn_thread_start(&w->thread, STACK, "waiter", enter, w), 0);
    while (waiting(id) == before && !tn_u32_load_acquire(&w->done))
        sched_yield();
}

static tarn_status join(waiter *w)
{
    tn_thread_join(w->thread);
    return w->status;
}

TEST(who_waits_is_woken_by_room_by_the_end_and_by_time)
{
    tarn_executor executor;
    waiter w;
    idle_open(&executor);
    assert_int_equal(try_enter(executor.id, 1, 1), 1);

    start(&w, executor.id, 1, TN_CLOCK_NEVER);
    assert_int_equal(waiting(executor.id), 1);
    tn_admission_leave(executor.id, 1);
    assert_int_equal(join(&w), TARN_OK);
    assert_int_equal(w.taken, 1);

    int64_t until = tn_clock_after(0.02);
    start(&w, executor.id, 1, until);
    assert_int_equal(join(&w), TARN_FULL);
    assert_true(tn_clock_now() >= until);

    start(&w, executor.id, 1, TN_CLOCK_NEVER);
    tn_admission_close(executor.id);
    assert_int_equal(join(&w), TARN_CLOSED);
    assert_int_equal(waiting(executor.id), 0);
    assert_int_equal(taken_of(executor.id), 1);
    tarn_backend_close(&executor);
}

TEST(as_many_are_woken_as_there_is_room)
{
    enum { N = 5 };
    tarn_executor executor;
    waiter w[N];
    idle_open(&executor);
    assert_int_equal(try_enter(executor.id, 4, 4), 4);
    for (int i = 0; i < N; i++)
        start(&w[i], executor.id, 4, TN_CLOCK_NEVER);
    assert_int_equal(waiting(executor.id), N);
    tn_admission_leave(executor.id, 3);
    uint32_t done = 0;
    while (done < 3) {
        done = 0;
        for (int i = 0; i < N; i++)
            done += tn_u32_load_acquire(&w[i].done);
        sched_yield();
    }
    assert_int_equal(done, 3);
    assert_int_equal(taken_of(executor.id), 4);
    tn_admission_close(executor.id);
    int entered = 0;
    for (int i = 0; i < N; i++)
        entered += join(&w[i]) == TARN_OK;
    assert_int_equal(entered, 3);
    tarn_backend_close(&executor);
}

/* ---- Races ---- */

typedef struct contest {
    tarn_executor executor;
    waiter patient, hasty;
} contest;

static void fill_and_wait(void *data)
{
    contest *c = data;
    assert_int_equal(try_enter(c->executor.id, 1, 1), 1);
    start(&c->patient, c->executor.id, 1, TN_CLOCK_NEVER);
    c->hasty = (waiter){.id = c->executor.id, .limit = 1, .wanted = 1};
    c->hasty.until = tn_clock_now() + 2000;
}

static void make_room(void *data)
{
    contest *c = data;
    tn_admission_leave(c->executor.id, 1);
}

static void enter_hastily(void *data)
{
    contest *c = data;
    enter(&c->hasty);
}

/* Either has the place; whoever got nothing has not taken the other's wake-up along. */
static void check_nothing_was_lost(void *data)
{
    contest *c = data;
    if (c->hasty.status == TARN_OK)
        tn_admission_leave(c->executor.id, 1);
    else
        assert_int_equal(c->hasty.status, TARN_FULL);
    assert_int_equal(join(&c->patient), TARN_OK);
    tn_admission_leave(c->executor.id, 1);
    assert_int_equal(taken_of(c->executor.id), 0);
    assert_int_equal(waiting(c->executor.id), 0);
}

TEST(room_is_not_lost_to_one_whose_time_is_up)
{
    contest c;
    idle_open(&c.executor);
    assert_int_equal(duel_run(test_count(3000), fill_and_wait, make_room, enter_hastily,
                              check_nothing_was_lost, &c),
                     0);
    tarn_backend_close(&c.executor);
}

typedef struct crowd {
    uint32_t id;
    tn_atomic_u32 inside, most;
    size_t rounds;
} crowd;

/* Comes and goes; now and then without asking. */
static void come_and_go(void *data)
{
    crowd *c = data;
    for (size_t i = 0; i < c->rounds; i++) {
        size_t taken = 1;
        if (i % 16 == 0)
            tn_admission_force(c->id, 1);
        else
            tn_admission_enter(c->id, 2, 1 + i % 2, TN_CLOCK_NEVER, &taken);
        if (i % 16 != 0) {
            uint32_t now = tn_u32_add_relaxed(&c->inside, (uint32_t)taken) + (uint32_t)taken;
            uint32_t most = tn_u32_load_relaxed(&c->most);
            while (now > most && !tn_u32_cas_weak_relaxed(&c->most, &most, now))
                continue;
            tn_u32_sub_relaxed(&c->inside, (uint32_t)taken);
        }
        tn_admission_leave(c->id, taken);
    }
}

TEST(a_crowd_never_exceeds_the_limit_and_nobody_is_left_waiting)
{
    enum { N = 6 };
    tarn_executor executor;
    tn_thread threads[N];
    crowd c = {.rounds = test_count(20000)};
    idle_open(&executor);
    c.id = executor.id;
    for (int i = 0; i < N; i++)
        assert_int_equal(tn_thread_start(&threads[i], STACK, "crowd", come_and_go, &c), 0);
    for (int i = 0; i < N; i++)
        tn_thread_join(threads[i]);
    assert_in_range(tn_u32_load_relaxed(&c.most), 1, 2);
    assert_int_equal(taken_of(c.id), 0);
    assert_int_equal(waiting(c.id), 0);
    tarn_backend_close(&executor);
}
