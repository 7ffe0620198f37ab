/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_buffer: memory that tasks share with the program without a copy. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

CONTRACT_TEST(a_new_buffer_is_zero_and_begins_with_a_page, 0)
{
    const size_t sizes[] = {1, 100, 4095, 4096, 4097, 1 << 20, 10000001};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        /* The second one may get what the first one left. */
        for (int round = 0; round < 2; round++) {
            tarn_buffer *buffer = tarn_buffer_new(sizes[k], TARN_WORKERS_WRITE);
            assert_non_null(buffer);
            assert_int_equal(tarn_buffer_size(buffer), sizes[k]);
            unsigned char *bytes = tarn_buffer_data(buffer);
            assert_int_equal((uintptr_t)bytes % page, 0);
            size_t wrong = 0;
            for (size_t i = 0; i < sizes[k]; i++)
                wrong += bytes[i] != 0;
            assert_int_equal(wrong, 0);
            memset(bytes, 0xff, sizes[k]);
            tarn_buffer_drop(buffer);
        }
    }
}

/* ---- As an argument ---- */

static void fill(tarn_buffer *buffer, size_t from, size_t n, int value)
{
    memset((char *)tarn_buffer_data(buffer) + from, value, n);
}
TARN_TASK(void, fill, tarn_buffer *, size_t, size_t, int);

static long sum_up(const tarn_buffer *buffer)
{
    const unsigned char *bytes = tarn_buffer_data(buffer);
    long sum = 0;
    for (size_t i = 0; i < tarn_buffer_size(buffer); i++)
        sum += bytes[i];
    return sum;
}
TARN_TASK(long, sum_up, const tarn_buffer *);

CONTRACT_TEST(what_a_task_writes_to_a_buffer_is_there, BUFFERS)
{
    enum { PARTS = 64, PART = 1000 };
    tarn_executor *pool = pool_open();
    tarn_buffer *buffer = tarn_buffer_new(PARTS * PART, TARN_WORKERS_WRITE);
    struct fill_arguments parts[PARTS];
    tarn_future *futures[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct fill_arguments){buffer, i * PART, PART, (int)i};
    assert_int_equal(fill_submit_many(pool, parts, PARTS, futures), TARN_OK);
    assert_int_equal(tarn_wait(futures, PARTS, TARN_WAIT_ALL, TARN_FOREVER, NULL), TARN_OK);
    assert_ptr_equal(fill_args(futures[5])->a1, buffer);
    const unsigned char *bytes = tarn_buffer_data(buffer);
    for (size_t i = 0; i < PARTS * PART; i++)
        assert_int_equal(bytes[i], i / PART);
    tarn_drop_all(futures, PARTS);

    long sum = 0;
    tarn_future *future = sum_up_submit(pool, buffer);
    assert_int_equal(sum_up_result(future, &sum), TARN_OK);
    assert_int_equal(sum, PART * (PARTS - 1) * PARTS / 2);
    tarn_drop(future);
    tarn_buffer_drop(buffer);
    pool_close(pool);
}

CONTRACT_TEST(a_buffer_stays_as_long_as_a_future_has_it, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    tarn_buffer *buffer = tarn_buffer_new(1 << 20, TARN_WORKERS_WRITE);
    char *bytes = tarn_buffer_data(buffer);
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_future *future = fill_submit(pool, buffer, 100, 1000, 7);
    tarn_future *second = tarn_hold(future);
    bytes[0] = 1;
    tarn_buffer_drop(buffer);
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(fill_result(future), TARN_OK);
    tarn_drop(future);
    pool_close(pool);
    assert_ptr_equal(tarn_buffer_data(fill_args(second)->a1), bytes);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(bytes[1099], 7);
    tarn_drop(second);
}

static bool is_null(tarn_buffer *buffer, const tarn_buffer *other)
{
    return !buffer && !other && !tarn_buffer_data(buffer) && tarn_buffer_size(other) == 0;
}
TARN_TASK(bool, is_null, tarn_buffer *, const tarn_buffer *);

