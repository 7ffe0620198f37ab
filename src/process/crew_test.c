/* SPDX-License-Identifier: Apache-2.0 */

/* A crew without processes: the test plays the workers, step by step. */
#include "process/crew.h"

#include "core/deadline.h"
#include "core/future.h"
#include "core/task.h"
#include "core/view.h"
#include "platform/child.h"
#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "process/message.h"
#include "runner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMBERS = 2, MOST = 40, FAST = 1000, SLOW = 40 * 1000, SLOWEST = 1000 * 1000 };

static int twice(int n)
{
    return 2 * n;
}
TARN_TASK(int, twice, int);

static int thrice(int n)
{
    return 3 * n;
}
TARN_TASK(int, thrice, int);

static struct {
    tn_crew crew;
    tn_member members[MEMBERS], *places[MEMBERS];
    tn_worker_end ends[MEMBERS];
    tn_atomic_u32 discarded;
    tn_endings endings;
    tarn_future *futures[MOST]; /* by the argument of the task */
} s;

static void nobody_rings(void *data)
{
    (void)data;
}

/* A worker that has nothing to do, and whose calls have taken so many nanoseconds. */
static void enter(int i, int64_t pace)
{
    tn_member *member = &s.members[i];
    tn_line *line = tn_alloc(sizeof *line);
    assert_non_null(line);
    *line = (tn_line){
        .down = tn_pages_map(tn_down_size(), 64), .up = tn_pages_map(tn_up_size(), 64), .users = 1};
    assert_non_null(line->down);
    assert_non_null(line->up);
    tn_member_init(member, i);
    member->pid = 100 + i;
    member->line = line;
    member->initialized = true;
    member->pace = pace;
    tn_host_open(&member->channel, line->down, line->up);
    tn_worker_open(&s.ends[i], line->down, line->up, nobody_rings, NULL);
    s.places[i] = member;
    s.crew.present++;
    tn_crew_become_ready(&s.crew, member, tn_clock_recent());
}

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.crew.control = s.crew.server = -1;
    s.crew.prefetch = 16;
    s.crew.polls = true;
    s.crew.max_workers = s.crew.places = MEMBERS;
    s.crew.members = s.places;
    assert_int_equal(tn_event_open(&s.crew.doorbell), 0);
    assert_int_equal(tn_mutex_init(&s.crew.mutex), 0);
    assert_int_equal(tn_cond_init(&s.crew.settled), 0);
    assert_int_equal(tn_cond_init(&s.crew.to_call), 0);
    tn_queue_init(&s.crew.queue, &s.discarded);
    tn_endings_open(&s.crew.left_over);
    tn_endings_open(&s.endings);
}

/* What was decided ends. */
static void end_all(void)
{
    s.crew.ending++;
    tn_crew_end(&s.crew, &s.endings, tn_queue_take_dead(&s.crew.queue));
    tn_endings_open(&s.endings);
}

static void finish(void)
{
    for (int i = 0; i < MEMBERS; i++) {
        if (s.places[i])
            tn_crew_died(&s.crew, s.places[i], 0, &s.endings);
    }
    tn_crew_break(&s.crew, &s.endings, "it is over");
    end_all();
    for (int i = 0; i < MOST; i++)
        tarn_drop(s.futures[i]);
    assert_int_equal(s.crew.held, 0);
    assert_int_equal(s.crew.ahead, 0);
    assert_true(tn_crew_is_settled(&s.crew));
    tn_free(s.crew.tasks);
    tn_cond_destroy(&s.crew.to_call);
    tn_cond_destroy(&s.crew.settled);
    tn_mutex_destroy(&s.crew.mutex);
    tn_fd_close(s.crew.doorbell);
}

/* Futures of tasks with the arguments first to last. */
static void push_of(const tarn_task *task, int n, tn_view *view)
{
    tarn_future *future = s.futures[n] =
        tn_task_cell(task, &n, tn_task_needs(task, &n), TN_OWNER_QUEUE);
    assert_non_null(future);
    if (view) {
        tn_cell_need_ext(future)->view = view;
        tn_u32_or_relaxed(&future->state, TN_SPECIAL);
    }
    tn_queue_push(&s.crew.queue, future, 1);
}

