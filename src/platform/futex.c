/* SPDX-License-Identifier: Apache-2.0 */
#include "futex.h"

#include "broken.h"
#include "clock.h"
#include "memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if TN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_DISABLE_ERROR_REPORTING (void)0
#define VALGRIND_ENABLE_ERROR_REPORTING  (void)0
#endif

/* The kernel's numbers, which never change: its headers are not everywhere where a libc is. */
#define FUTEX_WAKE             1
#define FUTEX_WAIT_BITSET      9
#define FUTEX_PRIVATE          128
#define FUTEX_BITSET_MATCH_ANY 0xffffffffu
#define FUTEX_SIZE_32          2
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* What the call takes, which is not libc's timespec where time_t is wider than long. The older call
 * serves wherever there is one: a machine's uptime fits 32 bits (see tn_clock_split()). */
#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
struct futex_time {
    long seconds;
    long nanoseconds;
};
#else
#define FUTEX_CALL SYS_futex_time64
struct futex_time {
    int64_t seconds;
    int64_t nanoseconds;
};
#endif

/* `scope`: FUTEX_PRIVATE or 0. */
static bool sleep_on(const tn_atomic_u32 *word, uint32_t expected, int64_t until, int scope)
{
    struct futex_time time;
    struct futex_time *limit = NULL;
    int32_t seconds, nanoseconds;

    if (tn_clock_split(until, &seconds, &nanoseconds)) {
        time.seconds = seconds;
        time.nanoseconds = nanoseconds;
        limit = &time;
    }

    /* WAIT_BITSET, for its time is absolute where that of WAIT is relative. */
    if (syscall(FUTEX_CALL, &word->tn_raw_, FUTEX_WAIT_BITSET | scope, expected, limit, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        return true;
    if (errno == ETIMEDOUT)
        return false;
    if (errno != EAGAIN && errno != EINTR)
        tn_broken("futex wait", errno);
    return true;
}

static void wake(const tn_atomic_u32 *word, int count, int scope)
{
    /* Valgrind takes the address for memory that the kernel reads, and the word may be freed. */
    VALGRIND_DISABLE_ERROR_REPORTING;
    /* An error can only mean that the word is gone, and with it all who slept on it. */
    syscall(FUTEX_CALL, &word->tn_raw_, FUTEX_WAKE | scope, count, NULL, NULL, 0);
    VALGRIND_ENABLE_ERROR_REPORTING;
}

bool tn_futex_wait(tn_atomic_u32 *word, uint32_t expected, int64_t until)
{
    return sleep_on(word, expected, until, FUTEX_PRIVATE);
}

void tn_futex_wake(tn_atomic_u32 *word, int count)
{
    wake(word, count, FUTEX_PRIVATE);
}

bool tn_futex_wait_shared(const tn_atomic_u32 *word, uint32_t expected, int64_t until)
{
    return sleep_on(word, expected, until, 0);
}

void tn_futex_wake_shared(const tn_atomic_u32 *word, int count)
{
    wake(word, count, 0);
}

/* What futex_waitv takes: its own formats, the same on all machines. */
struct wait_item {
    uint64_t expected;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};
struct wait_time {
    int64_t seconds;
    int64_t nanoseconds;
};

int tn_futex_wait_two(const tn_atomic_u32 *own, uint32_t own_expected, const tn_atomic_u32 *shared,
                      uint32_t shared_expected, int64_t until)
{
    static tn_atomic_u32 missing;
    const struct wait_item items[] = {
        {own_expected, (uintptr_t)&own->tn_raw_, FUTEX_SIZE_32 | FUTEX_PRIVATE, 0},
        {shared_expected, (uintptr_t)&shared->tn_raw_, FUTEX_SIZE_32, 0},
    };
    struct wait_time time;
    const struct wait_time *limit = NULL;
    int32_t seconds, nanoseconds;

    if (tn_u32_load_relaxed(&missing))
        return ENOSYS;
    if (tn_clock_split(until, &seconds, &nanoseconds)) {
        time = (struct wait_time){seconds, nanoseconds};
        limit = &time;
    }
    /* Which of the two was woken does not matter: the caller looks at both. */
    if (syscall(SYS_futex_waitv, items, 2, 0, limit, CLOCK_MONOTONIC) >= 0)
        return 0;
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return 0;
    case ETIMEDOUT:
        return ETIMEDOUT;
    case ENOSYS:
    case EPERM: /* what filters of containers answer for calls that they do not know */
        tn_u32_store_relaxed(&missing, 1);
        return ENOSYS;
    default:
        tn_broken("futex_waitv", errno);
    }
}
