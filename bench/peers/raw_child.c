/* SPDX-License-Identifier: Apache-2.0 */

/* The least that a worker's start and its end can cost: fork() in a small process until the child
 * has said a word, and kill() until waitpid() has the child. */
#define _GNU_SOURCE
#include "../bench.h"
#include "raw_shared.h"

/* raw_child start | kill [CHILDREN] */
int main(int argc, char **argv)
{
    bool kills = argc > 1 && strcmp(argv[1], "kill") == 0;
    int n = argument(argc, argv, 2, 100);
    atomic_uint *word = shared_memory(sizeof *word);
    int64_t *times = samples(n);

    for (int i = 0; i < n; i++) {
        int64_t start = nanoseconds();
        pid_t child = fork();
        if (child < 0)
            wrong("no process");
        if (child == 0) {
            atomic_store(word, (unsigned)i + 1);
            wake(word);
            while (kills)
                relax();
            _exit(0);
        }
        sleep_until(word, (unsigned)i + 1);
        if (kills) {
            settle();
            start = nanoseconds();
            kill(child, SIGKILL);
        }
        int64_t said = nanoseconds();
        int how = bury(child);
        times[i] = (kills ? nanoseconds() : said) - start;
        if (kills ? !WIFSIGNALED(how) : how != 0)
            wrong("child %d ended with %#x", i, (unsigned)how);
    }
    report("us", (double)median(times, n) / 1000);
    free(times);
    return 0;
}
