/* SPDX-License-Identifier: Apache-2.0 */

/* A crash costs one task: a decoder that is not to be trusted runs in worker processes.
 *
 * One of its inputs makes it crash, one makes it loop for ever; the others are decoded all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <tarn.h>

/* Run-length: "3a2b" is "aaabb". It believes its input, which is its fault. */
static tarn_bytes decode(tarn_bytes input)
{
    const char *text = input.data;
    char *output = tarn_result_memory(64);
    size_t size = 0;
    for (size_t i = 0; output && i + 1 < input.size; i += 2) {
        for (unsigned count = (unsigned)(text[i] - '0'); count > 0; count--) {
            output[size % 64] = text[i + 1]; /* a negative count is a very large one ... */
            size++;
        }
        if (text[i + 1] == '!')
            abort(); /* ... and this is not what it was made for */
    }
    return (tarn_bytes){output, size < 64 ? size : 64};
}
TARN_TASK(tarn_bytes, decode, tarn_bytes);

int main(int argc, char **argv)
{
    static const char *const inputs[] = {"3a2b", "1!", "4c", "/d", "1e1f1g"};
    enum { N = sizeof inputs / sizeof *inputs };

    tarn_boot(argc, argv); /* worker processes begin, and end, here */
    tarn_executor *pool = tarn_process_pool(.max_workers = 2);
    if (!pool) {
        fprintf(stderr, "%s\n", tarn_last_error());
        return EXIT_FAILURE;
    }
    /* A task that takes longer is killed: a thread could only be asked to stop. */
    tarn_executor *limited = tarn_with(pool, .run_limit = 2);

    tarn_future *futures[N];
    for (int i = 0; i < N; i++) {
        size_t length = 0;
        while (inputs[i][length] != '\0')
            length++;
        futures[i] = decode_submit(limited, (tarn_bytes){inputs[i], length});
    }
    for (int i = 0; i < N; i++) {
        tarn_bytes output;
        tarn_status status = decode_result(futures[i], &output);
        if (status == TARN_OK)
            printf("%s: %.*s\n", inputs[i], (int)output.size, (const char *)output.data);
        else if (status == TARN_LOST)
            printf("%s: crashed by signal %d\n", inputs[i], tarn_error(futures[i])->signal);
        else
            printf("%s: %s\n", inputs[i], tarn_status_name(status));
    }
    tarn_drop_all(futures, N);
    return tarn_shutdown(pool) == TARN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
