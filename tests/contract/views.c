/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_with(): the same executor with options for what is submitted through it. */
#include "child.h"
#include "full.h"

#include <math.h>

/* ---- Which view it is ---- */

CONTRACT_TEST(equal_options_give_the_same_view, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    assert_non_null(view);
    assert_ptr_not_equal(view, pool);
    assert_ptr_equal(tarn_with(pool, .retry_on = TARN_RETRY_FAILED, .retries = 2), view);
    assert_ptr_not_equal(tarn_with(pool, .retries = 3, .retry_on = TARN_RETRY_FAILED), view);
    assert_ptr_not_equal(tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_EXPIRED), view);
    assert_ptr_not_equal(tarn_with(pool, .retries = 2), view);
    assert_ptr_equal(tarn_with(pool, .start_within = 2.5), tarn_with(pool, .start_within = 2.5));
    assert_ptr_not_equal(tarn_with(pool, .run_limit = 2.5), tarn_with(pool, .start_within = 2.5));
    assert_ptr_equal(tarn_with(pool, .priority = TARN_PRIORITY_LOW),
                     tarn_with(pool, .priority = TARN_PRIORITY_LOW));
    assert_ptr_not_equal(tarn_with(pool, .priority = TARN_PRIORITY_LOW),
                         tarn_with(pool, .priority = TARN_PRIORITY_HIGH));

    tarn_executor *other = pool_open();
    assert_ptr_not_equal(tarn_with(other, .retries = 2, .retry_on = TARN_RETRY_FAILED), view);
    pool_close(other);
    pool_close(pool);
}

CONTRACT_TEST(no_options_give_what_was_given, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .retries = 1);
    assert_ptr_equal(tarn_with(pool), pool);
    assert_ptr_equal(tarn_with(pool, .priority = TARN_PRIORITY_NORMAL), pool);
    assert_ptr_equal((tarn_with)(pool, NULL), pool);
    assert_ptr_equal(tarn_with(view), view);
    assert_ptr_equal((tarn_with)(view, NULL), view);
    pool_close(pool);
}

CONTRACT_TEST(a_view_of_a_view_has_the_options_of_both, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *retried = tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED);
    tarn_executor *both = tarn_with(retried, .priority = TARN_PRIORITY_HIGH, .run_limit = 9);
    assert_ptr_equal(both, tarn_with(pool, .retries = 2, .retry_on = TARN_RETRY_FAILED,
                                     .priority = TARN_PRIORITY_HIGH, .run_limit = 9));
    /* What is given again replaces. */
    assert_ptr_equal(tarn_with(both, .run_limit = 4, .priority = TARN_PRIORITY_LOW),
                     tarn_with(retried, .priority = TARN_PRIORITY_LOW, .run_limit = 4));
    assert_ptr_equal(tarn_with(both, .run_limit = 9), both);
    /* Infinity takes a limit away. */
    assert_ptr_equal(tarn_with(tarn_with(retried, .run_limit = 4), .run_limit = INFINITY), retried);
    pool_close(pool);
}

CONTRACT_TEST(an_executor_has_1024_views, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *first = tarn_with(pool, .retries = 1);
    for (int i = 2; i <= 1024; i++) {
        tarn_executor *view = tarn_with(pool, .retries = i);
        assert_non_null(view);
        assert_ptr_not_equal(view, first);
    }
    assert_null(tarn_with(pool, .retries = 1025));
    assert_contains(tarn_last_error(), "1,024");
    assert_null(tarn_with(first, .priority = 1));
    /* Those that are there are still given. */
    assert_ptr_equal(tarn_with(pool, .retries = 1), first);
    assert_non_null(tarn_with(pool, .retries = 1024));
    assert_ended(square_submit(first, 3), TARN_OK);
    /* Another executor has its own. */
    tarn_executor *other = pool_open();
    assert_non_null(tarn_with(other, .retries = 1025));
    pool_close(other);
    pool_close(pool);
}

/* ---- It is the executor ---- */

static void take_square(tarn_future *before)
{
    int result = 0;
    if (square_result(before, &result) != TARN_OK || result != 9)
        tarn_fail(1, "not 9 but %d", result);
}
TARN_TASK(void, take_square, tarn_future *);