CONTRACT_TEST(a_buffer_that_is_not_there_is_a_null, BUFFERS)
{
    tarn_executor *pool = pool_open();
    struct is_null_arguments in[3] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    bool out[3] = {false, false, false};
    tarn_future *future = is_null_submit(pool, NULL, NULL);
    assert_int_equal(is_null_result(future, &out[0]), TARN_OK);
    assert_true(out[0]);
    tarn_drop(future);
    assert_int_equal(is_null_map(pool, in, 3, out, NULL, TARN_FOREVER), TARN_OK);
    assert_true(out[0] && out[1] && out[2]);
    pool_close(pool);
}

CONTRACT_TEST(a_buffer_given_twice_is_held_twice, BUFFERS)
{
    tarn_executor *pool = pool_open();
    tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
    bool there = true;
    tarn_future *future = is_null_submit(pool, buffer, buffer);
    tarn_buffer_drop(buffer);
    assert_int_equal(is_null_result(future, &there), TARN_OK);
    assert_false(there);
    assert_int_equal(tarn_buffer_size(is_null_args(future)->a2), 10);
    tarn_drop(future);
    pool_close(pool);
}

/* ---- In maps and chains ---- */

CONTRACT_TEST(a_map_holds_the_buffers_of_its_items, GATES)
{
    enum { N = 500 };
    tarn_executor *pool = pool_open();
    const tarn_buffer *in[N];
    long out[N];
    for (int i = 0; i < N; i++) {
        tarn_buffer *buffer = tarn_buffer_new(100, TARN_WORKERS_READ);
        memset(tarn_buffer_data(buffer), i % 3, 100);
        in[i] = buffer;
    }
    assert_int_equal(sum_up_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(out[i], i % 3 * 100);
        tarn_buffer_drop((tarn_buffer *)(uintptr_t)in[i]);
    }
    pool_close(pool);
}

static struct gate late_gate;
static atomic_long late_sum;

static void sum_up_late(tarn_buffer *buffer)
{
    gate_pass(&late_gate);
    atomic_fetch_add(&late_sum, sum_up(buffer));
}
TARN_TASK(void, sum_up_late, tarn_buffer *);

CONTRACT_TEST(a_map_that_was_abandoned_holds_the_buffer_of_the_item_that_runs, GATES)
{
    tarn_executor *pool = pool_of(1);
    late_gate = (struct gate)GATE_CLOSED;
    atomic_store(&late_sum, 0);
    tarn_buffer *buffer = tarn_buffer_new(1000, TARN_WORKERS_READ);
    memset(tarn_buffer_data(buffer), 1, 1000);
    while (gate_arrived(&late_gate) == 0)
        assert_int_equal(sum_up_late_map(pool, &buffer, 1, NULL, tarn_in(0.01)), TARN_TIMEOUT);
    tarn_buffer_drop(buffer);
    gate_open(&late_gate);
    pool_close(pool);
    assert_int_equal(atomic_load(&late_sum), 1000 * gate_arrived(&late_gate));
}

struct sums {
    int given;
    long sum;
};

/* Its own reference goes at once, the map's own stays. */
static tarn_buffer *last_given;

static bool give_buffer(const tarn_buffer **buffer, void *data)
{
    struct sums *sums = data;
    tarn_buffer_drop(last_given);
    last_given = NULL;
    if (sums->given == 200)
        return false;
    last_given = tarn_buffer_new(50, TARN_WORKERS_READ);
    memset(tarn_buffer_data(last_given), 1, 50);
    *buffer = last_given;
    sums->given++;
    return true;
}

static bool take_sum(size_t i, tarn_status status, const long *sum, void *data)
{
    struct sums *sums = data;
    (void)i;
    sums->sum += status == TARN_OK ? *sum : 1000000;
    return true;
}

CONTRACT_TEST(a_stream_holds_the_buffers_that_it_was_given, MAPS)
{
    tarn_executor *pool = pool_open();
    struct sums sums = {0, 0};
    assert_int_equal(sum_up_map_from(pool, give_buffer, take_sum, &sums, TARN_FOREVER), TARN_OK);
    assert_int_equal(sums.sum, 10000);
    pool_close(pool);
}

/* ---- As a result ---- */

