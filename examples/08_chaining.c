/* SPDX-License-Identifier: Apache-2.0 */

/* 08 - A pipeline in which nobody waits, but for its end:
 *
 * fetch -> count_words -> or_zero  \ fetch -> count_words -> or_zero   >  all fetch -> count_words
 * -> or_zero  /
 *
 * f_after() queues a task once another has ended well, and hands it the result. If the other
 * failed, the task does not run, and its future ends in the same way. tarn_then() queues a task
 * however the other ended, and hands it the future. tarn_all() ends when many have. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <tarn.h>

enum { PAGES = 3 };

/* A result of any length lies in memory that belongs to the future. */
static tarn_bytes fetch(int page)
{
    static const char *const pages[PAGES] = {"a task is a call", NULL,
                                             "a future is its answer, later"};
    size_t size;
    char *copy;

    if (pages[page] == NULL) {
        tarn_fail(ENOENT, "there is no page %d", page);
        return (tarn_bytes){NULL, 0};
    }
    size = strlen(pages[page]);
    copy = tarn_result_memory(size);
    if (copy == NULL) {
        tarn_fail(ENOMEM, "no memory for page %d", page);
        return (tarn_bytes){NULL, 0};
    }
    memcpy(copy, pages[page], size);
    return (tarn_bytes){copy, size};
}
TARN_TASK(tarn_bytes, fetch, int);

static int count_words(tarn_bytes text)
{
    const unsigned char *byte = text.data;
    int words = 0;

    for (size_t i = 0; i < text.size; i++)
        words += !isspace(byte[i]) && (i == 0 || isspace(byte[i - 1]));
    return words;
}
TARN_TASK(int, count_words, tarn_bytes);

/* before has ended: asking for its result does not block. */
static int or_zero(tarn_future *before)
{
    int words;

    return count_words_result(before, &words) == TARN_OK ? words : 0;
}
TARN_TASK(int, or_zero, tarn_future *);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool(.max_workers = 2);
    tarn_future *counted[PAGES], *safe[PAGES];
    int total = 0, words;

    if (pool == NULL) {
        fprintf(stderr, "08_chaining: %s\n", tarn_last_error());
        return 1;
    }
    for (int page = 0; page < PAGES; page++) {
        tarn_future *fetched = fetch_submit(pool, page);
        counted[page] = count_words_after(pool, fetched);
        safe[page] = tarn_then(pool, &or_zero_task, counted[page]);
        tarn_drop(fetched); /* the chain holds what it needs */
    }

    tarn_future *all = tarn_all(safe, PAGES);
    if (tarn_future_wait(all, tarn_in(10)) != TARN_OK || tarn_error(all) != NULL)
        printf("not all is done: %s\n",
               tarn_error(all) ? tarn_error(all)->text : tarn_last_error());

    for (int page = 0; page < PAGES; page++) {
        if (count_words_result(counted[page], &words) == TARN_OK)
            printf("page %d has %d words\n", page, words);
        else
            printf("page %d was not counted: %s\n", page, tarn_error(counted[page])->text);
        if (or_zero_result(safe[page], &words) == TARN_OK)
            total += words;
    }
    printf("all together: %d\n", total);

    tarn_drop(all);
    tarn_drop_all(counted, PAGES);
    tarn_drop_all(safe, PAGES);
    return tarn_shutdown(pool) != TARN_OK;
}
