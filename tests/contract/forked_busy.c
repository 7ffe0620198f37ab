/* SPDX-License-Identifier: Apache-2.0 */

/* fork() and exit() while everything that can pend does: submitters that wait for room, tasks with
 * time limits, chains, maps. */
#include "child.h"
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that hangs is ended, and so tells nothing. */
enum { CHILD_SECONDS = 60 };

static int look_at_before(tarn_future *future)
{
    return tarn_done(future);
}
TARN_TASK(int, look_at_before, tarn_future *);

/* ---- What pends ------------------------------------------------------------------------------ */

enum { SUBMITTERS = 2, QUEUED = 3 };

struct pending {
    tarn_executor *pool;    /* its queue is full, and its workers stand at the gate */
    tarn_executor *limited; /* the same, with limits of an hour */
    struct gate gate;
    tarn_future *running[4];
    tarn_future *queued[QUEUED];
    tarn_future *chained[3]; /* for one that runs, and for each other */
    struct helper helpers[SUBMITTERS];
    _Atomic(tarn_status) submitted[SUBMITTERS]; /* TARN_END: not yet */
};

static struct pending pending;

static void submit_to_full(void *data)
{
    _Atomic(tarn_status) *status = data;
    tarn_future *future = square_submit(pending.pool, 1);
    atomic_store(status, tarn_done(future) ? status_of(future) : TARN_OK);
    tarn_drop(future);
}

static void pend(void)
{
    pending.gate = (struct gate)GATE_CLOSED;
    pending.pool = pool_with(&(struct pool_options){.queue_limit = QUEUED});
    pending.limited = tarn_with(pending.pool, .start_within = 3600, .run_limit = 3600);
    for (int i = 0; i < pool_workers(); i++) {
        pending.running[i] = stand_at_submit(pending.limited, &pending.gate, i);
        gate_await(&pending.gate, i + 1);
    }
    for (int i = 0; i < QUEUED; i++)
        pending.queued[i] = square_submit(pending.limited, i);
    pending.chained[0] = square_after(pending.limited, pending.running[0]);
    pending.chained[1] = tarn_then(pending.pool, &look_at_before_task, pending.chained[0]);
    pending.chained[2] = tarn_all(pending.chained, 2);
    for (int i = 0; i < SUBMITTERS; i++) {
        atomic_store(&pending.submitted[i], TARN_END);
        helper_start(&pending.helpers[i], submit_to_full, &pending.submitted[i]);
        helper_await_sleep(&pending.helpers[i]);
    }
}

static void drop_pending(void)
{
    tarn_drop_all(pending.running, (size_t)pool_workers());
    tarn_drop_all(pending.queued, QUEUED);
    tarn_drop_all(pending.chained, 3);
}

/* ---- fork() ---------------------------------------------------------------------------------- */

static bool is_closed(tarn_future *refused)
{
    bool closed = tarn_done(refused) && status_of(refused) == TARN_CLOSED;
    tarn_drop(refused);
    return closed;
}

/* Everything that takes an executor, for one of the parent's; 0, or which of it went wrong. */
static int use_executor(tarn_executor *pool)
{
    tarn_stats stats = {.size = sizeof(stats)};
    tarn_future *many[2] = {NULL, NULL};
    int numbers[2] = {1, 2};
    int squares[2];
    if (tarn_worker_limit(pool) != 0)
        return 1;
    if (tarn_resize(pool, 2) != TARN_CLOSED || tarn_executor_stats(pool, &stats) != TARN_CLOSED)
        return 2;
    if (tarn_with(pool, .retries = 1) || tarn_drain(pool, TARN_FOREVER) != TARN_CLOSED ||
        tarn_shutdown(pool) != TARN_CLOSED)
        return 3;
    if (!is_closed(square_submit(pool, 1)) ||
        square_submit_many(pool, numbers, 2, many) != TARN_CLOSED || !is_closed(many[0]) ||
        !is_closed(many[1]))
        return 4;
    if (!is_closed(square_after(pool, pending.running[0])) ||
        square_map(pool, numbers, 2, squares, NULL, TARN_FOREVER) != TARN_CLOSED)
        return 5;
    tarn_abandon(pool);
    return 0;
}