static void queue_of(const tarn_task *task, int first, int last, tn_view *view)
{
    for (int n = first; n <= last; n++)
        push_of(task, n, view);
    tn_crew_serve(&s.crew, &s.endings);
}

static void queue(const tarn_task *task, int first, int last)
{
    queue_of(task, first, last, NULL);
}

/* ---- The worker ---- */

/* What its next call has to do: the argument. Definitions are answered on the way; *defined counts
 * them. -1: there is none. */
static int take(int i, int *defined)
{
    tn_call call;
    int n;
    while (tn_worker_take(&s.ends[i], &call, 0) == TN_TAKE_CALL) {
        if (call.kind == TN_CALL_DEFINE) {
            *defined += 1;
            tn_worker_reply(&s.ends[i], TARN_OK, 0, NULL, 0);
            continue;
        }
        assert_int_equal(call.size, sizeof n);
        memcpy(&n, call.bytes, sizeof n);
        return n;
    }
    return -1;
}

static void begins(int i, int expected)
{
    int defined = 0;
    assert_int_equal(take(i, &defined), expected);
}

static void replies(int i, int result)
{
    tn_worker_reply(&s.ends[i], TARN_OK, 0, &result, sizeof result);
}

static void harvest(int i)
{
    tn_crew_harvest(&s.crew, &s.members[i], &s.endings);
    tn_crew_serve(&s.crew, &s.endings);
    end_all();
}

static void ended(int n, tarn_status status)
{
    assert_true(tn_future_ended(s.futures[n]));
    assert_int_equal(tn_future_status(s.futures[n]), status);
}

static void has_result(int n, int result)
{
    ended(n, TARN_OK);
    assert_int_equal(*(int *)tn_cell_result(s.futures[n]), result);
}

static void lost_as(int n, int kind)
{
    ended(n, TARN_LOST);
    assert_int_equal(tarn_error(s.futures[n])->lost, kind);
}

static void is_queued(int n)
{
    assert_int_equal(tn_future_word(s.futures[n]) & TN_STATE_MASK, TN_PENDING);
}

/* ---- Giving ---- */

TEST(a_fast_worker_is_given_calls_ahead_and_replies_in_order)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 4);
    assert_int_equal(s.crew.held, 5);
    assert_int_equal(s.crew.ahead, 4);
    for (int n = 0; n < 5; n++) {
        begins(0, n);
        replies(0, 2 * n);
    }
    harvest(0);
    for (int n = 0; n < 5; n++)
        has_result(n, 2 * n);
    assert_int_equal(s.members[0].state, TN_READY);
    finish();
}

TEST(what_nobody_waits_for_ends_as_its_reply_is_taken)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 1);
    tn_u32_or_relaxed(&s.futures[1]->state, TN_WAITER);
    for (int n = 0; n < 2; n++) {
        begins(0, n);
        replies(0, 2 * n);
    }
    tn_crew_harvest(&s.crew, &s.members[0], &s.endings);
    has_result(0, 0);
    assert_false(tn_future_ended(s.futures[1]));
    assert_ptr_equal(s.endings.first, s.futures[1]);
    assert_int_equal(tn_u64_load_relaxed(&s.crew.books.counts[TN_STARTED]), 2);
    assert_int_equal(tn_u64_load_relaxed(&s.crew.books.counts[TN_ENDED_RUN]), 1);
    assert_int_equal(tn_u64_load_relaxed(&s.crew.books.counts[TN_ENDED_OK]), 1);
    end_all();
    has_result(1, 2);
    finish();
}

