/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting inside a task for chained futures: what they depend on is run here and now, as far as it
 * may be. (Cycles: chains_cycle.c.) */
#include "chained.h"
#include "fault.h"

#include <stdatomic.h>
#include <unistd.h>

enum way { BY_WAIT, BY_RESULT, BY_ALL, WAYS };

/* Waits for a future that ends well, without a deadline. */
static tarn_status wait_by(enum way way, tarn_future *future)
{
    if (way == BY_WAIT)
        return tarn_future_wait(future, TARN_FOREVER);
    if (way == BY_RESULT)
        return tarn_result(future, NULL, NULL, 0);
    return tarn_wait(&future, 1, TARN_WAIT_ALL, TARN_FOREVER, NULL);
}

/* ---- On one worker, without a spare ---- */

static struct answer wait_for_chain(tarn_executor *pool, int length, enum way way)
{
    tarn_future *last = square_submit(pool, 0);
    for (int i = 0; i < length; i++) {
        tarn_future *next = link_add_after(pool, last);
        tarn_drop(last);
        last = next;
    }
    struct answer answer = answer_of(wait_by(way, last));
    int value = -1;
    if (answer.status == TARN_OK)
        answer = answer_of(tarn_result(last, &link_add_task, &value, sizeof(value)));
    if (answer.status == TARN_OK && value != length)
        answer.status = TARN_INVALID;
    tarn_drop(last);
    return answer;
}
TARN_TASK(struct answer, wait_for_chain, tarn_executor *, int, enum way);

CONTRACT_TEST(a_wait_runs_the_chain_that_it_waits_for, NESTED)
{
    tarn_executor *pool = pool_open();
    int lengths[] = {1, 2, 10, (int)test_count(20000)};
    for (int i = 0; i < 4 * WAYS; i++) {
        tarn_future *future =
            wait_for_chain_submit(pool, pool, lengths[i / WAYS], (enum way)(i % WAYS));
        struct answer answer;
        assert_int_equal(wait_for_chain_result(future, &answer), TARN_OK);
        assert_int_equal(answer.status, TARN_OK);
        tarn_drop(future);
    }
    pool_close(pool);
}

static struct answer wait_for_all_of(tarn_executor *pool, int n, tarn_status expected)
{
    tarn_future **futures = calloc((size_t)n, sizeof(*futures));
    for (int i = 0; i < n; i++) {
        tarn_future *first =
            expected == TARN_OK || i != n / 2 ? square_submit(pool, i) : fail_with_submit(pool, 4);
        futures[i] = i % 2 ? link_add_after(pool, first) : tarn_hold(first);
        tarn_drop(first);
    }
    tarn_future *all = tarn_all(futures, (size_t)n);
    tarn_drop_all(futures, (size_t)n);
    free(futures);
    tarn_future *after = nothing_after(pool, all);
    struct answer answer = answer_of(tarn_future_wait(after, TARN_FOREVER));
    if (answer.status == TARN_OK && status_of(after) != expected)
        answer.status = TARN_INVALID;
    tarn_drop(all);
    tarn_drop(after);
    return answer;
}
TARN_TASK(struct answer, wait_for_all_of, tarn_executor *, int, tarn_status);

CONTRACT_TEST(a_wait_runs_all_of_many, NESTED)
{
    tarn_executor *pool = pool_open();
    int many = (int)test_count(20000);
    tarn_future *futures[4] = {wait_for_all_of_submit(pool, pool, 1, TARN_OK),
                               wait_for_all_of_submit(pool, pool, many, TARN_OK),
                               wait_for_all_of_submit(pool, pool, many, TARN_FAILED),
                               wait_for_all_of_submit(pool, pool, 3, TARN_FAILED)};
    for (int i = 0; i < 4; i++) {
        struct answer answer;
        assert_int_equal(wait_for_all_of_result(futures[i], &answer), TARN_OK);
        assert_int_equal(answer.status, TARN_OK);
    }
    tarn_drop_all(futures, 4);
    pool_close(pool);
}

