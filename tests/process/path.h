/* SPDX-License-Identifier: Apache-2.0 */

/* Files by which tasks in other processes are held up, or say something: their names are arguments. */
#ifndef TESTS_PROCESS_PATH_H
#define TESTS_PROCESS_PATH_H

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <tarn.h>
#include <unistd.h>

typedef struct path {
    char text[64];
} path;

/* The name of an empty file, which is the caller's to remove. */
static inline path new_file(void)
{
    path p = {"/tmp/tarn-process-XXXXXX"};
    close(mkostemp(p.text, O_CLOEXEC));
    return p;
}

/* The same, and there is no such file yet. */
static inline path new_path(void)
{
    path p = new_file();
    unlink(p.text);
    return p;
}

/* Returns once there is such a file. */
static int wait_for_file(path p)
{
    while (access(p.text, F_OK) != 0)
        sched_yield();
    return (int)getpid();
}
TARN_TASK(int, wait_for_file, path);

/* Now there is, for those who wait for it. */
static inline void open_way(const path *p)
{
    close(open(p->text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

#endif
