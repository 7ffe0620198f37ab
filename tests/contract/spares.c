/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting inside tasks: a wait with a deadline, for any of several, for a promise or outside tarn
 * runs nothing itself. A spare thread takes the place of the worker. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

/* ---- The waits that claim nothing ---- */

static tarn_status look_at_child(tarn_executor *pool, struct gate *ran)
{
    tarn_future *child = stand_at_submit(pool, ran, 1);
    tarn_status status = tarn_future_wait(child, TARN_NOW);
    if (status == TARN_TIMEOUT)
        status = tarn_wait(&child, 1, TARN_WAIT_ALL, TARN_NOW, NULL);
    if (tarn_running(child))
        status = TARN_INVALID;
    tarn_cancel(child);
    tarn_drop(child);
    return status;
}
TARN_TASK(tarn_status, look_at_child, tarn_executor *, struct gate *);

CONTRACT_TEST(looking_runs_nothing, NESTED)
{
    tarn_executor *pool = pool_of(1);
    struct gate ran = GATE_OPEN;
    tarn_future *future = look_at_child_submit(pool, pool, &ran);
    tarn_status status = TARN_OK;
    assert_int_equal(look_at_child_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_TIMEOUT);
    assert_int_equal(gate_arrived(&ran), 0);
    tarn_drop(future);
    pool_close(pool);
}

/* C waits for P; X waits for any of {C, E} and then ends P. Were C run on top of X, X could not
 * return from it, and P would never come. */
struct tangle {
    tarn_executor *pool;
    tarn_promise *promise;
    tarn_future *promised;
    tarn_future *event;
    tarn_status c;
    struct answer x;
};

static void wait_for_promise(struct tangle *tangle)
{
    tangle->c = tarn_future_wait(tangle->promised, TARN_FOREVER);
}
TARN_TASK(void, wait_for_promise, struct tangle *);

static void wait_for_any_then_promise(struct tangle *tangle, tarn_when when)
{
    tarn_future *any[2] = {wait_for_promise_submit(tangle->pool, tangle), tangle->event};
    tangle->x = answer_of(tarn_wait(any, 2, when, TARN_FOREVER, NULL));
    tarn_promise_set(tangle->promise, NULL, 0);
    tarn_drop(any[0]);
}
TARN_TASK(void, wait_for_any_then_promise, struct tangle *, tarn_when);

static void check_tangle(int workers, tarn_when when)
{
    tarn_promise *event = tarn_promise_new(NULL);
    struct tangle tangle = {
        .pool = pool_of(workers),
        .promise = tarn_promise_new(NULL),
        .event = tarn_promise_future(event),
    };
    tangle.promised = tarn_promise_future(tangle.promise);
    tarn_future *x = wait_for_any_then_promise_submit(tangle.pool, &tangle, when);
    tarn_promise_fail(event, 1, "the event");
    assert_ended(x, TARN_OK);
    assert_int_equal(tangle.x.status, TARN_OK);
    pool_close(tangle.pool);
    assert_int_equal(tangle.c, TARN_OK);
    tarn_drop(tangle.promised);
    tarn_drop(tangle.event);
    tarn_promise_drop(tangle.promise);
    tarn_promise_drop(event);
}

CONTRACT_TEST(a_wait_for_any_never_runs_what_it_waits_for, NESTED | SPARES)
{
    check_tangle(1, TARN_WAIT_FIRST);
    check_tangle(2, TARN_WAIT_FIRST);
    check_tangle(1, TARN_WAIT_FIRST_ERROR);
}

static tarn_status wait_briefly(tarn_executor *pool, struct gate *gate)
{
    tarn_future *child = stand_at_submit(pool, gate, 1);
    tarn_deadline deadline = tarn_in(0.03);
    tarn_status status = tarn_future_wait(child, deadline);
    tarn_drop(child);
    return status;
}
TARN_TASK(tarn_status, wait_briefly, tarn_executor *, struct gate *);