CONTRACT_TEST(a_view_serves_wherever_an_executor_does, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .start_within = 600, .run_limit = 600, .priority = 1,
                                    .retries = 1, .retry_on = 7);
    int in[3] = {1, 2, 3}, out[3] = {0, 0, 0};
    tarn_future *futures[3];
    tarn_future *future = square_submit(view, 3);
    tarn_future *after = square_after(view, future);
    tarn_future *then = tarn_then(view, &take_square_task, future);
    assert_int_equal(square_submit_many(view, in, 3, futures), TARN_OK);
    for (int i = 0; i < 3; i++)
        assert_ended(futures[i], TARN_OK);
    assert_int_equal(square_map(view, in, 3, out, NULL, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(out[i], in[i] * in[i]);
    int result = 0;
    assert_int_equal(square_result(after, &result), TARN_OK);
    assert_int_equal(result, 81);
    assert_ended(then, TARN_OK);
    assert_int_equal(square_args(future)->a1, 3);
    tarn_drop(after);
    tarn_drop(future);
    pool_close(pool);
}

CONTRACT_TEST(a_view_answers_for_its_executor, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .retries = 1);
    tarn_future *blockers[FULL_WORKERS];
    struct gate gate = GATE_CLOSED;
    assert_int_equal(tarn_worker_limit(view), tarn_worker_limit(pool));
    pool_block(view, &gate, blockers, pool_workers());
    tarn_future *queued = square_submit(pool, 2);
    assert_int_equal(stats_of(view).queued, 1);
    assert_int_equal(stats_of(view).running, pool_workers());
    assert_int_equal(stats_of(pool).submitted, pool_workers() + 1);
    assert_int_equal(tarn_drain(view, TARN_NOW), TARN_TIMEOUT);
    pool_unblock(&gate, blockers, pool_workers());
    assert_int_equal(tarn_drain(view, TARN_FOREVER), TARN_OK);
    assert_ended(queued, TARN_OK);
    assert_int_equal(tarn_resize(view, 3), TARN_OK);
    assert_int_equal(stats_of(pool).max_workers, 3);
    pool_close(pool);
}

CONTRACT_TEST(all_views_share_the_limit_of_the_queue, GATES)
{
    struct full full;
    full_open(&full, &(struct pool_options){.queue_limit = 4, .when_full = TARN_FULL_REFUSE});
    tarn_executor *views[2] = {tarn_with(full.pool, .priority = 1),
                               tarn_with(full.pool, .priority = -1, .start_within = 600)};
    for (int i = 0; i < 2; i++)
        assert_ended(square_submit(views[i], 1), TARN_FULL);
    for (int i = 0; i < 2; i++) {
        assert_true(tarn_cancel(full.queued[i]));
        tarn_drop(full.queued[i]);
    }
    for (int i = 0; i < 2; i++) {
        full.queued[i] = square_submit(views[i], 1);
        assert_false(tarn_done(full.queued[i]));
    }
    assert_ended(square_submit(full.pool, 1), TARN_FULL);
    full_close(&full);
}

CONTRACT_TEST(a_view_is_closed_with_its_executor, GATES)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .retries = 1);
    tarn_future *blocker;
    struct gate gate = GATE_CLOSED;
    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    assert_ended(square_submit(view, 1), TARN_CLOSED);
    assert_ended(square_submit(tarn_with(pool, .retries = 2), 1), TARN_CLOSED);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
}

/* ---- Its end is not for it ---- */

CONTRACT_TEST(a_view_cannot_end_its_executor, 0)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .priority = 1);
    assert_int_equal(tarn_shutdown(view), TARN_INVALID);
    assert_contains(tarn_last_error(), "view");
    assert_int_equal(tarn_shutdown(view, .cancel_pending = true, .kill_running = true),
                     TARN_INVALID);
    tarn_abandon(view);
    assert_ended(square_submit(view, 2), TARN_OK);
    assert_ended(square_submit(pool, 2), TARN_OK);
    pool_close(pool);
}

static tarn_status end_view(tarn_executor *view)
{
    return tarn_shutdown(view);
}
TARN_TASK(tarn_status, end_view, tarn_executor *);

CONTRACT_TEST(a_task_cannot_either, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_executor *view = tarn_with(pool, .priority = 1);
    tarn_future *future = end_view_submit(view, view);
    tarn_status status = TARN_OK;
    assert_int_equal(end_view_result(future, &status), TARN_OK);
    assert_int_equal(status, TARN_INVALID);
    tarn_drop(future);
    assert_ended(square_submit(pool, 2), TARN_OK);
    pool_close(pool);
}

/* ---- Elsewhere ---- */

static tarn_executor *with_inside(tarn_executor *pool)
{
    return tarn_with(pool, .retries = 5);
}
TARN_TASK(tarn_executor *, with_inside, tarn_executor *);

