/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "atomic.h"
#include "memory.h"
#include "mutex.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The word lies in a page that the kernel empties in every child: no handler is needed to notice a
 * fork, so none can be passed by. Where that cannot be had, a handler of fork() counts. */
static tn_atomic_ptr page; /* a tn_atomic_u32; 0 in a child that has not looked yet */
static tn_atomic_u32 newest = TN_ATOMIC_INIT(1);

static tn_mutex watch_mutex = TN_MUTEX_INITIAL;

uint32_t tn_process_generation(void)
{
    tn_atomic_u32 *word = tn_ptr_load_acquire(&page);
    if (!word)
        return tn_u32_load_relaxed(&newest);
    uint32_t generation = tn_u32_load_relaxed(word);
    if (generation != 0)
        return generation;
    uint32_t next = tn_u32_add_relaxed(&newest, 1) + 1;
    /* Of several threads that look at once, the first decides. */
    return tn_u32_cas_strong_acq_rel(word, &generation, next) ? next : generation;
}

static void count_fork(void)
{
    if (!tn_ptr_load_acquire(&page))
        tn_u32_add_relaxed(&newest, 1);
}

static void make_page(void)
{
    enum { SIZE = 4096 };
    tn_atomic_u32 *word = tn_pages_map(SIZE, SIZE);
    if (!word)
        return;
#ifdef MADV_WIPEONFORK
    /* Emulators such as qemu before version 8 say yes to any advice, -1 included, and do
     * nothing. */
    if (madvise(word, SIZE, -1) != 0 && madvise(word, SIZE, MADV_WIPEONFORK) == 0) {
        tn_u32_set(word, tn_u32_load_relaxed(&newest));
        tn_ptr_store_release(&page, word);
        return;
    }
#endif
    tn_pages_unmap(word, SIZE);
}

/* What has been registered so far stays, if the rest fails, and is not registered again. */
static int watch(void (*at_exit)(void), void (*before_fork)(void), void (*after_fork)(void))
{
    static bool counts_forks, locks_at_fork;
    if (!tn_ptr_load_relaxed(&page))
        make_page();
    if (!counts_forks)
        counts_forks = pthread_atfork(NULL, NULL, count_fork) == 0;
    if (counts_forks && !locks_at_fork)
        locks_at_fork = pthread_atfork(before_fork, after_fork, after_fork) == 0;
    return locks_at_fork && atexit(at_exit) == 0 ? 0 : ENOMEM;
}

int tn_process_watch(void (*at_exit)(void), void (*before_fork)(void), void (*after_fork)(void))
{
    static tn_atomic_u32 watched;
    /* Without the mutex once it is done: a child may be forked while another thread holds it. */
    if (tn_u32_load_acquire(&watched))
        return 0;
    tn_mutex_lock(&watch_mutex);
    int error = tn_u32_load_relaxed(&watched) ? 0 : watch(at_exit, before_fork, after_fork);
    if (error == 0)
        tn_u32_store_release(&watched, 1);
    tn_mutex_unlock(&watch_mutex);
    return error;
}

double tn_process_setting(const char *name)
{
    const char *text = getenv(name);
    double seconds = text ? strtod(text, NULL) : 0;
    return seconds >= 0 ? seconds : 0;
}
