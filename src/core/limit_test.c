/* SPDX-License-Identifier: Apache-2.0 */
#include "core/view.h"

#include "core/future.h"
#include "core/registry.h"
#include "core/remote.h"
#include "duel.h"
#include "idle_backend.h"
#include "platform/clock.h"

enum { N = 5 };

/* An executor with a view whose limits are far away: the timer looks at none of them. */
typedef struct scene {
    tarn_executor executor;
    tn_view *view;
    tarn_future *futures[N];
    tn_books books;
} scene;

static tarn_future *new_limited(const scene *s)
{
    tarn_future *future = tn_cell_new(NULL, 0, TN_OWNER_QUEUE);
    assert_non_null(future);
    assert_true(tn_view_apply(s->view, future));
    future->executor = s->executor.id;
    return future;
}

static void scene_open(scene *s, double start_within, double run_limit)
{
    idle_open(&s->executor);
    s->books = (tn_books){.executor = 0};
    s->view =
        tn_view_of(tarn_with(&s->executor, .start_within = start_within, .run_limit = run_limit));
    assert_non_null(s->view);
    for (int i = 0; i < N; i++)
        s->futures[i] = new_limited(s);
}

static void scene_close(scene *s)
{
    tarn_backend_close(&s->executor);
    for (int i = 0; i < N; i++) {
        tn_cell_release(s->futures[i], TN_OWNER_QUEUE);
        tarn_drop(s->futures[i]);
    }
}

static tn_limit *limit_of(tarn_future *future)
{
    return tn_cell_ext(future)->limit;
}

/* Whether a ring consists of these futures, in that order, and of times that do not decrease. */
static bool holds(const tn_limit *ring, tarn_future *const *futures, int n)
{
    const tn_limit *limit = ring;
    bool right = true;
    for (int i = 0; i < n; i++) {
        right = right && limit->next == limit_of(futures[i]) && limit->next->prev == limit &&
                (i == 0 || limit->next->moment >= limit->moment);
        limit = limit->next;
    }
    return right && limit->next == ring && ring->prev == limit;
}

TEST(limits_are_linked_in_the_order_of_queueing)
{
    scene s;
    scene_open(&s, 600, 0);
    assert_true(holds(&s.view->queued, NULL, 0));
    for (int i = 0; i < N; i++)
        tn_limit_queue(s.futures[i]);
    assert_true(holds(&s.view->queued, s.futures, N));
    for (int i = 0; i < N; i++)
        assert_true(tn_future_cancel(s.futures[i]));
    assert_true(holds(&s.view->queued, NULL, 0));
    scene_close(&s);
}

TEST(whoever_ends_a_future_takes_it_out_wherever_it_is)
{
    /* In every order of three: the first, the last, one between. */
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
        scene s;
        scene_open(&s, 600, 0);
        tarn_future *left[3];
        int n = 3;
        for (int i = 0; i < 3; i++) {
            tn_limit_queue(s.futures[i]);
            left[i] = s.futures[i];
        }
        for (int i = 0; i < 3; i++) {
            tarn_future *future = s.futures[orders[k][i]];
            assert_true(tn_future_cancel(future));
            int kept = 0;
            for (int j = 0; j < n; j++) {
                if (left[j] != future)
                    left[kept++] = left[j];
            }
            n = kept;
            assert_true(holds(&s.view->queued, left, n));
        }
        scene_close(&s);
    }
}

TEST(what_was_started_and_taken_back_has_its_former_place_and_time)
{
    scene s;
    scene_open(&s, 600, 600);
    for (int i = 0; i < N; i++)
        tn_limit_queue(s.futures[i]);
    int64_t moment = limit_of(s.futures[1])->moment;
    for (int i = 0; i < 3; i++) {
        assert_true(tn_future_start(s.futures[i]));
        tn_remote_begin(s.futures[i], &s.books);
    }
    assert_true(holds(&s.view->running, s.futures, 3));
    tn_remote_take_back(s.futures[2], &s.books);
    tn_remote_take_back(s.futures[0], &s.books);
    tn_remote_take_back(s.futures[1], &s.books);
    assert_true(holds(&s.view->queued, s.futures, N));
    assert_true(holds(&s.view->running, NULL, 0));
    assert_true(limit_of(s.futures[1])->moment == moment);
    for (int i = 0; i < N; i++)
        assert_true(tn_future_cancel(s.futures[i]));
    assert_true(holds(&s.view->queued, NULL, 0));
    scene_close(&s);
}

/* It has started in time once, and may wait for the next try as long as it takes. */
TEST(a_further_try_that_is_taken_back_has_no_time_to_start_in)
{
    scene s;
    scene_open(&s, 600, 0);
    tn_limit_queue(s.futures[0]);
    for (int i = 0; i < 2; i++) {
        assert_true(tn_future_start(s.futures[0]));
        tn_remote_begin(s.futures[0], &s.books);
        if (i == 0)
            tn_future_retry(s.futures[0]);
    }
    tn_remote_take_back(s.futures[0], &s.books);
    assert_true(holds(&s.view->queued, NULL, 0));
    scene_close(&s);
}

