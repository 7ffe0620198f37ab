/* SPDX-License-Identifier: Apache-2.0 */

/* What ends the tries of a task, where they are made, and what they leave behind. */
#include "full.h"

#include <sched.h>
#include <unistd.h>

enum { FAILED = TARN_RETRY_FAILED, BOTH = TARN_RETRY_FAILED | TARN_RETRY_EXPIRED };

struct tries {
    struct gate gate; /* where the first one stands */
    int bad;          /* so many of them fail */
    bool looks;       /* for a request to stop */
    atomic_int count;
    int threads[8];
};

static int try_once(struct tries *tries)
{
    int number = atomic_fetch_add(&tries->count, 1) + 1;
    if (number == 1)
        gate_pass(&tries->gate);
    if (number <= 8)
        tries->threads[number - 1] = (int)gettid();
    if (tries->looks && tarn_stop_requested())
        return 0;
    if (number <= tries->bad)
        tarn_fail(number, "try number %d", number);
    return number;
}
TARN_TASK(int, try_once, struct tries *);

static void assert_failed_at(tarn_future *future, int attempts)
{
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->attempts, attempts);
    assert_int_equal(tarn_error(future)->code, attempts);
    tarn_drop(future);
}

/* ---- Requests to stop ---- */

CONTRACT_TEST(stop_ends_the_retries_whether_it_was_seen_or_not, GATES)
{
    for (int looks = 0; looks < 2; looks++) {
        struct tries tries = {.gate = GATE_CLOSED, .bad = 100, .looks = looks};
        tarn_executor *pool = pool_open();
        tarn_future *future =
            try_once_submit(tarn_with(pool, .retries = 9, .retry_on = BOTH), &tries);
        gate_await(&tries.gate, 1);
        assert_int_equal(tarn_stop(future, 0), TARN_TIMEOUT);
        gate_open(&tries.gate);
        if (looks)
            assert_ended(future, TARN_STOPPED);
        else
            assert_failed_at(future, 1);
        assert_int_equal(atomic_load(&tries.count), 1);
        assert_int_equal(stats_of(pool).retried, 0);
        pool_close(pool);
    }
}

CONTRACT_TEST(kill_running_ends_the_retries, GATES)
{
    struct tries tries = {.gate = GATE_CLOSED, .bad = 100};
    tarn_executor *pool = pool_open();
    tarn_future *future = try_once_submit(tarn_with(pool, .retries = 9, .retry_on = BOTH), &tries);
    gate_await(&tries.gate, 1);
    assert_int_equal(tarn_shutdown(pool, .kill_running = true, .time_limit = 1e-9), TARN_TIMEOUT);
    gate_open(&tries.gate);
    assert_failed_at(future, 1);
    pool_close(pool);
}

/* ---- Shutdown ---- */

CONTRACT_TEST(shutdown_still_owes_the_retries, GATES)
{
    struct tries tries = {.gate = GATE_CLOSED, .bad = 3};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        try_once_submit(tarn_with(pool, .retries = 3, .retry_on = FAILED), &tries);
    gate_await(&tries.gate, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_ended(square_submit(pool, 1), TARN_CLOSED);
    gate_open(&tries.gate);
    pool_close(pool);
    assert_true(tarn_done(future));
    assert_ended(future, TARN_OK);
    assert_int_equal(atomic_load(&tries.count), 4);
}

CONTRACT_TEST(an_abandoned_executor_owes_them_as_well, GATES)
{
    struct tries tries = {.gate = GATE_CLOSED, .bad = 3};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        try_once_submit(tarn_with(pool, .retries = 3, .retry_on = FAILED), &tries);
    gate_await(&tries.gate, 1);
    tarn_abandon(pool);
    gate_open(&tries.gate);
    assert_ended(future, TARN_OK);
    assert_int_equal(atomic_load(&tries.count), 4);
}

CONTRACT_TEST(a_shutdown_that_cancels_does_not_owe_them, GATES)
{
    struct tries tries = {.gate = GATE_CLOSED, .bad = 100};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        try_once_submit(tarn_with(pool, .retries = 9, .retry_on = FAILED), &tries);
    gate_await(&tries.gate, 1);
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .time_limit = 1e-9), TARN_TIMEOUT);
    gate_open(&tries.gate);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_string_equal(tarn_error(future)->text, "try number 1");
    assert_failed_at(future, 1);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.queued, 0);
    pool_close(pool);
}

