/* SPDX-License-Identifier: Apache-2.0 */

/* 03 - Not waiting for ever: deadlines of waits, limits of tasks, cancelling and stopping.
 *
 * A deadline ends a wait, and the task goes on. What has not begun can be cancelled. What runs can
 * only be asked to stop, and has to look: no thread is ever killed. A process is, if it comes to
 * that. */
#define _POSIX_C_SOURCE 200809L

#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <tarn.h>

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* a millisecond */
}

/* Looks at every step whether it should stop: that costs next to nothing. */
static int dig(int steps)
{
    int done = 0;

    while (done < steps && !tarn_stop_requested()) {
        nap();
        done++;
    }
    return done;
}
TARN_TASK(int, dig, int);

enum { ENDLESS = INT_MAX };

static void say(const char *what, tarn_status status)
{
    printf("%-40s %s\n", what, tarn_status_name(status));
}

/* How the task ended. Its result, cut short or not, is not wanted. */
static tarn_status ending(tarn_future *future)
{
    int unused;
    tarn_status status = dig_result(future, &unused);

    tarn_drop(future);
    return status;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    if (pool == NULL) {
        fprintf(stderr, "03_deadlines_and_cancel: %s\n", tarn_last_error());
        return 1;
    }
    /* The same pool, with limits for what is submitted through these. */
    tarn_executor *impatient = tarn_with(pool, .start_within = 0.05);
    tarn_executor *limited = tarn_with(pool, .run_limit = 0.05);

    tarn_future *endless = dig_submit(pool, ENDLESS);
    while (!tarn_running(endless) && !tarn_done(endless))
        nap(); /* one can wait for an end, but not for a beginning */
    say("a wait of 50 ms for an endless task", tarn_future_wait(endless, tarn_in(0.05)));
    printf("%-40s %s\n", "which goes on", tarn_future_state(endless));

    /* The only worker is busy: these two do not start. */
    tarn_future *queued = dig_submit(pool, 1);
    tarn_future *late = dig_submit(impatient, 1);
    printf("%-40s %s\n", "cancel what is queued", tarn_cancel(queued) ? "true" : "false");
    printf("%-40s %s\n", "cancel what is running", tarn_cancel(endless) ? "true" : "false");
    say("what was cancelled ended", ending(queued));
    say("what should start within 50 ms ended", ending(late));

    say("stop what is running, within 10 s", tarn_stop(endless, 10));
    say("what was stopped ended", ending(endless));
    say("what should run for 50 ms at most ended", ending(dig_submit(limited, ENDLESS)));

    /* A deadline is a moment. Several waits may share one, and together take no longer. */
    tarn_future *futures[] = {dig_submit(pool, 5), dig_submit(pool, 5), dig_submit(pool, 5)};
    tarn_deadline soon = tarn_in(10);
    for (int i = 0; i < 3; i++)
        say("one of three waits with one deadline", tarn_future_wait(futures[i], soon));
    tarn_drop_all(futures, 3);

    /* An end with a limit, for programs that must not hang. What has not begun is cancelled. */
    tarn_future *forgotten = dig_submit(pool, ENDLESS);
    tarn_status status =
        tarn_shutdown(pool, .cancel_pending = true, .kill_running = true, .time_limit = 10);
    say("shut down within 10 s", status);
    if (status != TARN_OK)
        tarn_abandon(pool); /* a task does not look: leave it alone */
    tarn_drop(forgotten);   /* futures outlive their executor */
    return status != TARN_OK;
}
