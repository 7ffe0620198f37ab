/* SPDX-License-Identifier: Apache-2.0 */

/* Cycles that go through chained futures: a task that waits for what comes after itself. */
#include "chained.h"

#include <stdatomic.h>
#include <unistd.h>

/* ---- Cycles ---- */

enum link { PLAIN, DIRECT, LONG, THROUGH_ALL, THROUGH_THEN, LINKS };

/* A future that ends after another one, in one of several ways. */
static tarn_future *link_up(tarn_executor *pool, tarn_future *before, enum link how)
{
    if (how == PLAIN)
        return tarn_hold(before);
    tarn_future *first = nothing_after(pool, before);
    if (how == DIRECT)
        return first;
    tarn_future *pair[2] = {square_submit(pool, 1), first};
    tarn_future *second = how == THROUGH_ALL    ? tarn_all(pair, 2)
                          : how == THROUGH_THEN ? tarn_then(pool, &link_observe_task, first)
                                                : nothing_after(pool, first);
    tarn_drop_all(pair, 2);
    tarn_future *third = nothing_after(pool, second);
    tarn_drop(second);
    return third;
}

enum how { BY_WAIT, BY_RESULT, BY_ALL, BY_FIRST, BY_NEXT, WAYS };

static tarn_status wait_by_next(tarn_future *const *futures, size_t n)
{
    size_t tag = 0;
    tarn_completions *completed = tarn_as_completed(futures, n, TARN_FOREVER);
    tarn_status status = tarn_next(completed, &tag);
    tarn_completions_drop(completed);
    return status;
}

static tarn_status wait_by(enum how how, tarn_future *future)
{
    if (how == BY_WAIT)
        return tarn_future_wait(future, TARN_FOREVER);
    if (how == BY_NEXT)
        return wait_by_next(&future, 1);
    if (how != BY_RESULT)
        return tarn_wait(&future, 1, how == BY_ALL ? TARN_WAIT_ALL : TARN_WAIT_FIRST, TARN_FOREVER,
                         NULL);
    tarn_status status = tarn_result(future, NULL, NULL, 0);
    return status == TARN_DEADLOCK ? status : TARN_OK;
}

enum { RING_MOST = 5 };

struct ring {
    int n;
    enum how how;
    struct gate ready;
    tarn_future *members[RING_MOST];
    tarn_future *after[RING_MOST]; /* what ends after each */
    struct answer answers[RING_MOST];
};

/* Each waits for what comes after the next. */
static void wait_around(struct ring *ring, int i)
{
    gate_pass(&ring->ready);
    ring->answers[i] = answer_of(wait_by(ring->how, ring->after[(i + 1) % ring->n]));
}
TARN_TASK(void, wait_around, struct ring *, int);

static void assert_one_cycle(const struct ring *ring)
{
    int deadlocks = 0;
    for (int i = 0; i < ring->n; i++) {
        if (ring->answers[i].status == TARN_DEADLOCK) {
            assert_contains(ring->answers[i].error, "cycle");
            deadlocks++;
        } else {
            assert_int_equal(ring->answers[i].status, TARN_OK);
        }
    }
    assert_int_equal(deadlocks, 1);
}

/* Member i and what comes after it belong to pools[i % 2] and the other, which may be one pool. */
static void check_ring(tarn_executor *pools[2], int n, int at_once, enum how how, enum link link)
{
    struct ring ring = {.n = n, .how = how, .ready = GATE_CLOSED};
    for (int i = 0; i < n; i++) {
        ring.members[i] = wait_around_submit(pools[i % 2], &ring, i);
        /* A plain wait is enough in places. */
        enum link own = link == LINKS ? (enum link)(i % LINKS) : link;
        ring.after[i] = link_up(pools[(i + 1) % 2], ring.members[i], own);
    }
    gate_await(&ring.ready, at_once);
    gate_open(&ring.ready);
    for (int i = 0; i < n; i++)
        assert_int_equal(status_of(ring.members[i]), TARN_OK);
    /* Nothing of the chains is lost. */
    for (int i = 0; i < n; i++)
        assert_int_equal(status_of(ring.after[i]), TARN_OK);
    assert_one_cycle(&ring);
    tarn_drop_all(ring.members, (size_t)n);
    tarn_drop_all(ring.after, (size_t)n);
}

