/* SPDX-License-Identifier: Apache-2.0 */

/* 02 - How a task says that it failed, and how its caller learns what, where and why.
 *
 * Every submit gives a future, a refused one too. So there is one place to look for errors: where
 * the result is read. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <tarn.h>

/* tarn_fail() does not jump, and what is returned after it is ignored. Code and text are yours. */
static double divide(double a, double b)
{
    if (b == 0) {
        tarn_fail(EDOM, "cannot divide %g by zero", a);
        return 0;
    }
    return a / b;
}
TARN_TASK(double, divide, double, double);

/* A service that is busy for its first two callers. It counts in the memory of its process: the one
 * worker sees what it has counted before, be it a thread or a process. */
static double ask_service(double question)
{
    static atomic_int callers;
    int caller = ++callers;

    if (caller < 3) {
        tarn_fail(EBUSY, "busy; this was call %d", caller);
        return 0;
    }
    return question / 2;
}
TARN_TASK(double, ask_service, double);

/* The future has ended, and not TARN_OK. */
static void explain(const char *call, const tarn_future *future)
{
    const tarn_failure *failure = tarn_error(future);

    printf("%s: %s: %s\n", call, tarn_status_name(failure->status), failure->text);
    if (failure->file != NULL)
        printf("    code %d, said by %s() in %s:%d, attempt %d\n", failure->code, failure->task,
               failure->file, failure->line, failure->attempts);
}

static void read_division(const char *call, tarn_future *future)
{
    double quotient; /* set on TARN_OK only */

    if (divide_result(future, &quotient) == TARN_OK)
        printf("%s: %g\n", call, quotient);
    else
        explain(call, future);
    tarn_drop(future);
}

static void read_answer(const char *call, tarn_future *future)
{
    double answer;

    if (ask_service_result(future, &answer) == TARN_OK)
        printf("%s: %g\n", call, answer);
    else
        explain(call, future);
    tarn_drop(future);
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    if (pool == NULL) {
        fprintf(stderr, "02_errors: %s\n", tarn_last_error());
        return 1;
    }
    read_division("7 / 2", divide_submit(pool, 7, 2));
    read_division("7 / 0", divide_submit(pool, 7, 0));

    /* What fails is tried again, if you say so and as often as you say. Here that is not enough at
     * first. */
    tarn_executor *stubborn = tarn_with(pool, .retries = 1, .retry_on = TARN_RETRY_FAILED);
    read_answer("asked twice", ask_service_submit(stubborn, 84));
    read_answer("and again", ask_service_submit(stubborn, 84));

    /* An executor that could not be had is NULL. What is submitted to it is refused, so nothing
     * crashes; but only here and now can you learn why there is none. */
    tarn_executor *none = tarn_thread_pool(.max_workers = -2);
    if (none == NULL)
        printf("no pool: %s\n", tarn_last_error());
    read_division("1 / 2", divide_submit(none, 1, 2));

    return tarn_shutdown(pool) != TARN_OK;
}