CONTRACT_TEST(a_task_may_make_a_view, NESTED)
{
    tarn_executor *pool = pool_open();
    tarn_future *future = with_inside_submit(pool, pool);
    tarn_executor *view = NULL;
    assert_int_equal(with_inside_result(future, &view), TARN_OK);
    assert_non_null(view);
    assert_ptr_equal(view, tarn_with(pool, .retries = 5));
    tarn_drop(future);
    pool_close(pool);
}

struct maker {
    struct helper helper;
    tarn_executor *pool;
    struct gate *start;
    tarn_executor *views[100];
};

static void make_views(void *data)
{
    struct maker *maker = data;
    gate_pass(maker->start);
    for (int i = 0; i < 100; i++) {
        maker->views[i] = tarn_with(maker->pool, .retries = 1 + i, .start_within = 600);
        tarn_drop(square_submit(maker->views[i], 3));
    }
}

CONTRACT_TEST(threads_that_make_the_same_views_get_the_same, 0)
{
    enum { MAKERS = 3 };
    size_t rounds = test_count(30);
    for (size_t round = 0; round < rounds; round++) {
        struct maker makers[MAKERS];
        struct gate start = GATE_CLOSED;
        tarn_executor *pool = pool_open();
        for (int i = 0; i < MAKERS; i++) {
            makers[i] = (struct maker){.pool = pool, .start = &start};
            helper_start(&makers[i].helper, make_views, &makers[i]);
        }
        gate_open(&start);
        for (int i = 0; i < MAKERS; i++)
            helper_join(&makers[i].helper);
        for (int i = 0; i < 100; i++) {
            assert_non_null(makers[0].views[i]);
            assert_ptr_equal(makers[1].views[i], makers[0].views[i]);
            assert_ptr_equal(makers[2].views[i], makers[0].views[i]);
        }
        pool_close(pool);
    }
}

struct inherited {
    tarn_executor *pool;
    tarn_executor *view;
    tarn_future *pending;
    tarn_future *ended;
};

static int use_view_in_child(void *data)
{
    const struct inherited *inherited = data;
    int wrong = 0;
    tarn_stats stats = {.size = sizeof(stats)};
    tarn_future *future = square_submit(inherited->view, 2);
    wrong |= tarn_result(future, NULL, NULL, 0) != TARN_CLOSED ? 1 : 0;
    wrong |= tarn_with(inherited->pool, .retries = 1) ? 2 : 0;
    wrong |= tarn_with(inherited->view, .priority = 1) ? 4 : 0;
    wrong |= tarn_drain(inherited->view, TARN_NOW) != TARN_CLOSED ? 8 : 0;
    wrong |= tarn_executor_stats(inherited->view, &stats) != TARN_CLOSED ? 16 : 0;
    wrong |= tarn_cancel(inherited->pending) || tarn_worker_limit(inherited->view) ? 32 : 0;
    wrong |= tarn_result(inherited->ended, NULL, NULL, 0) != TARN_EXPIRED ? 64 : 0;
    tarn_drop(future);
    tarn_drop(inherited->ended);
    tarn_drop(inherited->pending);
    /* One of its own has its own timer. */
    tarn_executor *own = pool_try(&(struct pool_options){.max_workers = 1});
    tarn_executor *hurried = tarn_with(own, .start_within = 600);
    future = square_submit(hurried, 2);
    wrong |= tarn_result(future, NULL, NULL, 0) != TARN_OK ? 127 : 0;
    tarn_drop(future);
    return wrong;
}

CONTRACT_TEST(a_forked_child_finds_views_closed, GATES)
{
    child_needs_no_sanitizer();
    struct inherited inherited = {.pool = pool_open()};
    tarn_future *blockers[FULL_WORKERS];
    struct gate gate = GATE_CLOSED;
    inherited.view = tarn_with(inherited.pool, .start_within = 600, .retries = 1);
    pool_block(inherited.pool, &gate, blockers, pool_workers());
    inherited.pending = square_submit(inherited.view, 3);
    inherited.ended = square_submit(tarn_with(inherited.pool, .start_within = 1e-6), 3);
    assert_int_equal(status_of(inherited.ended), TARN_EXPIRED);
    assert_int_equal(in_child(use_view_in_child, &inherited), 0);
    pool_unblock(&gate, blockers, pool_workers());
    assert_ended(inherited.pending, TARN_OK);
    assert_ended(inherited.ended, TARN_EXPIRED);
    pool_close(inherited.pool);
}
