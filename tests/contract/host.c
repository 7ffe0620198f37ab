/* SPDX-License-Identifier: Apache-2.0 */

/* The process around the library: signals, exit(), fork(). */
#include "child.h"
#include "contract.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Signals ---- */

static void ignore_signal(int number)
{
    (void)number;
}

struct rain {
    pthread_t target;
    atomic_bool over;
};

static void rain_signals(void *data)
{
    struct rain *rain = data;
    while (!atomic_load(&rain->over))
        pthread_kill(rain->target, SIGUSR1);
}

/* A call that a signal interrupts goes on: nobody sees EINTR. */
CONTRACT_TEST(signals_do_not_end_waits, SHARED_MEMORY)
{
    struct sigaction action = {.sa_handler = ignore_signal};
    struct sigaction before;
    struct rain rain = {.target = pthread_self()};
    struct helper helper;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    atomic_init(&rain.over, false);
    tarn_executor *pool = pool_open();
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *never = tarn_promise_future(promise);
    helper_start(&helper, rain_signals, &rain);

    size_t rounds = test_count(500);
    size_t wrong = 0;
    for (size_t i = 0; i < rounds; i++) {
        tarn_future *futures[2] = {square_submit(pool, 2), square_submit(pool, 3)};
        tarn_completions *completed = tarn_as_completed(futures, 2, TARN_FOREVER);
        size_t tag = 0;
        wrong += tarn_next(completed, &tag) != TARN_OK;
        wrong += tarn_next(completed, &tag) != TARN_OK;
        tarn_completions_drop(completed);
        wrong += tarn_wait(futures, 2, TARN_WAIT_ALL, TARN_FOREVER, NULL) != TARN_OK;
        wrong += status_of(futures[0]) != TARN_OK;
        tarn_drop_all(futures, 2);
    }
    tarn_deadline deadline = tarn_in(0.05);
    wrong += tarn_future_wait(never, deadline) != TARN_TIMEOUT;
    bool early = clock_now() < deadline.ns;
    atomic_store(&rain.over, true);
    helper_join(&helper);
    sigaction(SIGUSR1, &before, NULL);

    assert_int_equal(wrong, 0);
    assert_false(early);
    tarn_drop(never);
    tarn_promise_drop(promise);
    pool_close(pool);
}

/* ---- exit() and fork(), in a child process ---- */

static struct gate child_gate = GATE_CLOSED;
static tarn_executor *child_pool;
static tarn_future *child_futures[8];

static void end_at_exit(void)
{
    child_end(7);
}

static int exit_with_running_work(void *data)
{
    (void)data;
    child_at_exit(end_at_exit);
    child_pool = pool_of(2);
    for (int i = 0; i < 8; i++)
        child_futures[i] = stand_at_submit(child_pool, &child_gate, i);
    gate_await(&child_gate, pool_workers() > 1 ? 2 : 1);
    exit(0);
}

CONTRACT_TEST(exit_with_work_that_never_ends_does_not_hang, GATES)
{
    assert_int_equal(in_child(exit_with_running_work, NULL), 7);
}

static void check_at_exit(void)
{
    int wrong = 0;
    /* The running task was asked to stop, and needs not be waited for by anybody else. */
    if (tarn_result(child_futures[0], NULL, NULL, 0) != TARN_STOPPED)
        wrong |= 1;
    if (!tarn_cancelled(child_futures[1]))
        wrong |= 2;
    tarn_future *late = square_submit(child_pool, 1);
    if (!tarn_done(late) || tarn_result(late, NULL, NULL, 0) != TARN_CLOSED)
        wrong |= 4;
    /* Nobody was joined; whoever wants to, still may. */
    tarn_drop(late);
    tarn_drop_all(child_futures, 2);
    if (tarn_shutdown(child_pool) != TARN_OK)
        wrong |= 8;
    child_end(wrong);
}

static int exit_and_look(void *data)
{
    (void)data;
    child_at_exit(check_at_exit);
    child_pool = pool_of(1);
    child_futures[0] = work_until_stopped_submit(child_pool, &child_gate);
    child_futures[1] = square_submit(child_pool, 1);
    gate_await(&child_gate, 1);
    exit(0);
}

CONTRACT_TEST(exit_closes_cancels_and_asks_to_stop, GATES)
{
    assert_int_equal(in_child(exit_and_look, NULL), 0);
}

/* Takes so many seconds to come to an end once it is asked. */
static void end_slowly(struct gate *gate, int64_t seconds)
{
    struct gate never = GATE_CLOSED;
    gate_pass(gate);
    while (!tarn_stop_requested())
        sched_yield();
    gate_pass_until(&never, clock_now() + seconds * 1000000000);
}
TARN_TASK(void, end_slowly, struct gate *, int64_t);

static void check_waited(void)
{
    child_end(!tarn_done(child_futures[0]));
}

static int exit_and_wait(void *data)
{
    static struct gate open = GATE_OPEN;
    bool patient = *(bool *)data;
    setenv("TARN_EXIT_WAIT", patient ? "60" : "0", 1);
    child_at_exit(check_waited);
    child_pool = pool_of(1);
    child_futures[0] = end_slowly_submit(child_pool, &open, patient ? 1 : 60);
    gate_await(&open, 1);
    exit(0);
}

CONTRACT_TEST(exit_waits_as_long_as_the_environment_says, GATES)
{
    bool patient = true;
    bool impatient = false;
    assert_int_equal(in_child(exit_and_wait, &patient), 0);
    assert_int_equal(in_child(exit_and_wait, &impatient), 1);
}

/* The pool's threads are not in the child: whoever used it would wait for ever. */
static int use_inherited(void *data)
{
    tarn_executor *pool = data;
    int wrong = 0;
    tarn_future *future = square_submit(pool, 2);
    if (!tarn_done(future) || tarn_result(future, NULL, NULL, 0) != TARN_CLOSED)
        wrong |= 1;
    tarn_drop(future);
    if (tarn_drain(pool, TARN_FOREVER) == TARN_TIMEOUT)
        wrong |= 2;
    if (tarn_shutdown(pool) == TARN_TIMEOUT)
        wrong |= 4;
    return wrong;
}

CONTRACT_TEST(a_forked_child_finds_its_pool_closed, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    assert_ended(square_submit(pool, 2), TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_int_equal(in_child(use_inherited, pool), 0);
    assert_ended(square_submit(pool, 3), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_forked_child_does_not_wait_for_running_work, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *queued = square_submit(pool, 2);
    assert_int_equal(in_child(use_inherited, pool), 0);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(queued, TARN_OK);
    pool_close(pool);
}
