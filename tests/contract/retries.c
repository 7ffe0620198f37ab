/* SPDX-License-Identifier: Apache-2.0 */

/* Tasks that are run again: for which reason, how often, and what others see of it. */
#include "full.h"

#include <sched.h>
#include <unistd.h>

enum { ALL = TARN_RETRY_LOST | TARN_RETRY_EXPIRED | TARN_RETRY_FAILED };

/* What the tries of one task have in common. */
struct tries {
    int bad; /* so many of them go wrong */
    atomic_int count;
    int threads[8];
};

static int note_try(struct tries *tries)
{
    int number = atomic_fetch_add(&tries->count, 1) + 1;
    if (number <= 8)
        tries->threads[number - 1] = (int)gettid();
    return number;
}

static int fail_at_first(struct tries *tries)
{
    int number = note_try(tries);
    if (number <= tries->bad)
        tarn_fail(number, "try number %d", number);
    return number;
}
TARN_TASK(int, fail_at_first, struct tries *);

static int expire_at_first(struct tries *tries)
{
    int number = note_try(tries);
    while (number <= tries->bad && !tarn_stop_requested())
        sched_yield();
    return number;
}
TARN_TASK(int, expire_at_first, struct tries *);

static void assert_result_of_try(tarn_future *future, int number)
{
    int result = -1;
    assert_int_equal(fail_at_first_result(future, &result), TARN_OK);
    assert_int_equal(result, number);
    assert_null(tarn_error(future));
    tarn_drop(future);
}

/* ---- For which reason, and how often ---- */

CONTRACT_TEST(a_failed_task_is_run_again, GATES)
{
    tarn_executor *pool = pool_open();
    struct tries tries = {.bad = 2};
    tarn_executor *view = tarn_with(pool, .retries = 5, .retry_on = TARN_RETRY_FAILED);
    assert_result_of_try(fail_at_first_submit(view, &tries), 3);
    assert_int_equal(atomic_load(&tries.count), 3);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.submitted, 1);
    assert_int_equal(stats.ok, 1);
    assert_int_equal(stats.retried, 2);
    assert_int_equal(stats.failed + stats.queued + stats.running + stats.over_limit, 0);
    pool_close(pool);
}

CONTRACT_TEST(the_last_try_decides, GATES)
{
    tarn_executor *pool = pool_open();
    struct tries tries = {.bad = 100};
    tarn_future *future =
        fail_at_first_submit(tarn_with(pool, .retries = 3, .retry_on = TARN_RETRY_FAILED), &tries);
    assert_int_equal(status_of(future), TARN_FAILED);
    const tarn_failure *error = tarn_error(future);
    assert_string_equal(error->text, "try number 4");
    assert_int_equal(error->code, 4);
    assert_int_equal(error->attempts, 4);
    assert_in_range(error->worker, 0, tarn_worker_limit(pool) - 1);
    tarn_drop(future);
    assert_int_equal(stats_of(pool).failed, 1);
    assert_int_equal(stats_of(pool).retried, 3);
    pool_close(pool);
}

CONTRACT_TEST(only_the_reasons_that_were_given_count, GATES)
{
    static const struct {
        int retry_on;
        bool failed, expired;
    } cases[] = {
        {0, false, false},
        {TARN_RETRY_LOST, false, false},
        {TARN_RETRY_FAILED, true, false},
        {TARN_RETRY_EXPIRED, false, true},
        {TARN_RETRY_LOST | TARN_RETRY_FAILED, true, false},
        {ALL, true, true},
    };
    tarn_executor *pool = pool_open();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tarn_executor *view =
            tarn_with(pool, .retries = 2, .retry_on = cases[i].retry_on, .run_limit = 0.005);
        struct tries failing = {.bad = 1}, expiring = {.bad = 1};
        assert_ended(fail_at_first_submit(view, &failing), cases[i].failed ? TARN_OK : TARN_FAILED);
        assert_ended(expire_at_first_submit(view, &expiring),
                     cases[i].expired ? TARN_OK : TARN_EXPIRED);
        assert_int_equal(atomic_load(&failing.count), cases[i].failed ? 2 : 1);
        assert_int_equal(atomic_load(&expiring.count), cases[i].expired ? 2 : 1);
    }
    pool_close(pool);
}

