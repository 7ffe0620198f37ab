/* SPDX-License-Identifier: Apache-2.0 */

/* What happens without memory, without threads and without descriptors: a status, never a hang. */
#include "contract.h"
#include "fault.h"

#include <sched.h>
#include <sys/resource.h>

/* Asserts happen after fault_end() only: cmocka needs memory itself. */

CONTRACT_TEST(submit_without_memory_gives_a_finished_future, 0)
{
    enum { MOST = 300000 };
    tarn_executor *pool = pool_open();
    assert_ended(square_submit(pool, 1), TARN_OK);
    static tarn_future *futures[MOST];
    int count = 0;
    tarn_status status = TARN_OK;
    fault_memory(0, FAULT_ALWAYS);
    /* What the thread has in its cache is used up first. */
    while (count < MOST && status != TARN_NO_MEMORY) {
        tarn_future *future = square_submit(pool, 3);
        futures[count++] = future;
        status = future && tarn_done(future) ? status_of(future) : TARN_OK;
    }
    tarn_future *refused = futures[count - 1];
    bool done = tarn_done(refused);
    bool cancelled = tarn_cancelled(refused) || tarn_cancel(refused) || tarn_running(refused);
    int value = 77;
    tarn_status result = square_result(refused, &value);
    tarn_status waited = tarn_future_wait(refused, TARN_FOREVER);
    const tarn_failure *error = tarn_error(refused);
    tarn_future *held = tarn_hold(refused);
    const void *args = square_args(refused);
    tarn_status stopped = tarn_stop(refused, 1);
    fault_end();

    assert_int_equal(status, TARN_NO_MEMORY);
    assert_true(done);
    assert_false(cancelled);
    assert_int_equal(result, TARN_NO_MEMORY);
    assert_int_equal(value, 77);
    assert_int_equal(waited, TARN_OK);
    assert_non_null(error);
    assert_int_equal(error->status, TARN_NO_MEMORY);
    assert_non_null(error->text);
    assert_ptr_equal(held, refused);
    assert_null(args);
    assert_int_equal(stopped, TARN_OK);
    tarn_drop(held);
    for (int i = 0; i + 1 < count; i++)
        assert_ended(futures[i], TARN_OK);
    /* It is immortal: even after its last drop it is there. */
    tarn_drop(refused);
    assert_string_equal(tarn_future_state(refused), "FINISHED");
    assert_ended(square_submit(pool, 2), TARN_OK);
    pool_close(pool);
}

static void note_called(tarn_future *future, void *data)
{
    tarn_status *status = data;
    *status = tarn_result(future, NULL, NULL, 0);
}

CONTRACT_TEST(an_immortal_future_works_like_any_other, 0)
{
    static char large[1 << 20];
    tarn_executor *pool = pool_open();
    assert_ended(square_submit(pool, 1), TARN_OK);
    fault_memory(0, FAULT_ALWAYS);
    tarn_future *refused = echo_submit(pool, (tarn_bytes){large, sizeof(large)});
    tarn_status called = TARN_OK;
    tarn_status registered = tarn_on_done(refused, note_called, &called);
    fault_end();

    assert_int_equal(registered, TARN_OK);
    assert_int_equal(called, TARN_NO_MEMORY);
    tarn_future *futures[3] = {refused, refused, refused};
    size_t done = 0;
    assert_int_equal(tarn_wait(futures, 3, TARN_WAIT_FIRST_ERROR, TARN_FOREVER, &done), TARN_OK);
    assert_int_equal(done, 3);
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    size_t sum = 0;
    for (size_t tag; tarn_next(completed, &tag) == TARN_OK;)
        sum += 1 + tag;
    assert_int_equal(sum, 6);
    tarn_completions_drop(completed);
    tarn_drop(refused);
    pool_close(pool);
}

static tarn_bytes give_large(int size)
{
    char *memory = tarn_result_memory((size_t)size);
    if (!memory) {
        tarn_fail(12, "no memory for %d bytes", size);
        return (tarn_bytes){NULL, 0};
    }
    memset(memory, 'm', (size_t)size);
    return (tarn_bytes){memory, (size_t)size};
}
TARN_TASK(tarn_bytes, give_large, int);

static tarn_bytes give_large_at(struct gate *gate, int size)
{
    gate_pass(gate);
    return give_large(size);
}
TARN_TASK(tarn_bytes, give_large_at, struct gate *, int);

