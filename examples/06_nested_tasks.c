/* SPDX-License-Identifier: Apache-2.0 */

/* 06 - Tasks that submit tasks and wait for them: how many bytes lie below a directory?
 *
 *     06_nested_tasks /usr/include
 *
 * Every directory is a task, and waits for those inside of it. In many a pool, two workers would
 * soon both be waiting, with nobody left to work. Here a wait runs what it waits for, if that has
 * not begun; otherwise a spare worker takes the place of the one that waits. */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tarn.h>

struct usage {
    uint64_t bytes, files, unreadable;
};

/* It submits itself, so it is declared as a task first, and defined as one below. */
static struct usage measure(tarn_bytes path, tarn_executor *pool);
TARN_TASK_DECLARE(struct usage, measure, tarn_bytes, tarn_executor *);

static tarn_future *submit(const char *path, tarn_executor *pool)
{
    return measure_submit(pool, (tarn_bytes){path, strlen(path) + 1}, pool);
}

/* Counts an entry of a directory; if it is itself one, gives its future, and otherwise NULL. */
static tarn_future *look_at(struct usage *sum, const char *above, const char *name,
                            tarn_executor *pool)
{
    char path[PATH_MAX];
    struct stat info;

    if (snprintf(path, sizeof path, "%s/%s", above, name) >= (int)sizeof path ||
        lstat(path, &info) != 0) {
        sum->unreadable++;
    } else if (S_ISDIR(info.st_mode)) {
        return submit(path, pool);
    } else {
        sum->files++;
        sum->bytes += (uint64_t)info.st_size;
    }
    return NULL;
}

/* Waits for a directory inside, and adds it. What fails there fails here, and so reaches main. */
static void add(struct usage *sum, tarn_future *future)
{
    struct usage part;
    tarn_status status = measure_result(future, &part);

    if (status == TARN_OK) {
        sum->bytes += part.bytes;
        sum->files += part.files;
        sum->unreadable += part.unreadable;
    } else {
        const tarn_failure *failure = tarn_error(future); /* NULL: the wait itself was refused */
        tarn_fail(status, "%s", failure != NULL ? failure->text : tarn_last_error());
    }
    tarn_drop(future);
}

static int is_inside(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static struct usage measure(tarn_bytes path, tarn_executor *pool)
{
    struct usage sum = {0, 0, 0};
    struct dirent **entries;
    int n = scandir(path.data, &entries, is_inside, NULL);

    if (n < 0)
        return (struct usage){.unreadable = 1};
    /* First submits them all, then waits for one after the other. */
    tarn_future **inside = calloc((size_t)n + 1, sizeof(tarn_future *));
    if (inside == NULL)
        tarn_fail(ENOMEM, "no memory for the %d entries of %s", n, (const char *)path.data);
    for (int i = 0; i < n; i++) {
        if (inside != NULL)
            inside[i] = look_at(&sum, path.data, entries[i]->d_name, pool);
        free(entries[i]);
    }
    free(entries);
    for (int i = 0; inside != NULL && i < n; i++)
        if (inside[i] != NULL)
            add(&sum, inside[i]);
    free(inside);
    return sum;
}
TARN_TASK_DEFINE(struct usage, measure, tarn_bytes, tarn_executor *);

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    tarn_executor *pool = tarn_thread_pool(.max_workers = 2);
    if (pool == NULL) {
        fprintf(stderr, "06_nested_tasks: %s\n", tarn_last_error());
        return 1;
    }
    tarn_future *future = submit(argc > 1 ? argv[1] : ".", pool);
    struct usage sum = {0, 0, 1};

    if (measure_result(future, &sum) == TARN_OK)
        printf("%" PRIu64 " bytes in %" PRIu64 " files; %" PRIu64 " could not be read\n", sum.bytes,
               sum.files, sum.unreadable);
    else
        fprintf(stderr, "06_nested_tasks: %s\n", tarn_error(future)->text);
    tarn_drop(future);
    return tarn_shutdown(pool) != TARN_OK || sum.unreadable > 0;
}