static void check_rings(int workers, int n)
{
    tarn_executor *pool = pool_of(workers);
    tarn_executor *pools[2] = {pool, pool};
    size_t rounds = test_count(20);
    for (enum how how = BY_WAIT; how < WAYS; how++) {
        /* Only a wait for all may run its task itself, and so needs no second thread. */
        if (!(this_column()->capabilities & SPARES) && (how == BY_FIRST || how == BY_NEXT))
            continue;
        for (enum link link = DIRECT; link <= LINKS; link++) {
            for (size_t i = 0; i < rounds; i++)
                check_ring(pools, n, workers < n ? workers : n, how, link);
        }
    }
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_waits_for_what_comes_after_it_is_told, NESTED)
{
    check_rings(pool_workers(), 1);
}

CONTRACT_TEST(a_cycle_through_chains_answers_deadlock_exactly_once, NESTED | PARALLEL)
{
    check_rings(2, 2);
    check_rings(5, 5);
}

/* With fewer workers some of them run on top of those that wait for them, or on spares. */
CONTRACT_TEST(a_cycle_through_chains_of_stacked_tasks_answers_once, NESTED)
{
    check_rings(1, 2);
    check_rings(1, 5);
}

CONTRACT_TEST(a_cycle_through_chains_across_pools_answers_once, NESTED | SPARES)
{
    tarn_executor *pools[2] = {pool_open(), pool_open()};
    size_t rounds = test_count(20);
    for (enum link link = DIRECT; link <= LINKS; link++) {
        for (size_t i = 0; i < rounds; i++) {
            check_ring(pools, 2, 2, BY_WAIT, link);
            check_ring(pools, 4, 4, BY_ALL, link);
            check_ring(pools, 3, 3, i % 2 ? BY_FIRST : BY_NEXT, link);
        }
    }
    pool_close(pools[0]);
    pool_close(pools[1]);
}

struct detour {
    struct gate ready;
    tarn_future *member;
    tarn_future *after;
    struct answer answer;
};

static void wait_among_many(struct detour *d, tarn_executor *pool)
{
    gate_pass(&d->ready);
    tarn_future *futures[3] = {square_submit(pool, 1), d->after, square_submit(pool, 2)};
    d->answer = answer_of(tarn_wait(futures, 3, TARN_WAIT_ALL, TARN_FOREVER, NULL));
    if (d->answer.status == TARN_DEADLOCK && tarn_done(d->after))
        d->answer.status = TARN_INVALID;
    tarn_drop(futures[0]);
    tarn_drop(futures[2]);
}
TARN_TASK(void, wait_among_many, struct detour *, tarn_executor *);

CONTRACT_TEST(one_of_all_that_comes_after_it_is_enough_for_a_cycle, NESTED)
{
    tarn_executor *pool = pool_open();
    for (enum link link = DIRECT; link < LINKS; link++) {
        struct detour d = {.ready = GATE_CLOSED};
        d.member = wait_among_many_submit(pool, &d, pool);
        d.after = link_up(pool, d.member, link);
        gate_open(&d.ready);
        assert_ended(d.member, TARN_OK);
        assert_int_equal(d.answer.status, TARN_DEADLOCK);
        assert_contains(d.answer.error, "cycle");
        assert_ended(d.after, TARN_OK);
    }
    pool_close(pool);
}

struct triangle {
    struct gate ready;
    tarn_future *members[3];
    tarn_future *after[3];
    tarn_future *promised; /* or NULL */
    bool by_next;
    struct answer answers[3];
    atomic_int threads[3];
};

