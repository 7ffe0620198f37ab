/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if TN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#elif TN_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

void *tn_alloc(size_t size)
{
    return tn_alloc_array(1, size);
}

void *tn_alloc_array(size_t count, size_t size)
{
    size_t product;

    /* calloc() refuses this too, but sanitizers end the process that asks for it. */
    if (__builtin_mul_overflow(count, size, &product))
        return NULL;
    /* calloc() may answer NULL for nothing, which would look like a lack of memory. */
    if (product == 0)
        count = size = 1;
    return calloc(count, size);
}

void *tn_alloc_bare(size_t size)
{
    return malloc(size > 0 ? size : 1);
}

void tn_free(void *block)
{
    free(block);
}

void *tn_pages_map(size_t size, size_t alignment)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t slack = alignment > page ? alignment - page : 0;
    size_t before, after;
    char *start, *pages;

    if (size > SIZE_MAX - page)
        return NULL;
    size = (size + page - 1) & ~(page - 1);
    if (slack > SIZE_MAX - size)
        return NULL;
    start = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;

    /* What does not lie between two multiples of the alignment goes back at once. */
    before = (alignment - ((uintptr_t)start & (alignment - 1))) & (alignment - 1);
    pages = start + before;
    after = slack - before;
    if (before > 0)
        munmap(start, before);
    if (after > 0)
        munmap(pages + size, after);
#if TN_ASAN
    /* Blocks that only these pages point to are not leaks. */
    __lsan_register_root_region(pages, size);
#endif
    return pages;
}

void tn_pages_unmap(void *pages, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    size = (size + page - 1) & ~(page - 1);
#if TN_ASAN
    /* The marks would stay with the addresses, for whoever gets them next. */
    __asan_unpoison_memory_region(pages, size);
    __lsan_unregister_root_region(pages, size);
#endif
    munmap(pages, size);
}

#if TN_ASAN
void tn_memory_poison(void *start, size_t size)
{
    __asan_poison_memory_region(start, size);
}

void tn_memory_unpoison(void *start, size_t size)
{
    __asan_unpoison_memory_region(start, size);
}

void tn_memory_defined(void *start, size_t size)
{
    __asan_unpoison_memory_region(start, size);
}
#elif TN_HAVE_VALGRIND
void tn_memory_poison(void *start, size_t size)
{
    (void)VALGRIND_MAKE_MEM_NOACCESS(start, size);
}

void tn_memory_unpoison(void *start, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(start, size);
}

void tn_memory_defined(void *start, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(start, size);
}
#endif