/* Unless it has none yet, or the call was not that short. */
TEST(the_pace_is_not_measured_of_a_short_call_alone)
{
    static const struct {
        int64_t pace, took;
        int calls;
        bool measured;
    } cases[] = {{FAST, 0, 1, false},
                 {0, 0, 1, true},
                 {FAST, 0, 2, true},
                 {FAST, SLOWEST * 50, 1, true},
                 {SLOWEST, 0, 1, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        enter(0, cases[i].pace);
        queue(&twice_task, 0, cases[i].calls - 1);
        int64_t from = s.members[0].paced_from -= cases[i].took;
        begins(0, 0);
        replies(0, 0);
        harvest(0);
        has_result(0, 0);
        assert_int_equal(s.members[0].paced_from != from, cases[i].measured);
        finish();
    }
}

TEST(how_many_it_has_depends_on_its_pace)
{
    static const struct {
        int64_t pace;
        int held;
    } cases[] = {{0, 1}, {FAST, 16}, {SLOW, 3}, {SLOWEST, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        enter(0, cases[i].pace);
        queue(&twice_task, 0, 30);
        assert_int_equal(s.crew.held, cases[i].held);
        finish();
    }
}

TEST(a_prefetch_of_one_gives_nothing_ahead)
{
    begin();
    s.crew.prefetch = 1;
    enter(0, FAST);
    queue(&twice_task, 0, 4);
    assert_int_equal(s.crew.held, 1);
    assert_int_equal(s.crew.queue.length, 4);
    finish();
}

/* With as many as there can be, each with a definition before it at worst, and some revoked. */
TEST(a_channel_is_never_overfull)
{
    begin();
    s.crew.prefetch = 30;
    enter(0, FAST);
    queue(&twice_task, 0, 39);
    assert_int_equal(s.crew.held, 30);
    begins(0, 0);
    tn_crew_recall(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.crew.held, 1);
    tn_crew_serve(&s.crew, &s.endings);
    assert_true(tn_host_in_flight(&s.members[0].channel) <= TN_SLOTS);
    assert_int_equal(s.crew.held + (int)s.crew.queue.length, 40);
    for (int n = 0; n < 40; n++) {
        if (n > 0)
            begins(0, n);
        replies(0, n);
        harvest(0);
        has_result(n, n);
    }
    finish();
}

TEST(a_worker_with_a_limit_of_calls_is_not_given_more)
{
    begin();
    s.crew.max_tasks = 3;
    enter(0, FAST);
    queue(&twice_task, 0, 9);
    for (int n = 0; n < 3; n++) {
        begins(0, n);
        replies(0, n);
        harvest(0);
    }
    begins(0, -1);
    assert_int_equal(s.members[0].state, TN_LEAVING);
    is_queued(3);
    finish();
}

/* It may run still, until it is known to have ended. */
TEST(what_of_a_corrupt_worker_is_to_be_tried_again_waits_for_its_end)
{
    static tn_view stubborn = {.options = {.retries = 1}};
    begin();
    enter(0, FAST);
    queue_of(&twice_task, 0, 1, &stubborn);
    begins(0, 0);
    tn_worker_reply(&s.ends[0], 12345, 0, NULL, 0);
    tn_crew_harvest(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.members[0].state, TN_DOOMED);
    assert_null(s.endings.first);
    assert_false(tn_crew_is_settled(&s.crew));
    tn_crew_died(&s.crew, &s.members[0], -SIGKILL, &s.endings);
    assert_ptr_equal(s.endings.first, s.futures[0]);
    assert_ptr_equal(s.futures[0]->link, s.futures[1]);
    for (int n = 0; n < 2; n++)
        tn_u32_or_relaxed(&s.futures[n]->state, TN_STOP);
    end_all();
    for (int n = 0; n < 2; n++)
        lost_as(n, TARN_LOST_UNPROVEN);
    finish();
}

/* Whatever it says: it may have begun, and taken that back. */
TEST(what_was_given_where_nothing_is_ahead_is_killed_and_not_taken_back)
{
    begin();
    s.crew.prefetch = 1;
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    tn_u32_or_relaxed(&s.futures[0]->state, TN_OVERDUE);
    tn_crew_press(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.members[0].state, TN_DOOMED);
    end_all();
    ended(0, TARN_EXPIRED);
    finish();
}

static bool never(void *data)
{
    (void)data;
    return false;
}

/* Nobody else may ever look at it again: the event does not ring for what has been taken. */
TEST(what_a_waiter_finds_is_acted_on_also_if_no_future_ends)
{
    static const tn_call call = {.kind = TN_CALL_RUN};
    begin();
    enter(0, FAST);
    tn_member *member = tn_crew_take_ready(&s.crew);
    member->initialized = false;
    assert_true(tn_host_push(&member->channel, &call));
    queue(&twice_task, 0, 0);
    is_queued(0);
    assert_int_equal(tn_worker_take(&s.ends[0], &(tn_call){.kind = 0}, 0), TN_TAKE_CALL);
    tn_worker_reply(&s.ends[0], TARN_OK, 0, NULL, 0);
    tn_crew_help(&s.crew.executor, never, NULL, tn_clock_after(0.001));
    begins(0, 0);
    finish();
}

TEST(whoever_is_ready_after_the_end_is_the_services_to_let_go)
{
    bool rung;
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 1);
    begins(0, 0);
    replies(0, 7);
    tn_crew_recall(&s.crew, &s.members[0], &s.endings);
    tn_crew_harvest(&s.crew, &s.members[0], &s.endings);
    s.crew.closed = true;
    tn_queue_bury(tn_queue_take_all(&s.crew.queue));
    end_all();
    tn_event_clear(s.crew.doorbell);
    s.crew.called = false;
    begins(0, -1);
    tn_crew_help(&s.crew.executor, never, NULL, tn_clock_after(0.001));
    assert_int_equal(s.members[0].state, TN_READY);
    assert_int_equal(tn_poll(&s.crew.doorbell, &rung, 1, 0), 0);
    finish();
}

/* The service hears of them by their events; but if one more could be started, it is the one to see to
 * that. */
TEST(a_queue_before_workers_that_are_all_there_and_busy_rings_nobody)
{
    bool rung;
    begin();
    for (int i = 0; i < MEMBERS; i++)
        enter(i, SLOWEST);
    queue(&twice_task, 0, MEMBERS);
    assert_int_equal(s.crew.queue.length, 1);
    assert_int_equal(s.crew.ahead, 0);
    tn_event_clear(s.crew.doorbell);
    s.crew.called = false;
    s.crew.control = s.crew.doorbell; /* there is a server */
    tn_crew_leave_to_service(&s.crew, &s.endings);
    assert_int_not_equal(tn_poll(&s.crew.doorbell, &rung, 1, 0), 0);
    s.crew.max_workers++;
    tn_crew_leave_to_service(&s.crew, &s.endings);
    assert_int_equal(tn_poll(&s.crew.doorbell, &rung, 1, 0), 0);
    s.crew.control = -1;
    finish();
}

/* A worker that is ready after its initializer has failed. */
static tn_member *enter_failed(int i)
{
    static const tn_call call = {.kind = TN_CALL_RUN};
    enter(i, FAST);
    tn_member *member = tn_crew_take_ready(&s.crew);
    member->initialized = false;
    assert_true(tn_host_push(&member->channel, &call));
    assert_int_equal(tn_worker_take(&s.ends[i], &(tn_call){.kind = 0}, 0), TN_TAKE_CALL);
    tn_worker_reply(&s.ends[i], TARN_FAILED, 0, NULL, 0);
    harvest(i);
    assert_true(s.crew.broken);
    assert_int_equal(member->state, TN_READY);
    return member;
}

/* Not even what others have ahead. */
TEST(whose_initializer_has_failed_is_given_nothing)
{
    begin();
    enter(0, SLOW);
    queue(&twice_task, 0, 2);
    begins(0, 0);
    enter_failed(1);
    begins(1, -1);
    finish();
}

TEST(whose_initializer_has_failed_has_nothing_to_finalize)
{
    static const int n = 7;
    begin();
    tn_member *member = enter_failed(0);
    s.crew.finalizer = tn_task_cell(&twice_task, &n, tn_task_needs(&twice_task, &n), 0);
    assert_non_null(s.crew.finalizer);
    tn_crew_dismiss(&s.crew, member);
    begins(0, -1);
    tarn_drop(s.crew.finalizer);
    finish();
}

/* ---- Taking back ---- */

TEST(what_has_not_begun_comes_back_in_order_before_what_is_queued)
{
    begin();
    enter(0, SLOW);
    queue(&twice_task, 0, 5);
    assert_int_equal(s.crew.held, 3);
    begins(0, 0);
    tn_crew_recall(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.crew.held, 1);
    for (int n = 1; n < 6; n++) {
        is_queued(n);
        tarn_future *next = tn_queue_start(&s.crew.queue);
        assert_ptr_equal(next, s.futures[n]);
        tn_cell_release(next, TN_OWNER_QUEUE);
    }
    finish();
}

TEST(a_definition_that_was_taken_back_is_sent_again)
{
    int defined = 0;
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    begins(0, 0);
    queue(&thrice_task, 1, 1);
    tn_crew_recall(&s.crew, &s.members[0], &s.endings);
    tn_crew_serve(&s.crew, &s.endings);
    replies(0, 0);
    assert_int_equal(take(0, &defined), 1);
    assert_int_equal(defined, 1);
    replies(0, 3);
    harvest(0);
    has_result(1, 3);
    finish();
}

TEST(an_idle_worker_gets_what_a_slow_one_has_ahead)
{
    begin();
    enter(0, SLOW);
    queue(&twice_task, 0, 2);
    begins(0, 0);
    enter(1, FAST);
    tn_crew_serve(&s.crew, &s.endings);
    begins(1, 1);
    assert_true(s.members[0].stalled);
    /* The rest is the fast one's, too, and nothing goes back to the one that is held up. */
    assert_int_equal(s.members[0].futures, 1);
    assert_int_equal(s.members[1].futures, 2);
    finish();
}

TEST(what_is_done_soon_is_left_where_it_is)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 2);
    begins(0, 0);
    enter(1, FAST);
    tn_crew_serve(&s.crew, &s.endings);
    assert_int_equal(s.members[0].futures, 3);
    assert_int_equal(s.members[1].state, TN_READY);
    finish();
}

