/* SPDX-License-Identifier: Apache-2.0 */

/* The columns, and one test for each row of the table: that the capability is there, or how its
 * absence is answered. */
#include "contract.h"

static tarn_executor *open_threads(const struct pool_options *options)
{
    int max_workers = options->max_workers ? options->max_workers : column_threads.workers;
    if (max_workers == DEFAULT_SIZE)
        max_workers = 0;
    return tarn_thread_pool(.max_workers = max_workers, .max_spares = options->max_spares,
                            .name = options->name, .initializer = options->initializer,
                            .initializer_args = options->initializer_args,
                            .finalizer = options->finalizer, .idle_timeout = options->idle_timeout,
                            .stack_size = options->stack_size, .queue_limit = options->queue_limit,
                            .when_full = options->when_full,
                            .submit_within = options->submit_within, .affinity = options->affinity,
                            .pin = options->pin, .on_log = options->on_log,
                            .log_data = options->log_data);
}

static tarn_executor *open_serial(const struct pool_options *options)
{
    struct pool_options serial = *options;
    serial.max_workers = 1;
    serial.max_spares = TARN_NONE;
    return open_threads(&serial);
}

const struct column column_threads = {
    .name = "threads",
    .capabilities = POINTERS | SHARED_MEMORY | NESTED_SUBMIT | WORKER_LOCAL | SPARES | PARALLEL |
                    COOPERATIVE | MAPS | BUFFERS | BIG_CALLS | WORKER_THREADS,
    .workers = 4,
    .open = open_threads,
};

const struct column column_serial = {
    .name = "serial",
    .capabilities = POINTERS | SHARED_MEMORY | NESTED_SUBMIT | WORKER_LOCAL | COOPERATIVE | MAPS |
                    BUFFERS | BIG_CALLS | WORKER_THREADS,
    .workers = 1,
    .open = open_serial,
};

static tarn_executor *open_processes(const struct pool_options *options)
{
    int max_workers = options->max_workers ? options->max_workers : column_processes.workers;
    if (max_workers == DEFAULT_SIZE)
        max_workers = 0;
    return tarn_process_pool(.max_workers = max_workers, .initializer = options->initializer,
                             .initializer_args = options->initializer_args,
                             .finalizer = options->finalizer, .idle_timeout = options->idle_timeout,
                             .queue_limit = options->queue_limit, .when_full = options->when_full,
                             .submit_within = options->submit_within);
}

const struct column column_processes = {
    .name = "processes",
    .capabilities = WORKER_LOCAL | PARALLEL | STOP_IS_KILL,
    .workers = 2,
    .scale = 50,
    .open = open_processes,
};

static bool has(enum capability capability)
{
    return (this_column()->capabilities & (unsigned)capability) != 0;
}

/* How a call that needs the capability is answered. */
static tarn_status expected(enum capability capability)
{
    return has(capability) ? TARN_OK : TARN_UNSUPPORTED;
}

static int shared_word;

static void write_word(int *word, int value)
{
    *word = value;
}
TARN_TASK(void, write_word, int *, int);

CONTRACT_TEST(capability_pointers, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = write_word_submit(pool, &shared_word, 7);
    assert_int_equal(status_of(future), expected(POINTERS));
    if (!has(POINTERS))
        assert_contains(tarn_error(future)->text, "int *");
    tarn_drop(future);
    pool_close(pool);
}

static void write_shared_word(int value)
{
    shared_word = value;
}
TARN_TASK(void, write_shared_word, int);

CONTRACT_TEST(capability_shared_memory, 0)
{
    tarn_executor *pool = pool_open();
    shared_word = 1;
    assert_ended(write_shared_word_submit(pool, 2), TARN_OK);
    assert_int_equal(shared_word, has(SHARED_MEMORY) ? 2 : 1);
    pool_close(pool);
}

static tarn_executor *outer_pool;

static int submit_inside(int n)
{
    tarn_future *future = square_submit(outer_pool, n);
    int result = 0;
    tarn_status status = square_result(future, &result);
    tarn_drop(future);
    return status == TARN_OK ? result : (int)status;
}
TARN_TASK(int, submit_inside, int);