/* The child ends only after the wait did: a wait that had run it itself would never end. */
CONTRACT_TEST(a_timed_wait_is_not_made_longer_by_a_claim, NESTED)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = wait_briefly_submit(pool, pool, &gate);
    tarn_status status = TARN_OK;
    assert_int_equal(wait_briefly_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_TIMEOUT);
    gate_open(&gate);
    tarn_drop(future);
    pool_close(pool);
    assert_int_equal(gate_arrived(&gate), 1);
}

static void spin_until(atomic_bool *flag)
{
    while (!atomic_load(flag))
        sched_yield();
}
TARN_TASK(void, spin_until, atomic_bool *);

static tarn_status wait_then_set(tarn_executor *pool, atomic_bool *flag)
{
    tarn_future *child = spin_until_submit(pool, flag);
    tarn_status status = tarn_future_wait(child, tarn_in(0.05));
    atomic_store(flag, true);
    tarn_drop(child);
    return status;
}
TARN_TASK(tarn_status, wait_then_set, tarn_executor *, atomic_bool *);

/* The spare's task has the only permit, and gives it back only after the waiter has gone on. */
CONTRACT_TEST(a_waiter_whose_wait_ended_returns_over_the_permits, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    atomic_bool flag;
    atomic_init(&flag, false);
    tarn_future *future = wait_then_set_submit(pool, pool, &flag);
    tarn_status status = TARN_OK;
    assert_int_equal(wait_then_set_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_TIMEOUT);
    tarn_drop(future);
    pool_close(pool);
}

/* ---- Spares ---- */

struct crossing {
    tarn_executor *other;
    struct gate *both;
};

static int ask_the_other(struct crossing *crossing)
{
    gate_pass(crossing->both);
    tarn_future *future = square_submit(crossing->other, 7);
    int result = 0;
    tarn_status status = square_result(future, &result);
    tarn_drop(future);
    return status == TARN_OK ? result : (int)status;
}
TARN_TASK(int, ask_the_other, struct crossing *);

/* Each one's worker waits for a task that is queued behind the other's. */
CONTRACT_TEST(two_pools_of_one_may_wait_crosswise, NESTED | SPARES)
{
    tarn_executor *p = pool_of(1);
    tarn_executor *q = pool_of(1);
    struct gate both = GATE_CLOSED;
    struct crossing to_q = {q, &both};
    struct crossing to_p = {p, &both};
    tarn_future *a = ask_the_other_submit(p, &to_q);
    tarn_future *b = ask_the_other_submit(q, &to_p);
    gate_await(&both, 2);
    gate_open(&both);
    int result = 0;
    assert_int_equal(ask_the_other_result(a, &result), TARN_OK);
    assert_int_equal(result, 49);
    assert_int_equal(ask_the_other_result(b, &result), TARN_OK);
    assert_int_equal(result, 49);
    tarn_drop(a);
    tarn_drop(b);
    pool_close(p);
    pool_close(q);
}

static void set_later(tarn_promise *promise)
{
    tarn_promise_set(promise, NULL, 0);
}
TARN_TASK(void, set_later, tarn_promise *);

static tarn_status wait_for_queued_setter(tarn_executor *pool)
{
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_future *setter = set_later_submit(pool, promise);
    tarn_status status = tarn_future_wait(future, TARN_FOREVER);
    tarn_future_wait(setter, TARN_FOREVER);
    tarn_drop(setter);
    tarn_drop(future);
    tarn_promise_drop(promise);
    return status;
}
TARN_TASK(tarn_status, wait_for_queued_setter, tarn_executor *);