/* The reference that it returns is the future's from then on. */
static tarn_buffer *make_buffer(size_t size, int value)
{
    tarn_buffer *buffer = tarn_buffer_new(size, TARN_WORKERS_WRITE);
    memset(tarn_buffer_data(buffer), value, size);
    return buffer;
}
TARN_TASK(tarn_buffer *, make_buffer, size_t, int);

static tarn_buffer *pass_buffer(tarn_buffer *buffer)
{
    return tarn_buffer_hold(buffer);
}
TARN_TASK(tarn_buffer *, pass_buffer, tarn_buffer *);

static long sum_up_mine(tarn_buffer *buffer)
{
    return sum_up(buffer);
}
TARN_TASK(long, sum_up_mine, tarn_buffer *);

CONTRACT_TEST(a_buffer_that_a_task_gave_is_there_until_the_last_drop, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_buffer *given;
    tarn_buffer *passed;
    tarn_future *first = make_buffer_submit(pool, 300, 2);
    assert_int_equal(make_buffer_result(first, &given), TARN_OK);
    tarn_future *second = pass_buffer_submit(pool, given);
    assert_int_equal(pass_buffer_result(second, &passed), TARN_OK);
    assert_ptr_equal(given, passed);
    tarn_drop(first);
    assert_int_equal(sum_up(passed), 600);
    tarn_buffer_hold(passed);
    tarn_drop(second);
    assert_int_equal(sum_up(passed), 600);
    tarn_buffer_drop(passed);
    pool_close(pool);
}

CONTRACT_TEST(a_buffer_goes_from_task_to_task_along_a_chain, SHARED_MEMORY)
{
    tarn_executor *pool = pool_open();
    tarn_future *made = make_buffer_submit(pool, 1000, 3);
    tarn_future *passed = pass_buffer_after(pool, made);
    tarn_future *summed = sum_up_mine_after(pool, passed);
    tarn_drop(made);
    tarn_drop(passed);
    long sum = 0;
    assert_int_equal(sum_up_mine_result(summed, &sum), TARN_OK);
    assert_int_equal(sum, 3000);
    assert_int_equal(sum_up(sum_up_mine_args(summed)->a1), 3000);
    tarn_drop(summed);
    pool_close(pool);
}

static long sum_up_of(tarn_future *future)
{
    tarn_buffer *buffer = NULL;
    return make_buffer_result(future, &buffer) == TARN_OK ? sum_up(buffer) : -1;
}
TARN_TASK(long, sum_up_of, tarn_future *);

CONTRACT_TEST(what_comes_then_reads_the_buffer_of_what_came_before, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *made = make_buffer_submit(pool, 100, 5);
    tarn_future *summed = tarn_then(pool, &sum_up_of_task, made);
    tarn_drop(made);
    long sum = 0;
    assert_int_equal(sum_up_of_result(summed, &sum), TARN_OK);
    assert_int_equal(sum, 500);
    tarn_drop(summed);
    pool_close(pool);
}

CONTRACT_TEST(buffers_that_a_map_gave_are_the_callers, SHARED_MEMORY)
{
    enum { N = 300 };
    tarn_executor *pool = pool_open();
    struct make_buffer_arguments in[N];
    tarn_buffer *out[N];
    for (int i = 0; i < N; i++)
        in[i] = (struct make_buffer_arguments){64, i % 100};
    assert_int_equal(make_buffer_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_OK);
    pool_close(pool);
    for (int i = 0; i < N; i++) {
        assert_int_equal(sum_up(out[i]), 64 * (i % 100));
        tarn_buffer_drop(out[i]);
    }
}

/* ---- Given back, whatever becomes of the future ---- */

enum { LARGE = 8 << 20 };

static void use_and_drop(tarn_executor *pool, tarn_buffer *buffer)
{
    tarn_drop(sum_up_submit(pool, buffer));
}

static void cancel_and_drop(tarn_executor *pool, tarn_buffer *buffer)
{
    tarn_future *future = sum_up_submit(pool, buffer);
    tarn_cancel(future);
    tarn_drop(future);
}

static void refuse(tarn_executor *pool, tarn_buffer *buffer)
{
    (void)pool;
    tarn_drop(sum_up_submit(NULL, buffer));
}

