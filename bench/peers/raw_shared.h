/* SPDX-License-Identifier: Apache-2.0 */

/* What the raw peers share: a page for two processes, and the ways to wait for a word in it. Before
 * the first include there has to be _GNU_SOURCE. */
#ifndef RAW_SHARED_H
#define RAW_SHARED_H

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"

static inline void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        wrong("no shared memory");
    return memory;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The other may need this CPU: so it is offered now and then, seldom enough not to count. */
static inline void spin_until(atomic_uint *word, unsigned value)
{
    for (unsigned looks = 1; atomic_load_explicit(word, memory_order_acquire) != value; looks++) {
        if (looks % 4096 == 0)
            sched_yield();
        relax();
    }
}

static inline void sleep_until(atomic_uint *word, unsigned value)
{
    for (unsigned seen; (seen = atomic_load(word)) != value;)
        syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static inline void wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Waits for a child's end: its status. */
static inline int bury(pid_t child)
{
    int how;

    if (waitpid(child, &how, 0) != child)
        wrong("the child cannot be waited for");
    return how;
}

#endif