/* ---- Diamonds: all of the last layer before each of the next ---- */

enum { LAYERS = 20, LAYER = 3 };

static atomic_int diamond_runs;

static void count_diamond(void)
{
    atomic_fetch_add(&diamond_runs, 1);
}
TARN_TASK(void, count_diamond, void);

/* There are LAYER to the power of LAYERS ways through it. */
static tarn_future *diamond(tarn_executor *pool)
{
    tarn_future *layer[LAYER];
    for (int i = 0; i < LAYER; i++)
        layer[i] = count_diamond_submit(pool);
    for (int depth = 1; depth < LAYERS; depth++) {
        tarn_future *all = tarn_all(layer, LAYER);
        tarn_drop_all(layer, LAYER);
        for (int i = 0; i < LAYER; i++)
            layer[i] = count_diamond_after(pool, all);
        tarn_drop(all);
    }
    tarn_future *all = tarn_all(layer, LAYER);
    tarn_drop_all(layer, LAYER);
    return all;
}

static int wait_for_diamond(tarn_executor *pool)
{
    tarn_future *bottom = diamond(pool);
    tarn_status status = tarn_future_wait(bottom, TARN_FOREVER);
    int runs = atomic_load(&diamond_runs);
    bool well = status == TARN_OK && status_of(bottom) == TARN_OK;
    tarn_drop(bottom);
    return well ? runs : (int)status;
}
TARN_TASK(int, wait_for_diamond, tarn_executor *);

CONTRACT_TEST(a_wait_for_a_diamond_runs_each_of_its_tasks_once, NESTED)
{
    tarn_executor *pool = pool_open();
    for (int i = 0; i < 20; i++) {
        atomic_store(&diamond_runs, 0);
        assert_result(wait_for_diamond_submit(pool, pool), &wait_for_diamond_task, LAYERS * LAYER);
    }
    atomic_store(&diamond_runs, 0);
    assert_ended(diamond(pool), TARN_OK);
    assert_int_equal(atomic_load(&diamond_runs), LAYERS * LAYER);
    pool_close(pool);
}

/* ---- What it holds ---- */

static atomic_int traces;

static int link_trace(int n)
{
    return n;
}

static void wipe(int n)
{
    (void)n;
    atomic_fetch_add(&traces, 1);
}
TARN_TASK_OWNING(int, link_trace, void, wipe, int);

static int wait_and_drop(tarn_executor *pool, int way)
{
    tarn_future *first = link_trace_submit(pool, 1);
    tarn_future *second = link_trace_after(pool, first);
    tarn_future *third = link_trace_after(pool, second);
    tarn_completions *completed = NULL;
    tarn_status status;
    size_t tag;
    tarn_drop(first);
    tarn_drop(second);
    if (way == 0)
        status = tarn_future_wait(third, TARN_FOREVER);
    else if (way == 1)
        status = tarn_wait(&third, 1, TARN_WAIT_FIRST, TARN_FOREVER, NULL);
    else
        status = tarn_next(completed = tarn_as_completed(&third, 1, TARN_FOREVER), &tag);
    tarn_completions_drop(completed);
    tarn_drop(third);
    return status;
}
TARN_TASK(int, wait_and_drop, tarn_executor *, int);

CONTRACT_TEST(a_wait_that_is_over_holds_nothing_of_the_chain, NESTED)
{
    tarn_executor *pool = pool_open();
    /* Only a wait for all may run its task itself, and so needs no second thread. */
    int ways = this_column()->capabilities & SPARES ? 3 : 1;
    for (int i = 0; i < 100; i++) {
        atomic_store(&traces, 0);
        assert_result(wait_and_drop_submit(pool, pool, i % ways), &wait_and_drop_task, TARN_OK);
        assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
        assert_int_equal(atomic_load(&traces), 3);
    }
    pool_close(pool);
}

/* ---- What it does not run ---- */

struct bystander {
    tarn_executor *pool;
    atomic_int runs;
    int seen; /* when the wait was over */
    tarn_status waited;
    struct gate queued;
};