static void end_a_thread(tarn_buffer *buffer)
{
    (void)buffer;
    pthread_exit(NULL);
}
TARN_TASK(void, end_a_thread, tarn_buffer *);

static void end_thread(tarn_executor *pool, tarn_buffer *buffer)
{
    tarn_drop(end_a_thread_submit(pool, buffer));
}

static void map_too_late(tarn_executor *pool, tarn_buffer *buffer)
{
    long sum;
    const tarn_buffer *in = buffer;
    assert_int_equal(sum_up_map(pool, &in, 1, &sum, NULL, TARN_NOW), TARN_TIMEOUT);
}

static void map_threads_away(tarn_executor *pool, tarn_buffer *buffer)
{
    tarn_buffer *in[3] = {buffer, buffer, NULL};
    assert_int_equal(end_a_thread_map(pool, in, 3, NULL, TARN_FOREVER), TARN_FAILED);
}

static void set_in_a_promise(tarn_executor *pool, tarn_buffer *buffer)
{
    tarn_promise *promise = tarn_promise_new(&make_buffer_task);
    tarn_future *future = tarn_promise_future(promise);
    tarn_future *summed = sum_up_mine_after(pool, future);
    tarn_buffer_hold(buffer);
    assert_int_equal(tarn_promise_set(promise, &buffer, sizeof(buffer)), TARN_OK);
    tarn_promise_drop(promise);
    tarn_drop(future);
    assert_ended(summed, TARN_OK);
}

CONTRACT_TEST(buffers_are_given_back_whatever_becomes_of_their_futures, GATES)
{
    void (*const uses[])(tarn_executor *, tarn_buffer *) = {
        use_and_drop, cancel_and_drop,  refuse,           end_thread,
        map_too_late, map_threads_away, set_in_a_promise,
    };
    enum { ROUNDS = 16 };
    for (size_t k = 0; k < sizeof(uses) / sizeof(uses[0]); k++) {
        size_t before = memory_resident();
        for (int i = 0; i < ROUNDS; i++) {
            tarn_executor *pool = pool_open();
            tarn_buffer *buffer = tarn_buffer_new(LARGE, TARN_WORKERS_WRITE);
            memset(tarn_buffer_data(buffer), 1, BIG_CALLS);
            uses[k](pool, buffer);
            tarn_buffer_drop(buffer);
            pool_close(pool);
        }
        if (memory_resident() > before + ROUNDS / 2 * (size_t)LARGE)
            fail_msg("use %zu of buffers leaves them behind", k);
    }
}

struct sharer {
    struct helper helper;
    tarn_buffer *buffer;
    tarn_executor *pool;
    size_t rounds;
    int wrong;
};

static void share(void *data)
{
    struct sharer *sharer = data;
    for (size_t i = 0; i < sharer->rounds; i++) {
        tarn_buffer *own = tarn_buffer_hold(sharer->buffer);
        tarn_future *future = sum_up_submit(sharer->pool, own);
        tarn_buffer_drop(own);
        long sum = 0;
        sharer->wrong += sum_up_result(future, &sum) != TARN_OK || sum != 200;
        tarn_drop(future);
    }
    tarn_buffer_drop(sharer->buffer);
}

CONTRACT_TEST(many_threads_hold_and_drop_one_buffer, GATES)
{
    enum { SHARERS = 4 };
    tarn_executor *pool = pool_open();
    struct sharer sharers[SHARERS];
    tarn_buffer *buffer = tarn_buffer_new(100, TARN_WORKERS_READ);
    memset(tarn_buffer_data(buffer), 2, 100);
    for (int i = 0; i < SHARERS; i++) {
        sharers[i] = (struct sharer){
            .buffer = tarn_buffer_hold(buffer), .pool = pool, .rounds = test_count(3000)};
        helper_start(&sharers[i].helper, share, &sharers[i]);
    }
    tarn_buffer_drop(buffer);
    for (int i = 0; i < SHARERS; i++) {
        helper_join(&sharers[i].helper);
        assert_int_equal(sharers[i].wrong, 0);
    }
    pool_close(pool);
}