CONTRACT_TEST(capability_nested_submit, 0)
{
    outer_pool = pool_open();
    tarn_future *future = submit_inside_submit(outer_pool, 5);
    int result = 0;
    assert_int_equal(submit_inside_result(future, &result), TARN_OK);
    /* In a process of its own there is no such executor, and none can be opened. */
    assert_int_equal(result, has(NESTED_SUBMIT) ? 25 : TARN_INVALID);
    tarn_drop(future);
    pool_close(outer_pool);
}

static int has_worker_local(void)
{
    return tarn_worker_local() != NULL;
}
TARN_TASK(int, has_worker_local, void);

CONTRACT_TEST(capability_worker_local, 0)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = has_worker_local_submit(pool);
    int there = -1;
    assert_int_equal(has_worker_local_result(future, &there), TARN_OK);
    assert_int_equal(there, has(WORKER_LOCAL));
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(capability_spares, 0)
{
    tarn_executor *pool = pool_open();
    assert_true(tarn_worker_limit(pool) >= pool_workers());
    assert_int_equal(tarn_worker_limit(pool) > pool_workers(), has(SPARES));
    pool_close(pool);
}

CONTRACT_TEST(capability_parallel, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    assert_true(pool_workers() <= 4);
    assert_int_equal(pool_workers() > 1, has(PARALLEL));
    pool_block(pool, &gate, blockers, pool_workers());
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}

static int never_look(struct gate *gate)
{
    gate_pass(gate);
    return 1;
}
TARN_TASK(int, never_look, struct gate *);

CONTRACT_TEST(capability_stop_is_kill, GATES)
{
    tarn_executor *pool = pool_open();
    struct gate gate = GATE_CLOSED;
    tarn_future *future = never_look_submit(pool, &gate);
    gate_await(&gate, 1);

    assert_int_equal(tarn_stop(future, 0.02), has(STOP_IS_KILL) ? TARN_OK : TARN_TIMEOUT);
    assert_int_equal(tarn_running(future), !has(STOP_IS_KILL));

    gate_open(&gate);
    assert_ended(future, has(STOP_IS_KILL) ? TARN_STOPPED : TARN_OK);
    pool_close(pool);
}

CONTRACT_TEST(capability_maps, 0)
{
    tarn_executor *pool = pool_open();
    int in[3] = {1, 2, 3}, out[3] = {0, 0, 0};
    assert_int_equal(square_map(pool, in, 3, out, NULL, TARN_FOREVER), expected(MAPS));
    assert_int_equal(out[2], has(MAPS) ? 9 : 0);
    pool_close(pool);
}

static size_t length_of(tarn_bytes bytes)
{
    return bytes.size;
}
TARN_TASK(size_t, length_of, tarn_bytes);

static tarn_bytes zeros(size_t size)
{
    void *data = tarn_result_memory(size);
    if (data)
        memset(data, 0, size);
    return (tarn_bytes){data, size};
}
TARN_TASK(tarn_bytes, zeros, size_t);

CONTRACT_TEST(capability_large, 0)
{
    enum { LARGEST = 64 * 1024, MORE = 1 << 20 };
    static unsigned char data[MORE];
    tarn_executor *pool = pool_open();
    assert_ended(length_of_submit(pool, (tarn_bytes){data, LARGEST}), TARN_OK);
    assert_ended(zeros_submit(pool, LARGEST), TARN_OK);
    tarn_future *argument = length_of_submit(pool, (tarn_bytes){data, MORE});
    tarn_future *result = zeros_submit(pool, MORE);
    assert_int_equal(status_of(argument), expected(BIG_CALLS));
    assert_int_equal(status_of(result), expected(BIG_CALLS));
    if (!has(BIG_CALLS)) {
        assert_contains(tarn_error(argument)->text, "length_of");
        assert_contains(tarn_error(argument)->text, "give less to each call");
        assert_contains(tarn_error(result)->text, "zeros");
        assert_contains(tarn_error(result)->text, "let each call return less");
    }
    tarn_drop(argument);
    tarn_drop(result);
    pool_close(pool);
}

static bool is_there(tarn_buffer *buffer)
{
    return buffer != NULL;
}
TARN_TASK(bool, is_there, tarn_buffer *);

CONTRACT_TEST(capability_buffers, 0)
{
    tarn_executor *pool = pool_open();
    tarn_buffer *buffer = tarn_buffer_new(10, TARN_WORKERS_READ);
    assert_ended(is_there_submit(pool, buffer), expected(BUFFERS));
    tarn_buffer_drop(buffer);
    pool_close(pool);
}
