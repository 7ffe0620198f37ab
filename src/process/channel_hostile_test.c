/* SPDX-License-Identifier: Apache-2.0 */

/* A worker that writes to UP whatever it likes. Sanitizers watch the host. */
#include "process/channel_test.h"

#include "platform/thread.h"

enum { STACK = 256 * 1024 };

static void push(pair *p, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(push_number(&p->host));
}

static void say_done(pair *p, uint32_t done)
{
    tn_u32_store_release(&p->up->done, done);
}

static void mark(pair *p, uint32_t number)
{
    tn_u32_store_release(&p->up->slots[tn_slot_of(number)].mark, tn_mark_of(number));
}

static void say_begun(pair *p, uint32_t begun)
{
    tn_u32_store_release(&p->up->begun, begun);
}

static tn_harvest harvest(pair *p)
{
    tn_reply reply;
    return tn_host_harvest(&p->host, &reply);
}

/* Nothing that the worker does makes good for it. */
static void is_condemned(pair *p)
{
    uint32_t in_flight = tn_host_in_flight(&p->host);
    assert_true(p->host.corrupt);
    mark(p, p->host.harvested);
    say_done(p, p->host.harvested + 1);
    say_begun(p, p->host.harvested + 1);
    assert_int_equal(harvest(p), TN_HARVEST_CORRUPT);
    assert_int_equal(tn_host_revoke(&p->host), p->host.pushed);
    assert_int_equal(tn_host_in_flight(&p->host), in_flight);
}

/* ---- Lies, one by one ---- */

/* It is looked at for what was revoked, which has no mark. */
TEST(done_with_more_than_was_pushed_is_corrupt)
{
    static const uint32_t ahead[] = {1, 2, TN_SLOTS, 1u << 31, UINT32_MAX - 4};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        pair p;
        pair_open(&p, UINT32_MAX - 1);
        push(&p, 3);
        assert_int_equal(tn_host_revoke(&p.host), UINT32_MAX - 1);
        say_done(&p, p.host.pushed + ahead[i]);
        assert_int_equal(harvest(&p), TN_HARVEST_CORRUPT);
        is_condemned(&p);
        pair_close(&p);
    }
}

TEST(done_that_goes_back_is_corrupt)
{
    pair p;
    pair_open(&p, 5);
    push(&p, 3);
    assert_int_equal(tn_host_revoke(&p.host), 5);
    say_done(&p, 6);
    assert_int_equal(harvest(&p), TN_HARVEST_REVOKED);
    say_done(&p, 4);
    assert_int_equal(harvest(&p), TN_HARVEST_CORRUPT);
    is_condemned(&p);
    pair_close(&p);
}

TEST(zero_where_there_was_a_count_is_corrupt)
{
    pair p;
    pair_open(&p, 5);
    push(&p, 3);
    assert_int_equal(tn_host_revoke(&p.host), 5);
    /* As after a hole was punched. */
    memset(p.up, 0, sizeof *p.up);
    assert_int_equal(harvest(&p), TN_HARVEST_CORRUPT);
    is_condemned(&p);
    pair_close(&p);
}

TEST(a_size_over_the_room_is_corrupt)
{
    static const uint32_t sizes[] = {TN_ROOM + 1, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pair p;
        pair_open(&p, 31);
        push(&p, 2);
        tn_u32_store_relaxed(&p.up->slots[31].length, TN_ROOM);
        tn_u32_store_relaxed(&p.up->slots[0].length, sizes[i]);
        mark(&p, 31);
        mark(&p, 32);
        tn_reply reply;
        assert_int_equal(tn_host_harvest(&p.host, &reply), TN_HARVEST_REPLY);
        assert_int_equal(reply.size, TN_ROOM);
        assert_int_equal(harvest(&p), TN_HARVEST_CORRUPT);
        assert_int_equal(p.host.harvested, 32);
        is_condemned(&p);
        pair_close(&p);
    }
}

TEST(nothing_is_revoked_by_counters_that_cannot_be)
{
    /* Relative to the two calls that are in flight and one that is done. */
    static const uint32_t begun[] = {0u - 1, 0, 4, 5, 1u << 31};
    for (size_t i = 0; i < sizeof begun / sizeof begun[0]; i++) {
        pair p;
        pair_open(&p, UINT32_MAX - 1);
        push(&p, 3);
        mark(&p, UINT32_MAX - 1);
        assert_int_equal(harvest(&p), TN_HARVEST_REPLY);
        say_begun(&p, UINT32_MAX - 1 + begun[i]);
        assert_in_range(tn_host_begun(&p.host), 0, 2);
        assert_int_equal(tn_host_revoke(&p.host), p.host.pushed);
        assert_int_equal(p.host.revoked, 0);
        is_condemned(&p);
        pair_close(&p);
    }
}