/* All of it, in an executor of the child's own. */
static int use_own(void)
{
    tarn_executor *pool = pool_try(&(struct pool_options){.max_workers = 2, .queue_limit = 4});
    if (!pool)
        return 11;
    tarn_executor *limited = tarn_with(pool, .start_within = 3600, .run_limit = 3600);
    tarn_future *futures[3] = {square_submit(limited, 3)};
    int numbers[20] = {0};
    int squares[20];
    int square = 0;
    futures[1] = square_after(pool, futures[0]);
    futures[2] = tarn_all(futures, 2);
    bool right = status_of(futures[2]) == TARN_OK &&
                 square_result(futures[1], &square) == TARN_OK && square == 81 &&
                 square_map(limited, numbers, 20, squares, NULL, TARN_FOREVER) == TARN_OK &&
                 tarn_resize(pool, 1) == TARN_OK && !is_closed(square_submit(pool, 1));
    tarn_drop_all(futures, 3);
    return right && tarn_shutdown(pool) == TARN_OK ? 0 : 12;
}

static void end_well(void)
{
    child_end(0);
}

static int use_inherited_and_exit(void *data)
{
    (void)data;
    alarm(CHILD_SECONDS);
    int wrong = use_executor(pending.pool);
    wrong = wrong ? wrong : use_executor(pending.limited);
    tarn_future *own = tarn_all(pending.chained, 3);
    if (!wrong && (!is_closed(own) || tarn_cancel(pending.chained[0]) ||
                   tarn_cancel_all(pending.queued, QUEUED) > 0))
        wrong = 6;
    drop_pending();
    wrong = wrong ? wrong : use_own();
    if (wrong)
        return wrong;
    child_at_exit(end_well);
    exit(0);
}