static void stand_by(struct bystander *b)
{
    atomic_fetch_add(&b->runs, 1);
}
TARN_TASK(void, stand_by, struct bystander *);

static void wait_among_others(struct bystander *b)
{
    tarn_future *first = square_submit(b->pool, 1);
    tarn_future *after = square_after(b->pool, first);
    gate_pass(&b->queued);
    b->waited = tarn_future_wait(after, TARN_FOREVER);
    b->seen = atomic_load(&b->runs);
    tarn_drop(first);
    tarn_drop(after);
}
TARN_TASK(void, wait_among_others, struct bystander *);

CONTRACT_TEST(a_wait_for_a_chain_runs_nothing_else, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    struct bystander b = {.pool = pool, .queued = GATE_CLOSED};
    tarn_future *host = wait_among_others_submit(pool, &b);
    gate_await(&b.queued, 1);
    tarn_future *others[3];
    struct source source = source_new();
    others[0] = stand_by_submit(pool, &b);
    others[1] = stand_by_submit(pool, &b);
    others[2] = nothing_after(pool, others[1]);
    gate_open(&b.queued);
    assert_ended(host, TARN_OK);
    assert_int_equal(b.waited, TARN_OK);
    assert_int_equal(b.seen, 0);
    for (int i = 0; i < 3; i++)
        assert_ended(others[i], TARN_OK);
    source_cancel(&source);
    tarn_drop(source.future);
    pool_close(pool);
}

static tarn_status wait_in_time(tarn_executor *pool)
{
    tarn_future *first = square_submit(pool, 1);
    tarn_future *after = square_after(pool, first);
    tarn_status status = tarn_future_wait(after, tarn_in(0.02));
    bool begun = tarn_done(first) || tarn_running(first);
    tarn_drop(first);
    tarn_drop(after);
    return begun ? TARN_INVALID : status;
}
TARN_TASK(tarn_status, wait_in_time, tarn_executor *);

CONTRACT_TEST(a_timed_wait_for_a_chain_runs_nothing, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    assert_result(wait_in_time_submit(pool, pool), &wait_in_time_task, TARN_TIMEOUT);
    pool_close(pool);
}

/* ---- What can only be slept for ---- */

struct sleeper {
    tarn_future *future;
    atomic_int thread;
    atomic_int failing; /* memory is to fail while it waits */
    struct answer answer;
    int value;
};

static void sleep_for(struct sleeper *s)
{
    atomic_store(&s->thread, (int)gettid());
    if (atomic_load(&s->failing))
        fault_memory(0, FAULT_ALWAYS);
    s->answer = answer_of(tarn_future_wait(s->future, TARN_FOREVER));
    fault_end();
    if (s->answer.status == TARN_OK)
        link_add_result(s->future, &s->value);
}
TARN_TASK(void, sleep_for, struct sleeper *);

static void await_asleep(const struct sleeper *s)
{
    while (atomic_load(&s->thread) == 0)
        continue;
    thread_await_sleep(atomic_load(&s->thread));
}

/* The first link may be run by the wait, the second runs elsewhere, the third is queued only then:
 * somebody else's thread runs it. */
CONTRACT_TEST(a_wait_for_a_chain_that_goes_elsewhere_sleeps, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    tarn_executor *other = pool_open();
    tarn_future *blockers[4];
    tarn_future *host;
    struct gate hold = GATE_CLOSED;
    struct gate gate = GATE_CLOSED;
    pool_block(other, &gate, blockers, pool_workers());
    pool_block(pool, &hold, &host, 1);
    tarn_future *here = square_submit(pool, 3);
    tarn_future *there = link_add_after(other, here);
    tarn_future *back = link_add_after(pool, there);
    struct sleeper s = {.future = back};
    tarn_future *waiter = sleep_for_submit(pool, &s);
    pool_unblock(&hold, &host, 1);
    await_asleep(&s);
    /* Its place is taken meanwhile. */
    assert_ended(square_submit(pool, 2), TARN_OK);
    assert_true(tarn_done(here));
    assert_false(tarn_done(there) || tarn_done(waiter));
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(waiter, TARN_OK);
    assert_int_equal(s.answer.status, TARN_OK);
    assert_int_equal(s.value, 11);
    tarn_drop(here);
    tarn_drop(there);
    tarn_drop(back);
    pool_close(pool);
    pool_close(other);
}

