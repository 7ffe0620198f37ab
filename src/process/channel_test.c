/* SPDX-License-Identifier: Apache-2.0 */

/* Both ends, step by step, on one thread. */
#include "process/channel_test.h"

#include "platform/fd.h"
#include "platform/shared.h"

static void take_is(pair *p, uint32_t number)
{
    tn_call call;
    uint32_t carried;
    assert_int_equal(take_now(&p->end, &call), TN_TAKE_CALL);
    assert_int_equal(call.kind, 3);
    assert_int_equal(call.task, ~number);
    assert_int_equal(call.size, sizeof carried);
    memcpy(&carried, call.bytes, sizeof carried);
    assert_int_equal(carried, number);
}

static void take_is_none(pair *p)
{
    tn_call call;
    assert_int_equal(take_now(&p->end, &call), TN_TAKE_NONE);
}

static void reply(pair *p)
{
    tn_worker_reply(&p->end, (int32_t)p->end.taken - 1, 7, NULL, 0);
}

static void harvest_is(pair *p, tn_harvest expected, uint32_t number)
{
    tn_reply reply;
    assert_int_equal(tn_host_harvest(&p->host, &reply), expected);
    if (expected == TN_HARVEST_REPLY || expected == TN_HARVEST_REVOKED)
        assert_int_equal(reply.number, number);
    if (expected == TN_HARVEST_REPLY) {
        assert_int_equal(reply.status, (int32_t)number);
        assert_int_equal(reply.code, 7);
        assert_int_equal(reply.size, 0);
    }
}

static void push(pair *p, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(push_number(&p->host));
}

/* ---- Order and room ---- */

TEST(an_empty_channel_has_nothing_for_either_side)
{
    pair p;
    pair_open(&p, 0);
    take_is_none(&p);
    harvest_is(&p, TN_HARVEST_NONE, 0);
    assert_int_equal(tn_host_in_flight(&p.host), 0);
    assert_int_equal(tn_host_begun(&p.host), 0);
    assert_int_equal(tn_host_revoke(&p.host), 0);
    assert_false(p.host.corrupt);
    pair_close(&p);
}

/* All steps mixed at random, and the numbers run past 2^32 on the way. */
TEST(replies_come_in_the_order_of_the_calls)
{
    enum { CALLS = 1000 };
    const uint32_t start = UINT32_MAX - 300;
    pair p;
    uint64_t state = 1;
    bool running = false;
    pair_open(&p, start);
    while (p.host.harvested != start + CALLS) {
        switch (dice(&state) % 3) {
        case 0:
            if (p.host.pushed != start + CALLS) {
                bool full = tn_host_in_flight(&p.host) == TN_SLOTS;
                assert_int_equal(push_number(&p.host), !full);
            }
            break;
        case 1:
            if (running)
                reply(&p);
            else if (p.end.taken != p.host.pushed)
                take_is(&p, p.end.taken);
            else
                break;
            running = !running;
            break;
        default:
            if (p.host.harvested == p.end.taken - running)
                harvest_is(&p, TN_HARVEST_NONE, 0);
            else
                harvest_is(&p, TN_HARVEST_REPLY, p.host.harvested);
        }
    }
    pair_close(&p);
}

TEST(a_full_channel_refuses_until_a_reply_is_harvested)
{
    pair p;
    pair_open(&p, UINT32_MAX - 5);
    push(&p, TN_SLOTS);
    assert_int_equal(tn_host_in_flight(&p.host), TN_SLOTS);
    assert_false(push_number(&p.host));
    take_is(&p, UINT32_MAX - 5);
    reply(&p);
    assert_false(push_number(&p.host));
    harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX - 5);
    push(&p, 1);
    assert_false(push_number(&p.host));
    for (uint32_t i = 1; i <= TN_SLOTS; i++) {
        take_is(&p, UINT32_MAX - 5 + i);
        reply(&p);
    }
    take_is_none(&p);
    for (uint32_t i = 1; i <= TN_SLOTS; i++)
        harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX - 5 + i);
    harvest_is(&p, TN_HARVEST_NONE, 0);
    pair_close(&p);
}

