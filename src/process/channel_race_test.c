/* SPDX-License-Identifier: Apache-2.0 */

/* Both ends at the same time: on two threads, and in two processes. */
#include "process/channel_test.h"

#include "platform/fd.h"
#include "platform/futex.h"
#include "platform/shared.h"
#include "platform/thread.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 256 * 1024 };

/* A worker on a thread of its own, which returns what it gets until it is to leave. */
typedef struct race {
    pair p;
    tn_atomic_u32 events;           /* as an event descriptor would count them */
    tn_atomic_u32 late;             /* takes that ended for their time */
    int64_t patience;               /* most nanoseconds of one take; 0: for ever */
    uint32_t runs;                  /* the worker's, until it is joined */
    uint32_t wrong;                 /* the same: calls that did not hold what was pushed */
    tn_atomic_u32 ran_in[TN_SLOTS]; /* the last number that ran in this slot */
    tn_thread thread;
} race;

static void race_ring(void *data)
{
    race *r = data;
    tn_u32_add_relaxed(&r->events, 1);
    tn_futex_wake(&r->events, 1);
}

static tn_take race_take(race *r, tn_call *call, uint64_t *state)
{
    int64_t until = TN_CLOCK_NEVER;
    for (;;) {
        if (r->patience > 0)
            until = tn_clock_now() + dice(state) % r->patience;
        tn_take taken = tn_worker_take(&r->p.end, call, until);
        if (taken != TN_TAKE_NONE)
            return taken;
        tn_u32_add_relaxed(&r->late, 1);
    }
}

static void race_work(void *data)
{
    race *r = data;
    uint64_t state = 2;
    tn_call call;
    while (race_take(r, &call, &state) == TN_TAKE_CALL) {
        uint32_t number = r->p.end.taken - 1, carried;
        memcpy(&carried, call.bytes, sizeof carried);
        r->wrong += carried != number || call.task != ~number;
        /* Relaxed: the reply releases it. */
        tn_u32_store_relaxed(&r->ran_in[tn_slot_of(number)], number);
        r->runs++;
        reply_same(&r->p.end, &call);
    }
}

/* spin < 0: as in real workers. Static, as a failed assertion leaves the frame to the thread. */
static race *race_start(int64_t spin, int64_t patience)
{
    static race r;
    const uint32_t start = UINT32_MAX - 5000;
    r = (race){.patience = patience};
    pair_open(&r.p, start);
    r.p.end.ring = race_ring;
    r.p.end.data = &r;
    if (spin >= 0)
        r.p.end.spin = spin;
    for (uint32_t i = 0; i < TN_SLOTS; i++)
        tn_u32_set(&r.ran_in[i], start - 1);
    assert_int_equal(tn_thread_start(&r.thread, STACK, "worker", race_work, &r), 0);
    return &r;
}

static void race_end(race *r)
{
    tn_host_close(&r->p.host);
    tn_thread_join(r->thread);
    assert_int_equal(r->wrong, 0);
    assert_int_equal(tn_host_in_flight(&r->p.host), 0);
    assert_false(r->p.host.corrupt);
    pair_close(&r->p);
}

/* Harvests one, and looks whether that is what the worker did. */
static tn_harvest harvest(race *r)
{
    tn_reply reply;
    uint32_t number = r->p.host.harvested, carried;
    tn_harvest found = tn_host_harvest(&r->p.host, &reply);
    assert_int_not_equal(found, TN_HARVEST_CORRUPT);
    if (found == TN_HARVEST_NONE)
        return found;
    assert_int_equal(reply.number, number);
    bool ran = tn_u32_load_relaxed(&r->ran_in[tn_slot_of(number)]) == number;
    assert_int_equal(found, ran ? TN_HARVEST_REPLY : TN_HARVEST_REVOKED);
    if (found == TN_HARVEST_REPLY) {
        assert_int_equal(reply.status, (int32_t)~number);
        assert_int_equal(reply.size, sizeof carried);
        memcpy(&carried, reply.bytes, sizeof carried);
        assert_int_equal(carried, number);
    }
    return found;
}

