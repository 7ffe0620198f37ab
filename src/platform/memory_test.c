/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/memory.h"

#include "runner.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if TN_ASAN
#include <sanitizer/asan_interface.h>
#elif TN_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

static bool all_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool aligned(const void *address, size_t alignment)
{
    return ((uintptr_t)address & (alignment - 1)) == 0;
}

/* ---- failures of the system ---- */

void *__wrap_calloc(size_t count, size_t size);
void *__real_calloc(size_t count, size_t size);

static bool no_memory;

/* As strict as the standard allows: nothing gives NULL. */
void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory || count == 0 || size == 0 ? NULL : __real_calloc(count, size);
}

TEST(without_memory_there_is_no_block)
{
    void *block, *array;

    no_memory = true;
    block = tn_alloc(8);
    array = tn_alloc_array(2, 8);
    no_memory = false;
    assert_null(block);
    assert_null(array);
}

/* ---- blocks ---- */

/* A block of the same size is likely to be the one just freed, full of ones. */
TEST(blocks_are_zero_also_when_used_again)
{
    for (int i = 0; i < 10; i++) {
        unsigned char *block = tn_alloc(200);

        assert_non_null(block);
        assert_true(aligned(block, _Alignof(max_align_t)));
        assert_true(all_zero(block, 200));
        memset(block, 0xff, 200);
        tn_free(block);
    }
}

TEST(arrays_are_zero)
{
    unsigned char *array = tn_alloc_array(10, 24);

    assert_non_null(array);
    assert_true(all_zero(array, 240));
    tn_free(array);
}

TEST(an_array_that_overflows_is_refused)
{
    /* What the compiler knows would be refused by it. */
    volatile size_t huge = SIZE_MAX / 2 + 1;

    assert_null(tn_alloc_array(huge, 2));
    assert_null(tn_alloc_array(2, huge));
    assert_null(tn_alloc_array(SIZE_MAX / 8 + 2, 8));
}

TEST(nothing_can_be_allocated_and_freed)
{
    void *nothing = tn_alloc(0);
    void *empty = tn_alloc_array(0, 8);
    void *flat = tn_alloc_array(8, 0);

    assert_non_null(nothing);
    assert_non_null(empty);
    assert_non_null(flat);
    tn_free(nothing);
    tn_free(empty);
    tn_free(flat);
    tn_free(NULL);
}

/* ---- pages ---- */

TEST(pages_are_zero_aligned_and_all_usable)
{
    static const size_t sizes[] = {1, 4096, 5000, 65536, 1000000};

    for (size_t alignment = 1; alignment <= 4 << 20; alignment *= 4) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            unsigned char *pages = tn_pages_map(sizes[i], alignment);

            assert_non_null(pages);
            assert_true(aligned(pages, alignment));
            assert_true(aligned(pages, (size_t)sysconf(_SC_PAGESIZE)));
            assert_true(all_zero(pages, sizes[i]));
            memset(pages, 0xff, sizes[i]);
            tn_pages_unmap(pages, sizes[i]);
        }
    }
}

/* Virtual memory in use, in pages. */
static long mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = -1;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages;
}

/* The two sizes leave slack behind the pages and before them: the kernel maps downwards. */
TEST(neither_slack_nor_pages_stay_mapped)
{
    enum { COUNT = 100 };
    const long page = sysconf(_SC_PAGESIZE);
    const size_t alignment = 1 << 20;
    const size_t sizes[] = {(size_t)page, alignment / 2};
    /* Tools map memory of their own meanwhile: there is room for that, but not for a leak. */
    const long few = COUNT * (long)alignment / page / 4;

    for (int i = 0; i < 2; i++) {
        long before = mapped(), during;
        void *pages[COUNT];

        for (int j = 0; j < COUNT; j++)
            pages[j] = tn_pages_map(sizes[i], alignment);
        during = mapped();
        for (int j = 0; j < COUNT; j++) {
            assert_non_null(pages[j]);
            tn_pages_unmap(pages[j], sizes[i]);
        }
        assert_true(during - before < COUNT * (long)sizes[i] / page + few);
        assert_true(mapped() - before < few);
    }
}

TEST(pages_that_do_not_fit_are_refused)
{
    assert_null(tn_pages_map(SIZE_MAX, 1));
    assert_null(tn_pages_map(SIZE_MAX - 4096, 1 << 20));
    assert_null(tn_pages_map(SIZE_MAX / 2, 1));
    assert_null(tn_pages_map(4096, SIZE_MAX / 2 + 1));
}

/* ---- marks ---- */

/* Whether the tool in use, if any, takes this byte for forbidden. */
static bool forbidden(unsigned char *byte)
{
#if TN_ASAN
    return __asan_address_is_poisoned(byte) != 0;
#elif TN_HAVE_VALGRIND
    unsigned char bits;

    /* 3: not addressable; 0: no Valgrind. */
    return VALGRIND_GET_VBITS(byte, &bits, 1) == 3;
#else
    (void)byte;
    return false;
#endif
}

static bool a_tool_watches(void)
{
#if TN_ASAN
    return true;
#elif TN_HAVE_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

TEST(poisoned_memory_is_forbidden_until_unpoisoned)
{
    unsigned char *pages = tn_pages_map(4096, 4096);

    assert_non_null(pages);
    tn_memory_poison(pages + 64, 128);
    assert_false(forbidden(pages + 63));
    assert_int_equal(forbidden(pages + 64), a_tool_watches());
    assert_int_equal(forbidden(pages + 191), a_tool_watches());
    assert_false(forbidden(pages + 192));
    tn_memory_unpoison(pages + 64, 128);
    memset(pages, 1, 4096);
    assert_int_equal(pages[64], 1);
    tn_pages_unmap(pages, 4096);
}

TEST(poisoned_memory_keeps_what_it_held)
{
    unsigned char *pages = tn_pages_map(4096, 4096);

    assert_non_null(pages);
    memset(pages, 5, 4096);
    tn_memory_poison(pages, 64);
    tn_memory_defined(pages + 8, 8);
    assert_int_equal(pages[8], 5);
    assert_int_equal(pages[15], 5);
    assert_int_equal(forbidden(pages), a_tool_watches());
    assert_int_equal(forbidden(pages + 16), a_tool_watches());
    tn_pages_unmap(pages, 4096);
}

TEST(poison_goes_with_the_pages)
{
    for (int i = 0; i < 10; i++) {
        unsigned char *pages = tn_pages_map(4096, 4096);

        assert_non_null(pages);
        assert_false(forbidden(pages));
        pages[0] = 1;
        tn_memory_poison(pages, 4096);
        tn_pages_unmap(pages, 4096);
    }
}

TEST(blocks_that_only_pages_point_to_are_no_leaks)
{
    static void **pages;

    pages = tn_pages_map(4096, 4096);
    assert_non_null(pages);
    pages[0] = tn_alloc(40);
    assert_non_null(pages[0]);
}