CONTRACT_TEST(a_shutdown_cancels_what_waits_for_its_next_try, GATES)
{
    struct tries tries = {.gate = GATE_CLOSED, .bad = 100};
    struct gate gate = GATE_CLOSED;
    tarn_executor *pool = pool_of(1);
    tarn_future *future =
        try_once_submit(tarn_with(pool, .retries = 9, .retry_on = FAILED), &tries);
    gate_await(&tries.gate, 1);
    tarn_future *blocker = stand_at_submit(pool, &gate, 1);
    gate_open(&tries.gate);
    gate_await(&gate, 1);
    assert_int_equal(tarn_shutdown(pool, .cancel_pending = true, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_true(tarn_cancelled(future));
    assert_int_equal(tarn_error(future)->attempts, 1);
    tarn_drop(future);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

CONTRACT_TEST(drain_waits_for_the_last_try, GATES)
{
    struct tries tries = {.gate = GATE_OPEN, .bad = 50};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        try_once_submit(tarn_with(pool, .retries = 50, .retry_on = FAILED), &tries);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    assert_true(tarn_done(future));
    assert_ended(future, TARN_OK);
    pool_close(pool);
}

/* ---- Where a try is made ---- */

struct parent {
    tarn_executor *view;
    struct tries tries;
    int thread;
    int attempts;
    tarn_status status;
};

static void wait_for_tries(struct parent *parent)
{
    parent->thread = (int)gettid();
    tarn_future *child = try_once_submit(parent->view, &parent->tries);
    parent->status = status_of(child);
    parent->attempts = tarn_error(child) ? tarn_error(child)->attempts : 0;
    tarn_drop(child);
}
TARN_TASK(void, wait_for_tries, struct parent *);

CONTRACT_TEST(what_a_wait_runs_in_place_is_tried_again_in_place, NESTED)
{
    for (int bad = 2; bad <= 3; bad++) {
        struct parent parent = {.tries = {.gate = GATE_OPEN, .bad = bad}};
        tarn_executor *pool = pool_of(1);
        parent.view = tarn_with(pool, .retries = 2, .retry_on = FAILED);
        assert_ended(wait_for_tries_submit(pool, &parent), TARN_OK);
        assert_int_equal(parent.status, bad == 2 ? TARN_OK : TARN_FAILED);
        assert_int_equal(parent.attempts, bad == 2 ? 0 : 3);
        assert_int_equal(atomic_load(&parent.tries.count), 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(parent.tries.threads[i], parent.thread);
        assert_int_equal(stats_of(pool).retried, 2);
        assert_int_equal(stats_of(pool).running, 0);
        pool_close(pool);
    }
}

CONTRACT_TEST(what_a_caller_runs_is_tried_again_in_place, GATES)
{
    struct full full;
    struct tries tries = {.gate = GATE_OPEN, .bad = 2};
    full_open(&full, &(struct pool_options){.queue_limit = 1, .when_full = TARN_FULL_CALLER});
    tarn_future *future =
        try_once_submit(tarn_with(full.pool, .retries = 2, .retry_on = FAILED), &tries);
    assert_true(tarn_done(future));
    assert_ended(future, TARN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tries.threads[i], gettid());
    full_close(&full);
}

static int exit_at_first(struct tries *tries)
{
    int number = atomic_fetch_add(&tries->count, 1) + 1;
    if (number <= 8)
        tries->threads[number - 1] = (int)gettid();
    tarn_result_memory(100);
    if (number <= tries->bad)
        pthread_exit(NULL);
    return number;
}
TARN_TASK(int, exit_at_first, struct tries *);

CONTRACT_TEST(a_task_that_ends_its_thread_is_tried_again_on_another, GATES)
{
    struct tries tries = {.bad = 3};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        exit_at_first_submit(tarn_with(pool, .retries = 3, .retry_on = FAILED), &tries);
    int result = 0;
    assert_int_equal(exit_at_first_result(future, &result), TARN_OK);
    assert_int_equal(result, 4);
    tarn_drop(future);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(tries.threads[i + 1], tries.threads[i]);
    assert_int_equal(stats_of(pool).retried, 3);
    assert_int_equal(stats_of(pool).running, 0);
    pool_close(pool);
}

CONTRACT_TEST(a_task_that_always_ends_its_thread_fails_at_last, GATES)
{
    struct tries tries = {.bad = 100};
    tarn_executor *pool = pool_open();
    tarn_future *future =
        exit_at_first_submit(tarn_with(pool, .retries = 3, .retry_on = FAILED), &tries);
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->attempts, 4);
    assert_contains(tarn_error(future)->text, "thread");
    tarn_drop(future);
    assert_int_equal(atomic_load(&tries.count), 4);
    pool_close(pool);
}

static void assert_failed_with_thread(tarn_future *future)
{
    assert_int_equal(status_of(future), TARN_FAILED);
    assert_int_equal(tarn_error(future)->attempts, 1);
    assert_contains(tarn_error(future)->text, "thread");
}

struct exiting {
    tarn_executor *view;
    struct tries tries;
    tarn_future *child; /* of the parent's last try */
};

static tarn_status wait_for_exit(struct exiting *exiting)
{
    tarn_drop(exiting->child);
    exiting->child = exit_at_first_submit(exiting->view, &exiting->tries);
    return status_of(exiting->child);
}
TARN_TASK(tarn_status, wait_for_exit, struct exiting *);

/* There is no thread any more on which that could be: what waits goes the same way, and if it is
 * tried again, it waits for another. */
CONTRACT_TEST(what_ends_its_thread_in_place_is_not_tried_again_but_its_waiter_is, NESTED)
{
    struct exiting exiting = {.tries = {.bad = 1}};
    tarn_executor *pool = pool_of(1);
    exiting.view = tarn_with(pool, .retries = 9, .retry_on = FAILED);
    tarn_future *parent = wait_for_exit_submit(pool, &exiting);
    assert_int_equal(status_of(parent), TARN_FAILED);
    assert_failed_with_thread(exiting.child);
    tarn_drop(parent);

    atomic_store(&exiting.tries.count, 0);
    parent = wait_for_exit_submit(exiting.view, &exiting);
    tarn_status status = TARN_INVALID;
    assert_int_equal(wait_for_exit_result(parent, &status), TARN_OK);
    assert_int_equal(status, TARN_OK);
    assert_int_equal(atomic_load(&exiting.tries.count), 2);
    tarn_drop(exiting.child);
    tarn_drop(parent);
    pool_close(pool);
}

/* ---- What a try leaves behind ---- */

static tarn_bytes write_text(struct tries *tries, bool slow)
{
    int number = atomic_fetch_add(&tries->count, 1) + 1;
    char *text = tarn_result_memory(300);
    tarn_result_memory(200);
    memset(text, 'a' + number, 300);
    while (slow && number <= tries->bad && !tarn_stop_requested())
        sched_yield();
    if (!slow && number <= tries->bad)
        tarn_fail(number, "a text of its own, number %d", number);
    return (tarn_bytes){text, 300};
}
TARN_TASK(tarn_bytes, write_text, struct tries *, bool);

/* The leak checkers look at what the tries have allocated. */
CONTRACT_TEST(the_memory_of_former_tries_is_freed, GATES)
{
    for (int slow = 0; slow < 2; slow++) {
        for (int bad = 2; bad <= 4; bad += 2) {
            struct tries tries = {.bad = bad};
            tarn_executor *pool = pool_open();
            tarn_executor *view =
                tarn_with(pool, .retries = 3, .retry_on = BOTH, .run_limit = slow ? 0.002 : 600);
            tarn_future *future = write_text_submit(view, &tries, slow);
            tarn_bytes bytes = {NULL, 0};
            tarn_status status = write_text_result(future, &bytes);
            assert_int_equal(status, bad == 2 ? TARN_OK : slow ? TARN_EXPIRED : TARN_FAILED);
            if (status == TARN_OK) {
                assert_int_equal(bytes.size, 300);
                assert_int_equal(((const char *)bytes.data)[299], 'a' + 3);
            }
            tarn_drop(future);
            pool_close(pool);
        }
    }
}

/* What is owned: each result that is thrown away, and the arguments once. */
static atomic_int args_released, results_released;

static int *expire_and_give(struct tries *tries, int n)
{
    int number = atomic_fetch_add(&tries->count, 1) + 1;
    while (number <= tries->bad && !tarn_stop_requested())
        sched_yield();
    int *given = malloc(sizeof(*given));
    *given = n + number;
    return given;
}

static void release_given_args(struct tries *tries, int n)
{
    (void)tries;
    (void)n;
    atomic_fetch_add(&args_released, 1);
}

static void release_given(int *given)
{
    free(given);
    atomic_fetch_add(&results_released, 1);
}
TARN_TASK_OWNING(int *, expire_and_give, release_given_args, release_given, struct tries *, int);

CONTRACT_TEST(each_result_of_a_try_is_released_and_the_arguments_once, GATES)
{
    struct tries tries = {.bad = 2};
    tarn_executor *pool = pool_open();
    atomic_store(&args_released, 0);
    atomic_store(&results_released, 0);
    tarn_future *future = expire_and_give_submit(
        tarn_with(pool, .retries = 5, .retry_on = BOTH, .run_limit = 0.002), &tries, 10);
    int *given = NULL;
    assert_int_equal(expire_and_give_result(future, &given), TARN_OK);
    assert_int_equal(*given, 13);
    assert_int_equal(atomic_load(&results_released), 2);
    pool_close(pool);
    assert_int_equal(atomic_load(&args_released), 0);
    tarn_drop(future);
    assert_int_equal(atomic_load(&results_released), 3);
    assert_int_equal(atomic_load(&args_released), 1);
}

/* ---- Many times over ---- */

static int always_fail(atomic_int *count)
{
    tarn_fail(1, "number %d", atomic_fetch_add(count, 1));
    return 0;
}
TARN_TASK(int, always_fail, atomic_int *);

/* Cancelled between two tries, before the first, not at all: every run is counted. */
CONTRACT_TEST(cancel_against_retry, GATES)
{
    enum { N = 50 };
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .retries = 20, .retry_on = FAILED, .run_limit = 600);
    size_t rounds = test_count(200), cancelled = 0;
    for (size_t round = 0; round < rounds; round++) {
        tarn_future *futures[N];
        atomic_int counts[N];
        for (int i = 0; i < N; i++) {
            atomic_init(&counts[i], 0);
            futures[i] = always_fail_submit(view, &counts[i]);
        }
        for (int i = 0; i < N; i++) {
            bool won = tarn_cancel(futures[i]);
            cancelled += won;
            assert_int_equal(status_of(futures[i]), won ? TARN_CANCELLED : TARN_FAILED);
            assert_int_equal(tarn_error(futures[i])->attempts, atomic_load(&counts[i]));
            assert_true(won || atomic_load(&counts[i]) == 21);
        }
        tarn_drop_all(futures, N);
    }
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    tarn_stats stats = stats_of(pool);
    assert_int_equal(stats.cancelled, cancelled);
    assert_int_equal(stats.failed, rounds * N - cancelled);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.running, 0);
    pool_close(pool);
}
