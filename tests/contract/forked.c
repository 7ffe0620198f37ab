/* SPDX-License-Identifier: Apache-2.0 */

/* What is left of the library in a forked child, wherever the fork was. */
#include "child.h"
#include "contract.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void touch_nothing(tarn_future *future, void *data)
{
    (void)future;
    (void)data;
}

struct inherited {
    tarn_future *pending;
    tarn_completions *early;
};

static int touch_inherited(void *data)
{
    const struct inherited *inherited = data;
    tarn_future *pending = inherited->pending;
    size_t tag;
    bool right = !tarn_cancel(pending) && !tarn_done(pending) &&
                 tarn_stop(pending, 0) == TARN_CLOSED &&
                 tarn_on_done(pending, touch_nothing, NULL) == TARN_CLOSED &&
                 tarn_next(inherited->early, &tag) == TARN_CLOSED;
    tarn_completions *own = tarn_completions_new(TARN_NOW);
    right = right && tarn_completions_add(own, pending, 1) == TARN_CLOSED &&
            tarn_as_completed(&pending, 1, TARN_NOW) == NULL && tarn_next(own, &tag) == TARN_END;
    tarn_completions_drop(own);
    return !right;
}

CONTRACT_TEST(a_forked_child_leaves_its_parents_futures_alone, GATES)
{
    tarn_completions *early = tarn_completions_new(TARN_NOW);
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    struct inherited inherited = {square_submit(pool, 2), early};
    assert_int_equal(in_child(touch_inherited, &inherited), 0);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(inherited.pending, TARN_OK);
    tarn_completions_drop(early);
    pool_close(pool);
}

/* ---- Forks by what runs on a worker, which return in the child ---- */

static atomic_int children[3];
static pid_t parent;

static void fork_and_return(int which)
{
    if (getpid() != parent)
        return;
    pid_t child = fork();
    if (child == 0)
        alarm(60);
    else if (child > 0)
        atomic_store(&children[which], child);
}

static void fork_in_callback(tarn_future *future, void *data)
{
    (void)future;
    (void)data;
    fork_and_return(0);
}

static void fork_in_initializer(void)
{
    fork_and_return(1);
}
TARN_TASK(void, fork_in_initializer);

static void fork_in_finalizer(void)
{
    fork_and_return(2);
}
TARN_TASK(void, fork_in_finalizer);

static atomic_int *runs; /* shared with the children */

static void count_runs(void)
{
    atomic_fetch_add(runs, 1);
}
TARN_TASK(void, count_runs);

/* Nothing of the parent's queue runs in a child that comes back from there. */
CONTRACT_TEST(a_child_that_returns_to_the_worker_runs_nothing, WORKER_LOCAL | SHARED_MEMORY)
{
    enum { N = 5 };
    child_needs_no_sanitizer();
    parent = getpid();
    runs = mmap(NULL, sizeof(*runs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(runs != MAP_FAILED);
    atomic_init(runs, 0);
    for (int i = 0; i < 3; i++)
        atomic_store(&children[i], 0);
    tarn_executor *pool = pool_with(&(struct pool_options){.max_workers = 1,
                                                           .initializer = &fork_in_initializer_task,
                                                           .finalizer = &fork_in_finalizer_task});
    tarn_future *first = count_runs_submit(pool);
    assert_int_equal(tarn_on_done(first, fork_in_callback, NULL), TARN_OK);
    tarn_future *futures[N];
    for (int i = 0; i < N; i++)
        futures[i] = count_runs_submit(pool);
    for (int i = 0; i < N; i++)
        assert_ended(futures[i], TARN_OK);
    assert_ended(first, TARN_OK);
    pool_close(pool);
    for (int i = 0; i < 3; i++) {
        assert_true(atomic_load(&children[i]) > 0);
        assert_true(WIFEXITED(child_wait(atomic_load(&children[i]))));
    }
    assert_int_equal(atomic_load(runs), N + 1);
    munmap(runs, sizeof(*runs));
}

/* ---- Forks while others are busy ---- */

struct opener {
    struct pool_options options;
    atomic_bool over;
    atomic_int wrong;
    struct gate opened; /* passed once it has opened one */
};

static void open_and_close(void *data)
{
    struct opener *opener = data;
    do {
        tarn_executor *pool = pool_try(&opener->options);
        tarn_future *future = square_submit(pool, 1);
        if (tarn_result(future, NULL, NULL, 0) == TARN_FAILED)
            atomic_fetch_add(&opener->wrong, 1);
        tarn_drop(future);
        tarn_shutdown(pool);
        gate_pass(&opener->opened);
    } while (!atomic_load(&opener->over));
}

static int open_in_child(void *data)
{
    tarn_executor *pool = pool_try(data);
    tarn_future *future = square_submit(pool, 3);
    int result = 0;
    bool right = square_result(future, &result) == TARN_OK && result == 9;
    tarn_drop(future);
    return !right || tarn_shutdown(pool) != TARN_OK;
}

CONTRACT_TEST(a_child_forked_at_any_moment_can_open_executors, SHARED_MEMORY)
{
    static struct opener opener = {.options = {.max_workers = 1}, .opened = GATE_OPEN};
    struct helper helper;
    size_t rounds = test_count(200);
    size_t wrong = 0;
    child_needs_no_sanitizer();
    atomic_store(&opener.over, false);
    helper_start(&helper, open_and_close, &opener);
    gate_await(&opener.opened, 1);
    for (size_t i = 0; i < rounds; i++)
        wrong += in_child(open_in_child, &opener.options) != 0;
    atomic_store(&opener.over, true);
    helper_join(&helper);
    assert_int_equal(wrong, 0);
    assert_int_equal(atomic_load(&opener.wrong), 0);
}

static void end_well(void)
{
    child_end(0);
}

static int exit_among_openers(void *data)
{
    static struct opener openers[2];
    static struct helper helpers[2];
    child_at_exit(end_well);
    for (int i = 0; i < 2; i++) {
        openers[i] = (struct opener){.options = {.max_workers = 1}, .opened = GATE_OPEN};
        helper_start(&helpers[i], open_and_close, &openers[i]);
    }
    gate_await(&openers[0].opened, *(int *)data);
    exit(0);
}

/* An executor is known to exit() once it is open, and not before it can be stopped. */
CONTRACT_TEST(exit_while_others_open_executors_is_clean, SHARED_MEMORY)
{
    size_t rounds = test_count(300);
    size_t wrong = 0;
    for (size_t i = 0; i < rounds; i++) {
        int opened = (int)(i % 10);
        wrong += in_child(exit_among_openers, &opened) != 0;
    }
    assert_int_equal(wrong, 0);
}