static bool holds(const void *bytes, uint32_t size, uint32_t seed)
{
    const unsigned char *byte = bytes;
    for (uint32_t i = 0; i < size; i++) {
        if (byte[i] != (unsigned char)(i * 7 + seed))
            return false;
    }
    return true;
}

static void fill(void *bytes, uint32_t size, uint32_t seed)
{
    unsigned char *byte = bytes;
    for (uint32_t i = 0; i < size; i++)
        byte[i] = (unsigned char)(i * 7 + seed);
}

TEST(bytes_of_any_size_go_both_ways)
{
    static const uint32_t sizes[] = {0,    1,       TN_INLINE - 1, TN_INLINE, TN_INLINE + 1,
                                     4096, 0x10000, TN_ROOM - 1,   TN_ROOM};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    alignas(16) static unsigned char bytes[TN_ROOM + 1];
    pair p;
    pair_open(&p, TN_SLOTS - 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        /* From anywhere, or written in place. */
        unsigned char *from = i % 2 ? bytes : tn_host_room(&p.host, sizes[i]);
        assert_int_equal((uintptr_t)from % 16, 0);
        fill(from, sizes[i], i);
        tn_call call = {.kind = i, .task = i + 1, .bytes = from, .size = sizes[i]};
        assert_true(tn_host_push(&p.host, &call));
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t back = sizes[COUNT - 1 - i];
        tn_call call;
        assert_int_equal(take_now(&p.end, &call), TN_TAKE_CALL);
        assert_int_equal(call.kind, i);
        assert_int_equal(call.task, i + 1);
        assert_int_equal(call.size, sizes[i]);
        assert_int_equal((uintptr_t)call.bytes % 16, 0);
        assert_true(holds(call.bytes, call.size, i));
        const void *slot = p.down->slots[tn_slot_of(p.end.taken - 1)].bytes;
        assert_int_equal(call.bytes == slot, call.size <= TN_INLINE);
        unsigned char *from = i % 2 ? bytes : tn_worker_room(&p.end, back);
        assert_int_equal((uintptr_t)from % 16, 0);
        fill(from, back, i + 100);
        tn_worker_reply(&p.end, INT32_MIN, INT32_MAX, from, back);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        tn_reply reply;
        assert_int_equal(tn_host_harvest(&p.host, &reply), TN_HARVEST_REPLY);
        assert_int_equal(reply.status, INT32_MIN);
        assert_int_equal(reply.code, INT32_MAX);
        assert_int_equal(reply.size, sizes[COUNT - 1 - i]);
        assert_true(holds(reply.bytes, reply.size, i + 100));
        /* What is small costs the host one line. */
        const void *slot = p.up->slots[tn_slot_of(reply.number)].bytes;
        assert_int_equal(reply.bytes == slot, reply.size <= TN_INLINE);
    }
    pair_close(&p);
}

TEST(more_than_the_room_is_refused)
{
    static unsigned char bytes[TN_ROOM + 1];
    pair p;
    pair_open(&p, 0);
    assert_false(tn_host_push(&p.host, &(tn_call){.bytes = bytes, .size = TN_ROOM + 1}));
    assert_false(tn_host_push(&p.host, &(tn_call){.bytes = bytes, .size = UINT32_MAX}));
    assert_int_equal(tn_host_in_flight(&p.host), 0);
    take_is_none(&p);
    pair_close(&p);
}

/* ---- Revoking ---- */

TEST(what_has_begun_is_not_revoked_and_what_has_not_never_begins)
{
    pair p;
    pair_open(&p, UINT32_MAX - 1);
    push(&p, 4);
    take_is(&p, UINT32_MAX - 1);
    assert_int_equal(tn_host_begun(&p.host), 1);
    assert_int_equal(tn_host_revoke(&p.host), UINT32_MAX);
    assert_false(tn_host_revoked(&p.host, UINT32_MAX - 1));
    for (uint32_t i = 0; i < 3; i++)
        assert_true(tn_host_revoked(&p.host, UINT32_MAX + i));
    assert_int_equal(tn_host_begun(&p.host), 1);
    assert_int_equal(tn_host_in_flight(&p.host), 4);
    /* Not before the worker is past them: it is in the first. */
    harvest_is(&p, TN_HARVEST_NONE, 0);
    reply(&p);
    harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX - 1);
    harvest_is(&p, TN_HARVEST_NONE, 0);
    take_is_none(&p);
    for (uint32_t i = 0; i < 3; i++)
        harvest_is(&p, TN_HARVEST_REVOKED, UINT32_MAX + i);
    harvest_is(&p, TN_HARVEST_NONE, 0);
    assert_int_equal(p.host.revoked, 0);
    pair_close(&p);
}