static bool waiting; /* under the mutex */

static void drain(void *data)
{
    bool *in_time = data;
    tn_mutex_lock(&s.crew.mutex);
    waiting = true;
    while (!tn_crew_is_settled(&s.crew) && *in_time)
        *in_time = tn_cond_wait_until(&s.crew.settled, &s.crew.mutex, tn_clock_after(10));
    tn_mutex_unlock(&s.crew.mutex);
}

TEST(whoever_drains_is_told_when_the_last_one_is_taken_back)
{
    tn_thread thread;
    bool in_time = true, asleep = false;
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    waiting = false;
    assert_int_equal(tn_thread_start(&thread, 256 * 1024, "drain", drain, &in_time), 0);
    while (!asleep) {
        tn_mutex_lock(&s.crew.mutex);
        asleep = waiting;
        tn_mutex_unlock(&s.crew.mutex);
    }
    assert_true(tn_crew_take_back(&s.crew.executor, s.futures[0]));
    tn_thread_join(thread);
    assert_true(in_time);
    tn_cell_release(s.futures[0], TN_OWNER_QUEUE);
    finish();
}

/* ---- Killing and dying ---- */

TEST(what_has_not_begun_does_not_die_with_what_is_killed)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 3);
    begins(0, 0);
    tn_u32_or_relaxed(&s.futures[2]->state, TN_STOP);
    tn_held_at(&s.members[0], s.members[0].channel.harvested + 1)->kill = true;
    tn_crew_press(&s.crew, &s.members[0], &s.endings);
    end_all();
    ended(0, TARN_STOPPED);
    ended(2, TARN_STOPPED);
    is_queued(1);
    is_queued(3);
    assert_int_equal(s.members[0].state, TN_DOOMED);
    finish();
}