TEST(a_worker_that_takes_back_what_was_revoked_is_found_by_the_next_revocation)
{
    pair p;
    pair_open(&p, 0);
    push(&p, 3);
    assert_int_equal(tn_host_revoke(&p.host), 0);
    push(&p, 1);
    say_begun(&p, 2);
    assert_int_equal(tn_host_revoke(&p.host), 4);
    is_condemned(&p);
    pair_close(&p);
}

/* Whoever runs them all the same has done so for nothing. */
TEST(no_reply_is_taken_for_what_was_revoked)
{
    pair p;
    pair_open(&p, 0);
    push(&p, 2);
    assert_int_equal(tn_host_revoke(&p.host), 0);
    mark(&p, 0);
    mark(&p, 1);
    assert_int_equal(harvest(&p), TN_HARVEST_NONE);
    say_begun(&p, 1);
    say_done(&p, 2);
    assert_int_equal(harvest(&p), TN_HARVEST_REVOKED);
    assert_int_equal(harvest(&p), TN_HARVEST_REVOKED);
    assert_int_equal(harvest(&p), TN_HARVEST_NONE);
    pair_close(&p);
}

TEST(a_reply_to_what_was_not_pushed_is_not_taken_and_then_betrays_it)
{
    pair p;
    pair_open(&p, 0);
    mark(&p, 0);
    assert_int_equal(harvest(&p), TN_HARVEST_NONE);
    push(&p, 1);
    assert_int_equal(harvest(&p), TN_HARVEST_REPLY);
    assert_int_equal(tn_host_revoke(&p.host), 1);
    is_condemned(&p);
    pair_close(&p);
}

/* A slot that was used before, and one that never was. */
TEST(only_the_mark_of_the_call_itself_is_a_reply)
{
    static const uint32_t marks[] = {0, 1, 40u - TN_SLOTS, 39, 41, 40 + TN_SLOTS, UINT32_MAX};
    pair p;
    pair_open(&p, 39);
    push(&p, 1);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        tn_u32_store_release(&p.up->slots[tn_slot_of(39)].mark, marks[i]);
        assert_int_equal(harvest(&p), TN_HARVEST_NONE);
    }
    mark(&p, 39);
    assert_int_equal(harvest(&p), TN_HARVEST_REPLY);
    pair_close(&p);
}

TEST(whatever_it_says_of_its_sleep_calls_are_pushed)
{
    pair p;
    pair_open(&p, 0);
    for (uint32_t i = 0; i < TN_SLOTS; i++) {
        tn_u32_store_relaxed(&p.up->parked, i % 2 ? UINT32_MAX : i);
        push(&p, 1);
    }
    tn_host_close(&p.host);
    pair_close(&p);
}

/* ---- Noise ---- */

typedef struct noise {
    pair p;
    void (*liar)(tn_up *up, uint64_t *state);
    tn_atomic_u32 quiet;
    tn_thread thread;
} noise;

/* Values near the borders, more often than not. */
static uint32_t lie(uint64_t *state)
{
    switch (dice(state) % 6) {
    case 0:
        return dice(state) * 3;
    case 1:
        return TN_ROOM - 1 + dice(state) % 3;
    case 2:
        return TN_INLINE - 1 + dice(state) % 3;
    default:
        return dice(state) % 64;
    }
}

static void lie_somewhere(tn_up *up, uint64_t *state)
{
    tn_reply_slot *slot = &up->slots[dice(state) % TN_SLOTS];
    tn_atomic_u32 *words[] = {&up->begun,    &up->done,     &up->parked, &up->done,   &slot->length,
                              &slot->length, &slot->status, &slot->code, &slot->mark, &slot->mark};
    tn_u32_store_relaxed(words[dice(state) % 10], lie(state));
    /* ThreadSanitizer would report what the host is made for: bytes that change as they are read. */
    volatile unsigned char *byte = up->rooms[dice(state) % TN_SLOTS] + dice(state) % TN_ROOM;
    if (!TN_TSAN)
        *byte = (unsigned char)dice(state);
}

static void make_noise(void *data)
{
    noise *n = data;
    uint64_t state = 7;
    while (!tn_u32_load_relaxed(&n->quiet))
        n->liar(n->p.up, &state);
}

/* Static, as a failed assertion leaves the frame to the thread. */
static noise *noise_start(void (*liar)(tn_up *up, uint64_t *state))
{
    static noise n;
    n = (noise){.liar = liar};
    pair_open(&n.p, 0);
    assert_int_equal(tn_thread_start(&n.thread, STACK, "noise", make_noise, &n), 0);
    return &n;
}

static void noise_end(noise *n)
{
    tn_u32_store_relaxed(&n->quiet, 1);
    tn_thread_join(n->thread);
    pair_close(&n->p);
}