CONTRACT_TEST(a_task_that_gets_no_memory_fails_as_it_likes, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = give_large_at_submit(pool, &gate, 1 << 20);
    gate_await(&gate, 1);
    fault_memory(0, FAULT_ALWAYS);
    gate_open(&gate);
    tarn_status status = status_of(future);
    fault_end();
    /* The status comes through; what may be lost for want of memory is code, text and place. */
    assert_int_equal(status, TARN_FAILED);
    assert_int_equal(tarn_error(future)->status, TARN_FAILED);
    assert_non_null(tarn_error(future)->text);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(whatever_needs_memory_says_so, 0)
{
    tarn_promise *promise = tarn_promise_new(&echo_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *completions = tarn_completions_new(TARN_NOW);
    enum { MANY = 1000 };
    static tarn_future *many[MANY];
    static char large[1 << 20];
    tarn_bytes value = {large, sizeof(large)};
    tarn_status called = TARN_END;
    for (int i = 0; i < MANY; i++)
        many[i] = future;

    fault_memory(0, FAULT_ALWAYS);
    tarn_executor *pool = pool_try(&(struct pool_options){0});
    bool pool_named = strstr(tarn_last_error(), "memory") != NULL;
    tarn_completions *none = tarn_completions_new(TARN_NOW);
    tarn_completions *completed = tarn_as_completed(many, MANY, TARN_NOW);
    tarn_status waited = tarn_wait(many, MANY, TARN_WAIT_FIRST, tarn_in(3600), NULL);
    tarn_status set = tarn_promise_set(promise, &value, sizeof(value));
    bool pending = !tarn_done(future);
    tarn_status registered = tarn_on_done(future, note_called, &called);
    tarn_status added = TARN_OK;
    /* Some may fit into memory that is there already. */
    for (int i = 0; i < 100000 && added == TARN_OK; i++)
        added = tarn_completions_add(completions, future, 1);
    tarn_status all = tarn_wait(many, MANY, TARN_WAIT_ALL, TARN_NOW, NULL);
    fault_end();

    assert_null(pool);
    assert_true(pool_named);
    assert_null(none);
    assert_null(completed);
    assert_int_equal(waited, TARN_NO_MEMORY);
    assert_int_equal(set, TARN_NO_MEMORY);
    assert_true(pending);
    assert_int_equal(registered, TARN_NO_MEMORY);
    assert_int_equal(added, TARN_NO_MEMORY);
    assert_int_equal(all, TARN_TIMEOUT);

    /* None of it has done harm: the promise can still be set, and nobody is called. */
    assert_int_equal(tarn_promise_set(promise, &value, sizeof(value)), TARN_OK);
    assert_int_equal(called, TARN_END);
    tarn_bytes result = {NULL, 0};
    assert_int_equal(echo_result(future, &result), TARN_OK);
    assert_int_equal(result.size, sizeof(large));
    tarn_completions_drop(completions);
    tarn_drop(future);
    tarn_promise_drop(promise);
}

/* Uses the library from end to end, and goes on as well as it can where memory is refused. */
static void use_everything(void)
{
    tarn_future *futures[6] = {NULL};
    tarn_status called = TARN_OK;
    size_t tag = 0;
    tarn_executor *pool = pool_try(&(struct pool_options){.name = "frugal"});
    if (!pool)
        return;
    futures[0] = square_submit(pool, 2);
    futures[1] = fail_with_submit(pool, 3);
    futures[2] = echo_submit(pool, (tarn_bytes){"some bytes that need a place of their own", 41});
    futures[3] = give_large_submit(pool, 100000);
    tarn_promise *promise = tarn_promise_new(&square_task);
    futures[4] = promise ? tarn_promise_future(promise) : square_submit(NULL, 1);
    futures[5] = square_submit(pool, 5);
    tarn_cancel(futures[5]);
    tarn_status registered = tarn_on_done(futures[1], note_called, &called);
    tarn_completions *completed = tarn_as_completed(futures, 4, TARN_FOREVER);
    if (promise)
        tarn_promise_fail(promise, 4, "a text of %d words", 5);
    if (completed) {
        while (tarn_next(completed, &tag) == TARN_OK)
            continue;
    }
    tarn_wait(futures, 6, TARN_WAIT_FIRST_ERROR, TARN_FOREVER, NULL);
    tarn_wait(futures, 6, TARN_WAIT_ALL, TARN_FOREVER, NULL);
    tarn_completions_drop(completed);
    tarn_promise_drop(promise);
    tarn_drop_all(futures, 6);
    tarn_shutdown(pool);
    (void)registered;
}

CONTRACT_TEST(each_allocation_may_fail_once, 0)
{
    long limit = (long)test_count(200);
    use_everything();
    long failed = 1;
    for (long spared = 0; spared < limit && failed > 0; spared++) {
        fault_memory(spared, 1);
        use_everything();
        failed = fault_end();
    }
    /* The last run had no allocation left to fail, unless counts were cut. */
    assert_true(failed == 0 || limit < 200);
}

CONTRACT_TEST(all_allocations_may_fail_from_any_one_on, 0)
{
    long limit = (long)test_count(200);
    long failed = 1;
    for (long spared = 0; spared < limit && failed > 0; spared++) {
        fault_memory(spared, FAULT_ALWAYS);
        use_everything();
        failed = fault_end();
    }
    assert_true(failed == 0 || limit < 200);
}

/* ---- Threads ---- */

CONTRACT_TEST(without_a_first_thread_futures_end_broken, WORKER_THREADS)
{
    tarn_executor *pool = pool_open();
    fault_threads(1, 1);
    tarn_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = square_submit(pool, i);
    tarn_status statuses[5];
    for (int i = 0; i < 5; i++)
        statuses[i] = status_of(futures[i]);
    long failed = fault_end();
    assert_true(failed > 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(statuses[i], TARN_BROKEN);
        assert_contains(tarn_error(futures[i])->text, "thread");
    }
    tarn_drop_all(futures, 5);

    /* That threads were short is no reason to stay broken. */
    assert_ended(square_submit(pool, 4), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(without_more_threads_one_does_the_work, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    fault_threads(1, 1);
    tarn_future *futures[50];
    for (int i = 0; i < 50; i++)
        futures[i] = square_submit(pool, i);
    pool_unblock(&gate, &blocker, 1);
    tarn_status statuses[50];
    for (int i = 0; i < 50; i++)
        statuses[i] = status_of(futures[i]);
    fault_end();
    for (int i = 0; i < 50; i++)
        assert_int_equal(statuses[i], TARN_OK);
    tarn_drop_all(futures, 50);
    pool_close(pool);
}

CONTRACT_TEST(half_of_all_threads_may_fail_to_start, 0)
{
    size_t rounds = test_count(200);
    for (size_t round = 0; round < rounds; round++) {
        /* A pool whose threads go at once needs new ones all the time. */
        tarn_executor *pool = pool_with(&(struct pool_options){.idle_timeout = -1});
        tarn_future *futures[20];
        tarn_status statuses[20];
        fault_threads(1, 2);
        for (int i = 0; i < 20; i++) {
            futures[i] = square_submit(pool, i);
            if (i % 5 == 0)
                status_of(futures[i]);
        }
        for (int i = 0; i < 20; i++)
            statuses[i] = status_of(futures[i]);
        fault_end();
        for (int i = 0; i < 20; i++)
            assert_true(statuses[i] == TARN_OK || statuses[i] == TARN_BROKEN);
        tarn_drop_all(futures, 20);
        pool_close(pool);
    }
}

static struct answer wait_for_spare(tarn_executor *pool, struct gate *armed, bool any)
{
    gate_pass(armed);
    tarn_future *child = square_submit(pool, 3);
    struct answer answer =
        answer_of(tarn_wait(&child, 1, any ? TARN_WAIT_FIRST : TARN_WAIT_ALL, TARN_FOREVER, NULL));
    tarn_drop(child);
    return answer;
}
TARN_TASK(struct answer, wait_for_spare, tarn_executor *, struct gate *, bool);

static struct answer ask_for_spare(tarn_executor *pool, bool any)
{
    struct gate armed = GATE_CLOSED;
    struct answer answer;
    tarn_future *future = wait_for_spare_submit(pool, pool, &armed, any);
    gate_await(&armed, 1);
    fault_threads(1, 1);
    gate_open(&armed);
    tarn_status status = wait_for_spare_result(future, &answer);
    fault_end();
    assert_int_equal(status, TARN_OK);
    tarn_drop(future);
    return answer;
}

CONTRACT_TEST(without_a_spare_thread_the_last_one_is_told, NESTED | SPARES)
{
    tarn_executor *pool = pool_of(1);
    struct answer answer = ask_for_spare(pool, true);
    assert_int_equal(answer.status, TARN_DEADLOCK);
    assert_contains(answer.error, "no spare thread");
    /* A wait for all needs none. */
    answer = ask_for_spare(pool, false);
    assert_int_equal(answer.status, TARN_OK);
    assert_int_equal(tarn_drain(pool, TARN_FOREVER), TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(without_a_spare_thread_a_worker_sleeps_while_another_runs, NESTED | SPARES | PARALLEL)
{
    tarn_executor *pool = pool_of(2);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    struct gate armed = GATE_CLOSED;
    struct answer answer;
    pool_block(pool, &gate, &blocker, 1);
    tarn_future *waiter = wait_for_spare_submit(pool, pool, &armed, true);
    gate_await(&armed, 1);
    fault_threads(1, 1);
    gate_open(&armed);
    while (!tarn_running(waiter))
        sched_yield();
    gate_open(&gate);
    tarn_status status = wait_for_spare_result(waiter, &answer);
    fault_end();
    assert_int_equal(status, TARN_OK);
    assert_int_equal(answer.status, TARN_OK);
    tarn_drop(waiter);
    assert_ended(blocker, TARN_OK);
    pool_close(pool);
}

/* ---- Descriptors ---- */

CONTRACT_TEST(without_a_descriptor_completions_work_without_one, 0)
{
    struct rlimit before;
    tarn_promise *promise = tarn_promise_new(NULL);
    tarn_future *future = tarn_promise_future(promise);
    tarn_completions *completed = tarn_as_completed(&future, 1, TARN_FOREVER);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int fd = tarn_completions_fd(completed);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(fd, -1);
    assert_true(strlen(tarn_last_error()) > 0);
    tarn_promise_set(promise, NULL, 0);
    size_t tag = 9;
    assert_int_equal(tarn_next(completed, &tag), TARN_OK);
    assert_int_equal(tag, 0);
    assert_true(tarn_completions_fd(completed) >= 0);
    tarn_completions_drop(completed);
    tarn_drop(future);
    tarn_promise_drop(promise);
}
