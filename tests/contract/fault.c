/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

static atomic_long spared_left;
static atomic_long failing_left;
static atomic_long threads_failing;
static atomic_long threads_of;
static atomic_long threads_asked;
static atomic_bool no_affinity;
static atomic_long failures;

void fault_memory(long spared, long failing)
{
    atomic_store(&spared_left, spared);
    atomic_store(&failing_left, failing);
}

void fault_threads(long failing, long of)
{
    atomic_store(&threads_asked, 0);
    atomic_store(&threads_failing, failing);
    atomic_store(&threads_of, of);
}

void fault_affinity(void)
{
    atomic_store(&no_affinity, true);
}

long fault_end(void)
{
    atomic_store(&no_affinity, false);
    atomic_store(&failing_left, 0);
    atomic_store(&threads_of, 0);
    return atomic_exchange(&failures, 0);
}

/* Takes one off a counter, unless it is at zero. */
static bool take(atomic_long *counter)
{
    long left = atomic_load(counter);
    while (left > 0) {
        if (atomic_compare_exchange_weak(counter, &left, left - 1))
            return true;
    }
    return false;
}

/* Sanitizers abort on sizes that the plain allocator answers with NULL: they never see them. */
static bool refused(size_t size)
{
    if (size > (size_t)1 << 46)
        return true;
    if (atomic_load(&failing_left) == 0 || take(&spared_left) || !take(&failing_left))
        return false;
    atomic_fetch_add(&failures, 1);
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    if (!refused(size))
        return __real_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    size_t total;
    if (!__builtin_mul_overflow(count, size, &total) && !refused(total))
        return __real_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (!refused(size))
        return __real_realloc(memory, size);
    errno = ENOMEM;
    return NULL;
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (!refused(size))
        return __real_aligned_alloc(alignment, size);
    errno = ENOMEM;
    return NULL;
}

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return refused(size) ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (!refused(size))
        return __real_mmap(address, size, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    long of = atomic_load(&threads_of);
    if (of > 0 && atomic_fetch_add(&threads_asked, 1) % of < atomic_load(&threads_failing)) {
        atomic_fetch_add(&failures, 1);
        return EAGAIN;
    }
    return __real_pthread_create(thread, attributes, run, data);
}

int __real_sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *cpus);
int __wrap_sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *cpus);
int __wrap_sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *cpus)
{
    if (!atomic_load(&no_affinity))
        return __real_sched_setaffinity(thread, size, cpus);
    atomic_fetch_add(&failures, 1);
    errno = EINVAL;
    return -1;
}
