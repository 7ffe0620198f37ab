/* SPDX-License-Identifier: Apache-2.0 */

/* 05 - One function over many items: f_map() for an array, f_map_from() for a stream of which
 * nobody knows the length.
 *
 * seq 1000000 | 05_map
 *
 * There are no futures to keep: items go out in chunks, a few of which are under way at any time,
 * so that a stream of any length needs the same memory. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <tarn.h>

/* text: with its final zero */
static double to_number(tarn_bytes text)
{
    char *end;
    double number = strtod(text.data, &end);

    if (end == text.data || *end != '\0')
        tarn_fail(EINVAL, "\"%s\" is no number", (const char *)text.data);
    return number;
}
TARN_TASK(double, to_number, tarn_bytes);

/* ---- An array: results and endings lie where the items do
 * -------------------------------------- */

static void map_array(tarn_executor *pool)
{
    static const tarn_bytes words[] = {{"12", 3}, {"2.5", 4}, {"seven", 6}, {"-1e3", 5}};
    double numbers[4];
    tarn_status statuses[4];

    /* An item fails by itself: the others are done all the same. */
    tarn_status status = to_number_map(pool, words, 4, numbers, statuses, TARN_FOREVER);
    if (status != TARN_OK)
        printf("not all went well: %s\n", tarn_last_error());
    for (int i = 0; i < 4; i++)
        if (statuses[i] == TARN_OK)
            printf("%s: %g\n", (const char *)words[i].data, numbers[i]);
        else
            printf("%s: %s\n", (const char *)words[i].data, tarn_status_name(statuses[i]));
}

/* ---- A stream: items are fetched as they are needed, and endings come in their order
 * ----------- */

struct stream {
    char *line; /* getline() makes it as long as need be */
    size_t room;
    double sum;
    size_t lines, bad;
};

/* The bytes are copied before the next call, so one buffer is enough. */
static bool next_line(tarn_bytes *item, void *data)
{
    struct stream *stream = data;
    ssize_t size = getline(&stream->line, &stream->room, stdin);

    if (size < 0)
        return false;
    if (size > 0 && stream->line[size - 1] == '\n')
        stream->line[size - 1] = '\0';
    *item = (tarn_bytes){stream->line, (size_t)size + 1};
    return true;
}

/* Runs on the thread that called f_map_from(), as next_line() does: no locks are needed. */
static bool take_number(size_t i, tarn_status status, const double *number, void *data)
{
    struct stream *stream = data;

    (void)i;
    stream->lines++;
    if (status == TARN_OK)
        stream->sum += *number;
    else
        stream->bad++;
    return true; /* false would end it here */
}

static bool map_stream(tarn_executor *pool)
{
    struct stream stream = {0};
    tarn_status status = to_number_map_from(pool, next_line, take_number, &stream, TARN_FOREVER);

    if (status != TARN_OK)
        printf("not all went well: %s\n", tarn_last_error());
    printf("%zu lines, %zu of them no numbers; the others add up to %.15g\n", stream.lines,
           stream.bad, stream.sum);
    free(stream.line);
    return (status == TARN_OK || status == TARN_FAILED) && !ferror(stdin);
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool();
    if (pool == NULL) {
        fprintf(stderr, "05_map: %s\n", tarn_last_error());
        return 1;
    }
    map_array(pool);
    bool complete = map_stream(pool);
    return tarn_shutdown(pool) != TARN_OK || !complete;
}