TEST(a_worker_that_is_to_be_killed_is_given_nothing)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    begins(0, 0);
    tn_crew_kill_all(&s.crew, &s.members[0], &s.endings);
    queue(&twice_task, 1, 1);
    is_queued(1);
    /* Nor is it killed for what it is given when that is over. */
    replies(0, 7);
    harvest(0);
    has_result(0, 7);
    begins(0, 1);
    tn_crew_press(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.members[0].state, TN_BUSY);
    finish();
}

/* A worker that is just starting as all are to be killed; then it has started. */
static tn_member *start_amid_a_kill(int i, bool initialized)
{
    enter(i, FAST);
    tn_member *member = tn_crew_take_ready(&s.crew);
    member->state = TN_STARTING;
    member->initialized = initialized;
    tn_crew_kill_all(&s.crew, member, &s.endings);
    tn_crew_spawned(&s.crew, member, 100, &s.endings);
    return member;
}

TEST(an_initializer_that_begins_amid_a_kill_is_killed)
{
    static const int n = 7;
    begin();
    s.crew.initializer = tn_task_cell(&twice_task, &n, tn_task_needs(&twice_task, &n), 0);
    assert_non_null(s.crew.initializer);
    tn_member *member = start_amid_a_kill(0, false);
    begins(0, 7);
    tn_crew_press(&s.crew, member, &s.endings);
    assert_int_equal(member->state, TN_DOOMED);
    tarn_drop(s.crew.initializer);
    s.crew.initializer = NULL;
    finish();
}

