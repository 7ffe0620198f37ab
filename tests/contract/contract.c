/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <sched.h>
#include <time.h>

static const struct column *running_column;

void contract_add(const char *name, const struct column *column, unsigned needs,
                  void (*run)(void **))
{
    if ((column->capabilities & needs) == needs)
        runner_add(name, run);
}

/* Processes of the suite begin here, too. */
void runner_begin(int argc, char **argv)
{
    assert_int_equal(tarn_boot(argc, argv), TARN_OK);
}

void contract_begin(const struct column *column)
{
    running_column = column;
    test_scale(column->scale > 0 ? column->scale : 1);
}

const struct column *this_column(void)
{
    return running_column;
}

tarn_executor *pool_try(const struct pool_options *options)
{
    return running_column->open(options);
}

tarn_executor *pool_with(const struct pool_options *options)
{
    tarn_executor *pool = pool_try(options);
    if (!pool)
        fail_msg("no executor: %s", tarn_last_error());
    return pool;
}

tarn_executor *pool_of(int max_workers)
{
    return pool_with(&(struct pool_options){.max_workers = max_workers});
}

tarn_executor *pool_open(void)
{
    return pool_of(0);
}

tarn_executor *pool_bounded(size_t queue_limit, tarn_when_full when_full)
{
    return pool_with(
        &(struct pool_options){.queue_limit = queue_limit, .when_full = (int)when_full});
}

void pool_close(tarn_executor *pool)
{
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

int pool_workers(void)
{
    return running_column->workers;
}

void pool_block(tarn_executor *pool, struct gate *gate, tarn_future **blockers, int workers)
{
    for (int i = 0; i < workers; i++)
        blockers[i] = stand_at_submit(pool, gate, i);
    gate_await(gate, workers);
}

void pool_unblock(struct gate *gate, tarn_future **blockers, int workers)
{
    gate_open(gate);
    for (int i = 0; i < workers; i++)
        assert_ended(blockers[i], TARN_OK);
}

bool arrives(struct gate *gate, tarn_future *future)
{
    while (gate_arrived(gate) == 0 && !tarn_done(future))
        sched_yield();
    return gate_arrived(gate) > 0;
}

tarn_status status_of(tarn_future *future)
{
    return tarn_result(future, NULL, NULL, 0);
}

void assert_ended(tarn_future *future, tarn_status status)
{
    tarn_status ended = status_of(future);
    if (ended != status) {
        const tarn_failure *error = tarn_error(future);
        fail_msg("ended %s, not %s: %s", tarn_status_name(ended), tarn_status_name(status),
                 error ? error->text : "");
    }
    tarn_drop(future);
}

tarn_stats stats_of(const tarn_executor *executor)
{
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(executor, &stats), TARN_OK);
    return stats;
}

int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void assert_contains_at(const char *text, const char *part, const char *file, int line)
{
    if (!text || !strstr(text, part)) {
        print_error("\"%s\" does not contain \"%s\"\n", text ? text : "NULL", part);
        _fail(file, line);
    }
}

void assert_next(tarn_completions *completions, size_t tag)
{
    size_t got = SIZE_MAX - 1;
    assert_int_equal(tarn_next(completions, &got), TARN_OK);
    assert_int_equal(got, tag);
}

void assert_no_next(tarn_completions *completions, tarn_status status)
{
    size_t tag = 77;
    assert_int_equal(tarn_next(completions, &tag), status);
    assert_int_equal(tag, 77);
}