TEST(all_that_is_in_flight_may_be_revoked_or_nothing)
{
    pair p;
    pair_open(&p, 7);
    push(&p, TN_SLOTS);
    assert_int_equal(tn_host_revoke(&p.host), 7);
    assert_int_equal(tn_host_begun(&p.host), 0);
    take_is_none(&p);
    for (uint32_t i = 0; i < TN_SLOTS; i++)
        harvest_is(&p, TN_HARVEST_REVOKED, 7 + i);
    push(&p, 1);
    take_is(&p, 7 + TN_SLOTS);
    assert_int_equal(tn_host_revoke(&p.host), 8 + TN_SLOTS);
    reply(&p);
    assert_int_equal(tn_host_revoke(&p.host), 8 + TN_SLOTS);
    harvest_is(&p, TN_HARVEST_REPLY, 7 + TN_SLOTS);
    assert_false(p.host.corrupt);
    pair_close(&p);
}

TEST(a_second_revocation_does_not_undo_the_first)
{
    pair p;
    pair_open(&p, 0);
    push(&p, 3);
    take_is(&p, 0);
    assert_int_equal(tn_host_revoke(&p.host), 1);
    assert_int_equal(tn_host_revoke(&p.host), 3);
    push(&p, 2);
    assert_int_equal(tn_host_revoke(&p.host), 3);
    reply(&p);
    take_is_none(&p);
    harvest_is(&p, TN_HARVEST_REPLY, 0);
    for (uint32_t i = 1; i < 5; i++)
        harvest_is(&p, TN_HARVEST_REVOKED, i);
    pair_close(&p);
}

/* The revoked ones are not in one piece: 1 and 2, 4 and 5. */
TEST(what_is_pushed_between_two_revocations_runs)
{
    pair p;
    pair_open(&p, UINT32_MAX);
    push(&p, 3);
    take_is(&p, UINT32_MAX);
    assert_int_equal(tn_host_revoke(&p.host), 0);
    push(&p, 1);
    reply(&p);
    take_is(&p, 2);
    assert_int_equal(tn_host_begun(&p.host), 4);
    push(&p, 2);
    assert_int_equal(tn_host_revoke(&p.host), 3);
    assert_int_equal(tn_host_begun(&p.host), 4);
    push(&p, 1);
    reply(&p);
    take_is(&p, 5);
    reply(&p);
    harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX);
    harvest_is(&p, TN_HARVEST_REVOKED, 0);
    harvest_is(&p, TN_HARVEST_REVOKED, 1);
    harvest_is(&p, TN_HARVEST_REPLY, 2);
    harvest_is(&p, TN_HARVEST_REVOKED, 3);
    harvest_is(&p, TN_HARVEST_REVOKED, 4);
    harvest_is(&p, TN_HARVEST_REPLY, 5);
    harvest_is(&p, TN_HARVEST_NONE, 0);
    pair_close(&p);
}

TEST(begun_is_counted_from_the_oldest_in_flight)
{
    pair p;
    pair_open(&p, UINT32_MAX - 1);
    push(&p, 3);
    assert_int_equal(tn_host_begun(&p.host), 0);
    take_is(&p, UINT32_MAX - 1);
    reply(&p);
    take_is(&p, UINT32_MAX);
    assert_int_equal(tn_host_begun(&p.host), 2);
    harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX - 1);
    assert_int_equal(tn_host_begun(&p.host), 1);
    reply(&p);
    harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX);
    assert_int_equal(tn_host_begun(&p.host), 0);
    pair_close(&p);
}

/* ---- Stopping, leaving, listening, waiting ---- */