TEST(whoever_is_ready_after_a_kill_may_leave_by_himself)
{
    begin();
    tn_member *member = start_amid_a_kill(0, true);
    tn_crew_dismiss(&s.crew, member);
    tn_crew_press(&s.crew, member, &s.endings);
    assert_int_equal(member->state, TN_LEAVING);
    finish();
}

TEST(what_has_ended_in_time_is_not_killed)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    begins(0, 0);
    replies(0, 7);
    tn_held_at(&s.members[0], s.members[0].channel.harvested + 1)->kill = true;
    tn_crew_press(&s.crew, &s.members[0], &s.endings);
    end_all();
    has_result(0, 7);
    assert_int_equal(s.members[0].state, TN_READY);
    finish();
}

TEST(a_death_costs_what_had_begun_and_had_not_ended)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 4);
    begins(0, 0);
    replies(0, 7);
    begins(0, 1);
    tn_crew_died(&s.crew, &s.members[0], -SIGSEGV, &s.endings);
    end_all();
    has_result(0, 7);
    lost_as(1, TARN_LOST_CRASHED);
    assert_non_null(strstr(tarn_error(s.futures[1])->text, "SIGSEGV in task \"twice\""));
    for (int n = 2; n < 5; n++) {
        is_queued(n);
        tarn_future *next = tn_queue_start(&s.crew.queue);
        assert_ptr_equal(next, s.futures[n]);
        tn_cell_release(next, TN_OWNER_QUEUE);
    }
    assert_int_equal(s.members[0].state, TN_ABSENT);
    finish();
}

TEST(what_was_given_to_a_worker_of_a_pool_that_breaks_does_not_begin)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 2);
    begins(0, 0);
    tn_crew_break(&s.crew, &s.endings, "enough");
    end_all();
    ended(1, TARN_BROKEN);
    ended(2, TARN_BROKEN);
    replies(0, 7);
    harvest(0);
    has_result(0, 7);
    finish();
}

/* Others behind it would wait for the worker's replacement. */
TEST(a_task_that_crashes_holds_up_no_other)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    begins(0, 0);
    tn_crew_died(&s.crew, &s.members[0], -SIGSEGV, &s.endings);
    assert_int_equal(s.crew.not_before, 0);
    assert_int_equal(s.crew.early_deaths, 0);
    enter(0, FAST);
    tn_crew_died(&s.crew, &s.members[0], -SIGSEGV, &s.endings);
    /* Nobody was asked to blame. */
    assert_int_equal(s.crew.early_deaths, 0);
    enter(0, FAST);
    s.members[0].state = TN_STARTING;
    s.crew.ready = NULL;
    s.crew.idle = 0;
    tn_crew_died(&s.crew, &s.members[0], -SIGSEGV, &s.endings);
    assert_int_equal(s.crew.early_deaths, 1);
    assert_true(s.crew.not_before > 0);
    finish();
}