/* Member 0 waits for any of what comes after the others, and they wait for what comes after it. */
static void wait_for_any_after(struct triangle *t, int i)
{
    gate_pass(&t->ready);
    atomic_store(&t->threads[i], (int)gettid());
    if (i > 0) {
        t->answers[i] = answer_of(tarn_future_wait(t->after[0], TARN_FOREVER));
        return;
    }
    tarn_future *any[3] = {t->after[1], t->after[2], t->promised};
    size_t n = t->promised ? 3 : 2;
    t->answers[0] = answer_of(t->by_next ? wait_by_next(any, n)
                                         : tarn_wait(any, n, TARN_WAIT_FIRST, TARN_FOREVER, NULL));
}
TARN_TASK(void, wait_for_any_after, struct triangle *, int);

static void triangle_start(struct triangle *t, tarn_executor *pool, size_t round)
{
    t->ready = (struct gate)GATE_CLOSED;
    t->by_next = round % 2;
    for (int i = 0; i < 3; i++) {
        t->members[i] = wait_for_any_after_submit(pool, t, i);
        t->after[i] = link_up(pool, t->members[i], (enum link)(DIRECT + round / 2 % (LINKS - 1)));
    }
    gate_await(&t->ready, 3);
    gate_open(&t->ready);
}

/* How many of the waits were told of a cycle. */
static int triangle_join(struct triangle *t)
{
    int cycles = 0;
    for (int i = 0; i < 3; i++)
        assert_ended(t->members[i], TARN_OK);
    for (int i = 0; i < 3; i++) {
        assert_ended(t->after[i], TARN_OK);
        cycles += t->answers[i].status == TARN_DEADLOCK;
        if (t->answers[i].status != TARN_OK)
            assert_contains(t->answers[i].error, "cycle");
    }
    return cycles;
}

CONTRACT_TEST(a_wait_for_any_of_some_chains_closes_a_cycle_only_if_all_do, NESTED | PARALLEL)
{
    tarn_executor *pool = pool_of(3);
    size_t rounds = test_count(200);
    for (size_t i = 0; i < rounds; i++) {
        struct triangle t = {.promised = NULL};
        triangle_start(&t, pool, i);
        assert_int_equal(triangle_join(&t), 1);
    }
    for (size_t i = 0; i < rounds; i++) {
        struct source source = source_new();
        struct triangle t = {.promised = source.future};
        triangle_start(&t, pool, i);
        for (int k = 0; k < 3; k++) {
            while (atomic_load(&t.threads[k]) == 0)
                continue;
            thread_await_sleep(atomic_load(&t.threads[k]));
        }
        source_give(&source, 1);
        assert_int_equal(triangle_join(&t), 0);
        tarn_drop(source.future);
    }
    pool_close(pool);
}

/* ---- No cycles ---- */

struct pair {
    struct gate ready;
    tarn_future *futures[2];
    atomic_int thread;
    struct answer answer;
};

static void wait_for_pair(struct pair *p)
{
    gate_pass(&p->ready);
    atomic_store(&p->thread, (int)gettid());
    p->answer = answer_of(tarn_wait(p->futures, 2, TARN_WAIT_ALL, TARN_FOREVER, NULL));
}
TARN_TASK(void, wait_for_pair, struct pair *);

/* One of the two came after the task that waits, and has been cancelled: it waits for nothing. */
CONTRACT_TEST(what_was_cancelled_closes_no_cycle, NESTED | SPARES)
{
    tarn_executor *pool = pool_open();
    for (enum link link = DIRECT; link < LINKS; link++) {
        struct source source = source_new();
        struct pair p = {.ready = GATE_CLOSED};
        tarn_future *member = wait_for_pair_submit(pool, &p);
        p.futures[0] = link_up(pool, member, link);
        p.futures[1] = source.future;
        assert_true(tarn_cancel(p.futures[0]));
        gate_open(&p.ready);
        while (atomic_load(&p.thread) == 0)
            continue;
        thread_await_sleep(atomic_load(&p.thread));
        source_give(&source, 1);
        assert_ended(member, TARN_OK);
        assert_int_equal(p.answer.status, TARN_OK);
        tarn_drop_all(p.futures, 2);
    }
    pool_close(pool);
}

