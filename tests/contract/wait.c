/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_wait(): all of many, the first, the first error. */
#include "contract.h"

/* Promises stand for tasks where only the ends matter: the test decides when each ends. */
enum { MANY = 4 };

struct set {
    tarn_promise *promises[MANY];
    tarn_future *futures[MANY];
};

static struct set set_open(void)
{
    struct set set;
    for (int i = 0; i < MANY; i++) {
        set.promises[i] = tarn_promise_new(NULL);
        set.futures[i] = tarn_promise_future(set.promises[i]);
        assert_non_null(set.futures[i]);
    }
    return set;
}

static void set_close(struct set *set)
{
    tarn_drop_all(set->futures, MANY);
    for (int i = 0; i < MANY; i++)
        tarn_promise_drop(set->promises[i]);
}

/* Waits, and gives the number of those that have ended, or the negative status. */
static int waited(tarn_future **futures, size_t n, tarn_when when, tarn_deadline deadline)
{
    size_t done = 1234;
    tarn_status status = tarn_wait(futures, n, when, deadline, &done);
    assert_int_not_equal(done, 1234);
    return status == TARN_OK ? (int)done : (int)status;
}

CONTRACT_TEST(waiting_for_all_counts_them, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *futures[50];
    for (int i = 0; i < 50; i++)
        futures[i] = i % 7 ? square_submit(pool, i) : fail_with_submit(pool, i);
    assert_int_equal(waited(futures, 50, TARN_WAIT_ALL, TARN_FOREVER), 50);
    for (int i = 0; i < 50; i++)
        assert_true(tarn_done(futures[i]));
    assert_int_equal(waited(futures, 50, TARN_WAIT_ALL, TARN_NOW), 50);
    tarn_drop_all(futures, 50);
    pool_close(pool);
}

CONTRACT_TEST(a_wait_for_none_ends_at_once, 0)
{
    tarn_future *none = NULL;
    size_t done = 9;
    assert_int_equal(tarn_wait(NULL, 0, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(done, 0);
    assert_int_equal(tarn_wait(&none, 0, TARN_WAIT_FIRST, TARN_FOREVER, NULL), TARN_OK);
    assert_int_equal(tarn_wait(NULL, 0, TARN_WAIT_FIRST_ERROR, TARN_FOREVER, NULL), TARN_OK);
}

CONTRACT_TEST(a_wait_that_times_out_counts_what_has_ended, GATES)
{
    struct set set = set_open();
    size_t done = 0;
    tarn_deadline deadline = tarn_in(0.02);
    assert_int_equal(tarn_wait(set.futures, MANY, TARN_WAIT_ALL, deadline, &done), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_int_equal(done, 0);
    tarn_promise_set(set.promises[2], NULL, 0);
    tarn_promise_set(set.promises[0], NULL, 0);
    deadline = tarn_in(0.02);
    assert_int_equal(tarn_wait(set.futures, MANY, TARN_WAIT_ALL, deadline, &done), TARN_TIMEOUT);
    assert_true(clock_now() >= deadline.ns);
    assert_int_equal(done, 2);
    assert_int_equal(tarn_wait(set.futures, MANY, TARN_WAIT_ALL, TARN_NOW, &done), TARN_TIMEOUT);
    assert_int_equal(done, 2);
    assert_int_equal(tarn_wait(set.futures, MANY, TARN_WAIT_FIRST_ERROR, TARN_NOW, &done),
                     TARN_TIMEOUT);
    assert_int_equal(done, 2);
    set_close(&set);
}

CONTRACT_TEST(a_wait_for_the_first_returns_all_that_have_ended, GATES)
{
    struct set set = set_open();
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST, TARN_NOW), TARN_TIMEOUT);
    tarn_promise_set(set.promises[1], NULL, 0);
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST, TARN_FOREVER), 1);
    tarn_promise_fail(set.promises[3], 1, "x");
    tarn_cancel(set.futures[0]);
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST, TARN_FOREVER), 3);
    set_close(&set);
}

