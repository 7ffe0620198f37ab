/* SPDX-License-Identifier: Apache-2.0 */

/* The least that a call in another process can cost: two processes over a shared page, each with a
 * word in a cache line of its own, which it writes and the other waits for. */
#define _GNU_SOURCE
#include <sched.h>

#include "../bench.h"
#include "raw_shared.h"

enum { WARM_UP = 100 };

struct words {
    _Alignas(128) atomic_uint ping;
    _Alignas(128) atomic_uint pong;
};

static bool parked;

static void await(atomic_uint *word, unsigned value)
{
    if (parked)
        sleep_until(word, value);
    else
        spin_until(word, value);
}

static void say(atomic_uint *word, unsigned value)
{
    atomic_store(word, value);
    if (parked)
        wake(word);
}

/* Until it is killed. */
__attribute__((noreturn)) static void answer(struct words *words)
{
    for (unsigned i = 1;; i++) {
        await(&words->ping, i);
        say(&words->pong, i);
    }
}

static void ask(void *data, int unused)
{
    static unsigned asked;
    struct words *words = data;

    (void)unused;
    say(&words->ping, ++asked);
    await(&words->pong, asked);
}

static double ask_sleepers(struct words *words, int n)
{
    int64_t *times = samples(n);

    for (int i = 0; i < n; i++) {
        settle();
        int64_t start = nanoseconds();
        ask(words, i);
        times[i] = nanoseconds() - start;
    }
    double each = (double)median(times, n);
    free(times);
    return each;
}

/* Onto the nth CPU of those that this process may use. */
static void stay_on(int nth)
{
    cpu_set_t allowed, one;

    sched_getaffinity(0, sizeof allowed, &allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && nth-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
        }
    }
}

/* raw_pingpong hot | parked [ROUND TRIPS] [apart]: otherwise who sleeps may be woken on the CPU of the
 * other, which falls asleep itself */
int main(int argc, char **argv)
{
    parked = argc > 1 && strcmp(argv[1], "parked") == 0;
    bool apart = argc > 3 && strcmp(argv[3], "apart") == 0;
    int n = argument(argc, argv, 2, 20000);
    struct words *words = shared_memory(sizeof *words);
    pid_t peer = fork();

    if (peer < 0)
        wrong("no process");
    if (peer == 0) {
        if (apart)
            stay_on(1);
        answer(words);
    }
    if (apart)
        stay_on(0);
    for (int i = 0; i < WARM_UP; i++)
        ask(words, i);
    double each = parked ? ask_sleepers(words, n) : each_step(ask, words, n);
    kill(peer, SIGKILL);
    bury(peer);
    report("ns", each);
    return 0;
}
