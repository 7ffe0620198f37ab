/* SPDX-License-Identifier: Apache-2.0 */

/* 04 - Waiting for some of many: for the first that ends, for the first that fails, and for one
 * after the other as long as there is time. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>
#include <tarn.h>

/* How a server behaves. */
enum { ANSWERS, FAILS, HANGS };

static int ask(int server, int behaviour)
{
    struct timespec pause = {.tv_nsec = 1000000};

    do
        nanosleep(&pause, NULL);
    while (behaviour == HANGS && !tarn_stop_requested());
    if (behaviour == FAILS)
        tarn_fail(server, "server %d is out of order", server);
    return 10 * server;
}
TARN_TASK(int, ask, int, int);

/* Drop is not cancel: what is no longer wanted is first asked to stop, or cancelled if it has not
 * begun. Nobody waits for it. */
static void dismiss(tarn_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tarn_stop(futures[i], 0);
    tarn_drop_all(futures, n);
}

static void take_first_answer(tarn_executor *pool)
{
    tarn_future *asked[] = {ask_submit(pool, 1, HANGS), ask_submit(pool, 2, ANSWERS)};
    int answer;

    if (tarn_wait(asked, 2, TARN_WAIT_FIRST, tarn_in(10), NULL) != TARN_OK)
        printf("no answer: %s\n", tarn_last_error());
    for (int i = 0; i < 2; i++)
        if (tarn_done(asked[i]) && ask_result(asked[i], &answer) == TARN_OK)
            printf("the first answer is %d\n", answer);
    dismiss(asked, 2);
}

static void give_up_at_first_failure(tarn_executor *pool)
{
    tarn_future *asked[] = {ask_submit(pool, 1, ANSWERS), ask_submit(pool, 2, FAILS),
                            ask_submit(pool, 3, HANGS)};

    if (tarn_wait(asked, 3, TARN_WAIT_FIRST_ERROR, tarn_in(10), NULL) != TARN_OK)
        printf("no failure: %s\n", tarn_last_error());
    for (int i = 0; i < 3; i++)
        if (tarn_error(asked[i]) != NULL) /* it has ended, and not TARN_OK */
            printf("the first failure: %s\n", tarn_error(asked[i])->text);
    dismiss(asked, 3);
}

/* Completions hand out tags, here the places in the array, in the order in which futures end. */
static void take_what_comes_in_time(tarn_executor *pool)
{
    static const int behaviours[] = {ANSWERS, HANGS, ANSWERS, HANGS, ANSWERS};
    tarn_future *asked[5];
    tarn_status status;
    int answer;

    for (int i = 0; i < 5; i++)
        asked[i] = ask_submit(pool, i + 1, behaviours[i]);
    tarn_completions *completed = tarn_as_completed(asked, 5, tarn_in(0.3));
    if (completed == NULL) {
        printf("no completions: %s\n", tarn_last_error());
        dismiss(asked, 5);
        return;
    }
    size_t i;
    while ((status = tarn_next(completed, &i)) == TARN_OK)
        if (ask_result(asked[i], &answer) == TARN_OK)
            printf("server %zu answered %d\n", i + 1, answer);
    if (status == TARN_TIMEOUT)
        printf("time is up: %s\n", tarn_last_error());

    /* They are a group, too. Both workers hang, so the last call has not begun. It comes out like
     * the others: what has ended is handed out even when time is up. */
    printf("%zu cancelled\n", tarn_completions_cancel(completed));
    while (tarn_next(completed, &i) == TARN_OK)
        printf("server %zu was %s\n", i + 1,
               tarn_cancelled(asked[i]) ? "not asked" : "asked, and ended after all");
    tarn_completions_drop(completed);
    dismiss(asked, 5);
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool(.max_workers = 2);
    if (pool == NULL) {
        fprintf(stderr, "04_wait_any: %s\n", tarn_last_error());
        return 1;
    }
    take_first_answer(pool);
    give_up_at_first_failure(pool);
    take_what_comes_in_time(pool);
    return tarn_shutdown(pool) != TARN_OK;
}
