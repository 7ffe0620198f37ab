/* SPDX-License-Identifier: Apache-2.0 */

/* Tests that end in every way a test can, for runner_test.sh. */
#include "runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

TEST(passes)
{
    assert_true(true);
}

TEST(fails)
{
    assert_true(false);
}

TEST(hangs)
{
    for (;;)
        pause();
}

TEST(sleeps)
{
    bool woken = poll(NULL, 0, 100) < 0 && errno == EINTR;
    puts(woken ? "was woken" : "still asleep");
}

TEST(crashes)
{
    raise(SIGSEGV);
}

TEST(counts)
{
    printf("%zu, at least %zu, at night %zu\n", test_count(1000), test_count(1),
           test_count_at_night(1000));
}