CONTRACT_TEST(a_reason_without_a_number_of_retries_is_none, GATES)
{
    tarn_executor *pool = pool_open();
    struct tries tries = {.bad = 1};
    assert_ended(fail_at_first_submit(tarn_with(pool, .retry_on = ALL), &tries), TARN_FAILED);
    assert_int_equal(atomic_load(&tries.count), 1);
    pool_close(pool);
}

CONTRACT_TEST(each_try_has_a_run_limit_of_its_own, GATES)
{
    tarn_executor *pool = pool_open();
    struct tries tries = {.bad = 100};
    int64_t before = clock_now();
    tarn_future *future = expire_at_first_submit(
        tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_EXPIRED, .run_limit = 0.01), &tries);
    assert_int_equal(status_of(future), TARN_EXPIRED);
    assert_true(clock_now() - before >= 30000000);
    assert_int_equal(tarn_error(future)->attempts, 3);
    assert_int_equal(atomic_load(&tries.count), 3);
    tarn_drop(future);
    assert_int_equal(stats_of(pool).expired, 1);
    pool_close(pool);
}

/* ---- What others see ---- */

/* A task that stands at a gate, fails, and then finds another task before it in the queue. */
struct pause {
    tarn_executor *pool;
    struct gate first, blocking;
    struct tries tries;
    tarn_future *future, *blocker;
};

static int stand_and_fail(struct pause *pause)
{
    if (atomic_load(&pause->tries.count) == 0)
        gate_pass(&pause->first);
    return fail_at_first(&pause->tries);
}
TARN_TASK(int, stand_and_fail, struct pause *);

/* Returns when it waits for its second try, behind the blocker; false: it had no first one. */
static bool pause_open(struct pause *pause, const struct pool_options *options,
                       const tarn_task_options *with)
{
    struct pool_options single = *options;
    single.max_workers = 1;
    *pause = (struct pause){.first = GATE_CLOSED, .blocking = GATE_CLOSED, .tries = {.bad = 1}};
    pause->pool = pool_with(&single);
    pause->future = stand_and_fail_submit((tarn_with)(pause->pool, with), pause);
    bool begun = arrives(&pause->first, pause->future);
    pause->blocker = stand_at_submit(pause->pool, &pause->blocking, 1);
    gate_open(&pause->first);
    gate_await(&pause->blocking, 1);
    return begun;
}

static void pause_close(struct pause *pause)
{
    pool_unblock(&pause->blocking, &pause->blocker, 1);
    pool_close(pause->pool);
}

static const struct pool_options plain;
static const tarn_task_options twice = {
    .size = sizeof(twice), .retries = 1, .retry_on = TARN_RETRY_FAILED};

static void count_call(tarn_future *future, void *data)
{
    struct gate *calls = data;
    if (tarn_done(future))
        gate_pass(calls);
}

CONTRACT_TEST(a_try_that_is_repeated_ends_nothing, GATES)
{
    struct pause pause;
    struct gate calls = GATE_OPEN;
    pause_open(&pause, &plain, &twice);
    assert_string_equal(tarn_future_state(pause.future), "PENDING");
    assert_null(tarn_error(pause.future));
    assert_ptr_equal(stand_and_fail_args(pause.future)->a1, &pause);
    tarn_completions *completed = tarn_as_completed(&pause.future, 1, TARN_NOW);
    assert_int_equal(tarn_on_done(pause.future, count_call, &calls), TARN_OK);
    tarn_future *after = square_after(pause.pool, pause.future);
    assert_no_next(completed, TARN_TIMEOUT);
    assert_int_equal(tarn_wait(&pause.future, 1, TARN_WAIT_FIRST_ERROR, TARN_NOW, NULL),
                     TARN_TIMEOUT);
    tarn_stats stats = stats_of(pause.pool);
    /* It has started, and has not ended. */
    assert_int_equal(stats.running, 2);
    assert_int_equal(stats.queued, 1); /* the chained one */
    assert_int_equal(stats.failed, 0);
    pool_unblock(&pause.blocking, &pause.blocker, 1);

    int result = 0;
    assert_int_equal(square_result(after, &result), TARN_OK);
    assert_int_equal(result, 4);
    tarn_drop(after);
    gate_await(&calls, 1);
    assert_next(completed, 0);
    assert_no_next(completed, TARN_END);
    tarn_completions_drop(completed);
    assert_ended(pause.future, TARN_OK);
    pool_close(pause.pool);
    assert_int_equal(gate_arrived(&calls), 1);
}