CONTRACT_TEST(the_first_error_ends_the_wait, GATES)
{
    struct set set = set_open();
    tarn_promise_set(set.promises[0], NULL, 0);
    tarn_cancel(set.futures[1]);
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST_ERROR, TARN_NOW), TARN_TIMEOUT);
    tarn_promise_fail(set.promises[2], 1, "an error");
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST_ERROR, TARN_FOREVER), 3);
    set_close(&set);
}

CONTRACT_TEST(without_an_error_the_wait_is_for_all, GATES)
{
    struct set set = set_open();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST_ERROR, TARN_NOW), TARN_TIMEOUT);
        if (i % 2)
            tarn_cancel(set.futures[i]);
        else
            tarn_promise_set(set.promises[i], NULL, 0);
    }
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_FIRST_ERROR, TARN_FOREVER), MANY);
    set_close(&set);
}

CONTRACT_TEST(a_refused_future_is_an_error, 0)
{
    struct set set = set_open();
    tarn_future *futures[2] = {set.futures[0], square_submit(NULL, 1)};
    assert_int_equal(waited(futures, 2, TARN_WAIT_FIRST, TARN_FOREVER), 1);
    assert_int_equal(waited(futures, 2, TARN_WAIT_FIRST_ERROR, TARN_FOREVER), 1);
    tarn_drop(futures[1]);
    set_close(&set);
}

CONTRACT_TEST(duplicates_count_each, GATES)
{
    struct set set = set_open();
    tarn_future *futures[5] = {set.futures[0], set.futures[1], set.futures[0], set.futures[0],
                               set.futures[1]};
    tarn_promise_set(set.promises[0], NULL, 0);
    assert_int_equal(waited(futures, 5, TARN_WAIT_FIRST, TARN_FOREVER), 3);
    size_t done = 0;
    assert_int_equal(tarn_wait(futures, 5, TARN_WAIT_ALL, tarn_in(0.01), &done), TARN_TIMEOUT);
    assert_int_equal(done, 3);
    tarn_promise_set(set.promises[1], NULL, 0);
    assert_int_equal(waited(futures, 5, TARN_WAIT_ALL, TARN_FOREVER), 5);
    set_close(&set);
}

CONTRACT_TEST(the_array_is_only_read, GATES)
{
    struct set set = set_open();
    tarn_future *before[MANY];
    memcpy(before, set.futures, sizeof(before));
    tarn_promise_set(set.promises[3], NULL, 0);
    waited(set.futures, MANY, TARN_WAIT_FIRST, TARN_FOREVER);
    tarn_promise_set(set.promises[1], NULL, 0);
    waited(set.futures, MANY, TARN_WAIT_ALL, TARN_NOW);
    assert_memory_equal(before, set.futures, sizeof(before));
    set_close(&set);
}

CONTRACT_TEST(futures_of_several_executors_may_be_mixed, GATES)
{
    tarn_executor *one = pool_open();
    tarn_executor *two = pool_open();
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *futures[3] = {square_submit(one, 1), fail_with_submit(two, 2),
                               tarn_promise_future(promise)};
    assert_int_equal(tarn_wait(futures, 3, TARN_WAIT_FIRST_ERROR, TARN_FOREVER, NULL), TARN_OK);
    assert_int_equal(status_of(futures[1]), TARN_FAILED);
    tarn_promise_set(promise, NULL, 0);
    assert_int_equal(waited(futures, 3, TARN_WAIT_ALL, TARN_FOREVER), 3);
    tarn_drop_all(futures, 3);
    tarn_promise_drop(promise);
    pool_close(one);
    pool_close(two);
}

struct sleeper {
    struct helper helper;
    struct set *set;
    tarn_when when;
    tarn_status status;
    size_t done;
};

static void sleeper_main(void *data)
{
    struct sleeper *sleeper = data;
    sleeper->status =
        tarn_wait(sleeper->set->futures, MANY, sleeper->when, TARN_FOREVER, &sleeper->done);
}

static void sleeper_start(struct sleeper *sleeper, struct set *set, tarn_when when)
{
    sleeper->set = set;
    sleeper->when = when;
    helper_start(&sleeper->helper, sleeper_main, sleeper);
    helper_await_sleep(&sleeper->helper);
}