TEST(a_start_ends_the_limit_of_the_queue_and_begins_that_of_the_run)
{
    scene s;
    scene_open(&s, 600, 600);
    tarn_future *future = s.futures[0];
    tn_limit_queue(future);
    assert_true(tn_future_start(future));
    tn_limit_run(future);
    assert_true(holds(&s.view->queued, NULL, 0));
    assert_true(holds(&s.view->running, &future, 1));
    /* Each run anew. */
    tn_limit_run(future);
    assert_true(holds(&s.view->running, &future, 1));
    tn_limit_pause(future);
    assert_true(holds(&s.view->running, NULL, 0));
    tn_future_finish(future, TARN_OK);
    scene_close(&s);
}

TEST(what_has_no_such_limit_is_in_no_ring)
{
    scene s;
    scene_open(&s, 0, 600);
    tn_limit_queue(s.futures[0]);
    assert_true(holds(&s.view->queued, NULL, 0));
    tn_limit_forget(s.futures[0]);
    scene_close(&s);

    scene_open(&s, 600, 0);
    tn_limit_queue(s.futures[0]);
    assert_true(tn_future_start(s.futures[0]));
    tn_limit_run(s.futures[0]);
    assert_true(holds(&s.view->queued, NULL, 0));
    assert_true(holds(&s.view->running, NULL, 0));
    tn_limit_pause(s.futures[0]);
    tn_future_finish(s.futures[0], TARN_OK);
    scene_close(&s);
}

/* As a chained future may: its end was told, and nobody would take it out any more. */
TEST(what_has_ended_is_not_linked)
{
    scene s;
    scene_open(&s, 600, 0);
    assert_true(tn_future_cancel(s.futures[0]));
    tn_limit_queue(s.futures[0]);
    assert_true(holds(&s.view->queued, NULL, 0));
    scene_close(&s);
}

TEST(the_limit_of_what_was_queued_in_vain_is_forgotten)
{
    scene s;
    scene_open(&s, 600, 600);
    for (int i = 0; i < 3; i++)
        tn_limit_queue(s.futures[i]);
    assert_true(tn_future_seize(s.futures[1]));
    tn_limit_forget(s.futures[1]);
    tarn_future *left[2] = {s.futures[0], s.futures[2]};
    assert_true(holds(&s.view->queued, left, 2));
    tn_limit_forget(s.futures[0]);
    tn_limit_forget(s.futures[2]);
    assert_true(holds(&s.view->queued, NULL, 0));
    /* Twice is as good. */
    tn_limit_forget(s.futures[0]);
    scene_close(&s);
}

/* ---- the end of the executor ---- */

/* Who is still linked keeps the views, and their mutex. */
TEST(a_linked_future_may_end_when_the_executor_is_gone)
{
    scene s;
    scene_open(&s, 600, 0);
    for (int i = 0; i < N; i++)
        tn_limit_queue(s.futures[i]);
    tarn_backend_close(&s.executor);
    for (int i = 0; i < N; i++) {
        assert_true(tn_future_cancel(s.futures[i]));
        tn_cell_release(s.futures[i], TN_OWNER_QUEUE);
        tarn_drop(s.futures[i]);
    }
}

/* ---- races ---- */

typedef struct contest {
    scene s;
    tarn_future *future;
    bool cancelled, seized;
} contest;

static void prepare_queue(void *data)
{
    contest *c = data;
    c->future = new_limited(&c->s);
}

static void queue_it(void *data)
{
    contest *c = data;
    tn_limit_queue(c->future);
}

static void cancel_it(void *data)
{
    contest *c = data;
    c->cancelled = tn_future_cancel(c->future);
}

static void check_unlinked(void *data)
{
    contest *c = data;
    assert_true(c->cancelled);
    assert_true(holds(&c->s.view->queued, NULL, 0));
    tn_cell_release(c->future, TN_OWNER_QUEUE);
    tarn_drop(c->future);
}

TEST(an_end_while_it_is_linked_leaves_nothing_behind)
{
    contest c;
    scene_open(&c.s, 600, 0);
    assert_int_equal(
        duel_run(test_count(20000), prepare_queue, queue_it, cancel_it, check_unlinked, &c), 0);
    scene_close(&c.s);
}

static void prepare_expiry(void *data)
{
    contest *c = data;
    c->future = new_limited(&c->s);
    tn_limit_queue(c->future);
}

static void take_it_back(void *data)
{
    contest *c = data;
    c->seized = tn_future_seize(c->future);
    if (c->seized)
        tn_limit_forget(c->future);
}

static void do_nothing(void *data)
{
    (void)data;
}

/* Either it is the submitter's again, and in no ring, or it ends. */
static void check_taken_back_or_ended(void *data)
{
    contest *c = data;
    if (c->seized)
        assert_false(tn_future_ended(c->future));
    else
        assert_int_equal(tarn_future_wait(c->future, TARN_FOREVER), TARN_OK);
    tn_cell_release(c->future, TN_OWNER_QUEUE);
    tarn_drop(c->future);
}

TEST(taking_back_against_expiry_has_one_winner)
{
    contest c;
    scene_open(&c.s, 5e-6, 0);
    assert_int_equal(duel_run(test_count(5000), prepare_expiry, take_it_back, do_nothing,
                              check_taken_back_or_ended, &c),
                     0);
    scene_close(&c.s);
}