enum { WEB = 150, WEB_FAN = 3 };

struct web {
    tarn_executor *pools[2];
    tarn_future *futures[WEB];
    struct gate go;
    atomic_long waits, cycles, others;
};

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void web_note(struct web *web, tarn_status status)
{
    atomic_fetch_add(&web->waits, 1);
    if (status == TARN_DEADLOCK)
        atomic_fetch_add(&web->cycles, 1);
    else if (status != TARN_OK)
        atomic_fetch_add(&web->others, 1);
}

/* Waits for what has a lower number, whether that is a task, chained, or all of some. */
static void wait_for_lower_links(struct web *web, int i, uint32_t seed)
{
    gate_pass(&web->go);
    for (int k = 0; i > 0 && k < 2; k++) {
        tarn_future *lower[WEB_FAN];
        size_t n = 1 + random_next(&seed) % WEB_FAN;
        for (size_t j = 0; j < n; j++)
            lower[j] = web->futures[random_next(&seed) % (uint32_t)i];
        switch (random_next(&seed) % 5) {
        case 0:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_FIRST, TARN_FOREVER, NULL));
            break;
        case 3:
            web_note(web, wait_by_next(lower, n));
            break;
        case 1:
            web_note(web, tarn_future_wait(lower[0], TARN_FOREVER));
            break;
        case 2:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_ALL, tarn_in(1000), NULL));
            break;
        default:
            web_note(web, tarn_wait(lower, n, TARN_WAIT_ALL, TARN_FOREVER, NULL));
            break;
        }
    }
}
TARN_TASK(void, wait_for_lower_links, struct web *, int, uint32_t);

static tarn_future *web_link(struct web *web, int i, uint32_t *seed)
{
    tarn_executor *pool = web->pools[random_next(seed) % 2];
    tarn_future *lower[WEB_FAN];
    for (int k = 0; k < WEB_FAN; k++)
        lower[k] = i > 0 ? web->futures[random_next(seed) % (uint32_t)i] : NULL;
    switch (i > 0 ? random_next(seed) % 5 : 4) {
    case 0:
        return nothing_after(pool, lower[0]);
    case 1:
        return tarn_then(pool, &link_observe_task, lower[0]);
    case 2:
        return tarn_all(lower, WEB_FAN);
    default:
        return wait_for_lower_links_submit(pool, web, i, random_next(seed) | 1);
    }
}

static void web_run(tarn_executor *pools[2], long waits)
{
    static struct web web;
    uint32_t seed = 19700101;
    web.pools[0] = pools[0];
    web.pools[1] = pools[1];
    atomic_store(&web.waits, 0);
    while (atomic_load(&web.waits) < waits) {
        web.go = (struct gate)GATE_CLOSED;
        for (int i = 0; i < WEB; i++)
            web.futures[i] = web_link(&web, i, &seed);
        gate_open(&web.go);
        for (int i = WEB; i-- > 0;)
            assert_int_equal(status_of(web.futures[i]), TARN_OK);
        tarn_drop_all(web.futures, WEB);
    }
    assert_int_equal(atomic_load(&web.cycles), 0);
    assert_int_equal(atomic_load(&web.others), 0);
}

CONTRACT_TEST(random_waits_for_chains_meet_no_false_deadlock, NESTED | PARALLEL | SPARES)
{
    struct pool_options options = {.max_workers = 3, .stack_size = 1 << 20};
    tarn_executor *pools[2] = {pool_with(&options), pool_with(&options)};
    tarn_executor *one[2] = {pools[0], pools[0]};
    web_run(one, (long)test_count(200000));
    web_run(pools, (long)test_count(100000));
    pool_close(pools[0]);
    pool_close(pools[1]);
}