TEST(a_request_to_stop_reaches_its_call_alone)
{
    pair p;
    pair_open(&p, UINT32_MAX);
    push(&p, 3);
    tn_host_ask_to_stop(&p.host, 0);
    for (uint32_t i = 0; i < 3; i++) {
        take_is(&p, UINT32_MAX + i);
        assert_int_equal(tn_worker_stop_requested(&p.end), i == 1);
        tn_host_ask_to_stop(&p.host, 0);
        assert_int_equal(tn_worker_stop_requested(&p.end), i == 1);
        reply(&p);
        harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX + i);
    }
    push(&p, 1);
    take_is(&p, 2);
    tn_host_ask_to_stop(&p.host, 2);
    assert_true(tn_worker_stop_requested(&p.end));
    assert_true(tn_u32_load_relaxed(tn_worker_stop_word(&p.end)) != 0);
    pair_close(&p);
}

TEST(a_request_to_stop_what_is_not_in_flight_reaches_nobody)
{
    pair p;
    pair_open(&p, 0);
    for (uint32_t i = 0; i < 3 * TN_SLOTS; i++) {
        /* Not yet pushed; and then harvested, in the slot that the call has now. */
        tn_host_ask_to_stop(&p.host, i);
        push(&p, 1);
        tn_host_ask_to_stop(&p.host, i - TN_SLOTS);
        tn_host_ask_to_stop(&p.host, i + TN_SLOTS);
        take_is(&p, i);
        assert_false(tn_worker_stop_requested(&p.end));
        tn_host_ask_to_stop(&p.host, i);
        reply(&p);
        harvest_is(&p, TN_HARVEST_REPLY, i);
    }
    pair_close(&p);
}

TEST(who_is_to_leave_runs_what_was_pushed_before)
{
    pair p;
    tn_call call;
    pair_open(&p, 0);
    push(&p, 2);
    tn_host_close(&p.host);
    take_is(&p, 0);
    reply(&p);
    take_is(&p, 1);
    reply(&p);
    assert_int_equal(take_now(&p.end, &call), TN_TAKE_LEAVE);
    assert_int_equal(tn_worker_take(&p.end, &call, TN_CLOCK_NEVER), TN_TAKE_LEAVE);
    harvest_is(&p, TN_HARVEST_REPLY, 0);
    harvest_is(&p, TN_HARVEST_REPLY, 1);
    pair_close(&p);
}

TEST(who_is_to_leave_skips_what_was_revoked)
{
    pair p;
    tn_call call;
    pair_open(&p, 0);
    push(&p, 2);
    assert_int_equal(tn_host_revoke(&p.host), 0);
    tn_host_close(&p.host);
    assert_int_equal(tn_worker_take(&p.end, &call, TN_CLOCK_NEVER), TN_TAKE_LEAVE);
    harvest_is(&p, TN_HARVEST_REVOKED, 0);
    harvest_is(&p, TN_HARVEST_REVOKED, 1);
    pair_close(&p);
}

/* A task may overwrite what its worker says: the worker is not to wait for a call that never comes. */
TEST(a_worker_whose_word_was_overwritten_takes_nothing)
{
    static const uint32_t words[] = {0, 1, 0x80000000, UINT32_MAX, 6 + TN_SLOTS + 1};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        pair p;
        tn_call call;
        pair_open(&p, 5);
        push(&p, 1);
        take_is(&p, 5);
        reply(&p);
        harvest_is(&p, TN_HARVEST_REPLY, 5);
        push(&p, 1);
        tn_u32_store_relaxed(&p.up->begun, words[i]);
        assert_int_equal(tn_worker_take(&p.end, &call, TN_CLOCK_NEVER), TN_TAKE_SPOILT);
        pair_close(&p);
    }
}

TEST(replies_ring_only_while_the_host_listens)
{
    pair p;
    pair_open(&p, 0);
    static const struct {
        uint32_t whom, rings;
    } steps[] = {
        {0, 0}, {TN_RING_EVENT, 1}, {TN_RING_FUTEX, 1}, {TN_RING_EVENT | TN_RING_FUTEX, 2}, {0, 2}};
    for (uint32_t i = 0; i < 5; i++) {
        tn_host_listen(&p.host, steps[i].whom);
        push(&p, 1);
        take_is(&p, i);
        reply(&p);
        take_is_none(&p);
        assert_int_equal(p.rings, steps[i].rings);
    }
    /* What is skipped gives its slots back: whoever waits for room hears of it. */
    tn_host_listen(&p.host, TN_RING_EVENT);
    push(&p, 1);
    assert_int_equal(tn_host_revoke(&p.host), 5);
    take_is_none(&p);
    assert_int_equal(p.rings, 3);
    pair_close(&p);
}

