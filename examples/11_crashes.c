/* SPDX-License-Identifier: Apache-2.0 */

/* 11 - A decoder that is not to be trusted, in worker processes: a crash costs one task, and the
 * time limit is a hard one.
 *
 * One of its inputs makes it crash, one makes it loop for ever; the others are decoded all the
 * same. */
#include <stdio.h>
#include <stdlib.h>
#include <tarn.h>

enum { LIMIT = 2 /* seconds */, ROOM = 64 /* bytes */ };

/* Pairs: "3a2b" is "aaabb", and "@n" goes on at pair n. It believes its input, which is its
 * fault. */
static tarn_bytes decode(tarn_bytes input)
{
    const char *text = input.data;
    char *output = tarn_result_memory(ROOM);
    size_t size = 0, next;

    for (size_t i = 0; output && i + 1 < input.size; i = next) {
        int count = text[i] - '0';
        next = i + 2;
        if (text[i] == '@')
            next = 2 * (size_t)(text[i + 1] - '0'); /* back to here, perhaps, and so on ... */
        else if (count < 0 || count > 9)
            abort(); /* ... and this is not what it was made for */
        else
            for (; count > 0 && size < ROOM; count--)
                output[size++] = text[i + 1];
    }
    return (tarn_bytes){output, size};
}
TARN_TASK(tarn_bytes, decode, tarn_bytes);

static void show(const char *input, tarn_future *future)
{
    tarn_bytes output;
    tarn_status status = decode_result(future, &output);

    if (status == TARN_OK)
        printf("%s: %.*s\n", input, (int)output.size, (const char *)output.data);
    else if (status == TARN_LOST)
        printf("%s: crashed by signal %d\n", input, tarn_error(future)->signal);
    else if (status == TARN_EXPIRED)
        printf("%s: killed after %d seconds\n", input, LIMIT);
    else
        printf("%s: %s\n", input, tarn_error(future)->text);
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv); /* worker processes begin, and end, here */

    static const char *const inputs[] = {"3a2b", "x!", "4c", "1d@0", "1e@31z1f1g"};
    enum { N = sizeof inputs / sizeof *inputs };
    tarn_future *futures[N];

    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    if (pool == NULL) {
        fprintf(stderr, "11_crashes: %s\n", tarn_last_error());
        return 1;
    }
    /* What takes longer is killed: a thread could only be asked to stop. */
    tarn_executor *limited = tarn_with(pool, .run_limit = LIMIT);

    for (int i = 0; i < N; i++)
        futures[i] = decode_submit(limited, (tarn_bytes){inputs[i], strlen(inputs[i])});
    for (int i = 0; i < N; i++)
        show(inputs[i], futures[i]);
    tarn_drop_all(futures, N);
    return tarn_shutdown(pool) != TARN_OK;
}