static void linger(uint32_t most, uint64_t *state)
{
    for (volatile uint32_t i = dice(state) % most; i > 0; i--)
        continue;
}

/* ---- Revocations ---- */

static void revoke_at_random(race *r, size_t calls)
{
    uint64_t state = 1;
    uint32_t contested = 0, replies = 0, revoked = 0;
    size_t pushed = 0;
    /* Until the two have met, however seldom they run at the same time. */
    while (pushed < calls || contested == 0 || tn_host_in_flight(&r->p.host) > 0) {
        for (uint32_t i = dice(&state) % 8; i > 0 && (pushed < calls || contested == 0); i--)
            pushed += push_number(&r->p.host);
        linger(200, &state);
        if (dice(&state) % 4 == 0) {
            uint32_t before = r->p.host.revoked;
            uint32_t first = tn_host_revoke(&r->p.host);
            assert_int_equal(first == r->p.host.pushed, r->p.host.revoked == before);
            contested += first != r->p.host.pushed && first != r->p.host.harvested;
        }
        tn_harvest found;
        bool any = false;
        while ((found = harvest(r)) != TN_HARVEST_NONE) {
            replies += found == TN_HARVEST_REPLY;
            revoked += found == TN_HARVEST_REVOKED;
            any = true;
        }
        if (!any)
            sched_yield();
    }
    race_end(r);
    assert_int_equal(replies + revoked, pushed);
    assert_int_equal(replies, r->runs);
}

TEST(each_call_is_either_run_or_revoked)
{
    revoke_at_random(race_start(-1, 0), test_count(2000000));
}

TEST(each_call_is_either_run_or_revoked_by_a_worker_that_sleeps_at_once)
{
    revoke_at_random(race_start(0, 2000), test_count(100000));
}

/* ---- Sleeping workers ---- */

/* The host gives one call at a time, about when the worker falls asleep; a wake that is lost lasts
 * until the limit of the test. One that gives up is left to do so now and then. */
static void wake_from(race *r, size_t calls)
{
    uint64_t state = 3;
    for (size_t i = 0; i < calls; i++) {
        uint32_t late = tn_u32_load_relaxed(&r->late);
        while (r->patience > 0 && i % 64 == 0 && tn_u32_load_relaxed(&r->late) == late)
            sched_yield();
        assert_true(push_number(&r->p.host));
        while (harvest(r) == TN_HARVEST_NONE)
            sched_yield();
        linger(3000, &state);
    }
    race_end(r);
    assert_int_equal(r->runs, calls);
}

TEST(a_push_is_seen_by_who_falls_asleep)
{
    wake_from(race_start(0, 0), test_count(50000));
}

TEST(a_push_is_seen_by_who_polls_before_it_falls_asleep)
{
    wake_from(race_start(1000, 0), test_count(50000));
}

TEST(a_push_is_seen_by_who_gives_up_waiting)
{
    wake_from(race_start(0, 20000), test_count(50000));
}

TEST(the_end_is_seen_by_who_falls_asleep)
{
    uint64_t state = 4;
    for (size_t i = test_count(2000); i > 0; i--) {
        race *r = race_start(0, 0);
        linger(20000, &state);
        race_end(r);
        assert_int_equal(r->runs, 0);
    }
}

/* ---- Sleeping hosts ---- */

static void sleep_on_done(race *r)
{
    tn_futex_wait_shared(tn_host_done_word(&r->p.host), tn_host_done_seen(&r->p.host),
                         TN_CLOCK_NEVER);
}

static void sleep_on_event(race *r, uint32_t seen)
{
    while (tn_u32_load_acquire(&r->events) == seen)
        tn_futex_wait(&r->events, seen, TN_CLOCK_NEVER);
}