CONTRACT_TEST(a_spare_runs_the_task_that_ends_the_promise, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *future = wait_for_queued_setter_submit(pool, pool);
    tarn_status status = TARN_INVALID;
    assert_int_equal(wait_for_queued_setter_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    tarn_drop(future);
    pool_close(pool);
}

static int take_as_completed(tarn_executor *pool)
{
    tarn_future *children[10];
    int sum = 0;
    for (int i = 0; i < 10; i++)
        children[i] = square_submit(pool, i);
    tarn_completions *completed = tarn_as_completed(children, 10, TARN_FOREVER);
    tarn_status status;
    size_t tag = 0;
    while ((status = tarn_next(completed, &tag)) == TARN_OK) {
        int result = 0;
        square_result(children[tag], &result);
        sum += result;
    }
    tarn_completions_drop(completed);
    tarn_drop_all(children, 10);
    return status == TARN_END ? sum : (int)status;
}
TARN_TASK(int, take_as_completed, tarn_executor *);

CONTRACT_TEST(a_task_may_iterate_over_its_children, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *future = take_as_completed_submit(pool, pool);
    int sum = 0;
    assert_int_equal(take_as_completed_result(future, &sum), TARN_OK);
    assert_int_equal(sum, 285);
    tarn_drop(future);
    pool_close(pool);
}

static void block_outside(struct gate *opened_by_a_task)
{
    tarn_blocking_begin();
    tarn_blocking_begin();
    gate_pass(opened_by_a_task);
    tarn_blocking_end();
    tarn_blocking_end();
}
TARN_TASK(void, block_outside, struct gate *);

static void open_gate(struct gate *gate)
{
    gate_open(gate);
}
TARN_TASK(void, open_gate, struct gate *);

CONTRACT_TEST(a_spare_stands_in_while_a_task_blocks_outside, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    struct gate gate = GATE_CLOSED;
    tarn_future *blocked = block_outside_submit(pool, &gate);
    tarn_future *opener = open_gate_submit(pool, &gate);
    assert_ended(blocked, TARN_OK);
    assert_ended(opener, TARN_OK);
    pool_close(pool);
}

static int block_then_spin(atomic_bool *flag, struct gate *inside)
{
    tarn_blocking_begin();
    gate_pass(inside);
    tarn_blocking_end();
    atomic_store(flag, true);
    return 1;
}
TARN_TASK(int, block_then_spin, atomic_bool *, struct gate *);

/* The spare keeps the permit until the flag is set: an end that waited would wait for ever. */
CONTRACT_TEST(the_end_of_blocking_never_waits, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    struct gate inside = GATE_CLOSED;
    atomic_bool flag;
    atomic_init(&flag, false);
    tarn_future *blocked = block_then_spin_submit(pool, &flag, &inside);
    gate_await(&inside, 1);
    tarn_future *spinner = spin_until_submit(pool, &flag);
    while (!tarn_running(spinner))
        sched_yield();
    gate_open(&inside);
    assert_ended(blocked, TARN_OK);
    assert_ended(spinner, TARN_OK);
    pool_close(pool);
}

static atomic_int running_now;
static atomic_int running_most;

static void note_running(int change)
{
    int now = atomic_fetch_add(&running_now, change) + change;
    int most = atomic_load(&running_most);
    while (now > most && !atomic_compare_exchange_weak(&running_most, &most, now))
        continue;
}

static void count_briefly(void)
{
    note_running(1);
    for (int i = 0; i < 20; i++)
        sched_yield();
    note_running(-1);
}
TARN_TASK(void, count_briefly, void);

static tarn_status wait_for_ended(tarn_future *ended)
{
    size_t done = 0;
    tarn_status status = tarn_future_wait(ended, TARN_FOREVER);
    if (status == TARN_OK)
        status = tarn_wait(&ended, 1, TARN_WAIT_FIRST, TARN_FOREVER, &done);
    return status;
}
TARN_TASK(tarn_status, wait_for_ended, tarn_future *);

CONTRACT_TEST(permits_are_kept_busy_and_never_exceeded_by_new_tasks, NESTED | SPARES)
{
    enum { WORKERS = 2, WAITERS = 6, N = 200 };
    tarn_executor *pool = pool_of(WORKERS);
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *promised = tarn_promise_future(promise);
    struct gate both = GATE_CLOSED;
    struct gate again = GATE_CLOSED;
    tarn_future *waiters[WAITERS];
    tarn_future *workers[WORKERS];
    tarn_future *futures[N];
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = wait_for_ended_submit(pool, promised);
    /* All the waiters sleep, and two tasks run at once nevertheless. */
    pool_block(pool, &both, workers, WORKERS);
    for (int i = 0; i < WAITERS; i++)
        assert_true(tarn_running(waiters[i]));
    pool_unblock(&both, workers, WORKERS);

    /* The waiters return over the permits, and their threads then find a full queue, but none of
     * the permits free. */
    atomic_store(&running_most, 0);
    pool_block(pool, &again, workers, WORKERS);
    for (int i = 0; i < N; i++)
        futures[i] = count_briefly_submit(pool);
    tarn_promise_set(promise, NULL, 0);
    for (int i = 0; i < WAITERS; i++)
        assert_ended(waiters[i], TARN_OK);
    pool_unblock(&again, workers, WORKERS);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_in_range(atomic_load(&running_most), 1, WORKERS);
    tarn_drop(promised);
    tarn_promise_drop(promise);
    pool_close(pool);
}

static void forget_to_end_blocking(void)
{
    tarn_blocking_begin();
}
TARN_TASK(void, forget_to_end_blocking, void);

CONTRACT_TEST(a_task_that_forgets_to_end_blocking_harms_nobody, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_blocking_begin();
    tarn_blocking_end();
    tarn_blocking_end();
    for (int i = 0; i < 50; i++) {
        assert_ended(forget_to_end_blocking_submit(pool), TARN_OK);
        assert_ended(square_submit(pool, i), TARN_OK);
    }
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);

    /* No permit was left behind that would let one more task run. */
    tarn_future *futures[200];
    atomic_store(&running_most, 0);
    for (int i = 0; i < 200; i++)
        futures[i] = count_briefly_submit(pool);
    for (int i = 0; i < 200; i++)
        assert_ended(futures[i], TARN_OK);
    assert_in_range(atomic_load(&running_most), 1, pool_workers());
    pool_close(pool);
}