CONTRACT_TEST(a_child_forked_while_all_sorts_of_things_pend_leaves_them_alone, GATES)
{
    child_needs_no_sanitizer();
    pend();
    assert_int_equal(in_child(use_inherited_and_exit, NULL), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(atomic_load(&pending.submitted[i]), TARN_END);

    /* Nor has the parent lost anything. */
    gate_open(&pending.gate);
    for (int i = 0; i < SUBMITTERS; i++) {
        helper_join(&pending.helpers[i]);
        assert_int_equal(atomic_load(&pending.submitted[i]), TARN_OK);
    }
    for (int i = 0; i < QUEUED; i++)
        assert_int_equal(status_of(pending.queued[i]), TARN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of(pending.chained[i]), TARN_OK);
    drop_pending();
    pool_close(pending.pool);
}

/* ---- fork() at any moment -------------------------------------------------------------------- */

static atomic_bool over;

static void do_all_sorts_of_things(void *data)
{
    tarn_executor *pool = data;
    tarn_executor *hurried = tarn_with(pool, .start_within = 1e-5, .run_limit = 1e-5);
    int numbers[20] = {0};
    int squares[20];
    while (!atomic_load(&over)) {
        tarn_future *futures[3] = {square_submit(hurried, 3), square_submit(pool, 4)};
        futures[2] = square_after(pool, futures[1]);
        tarn_cancel(futures[0]);
        square_map(pool, numbers, 20, squares, NULL, tarn_in(1e-4));
        tarn_wait(futures, 3, TARN_WAIT_ALL, TARN_FOREVER, NULL);
        tarn_drop_all(futures, 3);
    }
}

static int look_and_use_own(void *data)
{
    tarn_executor *pool = data;
    alarm(CHILD_SECONDS);
    if (tarn_worker_limit(pool) != 0 || !is_closed(square_submit(pool, 1)) ||
        tarn_resize(pool, 1) != TARN_CLOSED)
        return 1;
    int wrong = use_own();
    if (wrong)
        return wrong;
    child_at_exit(end_well);
    exit(0);
}

CONTRACT_TEST(a_child_forked_amid_all_sorts_of_things_is_free_of_them, MAPS)
{
    enum { THREADS = 2 };
    struct helper helpers[THREADS];
    size_t rounds = test_count(100);
    size_t wrong = 0;
    child_needs_no_sanitizer();
    tarn_executor *pool = pool_with(&(struct pool_options){.queue_limit = 2});
    atomic_store(&over, false);
    for (int i = 0; i < THREADS; i++)
        helper_start(&helpers[i], do_all_sorts_of_things, pool);
    while (stats_of(pool).ok == 0)
        sched_yield();
    for (size_t i = 0; i < rounds; i++)
        wrong += in_child(look_and_use_own, pool) != 0;
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        helper_join(&helpers[i]);
    assert_int_equal(wrong, 0);
    pool_close(pool);
}

/* ---- fork() in a callback ---- */

/* Forks, and returns in both. */
static void fork_and_return(tarn_future *future, void *data)
{
    (void)future;
    *(pid_t *)data = fork();
}

static int shut_down_and_fork(void *data)
{
    (void)data;
    alarm(CHILD_SECONDS);
    struct gate gate = GATE_CLOSED;
    tarn_executor *pool = pool_try(&(struct pool_options){.max_workers = 1});
    tarn_future *running = stand_at_submit(pool, &gate, 0), *late = square_submit(pool, 1);
    pid_t child = -1;
    gate_await(&gate, 1);
    if (tarn_on_done(late, fork_and_return, &child) != TARN_OK)
        return 1;
    tarn_status status = tarn_shutdown(pool, .cancel_pending = true, .time_limit = 0.05);
    if (child == 0)
        _exit(status == TARN_CLOSED ? 0 : 2);
    int how = -1;
    waitpid(child, &how, 0);
    gate_open(&gate);
    tarn_drop(running);
    tarn_drop(late);
    return status == TARN_TIMEOUT && how == 0 && tarn_shutdown(pool) == TARN_OK ? 0 : 3;
}

CONTRACT_TEST(a_child_forked_in_a_callback_of_shutdown_finds_it_closed, GATES)
{
    child_needs_no_sanitizer();
    assert_int_equal(in_child(shut_down_and_fork, NULL), 0);
}

static int expire_and_fork(void *data)
{
    (void)data;
    alarm(CHILD_SECONDS);
    struct gate gate = GATE_CLOSED;
    tarn_executor *pool = pool_try(&(struct pool_options){.max_workers = 1});
    tarn_future *running = stand_at_submit(pool, &gate, 0);
    gate_await(&gate, 1);
    tarn_future *late = square_submit(tarn_with(pool, .start_within = 0.01), 1);
    pid_t child = -1;
    if (tarn_on_done(late, fork_and_return, &child) != TARN_OK ||
        tarn_future_wait(late, TARN_FOREVER) != TARN_OK)
        return 1;
    gate_open(&gate);
    if (tarn_shutdown(pool) != TARN_OK)
        return 2;
    /* Its only thread was that of the time limits, and has ended. */
    int how = -1;
    waitpid(child, &how, 0);
    tarn_drop(running);
    tarn_drop(late);
    return how == 0 ? 0 : 3;
}

CONTRACT_TEST(a_child_forked_in_a_callback_of_a_time_limit_ends, GATES)
{
    child_needs_no_sanitizer();
    assert_int_equal(in_child(expire_and_fork, NULL), 0);
}

/* ---- exit() ---------------------------------------------------------------------------------- */

static void check_pending(void)
{
    int wrong = 0;
    for (int i = 0; i < QUEUED; i++)
        wrong |= !tarn_cancelled(pending.queued[i]);
    for (int i = 0; i < 3; i++)
        wrong |= tarn_cancelled(pending.chained[i]) ? 0 : 2;
    for (int i = 0; i < SUBMITTERS; i++) {
        while (atomic_load(&pending.submitted[i]) == TARN_END)
            sched_yield();
        wrong |= atomic_load(&pending.submitted[i]) == TARN_CLOSED ? 0 : 4;
    }
    for (int i = 0; i < pool_workers(); i++)
        wrong |= tarn_running(pending.running[i]) ? 0 : 8;
    child_end(wrong);
}

static int exit_while_all_pends(void *data)
{
    (void)data;
    alarm(CHILD_SECONDS);
    pend();
    child_at_exit(check_pending);
    exit(0);
}

CONTRACT_TEST(exit_ends_whatever_pends, GATES)
{
    child_needs_no_sanitizer();
    assert_int_equal(in_child(exit_while_all_pends, NULL), 0);
}