CONTRACT_TEST(a_task_may_be_cancelled_between_tries, GATES)
{
    struct pause pause;
    struct gate calls = GATE_OPEN;
    pause_open(&pause, &plain, &twice);
    assert_int_equal(tarn_on_done(pause.future, count_call, &calls), TARN_OK);
    assert_true(tarn_cancel(pause.future));
    assert_int_equal(gate_arrived(&calls), 1);
    assert_int_equal(status_of(pause.future), TARN_CANCELLED);
    const tarn_failure *error = tarn_error(pause.future);
    assert_int_equal(error->status, TARN_CANCELLED);
    assert_int_equal(error->attempts, 1);
    assert_int_equal(error->code, 0);
    assert_null(error->file);
    assert_string_equal(error->text, tarn_status_text(TARN_CANCELLED));
    tarn_stats stats = stats_of(pause.pool);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.cancelled, 1);
    pause_close(&pause);
    assert_int_equal(atomic_load(&pause.tries.count), 1);
    tarn_drop(pause.future);
}

CONTRACT_TEST(stop_between_tries_cancels, GATES)
{
    struct pause pause;
    pause_open(&pause, &plain, &twice);
    assert_int_equal(tarn_stop(pause.future, 0), TARN_OK);
    assert_ended(pause.future, TARN_CANCELLED);
    pause_close(&pause);
}

/* It has started: that it waits for its next try for longer does not matter. */
CONTRACT_TEST(between_tries_a_task_does_not_expire, GATES)
{
    struct pause pause;
    bool begun = false;
    tarn_task_options limited = twice;
    for (limited.start_within = 0.02; !begun; limited.start_within *= 2) {
        begun = pause_open(&pause, &plain, &limited);
        if (begun)
            assert_int_equal(tarn_future_wait(pause.future, tarn_in(limited.start_within * 2)),
                             TARN_TIMEOUT);
        pool_unblock(&pause.blocking, &pause.blocker, 1);
        assert_ended(pause.future, begun ? TARN_OK : TARN_EXPIRED);
        pool_close(pause.pool);
    }
}

/* ---- The queue ---- */

CONTRACT_TEST(a_retry_goes_over_the_limit_of_the_queue, GATES)
{
    struct pause pause;
    pause_open(&pause, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_REFUSE},
               &twice);
    /* The one that waits for its second try takes nobody's place. */
    tarn_future *queued = square_submit(pause.pool, 2);
    assert_false(tarn_done(queued));
    assert_ended(square_submit(pause.pool, 2), TARN_FULL);
    pool_unblock(&pause.blocking, &pause.blocker, 1);
    assert_ended(pause.future, TARN_OK);
    assert_ended(queued, TARN_OK);
    assert_int_equal(stats_of(pause.pool).over_limit, 0);
    /* It has given back no place that was another's. */
    assert_ended(square_submit(pause.pool, 2), TARN_OK);
    pool_close(pause.pool);
}

CONTRACT_TEST(a_full_queue_does_not_refuse_a_retry, GATES)
{
    struct pause pause = {.first = GATE_CLOSED, .tries = {.bad = 3}};
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 2, .when_full = TARN_FULL_REFUSE});
    tarn_future *future =
        stand_and_fail_submit(tarn_with(pool, .retries = 3, .retry_on = TARN_RETRY_FAILED), &pause);
    gate_await(&pause.first, 1);
    tarn_future *queued[2] = {square_submit(pool, 1), square_submit(pool, 2)};
    assert_ended(square_submit(pool, 2), TARN_FULL);
    gate_open(&pause.first);
    assert_ended(future, TARN_OK);
    assert_int_equal(atomic_load(&pause.tries.count), 4);
    for (int i = 0; i < 2; i++)
        assert_ended(queued[i], TARN_OK);
    assert_ended(square_submit(pool, 2), TARN_OK);
    pool_close(pool);
}
