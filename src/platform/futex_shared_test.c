/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/futex.h"

#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/shared.h"
#include "platform/thread.h"
#include "runner.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* ---- between processes ---- */

/* Words in memory that a forked child maps again. */
struct words {
    tn_atomic_u32 left;
    tn_atomic_u32 right;
};

static struct words *make_words(bool readers_only, int *fd)
{
    void *pages;

    assert_int_equal(tn_shared_new("words", sizeof(struct words), readers_only, fd, &pages), 0);
    return pages;
}

static struct words *map_words(int fd, bool writable)
{
    void *pages;

    return tn_shared_map(fd, sizeof(struct words), writable, &pages) == 0 ? pages : NULL;
}

static void give_words_back(struct words *words, int fd)
{
    tn_shared_unmap(words, sizeof(struct words));
    tn_fd_close(fd);
}

static void assert_succeeds(pid_t child)
{
    int status = -1;

    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool has_ended(pid_t child)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

TEST(a_wait_on_a_shared_word_ends_as_any)
{
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);
    int64_t until = tn_clock_after(0.02);

    assert_true(tn_futex_wait_shared(&word, 1, TN_CLOCK_NEVER));
    assert_false(tn_futex_wait_shared(&word, 0, INT64_MIN));
    while (tn_futex_wait_shared(&word, 0, until))
        continue;
    assert_true(tn_clock_now() >= until);
}

/* The word keeps its value, so that only a wake ends the sleep. */
TEST(a_wake_reaches_the_reader_in_another_process)
{
    int fd;
    struct words *words = make_words(true, &fd);
    pid_t child = fork();

    if (child == 0) {
        struct words *mine = map_words(fd, false);

        _exit(mine == NULL || !tn_futex_wait_shared(&mine->left, 0, tn_clock_after(3600)));
    }
    while (!has_ended(child)) {
        tn_futex_wake_shared(&words->left, 1);
        sched_yield();
    }
    assert_succeeds(child);
    give_words_back(words, fd);
}

static bool play_shared(struct words *words, uint32_t rounds, uint32_t first)
{
    if (words == NULL)
        return false;
    for (uint32_t turn = first; turn < rounds; turn += 2) {
        uint32_t seen;

        while ((seen = tn_u32_load_acquire(&words->left)) != turn)
            tn_futex_wait_shared(&words->left, seen, TN_CLOCK_NEVER);
        tn_u32_store_release(&words->left, turn + 1);
        tn_futex_wake_shared(&words->left, 1);
    }
    return true;
}

TEST(no_wake_up_is_lost_between_processes)
{
    const uint32_t rounds = 2 * (uint32_t)test_count(5000);
    int fd;
    struct words *words = make_words(false, &fd);
    pid_t child = fork();

    if (child == 0)
        _exit(!play_shared(map_words(fd, true), rounds, 1));
    assert_true(play_shared(words, rounds, 0));
    assert_succeeds(child);
    assert_int_equal(tn_u32_load_relaxed(&words->left), rounds);
    give_words_back(words, fd);
}

/* ---- two words ---- */

static bool two_can_be_waited_for(void)
{
    tn_atomic_u32 word = TN_ATOMIC_INIT(0);

    return tn_futex_wait_two(&word, 1, &word, 1, 0) != ENOSYS;
}

TEST(another_value_of_either_ends_the_wait_for_two)
{
    tn_atomic_u32 own = TN_ATOMIC_INIT(1), shared = TN_ATOMIC_INIT(2);

    if (!two_can_be_waited_for())
        skip();
    assert_int_equal(tn_futex_wait_two(&own, 0, &shared, 2, TN_CLOCK_NEVER), 0);
    assert_int_equal(tn_futex_wait_two(&own, 1, &shared, 0, TN_CLOCK_NEVER), 0);
    assert_int_equal(tn_futex_wait_two(&own, 0, &shared, 0, tn_clock_after(3600)), 0);
}