/* The bytes lie in the slot or the room of this call, whichever the size says. They are copied into
 * a block that is not a byte too large, for AddressSanitizer to see. */
static void check_reply(const pair *p, const tn_reply *reply)
{
    uint32_t i = tn_slot_of(reply->number);
    const void *slot = p->up->slots[i].bytes, *room = p->up->rooms[i];
    assert_true(reply->size <= TN_ROOM);
    assert_ptr_equal(reply->bytes, reply->size <= TN_INLINE ? slot : room);
    void *copy = tn_alloc_bare(reply->size + 1);
    assert_non_null(copy);
    memcpy(copy, reply->bytes, reply->size);
    tn_free(copy);
}

/* Returns whether the host still believes the worker. */
static bool check_harvest(pair *p)
{
    tn_reply reply = {.number = ~p->host.harvested};
    uint32_t number = p->host.harvested, in_flight = tn_host_in_flight(&p->host);
    bool was_revoked = tn_host_revoked(&p->host, number);
    tn_harvest found = tn_host_harvest(&p->host, &reply);
    assert_int_equal(p->host.corrupt, found == TN_HARVEST_CORRUPT);
    if (found == TN_HARVEST_REPLY || found == TN_HARVEST_REVOKED) {
        assert_true(in_flight > 0);
        assert_int_equal(reply.number, number);
        assert_int_equal(p->host.harvested, number + 1);
        assert_int_equal(found == TN_HARVEST_REVOKED, was_revoked);
    } else {
        assert_int_equal(p->host.harvested, number);
    }
    if (found == TN_HARVEST_REPLY)
        check_reply(p, &reply);
    return found != TN_HARVEST_CORRUPT;
}

static bool check_revoke(pair *p)
{
    uint32_t before = p->host.revoked;
    uint32_t first = tn_host_revoke(&p->host);
    assert_in_range(first - p->host.harvested, 0, tn_host_in_flight(&p->host));
    assert_int_equal(before & ~p->host.revoked, 0);
    for (uint32_t n = first; n != p->host.pushed; n++)
        assert_true(tn_host_revoked(&p->host, n));
    return !p->host.corrupt;
}

/* One random step; false: the worker is condemned. */
static bool step(pair *p, uint64_t *state)
{
    uint32_t in_flight = tn_host_in_flight(&p->host);
    switch (dice(state) % 8) {
    case 0:
        return check_revoke(p);
    case 1:
        assert_in_range(tn_host_begun(&p->host), 0, in_flight);
        return true;
    case 2:
        tn_host_listen(&p->host, dice(state) % 4);
        tn_host_ask_to_stop(&p->host, dice(state) % 64);
        return true;
    case 3:
    case 4:
        assert_int_equal(push_number(&p->host), in_flight < TN_SLOTS);
        return true;
    default:
        return check_harvest(p);
    }
}

/* As long as it is believed, then anew. Returns the number of steps that were. */
static size_t endure(pair *p, uint64_t *state)
{
    size_t steps = 0;
    tn_host_open(&p->host, p->down, p->up);
    push(p, (int)(dice(state) % TN_SLOTS));
    say_done(p, 0);
    say_begun(p, 0);
    while (step(p, state) && steps < 1000)
        steps++;
    assert_true(tn_host_in_flight(&p->host) <= TN_SLOTS);
    return steps;
}

TEST(what_was_written_before_the_harvest_is_checked)
{
    pair p;
    uint64_t state = 8;
    size_t steps = 0;
    pair_open(&p, 0);
    for (size_t i = test_count(5000); i > 0; i--) {
        for (int lies = 0; lies < 40; lies++)
            lie_somewhere(p.up, &state);
        steps += endure(&p, &state);
    }
    assert_true(steps > 0);
    pair_close(&p);
}

TEST(what_is_written_during_the_harvest_is_checked)
{
    noise *n = noise_start(lie_somewhere);
    uint64_t state = 9;
    size_t steps = 0;
    for (size_t i = test_count(20000); i > 0; i--)
        steps += endure(&n->p, &state);
    assert_true(steps > 0);
    noise_end(n);
}

/* All the noise on one word, which changes about as often as it can be loaded. */
static void lie_of_a_size(tn_up *up, uint64_t *state)
{
    static const uint32_t sizes[] = {0, TN_INLINE + 1, TN_ROOM + 1, UINT32_MAX};
    tn_u32_store_relaxed(&up->slots[0].length, sizes[dice(state) % 4]);
}

TEST(a_size_is_read_once)
{
    noise *n = noise_start(lie_of_a_size);
    for (size_t i = test_count(200000); i > 0; i--) {
        tn_host_open(&n->p.host, n->p.down, n->p.up);
        push(&n->p, 1);
        mark(&n->p, 0);
        check_harvest(&n->p);
    }
    noise_end(n);
}
