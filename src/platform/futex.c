/* SPDX-License-Identifier: Apache-2.0 */
#include "futex.h"

#include "broken.h"
#include "clock.h"
#include "memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#if TN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_DISABLE_ERROR_REPORTING (void)0
#define VALGRIND_ENABLE_ERROR_REPORTING  (void)0
#endif

/* The kernel's numbers, which never change: its headers are not everywhere where a libc is. */
#define FUTEX_WAKE_PRIVATE        (1 | 128)
#define FUTEX_WAIT_BITSET_PRIVATE (9 | 128)
#define FUTEX_BITSET_MATCH_ANY    0xffffffffu

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

bool tn_futex_wait(tn_atomic_u32 *word, uint32_t expected, int64_t until)
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
    if (syscall(FUTEX_CALL, &word->tn_raw_, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        return true;
    if (errno == ETIMEDOUT)
        return false;
    if (errno != EAGAIN && errno != EINTR)
        tn_broken("futex wait", errno);
    return true;
}

void tn_futex_wake(tn_atomic_u32 *word, int count)
{
    /* Valgrind takes the address for memory that the kernel reads, and the word may be freed. */
    VALGRIND_DISABLE_ERROR_REPORTING;
    /* An error can only mean that the word is gone, and with it all who slept on it. */
    syscall(FUTEX_CALL, &word->tn_raw_, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    VALGRIND_ENABLE_ERROR_REPORTING;
}
