/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/futex.h"

#include "platform/clock.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "runner.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#define SLEEPERS 3

TEST(another_value_ends_the_wait_at_once)
{
    tn_atomic_u32 word = TN_ATOMIC_INIT(1);

    assert_true(tn_futex_wait(&word, 0, TN_CLOCK_NEVER));
    assert_true(tn_futex_wait(&word, 0, tn_clock_after(3600)));
    assert_true(tn_futex_wait(&word, 0, 0));
}

TEST(a_timed_wait_ends_at_its_time_and_not_before)
{
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    int64_t until = tn_clock_after(0.02);

    while (tn_futex_wait(&word, 0, until))
        continue;
    assert_true(tn_clock_now() >= until);
}

TEST(a_time_that_is_past_ends_the_wait_at_once)
{
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);

    assert_false(tn_futex_wait(&word, 0, tn_clock_now()));
    assert_false(tn_futex_wait(&word, 0, 0));
    assert_false(tn_futex_wait(&word, 0, -1));
    assert_false(tn_futex_wait(&word, 0, INT64_MIN));
}

struct sleep {
    tn_atomic_u32 word;
    int64_t until;
    tn_atomic_u32 ended;
    tn_atomic_u32 timed_out;
};

/* Sleeps once: the word keeps its value, so that only a wake can end it. */
static void sleep_once(void *data)
{
    struct sleep *sleep = data;

    if (!tn_futex_wait(&sleep->word, 0, sleep->until))
        tn_u32_add_relaxed(&sleep->timed_out, 1);
    tn_u32_add_relaxed(&sleep->ended, 1);
}

static void wake_until_all_ended(int64_t until, int count)
{
    struct sleep sleep = {.until = until};
    tn_thread threads[SLEEPERS];
    uint32_t started = 0;

    while (started < SLEEPERS &&
           tn_thread_start(&threads[started], 0, "sleeper", sleep_once, &sleep) == 0)
        started++;
    while (tn_u32_load_relaxed(&sleep.ended) < started) {
        tn_futex_wake(&sleep.word, count);
        sched_yield();
    }
    for (uint32_t i = 0; i < started; i++)
        tn_thread_join(threads[i]);
    assert_int_equal(started, SLEEPERS);
    assert_int_equal(tn_u32_load_relaxed(&sleep.timed_out), 0);
}

TEST(a_wake_ends_the_sleep_without_limit)
{
    wake_until_all_ended(TN_CLOCK_NEVER, 1);
}

TEST(a_wake_ends_the_timed_sleep)
{
    wake_until_all_ended(tn_clock_after(3600), 1);
}

TEST(one_wake_can_end_all_sleeps)
{
    wake_until_all_ended(TN_CLOCK_NEVER, INT_MAX);
}

/* Two threads hand a word to and fro; a lost wake-up would stop them for ever. */
struct ping_pong {
    tn_atomic_u32 turn;
    uint32_t rounds;
};

static void play(struct ping_pong *game, uint32_t first)
{
    for (uint32_t turn = first; turn < game->rounds; turn += 2) {
        uint32_t seen;

        while ((seen = tn_u32_load_acquire(&game->turn)) != turn)
            tn_futex_wait(&game->turn, seen, TN_CLOCK_NEVER);
        tn_u32_store_release(&game->turn, turn + 1);
        tn_futex_wake(&game->turn, 1);
    }
}

static void play_second(void *data)
{
    play(data, 1);
}

TEST(no_wake_up_is_lost)
{
    struct ping_pong game = {.rounds = 2 * (uint32_t)test_count(5000)};
    tn_thread second;

    assert_int_equal(tn_thread_start(&second, 0, "second", play_second, &game), 0);
    play(&game, 0);
    tn_thread_join(second);
    assert_int_equal(tn_u32_load_relaxed(&game.turn), game.rounds);
}

TEST(waking_at_an_address_that_is_gone_is_harmless)
{
    tn_atomic_u32 *word = tn_pages_map(4096, 1);

    assert_non_null(word);
    tn_pages_unmap(word, 4096);
    tn_futex_wake(word, INT_MAX);
}

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
    (void)signal;
    signals++;
}

TEST(a_rain_of_signals_does_not_end_the_wait_early)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec rain = {{0, 1000000}, {0, 1000000}};
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    int64_t until;
    timer_t timer;

    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &rain, NULL), 0);

    until = tn_clock_after(0.1);
    while (tn_futex_wait(&word, 0, until))
        continue;
    assert_true(tn_clock_now() >= until);

    assert_int_equal(timer_delete(timer), 0);
    assert_true(signals > 0);
}

static void wait_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    int state;

    pthread_cancel(pthread_self());
    tn_futex_wait(&word, 0, tn_clock_now());
    tn_futex_wake(&word, 1);
    tn_futex_wait_shared(&word, 0, tn_clock_now());
    tn_futex_wake_shared(&word, 1);
    tn_futex_wait_two(&word, 0, &word, 0, tn_clock_now());
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    tn_u32_store_relaxed(survived, 1);
}

TEST(nothing_is_a_cancellation_point)
{
    tn_atomic_u32 survived = TN_ATOMIC_INIT(0);
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, 0, "cancelled", wait_cancelled, &survived), 0);
    tn_thread_join(thread);
    assert_int_equal(tn_u32_load_relaxed(&survived), 1);
}