TEST(a_wait_for_two_ends_at_its_time_and_not_before)
{
    tn_atomic_u32 own = TN_ATOMIC_INIT(1), shared = TN_ATOMIC_INIT(2);
    int64_t until = tn_clock_after(0.02);
    int error;

    if (!two_can_be_waited_for())
        skip();
    assert_int_equal(tn_futex_wait_two(&own, 1, &shared, 2, INT64_MIN), ETIMEDOUT);
    while ((error = tn_futex_wait_two(&own, 1, &shared, 2, until)) == 0)
        continue;
    assert_int_equal(error, ETIMEDOUT);
    assert_true(tn_clock_now() >= until);
}

struct two {
    tn_atomic_u32 own;
    const struct words *words;
    tn_atomic_u32 ended;
    int error;
};

static void sleep_for_two(void *data)
{
    struct two *two = data;

    two->error = tn_futex_wait_two(&two->own, 0, &two->words->left, 0, TN_CLOCK_NEVER);
    tn_u32_store_release(&two->ended, 1);
}

TEST(a_wake_of_the_own_word_ends_the_wait_for_two)
{
    int fd;
    struct words *words = make_words(false, &fd);
    struct two two = {.words = words};
    tn_thread thread;

    if (!two_can_be_waited_for()) {
        give_words_back(words, fd);
        skip();
    }
    assert_int_equal(tn_thread_start(&thread, 0, "two", sleep_for_two, &two), 0);
    while (!tn_u32_load_acquire(&two.ended)) {
        tn_futex_wake(&two.own, 1);
        sched_yield();
    }
    tn_thread_join(thread);
    assert_int_equal(two.error, 0);
    give_words_back(words, fd);
}

/* By turns through the shared word, which the child changes and this process only reads. */
TEST(no_wake_up_of_the_shared_word_is_lost_in_a_wait_for_two)
{
    const uint32_t rounds = (uint32_t)test_count(2000);
    tn_atomic_u32 own = TN_ATOMIC_INIT(0);
    int fd;
    struct words *words = make_words(false, &fd), *read_only = map_words(fd, false);
    pid_t child;

    assert_non_null(read_only);
    if (!two_can_be_waited_for()) {
        tn_shared_unmap(read_only, sizeof(*read_only));
        give_words_back(words, fd);
        skip();
    }
    child = fork();
    if (child == 0) {
        struct words *mine = map_words(fd, true);

        for (uint32_t i = 0; mine != NULL && i < rounds; i++) {
            while (tn_u32_load_acquire(&mine->right) != i)
                tn_futex_wait_shared(&mine->right, i - 1, TN_CLOCK_NEVER);
            tn_u32_store_release(&mine->left, i + 1);
            tn_futex_wake_shared(&mine->left, 1);
        }
        _exit(mine == NULL);
    }
    for (uint32_t i = 0; i < rounds; i++) {
        while (tn_u32_load_acquire(&read_only->left) != i + 1)
            assert_int_equal(tn_futex_wait_two(&own, 0, &read_only->left, i, TN_CLOCK_NEVER), 0);
        tn_u32_store_release(&words->right, i + 1);
        tn_futex_wake_shared(&words->right, 1);
    }
    assert_succeeds(child);
    tn_shared_unmap(read_only, sizeof(*read_only));
    give_words_back(words, fd);
}

/* ---- a system without ---- */

long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

static int refusal; /* errno of futex_waitv; 0: as the system has it */
static int refusals;

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list arguments;

    if (number == SYS_futex_waitv && refusal != 0) {
        refusals++;
        errno = refusal;
        return -1;
    }
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

TEST(a_system_that_cannot_wait_for_two_is_asked_once)
{
    static const int errors[] = {ENOSYS, EPERM};

    for (int i = 0; i < 2; i++) {
        /* What has been found out stays in the child. */
        pid_t child = fork();

        if (child == 0) {
            tn_atomic_u32 word = TN_ATOMIC_INIT(0);
            bool good = true;

            refusal = errors[i];
            for (int j = 0; j < 3; j++)
                good &= tn_futex_wait_two(&word, 1, &word, 1, TN_CLOCK_NEVER) == ENOSYS;
            refusal = 0;
            good &= tn_futex_wait_two(&word, 1, &word, 1, TN_CLOCK_NEVER) == ENOSYS;
            _exit(!good || refusals > 1);
        }
        assert_succeeds(child);
    }
}