/* Listens only before a sleep, as the host does that mostly polls. */
static void be_rung(race *r, size_t calls, uint32_t whom)
{
    uint64_t state = 5;
    for (size_t i = 0; i < calls; i++) {
        assert_true(push_number(&r->p.host));
        if (dice(&state) % 4 == 0)
            assert_true(push_number(&r->p.host));
        linger(300, &state);
        while (tn_host_in_flight(&r->p.host) > 0) {
            if (harvest(r) != TN_HARVEST_NONE)
                continue;
            uint32_t events = tn_u32_load_acquire(&r->events);
            tn_host_listen(&r->p.host, whom);
            if (harvest(r) == TN_HARVEST_NONE) {
                if (whom == TN_RING_FUTEX)
                    sleep_on_done(r);
                else
                    sleep_on_event(r, events);
            }
            tn_host_listen(&r->p.host, 0);
        }
    }
    race_end(r);
}

TEST(a_reply_wakes_who_sleeps_on_the_word)
{
    be_rung(race_start(-1, 0), test_count(100000), TN_RING_FUTEX);
}

TEST(a_reply_rings_who_sleeps_on_the_event)
{
    be_rung(race_start(-1, 0), test_count(100000), TN_RING_EVENT);
}

TEST(both_sides_may_sleep_at_once)
{
    be_rung(race_start(0, 0), test_count(20000), TN_RING_FUTEX);
}

/* ---- Processes ---- */

static void no_ring(void *data)
{
    (void)data;
}

static void child(int down_fd, int up_fd)
{
    void *down, *up;
    tn_worker_end end;
    tn_call call;
    if (tn_shared_map(down_fd, tn_down_size(), false, &down) != 0 ||
        tn_shared_map(up_fd, tn_up_size(), true, &up) != 0)
        _exit(1);
    tn_worker_open(&end, down, up, no_ring, NULL);
    while (tn_worker_take(&end, &call, TN_CLOCK_NEVER) == TN_TAKE_CALL)
        reply_same(&end, &call);
    _exit(0);
}

/* The host sleeps on each reply, and the worker mostly has fallen asleep before the next call. */
TEST(two_processes_wake_each_other)
{
    int down_fd, up_fd, how;
    void *down, *up;
    tn_host host;
    tn_reply reply;
    uint64_t state = 6;
    static unsigned char bytes[TN_ROOM];
    assert_int_equal(tn_shared_new("tarn-down", tn_down_size(), true, &down_fd, &down), 0);
    assert_int_equal(tn_shared_new("tarn-up", tn_up_size(), false, &up_fd, &up), 0);
    pid_t pid = fork();
    if (pid == 0)
        child(down_fd, up_fd);
    assert_true(pid > 0);
    tn_host_open(&host, down, up);
    for (uint32_t i = 0; i < test_count(5000); i++) {
        uint32_t size = i % 4 == 0 ? dice(&state) % TN_ROOM : dice(&state) % 100;
        memset(bytes, (int)i, size);
        assert_true(tn_host_push(&host, &(tn_call){.task = i, .bytes = bytes, .size = size}));
        while (tn_host_harvest(&host, &reply) == TN_HARVEST_NONE) {
            tn_host_listen(&host, TN_RING_FUTEX);
            if (!tn_host_has_news(&host))
                tn_futex_wait_shared(tn_host_done_word(&host), tn_host_done_seen(&host),
                                     TN_CLOCK_NEVER);
        }
        assert_int_equal(reply.number, i);
        assert_int_equal(reply.status, i);
        assert_int_equal(reply.size, size);
        assert_memory_equal(reply.bytes, bytes, size);
        linger(30000, &state);
    }
    tn_host_close(&host);
    while (waitpid(pid, &how, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(how, 0);
    tn_shared_unmap(down, tn_down_size());
    tn_shared_unmap(up, tn_up_size());
    tn_fd_close(down_fd);
    tn_fd_close(up_fd);
}