static atomic_int initialized;

static void note_initialized(void)
{
    *tarn_worker_local() = &initialized;
    atomic_fetch_add(&initialized, 1);
}
TARN_TASK(void, note_initialized, void);

static int spare_is_a_worker(tarn_executor *pool)
{
    int limit = tarn_worker_limit(pool);
    int index = tarn_worker_index();
    return *tarn_worker_local() == &initialized && index > 0 && index < limit;
}
TARN_TASK(int, spare_is_a_worker, tarn_executor *);

static int ask_a_spare(tarn_executor *pool)
{
    tarn_future *future = spare_is_a_worker_submit(pool, pool);
    int answer = 0;
    tarn_wait(&future, 1, TARN_WAIT_FIRST, TARN_FOREVER, NULL);
    tarn_status status = spare_is_a_worker_result(future, &answer);
    tarn_drop(future);
    return status == TARN_OK && answer;
}
TARN_TASK(int, ask_a_spare, tarn_executor *);

CONTRACT_TEST(a_spare_is_initialized_and_has_an_index, NESTED | SPARES | WORKER_LOCAL)
{
    atomic_store(&initialized, 0);
    tarn_executor *pool = pool_with(&(struct pool_options){
        .max_workers = 1,
        .max_spares = 1,
        .initializer = &note_initialized_task,
    });
    tarn_future *future = ask_a_spare_submit(pool, pool);
    int fine = 0;
    assert_int_equal(ask_a_spare_result(future, &fine), TARN_OK);
    assert_true(fine);
    assert_int_equal(atomic_load(&initialized), 2);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(a_wait_for_what_has_ended_needs_no_spare, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_future *ended = square_submit(pool, 1);
    assert_int_equal(status_of(ended), TARN_OK);
    tarn_future *future = wait_for_ended_submit(pool, ended);
    tarn_status status = TARN_INVALID;
    assert_int_equal(wait_for_ended_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    tarn_drop(future);
    tarn_drop(ended);
    pool_close(pool);
}
