/* SPDX-License-Identifier: Apache-2.0 */
#include "full.h"

#include <sched.h>

void full_open(struct full *full, const struct pool_options *options)
{
    *full = (struct full){.gate = GATE_CLOSED, .limit = (int)options->queue_limit};
    full->pool = pool_with(options);
    full->workers =
        options->max_workers && pool_workers() > 1 ? options->max_workers : pool_workers();
    assert_in_range(full->workers, 1, FULL_WORKERS);
    assert_in_range(full->limit, 1, FULL_LIMIT);
    /* One after the other: a worker that is on its way leaves its task in the queue meanwhile. */
    for (int i = 0; i < full->workers; i++) {
        full->blockers[i] = stand_at_submit(full->pool, &full->gate, i);
        gate_await(&full->gate, i + 1);
    }
    for (int i = 0; i < full->limit; i++) {
        full->queued[i] = square_submit(full->pool, i);
        assert_false(tarn_done(full->queued[i]));
    }
}

void full_release(struct full *full)
{
    pool_unblock(&full->gate, full->blockers, full->workers);
    for (int i = 0; i < full->limit; i++) {
        if (full->queued[i])
            assert_ended(full->queued[i], TARN_OK);
    }
}

void full_close(struct full *full)
{
    full_release(full);
    pool_close(full->pool);
}

void await_sleep_in_submit(const struct helper *helper, atomic_bool *begun)
{
    while (!atomic_load(begun))
        sched_yield();
    /* More than once: the system may have held it up for a moment. */
    for (int i = 0; i < 10; i++) {
        helper_await_sleep(helper);
        sched_yield();
    }
}

static void submit_one(void *data)
{
    struct submitter *submitter = data;
    atomic_store(&submitter->begun, true);
    submitter->future = stand_at_submit(submitter->executor, submitter->gate, 1);
    atomic_store(&submitter->returned, true);
}

void submitter_start(struct submitter *submitter, tarn_executor *executor, struct gate *gate)
{
    submitter->executor = executor;
    submitter->gate = gate;
    submitter->future = NULL;
    atomic_init(&submitter->begun, false);
    atomic_init(&submitter->returned, false);
    helper_start(&submitter->helper, submit_one, submitter);
}

void submitter_block(struct submitter *submitter, tarn_executor *executor, struct gate *gate)
{
    submitter_start(submitter, executor, gate);
    await_sleep_in_submit(&submitter->helper, &submitter->begun);
    assert_false(atomic_load(&submitter->returned));
}

tarn_future *submitter_join(struct submitter *submitter)
{
    helper_join(&submitter->helper);
    return submitter->future;
}