/* As if it was never long since the last reply, nor since the last look at the host. */
static void keep_busy(pair *p)
{
    p->end.since = p->end.looked = tn_clock_after(100);
}

/* A ring costs more than a short call. */
TEST(short_calls_ring_once_there_is_no_other_and_nobody_has_harvested)
{
    pair p;
    pair_open(&p, 0);
    tn_host_listen(&p.host, TN_RING_EVENT);
    push(&p, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(p.rings, 0);
        take_is(&p, i);
        keep_busy(&p);
        reply(&p);
    }
    take_is_none(&p);
    assert_int_equal(p.rings, 1);
    take_is_none(&p);
    assert_int_equal(p.rings, 1);
    for (uint32_t i = 0; i < 3; i++)
        harvest_is(&p, TN_HARVEST_REPLY, i);

    push(&p, 1);
    take_is(&p, 3);
    keep_busy(&p);
    reply(&p);
    harvest_is(&p, TN_HARVEST_REPLY, 3);
    take_is_none(&p);
    assert_int_equal(p.rings, 1);
    pair_close(&p);
}

/* The next call may take long as well. */
TEST(a_long_call_rings_at_once)
{
    pair p;
    pair_open(&p, 0);
    tn_host_listen(&p.host, TN_RING_EVENT);
    push(&p, 2);
    take_is(&p, 0);
    p.end.since = 0;
    reply(&p);
    assert_int_equal(p.rings, 1);
    take_is(&p, 1);
    keep_busy(&p);
    reply(&p);
    assert_int_equal(p.rings, 1);
    /* Who sleeps on the word harvests soon. */
    tn_host_listen(&p.host, TN_RING_EVENT | TN_RING_FUTEX);
    push(&p, 1);
    take_is(&p, 2);
    p.end.since = 0;
    reply(&p);
    assert_int_equal(p.rings, 1);
    pair_close(&p);
}

static void ring_long(void *data)
{
    pair *p = data;
    p->rings++;
    p->end.since = p->end.looked = 0;
}

/* Others may have run on this CPU meanwhile: without end, each ring would be the reason for the next. */
TEST(a_ring_that_takes_long_is_no_long_call)
{
    pair p;
    pair_open(&p, 0);
    tn_host_listen(&p.host, TN_RING_EVENT);
    p.end.ring = ring_long;
    p.end.since = 0;
    push(&p, 2);
    take_is(&p, 0);
    reply(&p);
    assert_int_equal(p.rings, 1);
    assert_true(p.end.since > 0 && p.end.looked > 0);
    pair_close(&p);
}

static int64_t rung_at;

static void ring_and_be_given_more(void *data)
{
    pair *p = data;
    p->rings++;
    push(p, 1);
    rung_at = tn_clock_now();
}

TEST(nor_is_one_while_the_worker_polls)
{
    pair p;
    tn_call call;
    pair_open(&p, 0);
    tn_host_listen(&p.host, TN_RING_EVENT);
    p.end.ring = ring_and_be_given_more;
    p.end.spin = INT64_C(60) * 1000 * 1000 * 1000;
    push(&p, 1);
    take_is(&p, 0);
    keep_busy(&p);
    reply(&p);
    assert_int_equal(tn_worker_take(&p.end, &call, TN_CLOCK_NEVER), TN_TAKE_CALL);
    assert_int_equal(p.rings, 1);
    assert_true(p.end.since >= rung_at);
    pair_close(&p);
}