/* The same without a spare: nobody would be left to run what comes back. */
CONTRACT_TEST(a_chain_that_goes_elsewhere_needs_a_spare, NESTED)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = 1, .max_spares = TARN_NONE});
    tarn_executor *other = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(other, &gate, blockers, pool_workers());
    tarn_future *there = square_submit(other, 3);
    struct sleeper s = {.future = link_add_after(pool, there)};
    assert_ended(sleep_for_submit(pool, &s), TARN_OK);
    assert_int_equal(s.answer.status, TARN_DEADLOCK);
    assert_contains(s.answer.error, "no spare thread");
    pool_unblock(&gate, blockers, pool_workers());
    assert_result(s.future, &link_add_task, 10);
    tarn_drop(there);
    pool_close(pool);
    pool_close(other);
}

CONTRACT_TEST(a_wait_for_a_chain_after_a_promise_sleeps, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    struct source source = source_new();
    struct sleeper s = {.future = link_add_after(pool, source.future)};
    tarn_future *waiter = sleep_for_submit(pool, &s);
    await_asleep(&s);
    source_give(&source, 3);
    assert_ended(waiter, TARN_OK);
    assert_int_equal(s.value, 4);
    tarn_drop(s.future);
    tarn_drop(source.future);
    pool_close(pool);
}

/* There is no memory to find out what the chain depends on; there is another worker. */
CONTRACT_TEST(without_memory_a_wait_for_a_chain_only_sleeps, NESTED | PARALLEL)
{
    tarn_executor *pool = pool_of(2);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *first = link_add_after(pool, blocker);
    struct sleeper s = {.future = link_add_after(pool, first)};
    atomic_store(&s.failing, 1);
    tarn_future *waiter = sleep_for_submit(pool, &s);
    await_asleep(&s);
    pool_unblock(&gate, &blocker, 1);
    assert_ended(waiter, TARN_OK);
    assert_int_equal(s.answer.status, TARN_OK);
    assert_int_equal(s.value, 2);
    tarn_drop(first);
    tarn_drop(s.future);
    pool_close(pool);
}

/* ---- Against others that run the same chain ---- */

static int wait_for_many_chains(tarn_executor *pool, int rounds)
{
    int wrong = 0;
    for (int i = 0; i < rounds; i++) {
        tarn_future *first = square_submit(pool, 2);
        tarn_future *after = link_add_after(pool, first);
        tarn_future *both[3] = {first, after, square_after(pool, after)};
        tarn_future *all = tarn_all(both, 3);
        tarn_future *last = nothing_after(pool, all);
        if (i % 7 == 0)
            tarn_cancel(both[2]);
        wrong += tarn_future_wait(last, TARN_FOREVER) != TARN_OK;
        wrong += !tarn_done(all) || !tarn_done(both[2]);
        tarn_status expected = i % 7 || !tarn_cancelled(both[2]) ? TARN_OK : TARN_CANCELLED;
        wrong += status_of(last) != expected;
        tarn_drop_all(both, 3);
        tarn_drop(all);
        tarn_drop(last);
    }
    return wrong;
}
TARN_TASK(int, wait_for_many_chains, tarn_executor *, int);

/* The waiter's claims meet the other workers' starts. */
CONTRACT_TEST(waits_for_chains_meet_those_who_run_them, NESTED)
{
    enum { PARENTS = 4 };
    tarn_executor *pool = pool_open();
    tarn_future *parents[PARENTS];
    for (int i = 0; i < PARENTS; i++)
        parents[i] = wait_for_many_chains_submit(pool, pool, (int)test_count(3000));
    for (int i = 0; i < PARENTS; i++)
        assert_result(parents[i], &wait_for_many_chains_task, 0);
    pool_close(pool);
}
