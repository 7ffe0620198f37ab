/* SPDX-License-Identifier: Apache-2.0 */

/* Many at once: f_submit_many, tarn_cancel_all, tarn_completions_cancel. */
#include "contract.h"
#include "fault.h"

#include <sched.h>
#include <stdatomic.h>

/* ---- f_submit_many ---- */

static atomic_int calls;

static void count_call(void)
{
    atomic_fetch_add(&calls, 1);
}
TARN_TASK(void, count_call, void);

static int difference(int a, int b)
{
    return a - b;
}
TARN_TASK(int, difference, int, int);

CONTRACT_TEST(many_calls_without_arguments_are_submitted_at_once, SHARED_MEMORY)
{
    enum { N = 1000 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    atomic_store(&calls, 0);
    assert_int_equal(count_call_submit_many(pool, N, futures), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_int_equal(atomic_load(&calls), N);
    pool_close(pool);
}

CONTRACT_TEST(many_calls_each_get_their_own_argument, 0)
{
    const size_t counts[] = {0, 1, 2, 100, test_count(200000)};
    tarn_executor *pool = pool_open();
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        size_t n = counts[k];
        size_t wrong = 0;
        int *in = malloc((n + 1) * sizeof(*in));
        tarn_future **futures = malloc((n + 1) * sizeof(*futures));
        for (size_t i = 0; i <= n; i++)
            in[i] = (int)(i % 1000);
        futures[n] = NULL;
        assert_int_equal(square_submit_many(pool, in, n, futures), TARN_OK);
        assert_null(futures[n]);
        /* They have been copied. */
        memset(in, 0, n * sizeof(*in));
        for (size_t i = 0; i < n; i++) {
            int result = -1;
            wrong += square_result(futures[i], &result) != TARN_OK;
            wrong += result != (int)(i % 1000) * (int)(i % 1000);
        }
        assert_int_equal(wrong, 0);
        tarn_drop_all(futures, n);
        free(futures);
        free(in);
    }
    pool_close(pool);
}

CONTRACT_TEST(many_calls_may_have_several_arguments_each, 0)
{
    enum { N = 500 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    struct difference_arguments in[N];
    for (int i = 0; i < N; i++)
        in[i] = (struct difference_arguments){3 * i, i};
    assert_int_equal(difference_submit_many(pool, in, N, futures), TARN_OK);
    for (int i = 0; i < N; i++) {
        int result = -1;
        assert_int_equal(difference_result(futures[i], &result), TARN_OK);
        assert_int_equal(result, 2 * i);
        assert_int_equal(difference_args(futures[i])->a2, i);
    }
    tarn_drop_all(futures, N);
    pool_close(pool);
}

CONTRACT_TEST(many_calls_each_copy_their_bytes, 0)
{
    enum { N = 300 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    tarn_bytes in[N];
    char *text = malloc(N);
    memset(text, 'a', N);
    for (size_t i = 0; i < N; i++)
        in[i] = (tarn_bytes){text, i};
    assert_int_equal(echo_submit_many(pool, in, N, futures), TARN_OK);
    memset(text, 'b', N);
    free(text);
    for (size_t i = 0; i < N; i++) {
        tarn_bytes out;
        assert_int_equal(echo_result(futures[i], &out), TARN_OK);
        assert_int_equal(out.size, i);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(((const char *)out.data)[k], 'a');
    }
    tarn_drop_all(futures, N);
    pool_close(pool);
}

static int order[64];
static atomic_int next_place;

static void note_turn(int number)
{
    order[atomic_fetch_add(&next_place, 1)] = number;
}
TARN_TASK(void, note_turn, int);

CONTRACT_TEST(many_calls_start_in_their_order, GATES)
{
    tarn_executor *pool = pool_of(1);
    tarn_future *futures[64];
    int in[64];
    atomic_store(&next_place, 0);
    for (int i = 0; i < 64; i++)
        in[i] = i;
    assert_int_equal(note_turn_submit_many(pool, in, 40, futures), TARN_OK);
    assert_int_equal(note_turn_submit_many(pool, in + 40, 24, futures + 40), TARN_OK);
    for (int i = 0; i < 64; i++)
        assert_ended(futures[i], TARN_OK);
    for (int i = 0; i < 64; i++)
        assert_int_equal(order[i], i);
    pool_close(pool);
}

CONTRACT_TEST(tasks_submit_many_in_their_own_pool, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .priority = TARN_PRIORITY_HIGH);
    tarn_future *futures[20];
    int in[20];
    for (int i = 0; i < 20; i++)
        in[i] = i;
    assert_int_equal(square_submit_many(view, in, 20, futures), TARN_OK);
    for (int i = 0; i < 20; i++) {
        int result = -1;
        assert_int_equal(square_result(futures[i], &result), TARN_OK);
        assert_int_equal(result, i * i);
    }
    tarn_drop_all(futures, 20);
    assert_int_equal(stats_of(pool).submitted, 20);
    pool_close(pool);
}

/* ---- Refused ones ---- */

CONTRACT_TEST(of_many_calls_those_that_are_wrong_say_so_and_the_others_run, 0)
{
    enum { N = 30 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    tarn_bytes in[N];
    for (size_t i = 0; i < N; i++)
        in[i] = (tarn_bytes){i % 7 == 5 ? NULL : "seven letters", 7};
    assert_int_equal(echo_submit_many(pool, in, N, futures), TARN_INVALID);
    for (size_t i = 0; i < N; i++) {
        if (i % 7 == 5) {
            assert_true(tarn_done(futures[i]));
            assert_contains(tarn_error(futures[i])->text, "tarn_bytes");
        }
        assert_ended(futures[i], i % 7 == 5 ? TARN_INVALID : TARN_OK);
    }
    assert_int_equal(stats_of(pool).rejected, 4);
    assert_int_equal(stats_of(pool).submitted, 26);
    pool_close(pool);
}

/* In the order of the calls, not of the refusals. */
CONTRACT_TEST(the_first_of_many_calls_that_was_refused_says_why_all_were_not_taken, GATES)
{
    enum { N = 20, LIMIT = 6 };
    for (int wrong = 0; wrong < 2; wrong++) {
        tarn_executor *pool = pool_bounded(LIMIT, TARN_FULL_REFUSE);
        tarn_future *futures[N];
        tarn_future *blockers[4];
        struct gate gate = GATE_CLOSED;
        tarn_bytes in[N];
        for (int i = 0; i < pool_workers(); i++) {
            blockers[i] = stand_at_submit(pool, &gate, i);
            gate_await(&gate, i + 1);
        }
        for (int i = 0; i < N; i++)
            in[i] = (tarn_bytes){"", 0};
        in[wrong == 0 ? 3 : N - 1] = (tarn_bytes){NULL, 1};
        tarn_status status = echo_submit_many(pool, in, N, futures);
        assert_int_equal(status, wrong == 0 ? TARN_INVALID : TARN_FULL);
        assert_contains(tarn_last_error(), wrong == 0 ? "tarn_bytes" : "queue_limit");
        pool_unblock(&gate, blockers, pool_workers());
        tarn_drop_all(futures, N);
        pool_close(pool);
    }
}

CONTRACT_TEST(of_many_calls_a_full_queue_takes_the_first_and_refuses_the_rest, GATES)
{
    enum { N = 20, LIMIT = 6 };
    tarn_executor *pool = pool_bounded(LIMIT, TARN_FULL_REFUSE);
    tarn_future *futures[N];
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    int in[N] = {0};
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(square_submit_many(pool, in, N, futures), TARN_FULL);
    assert_contains(tarn_last_error(), "queue_limit");
    assert_int_equal(stats_of(pool).rejected, N - LIMIT);
    for (int i = 0; i < N; i++)
        assert_int_equal(tarn_done(futures[i]), i >= LIMIT);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], i < LIMIT ? TARN_OK : TARN_FULL);
    pool_close(pool);
}

struct submitter {
    struct helper helper;
    tarn_executor *pool;
    tarn_future **futures;
    size_t n;
    tarn_status status;
};

static void submit_calls(void *data)
{
    struct submitter *submitter = data;
    submitter->status = count_call_submit_many(submitter->pool, submitter->n, submitter->futures);
}

CONTRACT_TEST(many_calls_wait_for_room_one_after_the_other, GATES)
{
    enum { N = 50 };
    tarn_executor *pool = pool_bounded(3, TARN_FULL_BLOCK);
    tarn_future *futures[N];
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    struct submitter submitter = {.pool = pool, .futures = futures, .n = N};
    for (int i = 0; i < pool_workers(); i++) {
        blockers[i] = stand_at_submit(pool, &gate, i);
        gate_await(&gate, i + 1);
    }
    atomic_store(&calls, 0);
    helper_start(&submitter.helper, submit_calls, &submitter);
    while (stats_of(pool).queued < 3)
        sched_yield();
    helper_await_sleep(&submitter.helper);
    assert_int_equal(stats_of(pool).queued, 3);
    pool_unblock(&gate, blockers, pool_workers());
    helper_join(&submitter.helper);
    assert_int_equal(submitter.status, TARN_OK);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_int_equal(atomic_load(&calls), N);
    pool_close(pool);
}

CONTRACT_TEST(of_many_calls_the_caller_runs_what_a_full_queue_does_not_take, GATES)
{
    enum { N = 20 };
    tarn_executor *pool = pool_bounded(5, TARN_FULL_CALLER);
    tarn_future *futures[N];
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    atomic_store(&calls, 0);
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(count_call_submit_many(pool, N, futures), TARN_OK);
    assert_int_equal(atomic_load(&calls), N - 5);
    pool_unblock(&gate, blockers, pool_workers());
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_int_equal(atomic_load(&calls), N);
    pool_close(pool);
}

CONTRACT_TEST(a_closed_pool_refuses_all_of_many_calls, GATES)
{
    enum { N = 20 };
    tarn_executor *pool = pool_open();
    tarn_future *futures[N];
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_int_equal(count_call_submit_many(pool, N, futures), TARN_CLOSED);
    for (int i = 0; i < N; i++) {
        assert_contains(tarn_error(futures[i])->text, "shut down");
        assert_ended(futures[i], TARN_CLOSED);
    }
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

CONTRACT_TEST(many_calls_without_memory_are_futures_that_say_so, 0)
{
    enum { N = 200000 };
    tarn_executor *pool = pool_open();
    static tarn_future *futures[N];
    static int in[N];
    assert_ended(square_submit(pool, 1), TARN_OK);
    fault_memory(3, FAULT_ALWAYS);
    tarn_status status = square_submit_many(pool, in, N, futures);
    fault_end();
    assert_int_equal(status, TARN_NO_MEMORY);
    size_t refused = 0;
    for (size_t i = 0; i < N; i++) {
        assert_non_null(futures[i]);
        refused += status_of(futures[i]) == TARN_NO_MEMORY;
        assert_true(status_of(futures[i]) == TARN_OK || status_of(futures[i]) == TARN_NO_MEMORY);
    }
    assert_true(refused > 0);
    tarn_drop_all(futures, N);
    pool_close(pool);
}

/* Those that wait for room end with the pool, and need it no more from then on. */
CONTRACT_TEST(many_calls_against_shutdown, GATES)
{
    enum { N = 40 };
    size_t rounds = test_count(400);
    for (size_t round = 0; round < rounds; round++) {
        tarn_executor *pool = pool_bounded(1 + round % 3, TARN_FULL_BLOCK);
        tarn_future *futures[N];
        struct submitter submitter = {.pool = pool, .futures = futures, .n = N};
        tarn_future *blockers[4];
        struct gate gate = GATE_CLOSED;
        atomic_store(&calls, 0);
        for (int i = 0; i < pool_workers(); i++) {
            blockers[i] = stand_at_submit(pool, &gate, i);
            gate_await(&gate, i + 1);
        }
        helper_start(&submitter.helper, submit_calls, &submitter);
        while (stats_of(pool).queued < 1 + round % 3)
            sched_yield();
        gate_open(&gate);
        for (size_t spin = 0; spin < round % 50; spin++)
            sched_yield();
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
        helper_join(&submitter.helper);
        int accepted = 0;
        for (int i = 0; i < N; i++) {
            tarn_status status = status_of(futures[i]);
            accepted += status == TARN_OK;
            assert_true(status == TARN_OK || status == TARN_CLOSED);
        }
        assert_int_equal(submitter.status, accepted == N ? TARN_OK : TARN_CLOSED);
        assert_int_equal(atomic_load(&calls), accepted);
        tarn_drop_all(futures, N);
        for (int i = 0; i < pool_workers(); i++)
            assert_ended(blockers[i], TARN_OK);
    }
}

/* It is the thread's own, not that of a future that may be gone. */
CONTRACT_TEST(why_a_call_was_refused_outlives_its_future, GATES)
{
    tarn_executor *pool = pool_with(
        &(struct pool_options){.max_workers = 1, .queue_limit = 1, .when_full = TARN_FULL_REFUSE});
    tarn_future *many[3];
    struct gate gate = GATE_CLOSED;
    int numbers[3] = {1, 2, 3};
    tarn_future *blocker = stand_at_submit(pool, &gate, 0);
    gate_await(&gate, 1);
    assert_int_equal(square_submit_many(pool, numbers, 3, many), TARN_FULL);
    tarn_drop_all(many, 3);
    assert_contains(tarn_last_error(), "queue is full");
    gate_open(&gate);
    assert_ended(blocker, TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(a_result_need_not_be_looked_at, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = square_submit(pool, 3);
    assert_int_equal(tarn_result(future, &square_task, NULL, 0), TARN_OK);
    tarn_drop(future);
    pool_close(pool);
}
