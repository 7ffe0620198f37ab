/* SPDX-License-Identifier: Apache-2.0 */

/* What a task sees of the library: its own state, and never that of the task beneath it. */
#include "child.h"
#include "contract.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static tarn_executor *own_pool;

/* ---- Callbacks that run on top of a waiting task ---- */

static void fail_in_a_callback(tarn_future *future, void *data)
{
    (void)future;
    tarn_fail(9, "the callback's failure, which is nobody's");
    *(bool *)data = tarn_stop_requested() || tarn_result_memory(8) != NULL;
}

/* The child is claimed: its callbacks run on this task's stack. */
static int wait_for_child_with_callback(bool *task_like)
{
    tarn_future *child = square_submit(own_pool, 4);
    tarn_on_done(child, fail_in_a_callback, task_like);
    int value = 0;
    square_result(child, &value);
    tarn_drop(child);
    return value;
}
TARN_TASK(int, wait_for_child_with_callback, bool *);

CONTRACT_TEST(a_callback_is_no_task, NESTED_SUBMIT | SHARED_MEMORY)
{
    own_pool = pool_of(1);
    bool task_like = true;
    int value = 0;
    tarn_future *future = wait_for_child_with_callback_submit(own_pool, &task_like);
    assert_int_equal(wait_for_child_with_callback_result(future, &value), TARN_OK);
    assert_int_equal(value, 16);
    assert_false(task_like);
    tarn_drop(future);
    pool_close(own_pool);
}

/* ---- Blocking sections ---- */

static void begin_and_leave_open(tarn_future *future, void *data)
{
    (void)future;
    (void)data;
    tarn_blocking_begin();
    tarn_blocking_begin();
}

static int nest(int depth);
TARN_TASK_DECLARE(int, nest, int);

static int nest(int depth)
{
    if (depth == 0)
        return 0;
    tarn_future *child = nest_submit(own_pool, depth - 1);
    tarn_on_done(child, begin_and_leave_open, NULL);
    int below = -100;
    nest_result(child, &below);
    tarn_drop(child);
    return below + 1;
}
TARN_TASK_DEFINE(int, nest, int);

CONTRACT_TEST(a_section_that_a_callback_left_open_is_closed, NESTED_SUBMIT | SHARED_MEMORY)
{
    own_pool = pool_of(1);
    for (int round = 0; round < 20; round++) {
        tarn_future *future = nest_submit(own_pool, 10);
        assert_int_equal(tarn_on_done(future, begin_and_leave_open, NULL), TARN_OK);
        int depth = 0;
        assert_int_equal(nest_result(future, &depth), TARN_OK);
        assert_int_equal(depth, 10);
        tarn_drop(future);
    }
    assert_int_equal(tarn_drain(own_pool, TARN_FOREVER), TARN_OK);
    pool_close(own_pool);
}

static struct answer wait_in_a_section(int n)
{
    tarn_future *queued = square_submit(own_pool, n);
    tarn_blocking_begin();
    struct answer answer = answer_of(tarn_future_wait(queued, TARN_FOREVER));
    tarn_blocking_end();
    tarn_drop(queued);
    return answer;
}
TARN_TASK(struct answer, wait_in_a_section, int);

/* Where no spare can be had, the section's promise to come back does not cover the wait in it. */
CONTRACT_TEST(a_wait_in_a_section_does_not_hang, NESTED_SUBMIT)
{
    own_pool = pool_of(1);
    bool spares = tarn_worker_limit(own_pool) > 1;
    struct answer answer;
    tarn_future *future = wait_in_a_section_submit(own_pool, 3);
    assert_int_equal(wait_in_a_section_result(future, &answer), TARN_OK);
    assert_int_equal(answer.status, spares ? TARN_OK : TARN_DEADLOCK);
    if (!spares)
        assert_contains(answer.error, "no spare thread");
    tarn_drop(future);
    assert_int_equal(tarn_drain(own_pool, TARN_FOREVER), TARN_OK);
    pool_close(own_pool);
}

/* ---- Memory of results ---- */

static tarn_bytes skip_the_head(int skip)
{
    char *memory = tarn_result_memory(16);
    memcpy(memory, "0123456789abcde", 16);
    return (tarn_bytes){memory + skip, (size_t)(16 - skip)};
}
TARN_TASK(tarn_bytes, skip_the_head, int);

CONTRACT_TEST(a_result_may_lie_anywhere_in_its_memory, 0)
{
    tarn_executor *pool = pool_open();
    for (int skip = 0; skip <= 16; skip++) {
        tarn_bytes result;
        tarn_future *future = skip_the_head_submit(pool, skip);
        assert_int_equal(skip_the_head_result(future, &result), TARN_OK);
        assert_int_equal(result.size, 16 - skip);
        assert_memory_equal(result.data, &"0123456789abcde"[skip], result.size);
        tarn_drop(future);
    }
    pool_close(pool);
}

/* ---- Completions after fork() ---- */

CONTRACT_TEST(a_forked_child_is_told_that_completions_are_not_its_own, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, blockers, pool_workers());
    tarn_completions *completed = tarn_as_completed(blockers, (size_t)pool_workers(), TARN_FOREVER);
    assert_non_null(completed);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        size_t tag;
        bool right = tarn_next(completed, &tag) == TARN_CLOSED &&
                     tarn_completions_add(completed, blockers[0], 9) == TARN_CLOSED &&
                     tarn_completions_fd(completed) == -1 &&
                     tarn_future_wait(blockers[0], TARN_FOREVER) == TARN_CLOSED;
        tarn_completions_drop(completed);
        _exit(!right);
    }
    int status = child_wait(child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tarn_completions_drop(completed);
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
}
