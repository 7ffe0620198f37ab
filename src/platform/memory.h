/* SPDX-License-Identifier: Apache-2.0 */

/* Memory: blocks, pages, and marks for the tools that watch over them. */
#ifndef TN_PLATFORM_MEMORY_H
#define TN_PLATFORM_MEMORY_H

#include <stddef.h>

/* TN_ASAN, TN_TSAN: 1 in a build with that sanitizer, else 0. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define TN_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define TN_TSAN 1
#endif
#endif
#if !defined TN_ASAN && defined __SANITIZE_ADDRESS__
#define TN_ASAN 1
#endif
#if !defined TN_TSAN && defined __SANITIZE_THREAD__
#define TN_TSAN 1
#endif
#ifndef TN_ASAN
#define TN_ASAN 0
#endif
#ifndef TN_TSAN
#define TN_TSAN 0
#endif

/* Set by the build where Valgrind's headers were found; the same for all files of the library. */
#ifndef TN_HAVE_VALGRIND
#define TN_HAVE_VALGRIND 0
#endif

/* A block of `size` bytes, all zero, aligned for any object; NULL: no memory. With size 0 it may
 * only be freed. May block on the allocator's locks. */
void *tn_alloc(size_t size);

/* The same, and what it holds is undefined. */
void *tn_alloc_bare(size_t size);

/* As tn_alloc() for `count` objects of `size` bytes; NULL also if the product does not fit. */
void *tn_alloc_array(size_t count, size_t size);

/* Frees what tn_alloc() or tn_alloc_array() gave; NULL does nothing. */
void tn_free(void *block);

/* Pages of their own: `size` bytes (more than 0), all zero, at a multiple of `alignment` (a power
 * of two). NULL: no memory, or no such room. They cost memory only once touched. */
void *tn_pages_map(size_t size, size_t alignment);

/* Gives back exactly what one tn_pages_map(size, ...) gave. */
void tn_pages_unmap(void *pages, size_t size);

/* Marks for AddressSanitizer and Valgrind; without either they do nothing and cost nothing. They
 * are for memory that this library hands out and takes back itself. AddressSanitizer marks in
 * units of 8 bytes: start and size are multiples of 8.
 *
 * poison    nobody may touch these bytes; the tool reports who does
 * unpoison  they may be written; what they hold is undefined until then
 * defined   they may be read; they hold what was last written */
#if TN_ASAN || TN_HAVE_VALGRIND
void tn_memory_poison(void *start, size_t size);
void tn_memory_unpoison(void *start, size_t size);
void tn_memory_defined(void *start, size_t size);
#else
static inline void tn_memory_poison(void *start, size_t size)
{
    (void)start;
    (void)size;
}

static inline void tn_memory_unpoison(void *start, size_t size)
{
    (void)start;
    (void)size;
}

static inline void tn_memory_defined(void *start, size_t size)
{
    (void)start;
    (void)size;
}
#endif

#endif