/* It might have run, and say that it has not. */
TEST(with_a_prefetch_of_one_nothing_is_sent_to_a_second_worker)
{
    begin();
    s.crew.prefetch = 1;
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    tn_crew_died(&s.crew, &s.members[0], -SIGKILL, &s.endings);
    end_all();
    lost_as(0, TARN_LOST_KILLED);
    finish();
}

TEST(nor_is_it_when_all_that_runs_is_killed)
{
    begin();
    s.crew.prefetch = 1;
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    tn_crew_kill_all(&s.crew, &s.members[0], &s.endings);
    assert_int_equal(s.crew.queue.length, 0);
    tn_crew_press(&s.crew, &s.members[0], &s.endings);
    end_all();
    ended(0, TARN_STOPPED);
    finish();
}

/* Whoever cancels looks until it is taken back, or has begun: that it has not, as its worker says, does
 * not help once that is killed. */
TEST(what_is_with_a_worker_that_is_killed_cannot_be_taken_back)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 0);
    assert_false(tn_crew_has_begun(&s.crew.executor, s.futures[0]));
    tn_crew_kill(&s.crew, &s.members[0]);
    assert_true(tn_crew_has_begun(&s.crew.executor, s.futures[0]));
    assert_false(tn_crew_take_back(&s.crew.executor, s.futures[0]));
    finish();
}

TEST(a_death_between_two_calls_costs_nothing)
{
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 1);
    begins(0, 0);
    replies(0, 7);
    tn_crew_died(&s.crew, &s.members[0], -SIGKILL, &s.endings);
    end_all();
    has_result(0, 7);
    is_queued(1);
    finish();
}

/* There may be descriptors or memory for so many, and not for one more. */
TEST(early_deaths_break_nothing_while_others_work)
{
    for (int begun = 0; begun < 2; begun++) {
        begin();
        enter(0, FAST);
        queue(&twice_task, 0, 0);
        if (begun)
            begins(0, 0);
        for (int i = 0; i < 8; i++) {
            enter(1, FAST);
            tn_member *member = tn_crew_take_ready(&s.crew);
            member->state = TN_STARTING;
            tn_crew_died(&s.crew, member, 1, &s.endings);
        }
        assert_int_equal(s.crew.broken, !begun);
        end_all();
        finish();
    }
}

/* It has begun two at once, as it says: so nothing it says is to be believed. */
TEST(of_a_worker_that_lied_nothing_is_sent_again)
{
    tn_call call;
    begin();
    enter(0, FAST);
    queue(&twice_task, 0, 3);
    begins(0, 0);
    assert_int_equal(tn_worker_take(&s.ends[0], &call, 0), TN_TAKE_CALL);
    tn_crew_died(&s.crew, &s.members[0], -SIGKILL, &s.endings);
    end_all();
    lost_as(0, TARN_LOST_UNPROVEN);
    lost_as(1, TARN_LOST_UNPROVEN);
    is_queued(2);
    finish();
}

/* ---- The server ---- */

/* Its descriptor is the service thread's alone by then, and may be another's soon. */
TEST(a_server_that_is_stopped_is_roused_until_the_pool_is_over)
{
    begin();
    pid_t server = fork();
    if (server == 0) {
        for (;;)
            raise(SIGSTOP);
    }
    while (waitpid(server, NULL, WUNTRACED) < 0)
        assert_int_equal(errno, EINTR);
    bool can = tn_pidfd_open(server, &s.crew.server) == 0;
    if (can) {
        s.crew.over = true;
        tn_crew_rouse_server(&s.crew);
        assert_int_equal(waitpid(server, NULL, WCONTINUED | WNOHANG), 0);
        s.crew.over = false;
        tn_crew_rouse_server(&s.crew);
        while (waitpid(server, NULL, WCONTINUED) < 0)
            assert_int_equal(errno, EINTR);
        tn_fd_close(s.crew.server);
        s.crew.server = -1;
    }
    kill(server, SIGKILL);
    while (waitpid(server, NULL, 0) < 0)
        assert_int_equal(errno, EINTR);
    finish();
    if (!can)
        skip();
}