static void sleeper_join(struct sleeper *sleeper, size_t done)
{
    helper_join(&sleeper->helper);
    assert_int_equal(sleeper->status, TARN_OK);
    assert_int_equal(sleeper->done, done);
}

CONTRACT_TEST(a_sleeping_wait_wakes_when_its_condition_holds, GATES)
{
    struct set set = set_open();
    struct sleeper first;
    struct sleeper error;
    struct sleeper all;
    sleeper_start(&first, &set, TARN_WAIT_FIRST);
    sleeper_start(&error, &set, TARN_WAIT_FIRST_ERROR);
    sleeper_start(&all, &set, TARN_WAIT_ALL);
    tarn_promise_set(set.promises[1], NULL, 0);
    sleeper_join(&first, 1);
    tarn_promise_fail(set.promises[0], 1, "x");
    sleeper_join(&error, 2);
    tarn_cancel(set.futures[3]);
    tarn_promise_drop(set.promises[2]);
    set.promises[2] = NULL;
    sleeper_join(&all, MANY);
    set_close(&set);
}

/* In the reference such a wait hangs for ever. */
CONTRACT_TEST(cancelling_wakes_a_wait_for_all_at_once, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct set set;
    struct sleeper all;
    struct sleeper first;
    pool_block(pool, &gate, blockers, pool_workers());
    for (int i = 0; i < MANY; i++)
        set.futures[i] = square_submit(pool, i);
    sleeper_start(&all, &set, TARN_WAIT_ALL);
    sleeper_start(&first, &set, TARN_WAIT_FIRST);
    assert_true(tarn_cancel(set.futures[2]));
    helper_join(&first.helper);
    assert_int_equal(first.status, TARN_OK);
    for (int i = 0; i < MANY; i++)
        assert_true(tarn_cancel(set.futures[i]));
    sleeper_join(&all, MANY);
    assert_int_equal(waited(set.futures, MANY, TARN_WAIT_ALL, TARN_FOREVER), MANY);
    tarn_drop_all(set.futures, MANY);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

/* A loop over waits for the first would else grow a list on each future that does not end. */
CONTRACT_TEST(ended_waits_leave_nothing_on_the_futures, GATES)
{
    enum { N = 40 };
    struct set set = set_open();
    tarn_future *futures[N];
    for (int i = 0; i < N; i++)
        futures[i] = set.futures[i % MANY];
    size_t rounds = test_count(8000);
    size_t before = 0;
    for (size_t i = 0; i < rounds + rounds / 10; i++) {
        if (i == rounds / 10)
            before = memory_resident();
        tarn_when when = i % 2 ? TARN_WAIT_FIRST : TARN_WAIT_FIRST_ERROR;
        assert_int_equal(waited(futures, N, when, tarn_in(2e-5)), TARN_TIMEOUT);
        assert_int_equal(waited(futures, 4, when, tarn_in(2e-5)), TARN_TIMEOUT);
    }
    /* A node of 40 bytes for each future and round would be 13 MiB. */
    if (test_count(2) == 2)
        assert_true(memory_resident() < before + ((size_t)4 << 20));
    /* Were something left, ending the futures would reach for it. */
    for (int i = 0; i < MANY; i++)
        assert_int_equal(tarn_promise_set(set.promises[i], NULL, 0), TARN_OK);
    assert_int_equal(waited(futures, N, TARN_WAIT_FIRST_ERROR, TARN_FOREVER), N);
    set_close(&set);
}

CONTRACT_TEST(a_wait_for_very_many_ends, 0)
{
    tarn_executor *pool = pool_open();
    size_t n = test_count(20000);
    tarn_future **futures = calloc(n, sizeof(tarn_future *));
    assert_non_null(futures);
    for (size_t i = 0; i < n; i++)
        futures[i] = square_submit(pool, (int)(i % 1000));
    size_t done = 0;
    assert_int_equal(tarn_wait(futures, n, TARN_WAIT_ALL, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(done, n);
    tarn_drop_all(futures, n);
    free(futures);
    pool_close(pool);
}
