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
    if (madvise(word, SIZE, MADV_WIPEONFORK) == 0) {
        tn_u32_set(word, tn_u32_load_relaxed(&newest));
        tn_ptr_store_release(&page, word);
        return;
    }
#endif
    tn_pages_unmap(word, SIZE);
}

int tn_process_watch(void (*at_exit)(void), void (*before_fork)(void), void (*after_fork)(void))
{
    static bool watched;
    int error = 0;
    tn_mutex_lock(&watch_mutex);
    if (!watched) {
        make_page();
        if (pthread_atfork(NULL, NULL, count_fork) != 0 ||
            pthread_atfork(before_fork, after_fork, after_fork) != 0 || atexit(at_exit) != 0)
            error = ENOMEM;
        watched = error == 0;
    }
    tn_mutex_unlock(&watch_mutex);
    return error;
}

double tn_process_setting(const char *name)
{
    const char *text = getenv(name);
    double seconds = text ? strtod(text, NULL) : 0;
    return seconds >= 0 ? seconds : 0;
}