/* Not the whole of it: it may be about to take the rest. */
TEST(many_short_calls_ring_unless_the_host_has_taken_what_there_was_a_while_ago)
{
    pair p;
    pair_open(&p, 0);
    tn_host_listen(&p.host, TN_RING_EVENT);
    push(&p, 6);
    for (uint32_t i = 0; i < 6; i++) {
        take_is(&p, i);
        keep_busy(&p);
        p.end.looked = 0;
        reply(&p);
        if (i < 4)
            harvest_is(&p, TN_HARVEST_REPLY, i);
        assert_int_equal(p.rings, i == 5);
    }
    pair_close(&p);
}

TEST(the_word_to_sleep_on_changes_with_each_reply)
{
    pair p;
    pair_open(&p, UINT32_MAX);
    push(&p, 2);
    for (uint32_t i = 0; i < 2; i++) {
        harvest_is(&p, TN_HARVEST_NONE, 0);
        tn_host_listen(&p.host, TN_RING_FUTEX);
        assert_int_equal(tn_u32_load_relaxed(tn_host_done_word(&p.host)),
                         tn_host_done_seen(&p.host));
        take_is(&p, UINT32_MAX + i);
        reply(&p);
        assert_int_not_equal(tn_u32_load_relaxed(tn_host_done_word(&p.host)),
                             tn_host_done_seen(&p.host));
        harvest_is(&p, TN_HARVEST_REPLY, UINT32_MAX + i);
    }
    pair_close(&p);
}

TEST(a_take_ends_at_its_time_and_leaves_nobody_to_wake)
{
    pair p;
    tn_call call;
    pair_open(&p, 0);
    for (int spinning = 0; spinning < 2; spinning++) {
        p.end.spin = spinning ? (int64_t)50 * 1000 * 1000 : 0;
        int64_t until = tn_clock_after(0.02);
        assert_int_equal(tn_worker_take(&p.end, &call, until), TN_TAKE_NONE);
        assert_true(tn_clock_now() >= until);
        assert_int_equal(tn_u32_load_relaxed(&p.up->parked), 0);
    }
    assert_int_equal(tn_worker_take(&p.end, &call, INT64_MIN), TN_TAKE_NONE);
    push(&p, 1);
    assert_int_equal(tn_worker_take(&p.end, &call, INT64_MIN), TN_TAKE_CALL);
    pair_close(&p);
}

/* ---- Memory ---- */

/* A worker's mapping of DOWN is read-only: a write would be its death. */
TEST(the_worker_writes_to_up_alone)
{
    int fd;
    void *down, *view;
    pair p;
    pair_open(&p, 0);
    assert_int_equal(tn_shared_new("tarn-test", tn_down_size(), true, &fd, &down), 0);
    assert_int_equal(tn_shared_map(fd, tn_down_size(), false, &view), 0);
    tn_host_open(&p.host, down, p.up);
    tn_worker_open(&p.end, view, p.up, pair_ring, &p);
    tn_host_listen(&p.host, TN_RING_EVENT | TN_RING_FUTEX);
    for (uint32_t i = 0; i < 3 * TN_SLOTS; i += 2) {
        push(&p, 2);
        take_is(&p, i);
        tn_host_ask_to_stop(&p.host, i);
        assert_true(tn_worker_stop_requested(&p.end));
        assert_int_equal(tn_host_revoke(&p.host), i + 1);
        reply(&p);
        take_is_none(&p);
        harvest_is(&p, TN_HARVEST_REPLY, i);
        harvest_is(&p, TN_HARVEST_REVOKED, i + 1);
    }
    tn_host_close(&p.host);
    tn_call call;
    assert_int_equal(take_now(&p.end, &call), TN_TAKE_LEAVE);
    tn_shared_unmap(down, tn_down_size());
    tn_shared_unmap(view, tn_down_size());
    tn_fd_close(fd);
    pair_close(&p);
}

TEST(words_with_different_writers_share_no_line)
{
    static const size_t words[] = {offsetof(tn_up, begun), offsetof(tn_up, done),
                                   offsetof(tn_up, parked), offsetof(tn_up, slots)};
    for (size_t i = 1; i < sizeof words / sizeof words[0]; i++)
        assert_true(words[i - 1] / TN_LINE < words[i] / TN_LINE);
    assert_int_equal(sizeof(tn_down), tn_down_size());
    assert_int_equal(sizeof(tn_up), tn_up_size());
}
