/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "platform/memory.h"
#include "runner.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int before_forks, after_forks;
static bool leaves;

static void note_exit(void)
{
    if (leaves)
        _exit(7);
}

static void note_before(void)
{
    before_forks++;
}

static void note_after(void)
{
    after_forks++;
}

static void watch(void)
{
    assert_int_equal(tn_process_watch(note_exit, note_before, note_after), 0);
}

static int status_of(pid_t child)
{
    int status = -1;
    pid_t ended;
    assert_true(child > 0);
    while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        continue;
    assert_int_equal(ended, child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_process_keeps_its_generation)
{
    uint32_t first = tn_process_generation();
    watch();
    assert_int_equal(tn_process_generation(), first);
    assert_int_equal(tn_process_generation(), first);
}

TEST(a_child_has_another_generation_and_keeps_it)
{
    watch();
    uint32_t generation = tn_process_generation();
    pid_t child = fork();
    if (child == 0) {
        uint32_t own = tn_process_generation();
        _exit(own == generation || own != tn_process_generation());
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(tn_process_generation(), generation);
}

TEST(a_child_of_a_child_differs_from_both)
{
    watch();
    uint32_t generation = tn_process_generation();
    pid_t child = fork();
    if (child == 0) {
        uint32_t own = tn_process_generation();
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(tn_process_generation() == own || tn_process_generation() == generation);
        int status = -1;
        waitpid(grandchild, &status, 0);
        _exit(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    }
    assert_int_equal(status_of(child), 0);
}

/* Under some emulators nothing does; they take any advice for good. */
static bool a_fork_can_empty_pages(void)
{
    enum { SIZE = 4096 };
    void *page = tn_pages_map(SIZE, SIZE);
    assert_non_null(page);
    bool can = madvise(page, SIZE, -1) != 0 && madvise(page, SIZE, MADV_WIPEONFORK) == 0;
    tn_pages_unmap(page, SIZE);
    return can;
}

/* No handler runs then. */
TEST(a_child_by_the_bare_system_call_differs_too)
{
    if (!a_fork_can_empty_pages())
        skip();
    watch();
    uint32_t generation = tn_process_generation();
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(tn_process_generation() == generation);
    assert_int_equal(status_of(child), 0);
}

TEST(handlers_run_once_around_a_fork)
{
    watch();
    watch();
    before_forks = after_forks = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(before_forks != 1 || after_forks != 1);
    assert_int_equal(status_of(child), 0);
    assert_int_equal(before_forks, 1);
    assert_int_equal(after_forks, 1);
}

TEST(exit_runs_its_handler)
{
    pid_t child = fork();
    if (child == 0) {
        watch();
        leaves = true;
        exit(99);
    }
    assert_int_equal(status_of(child), 7);
}

TEST(a_setting_is_a_number_of_seconds_or_nothing)
{
    static const char name[] = "TARN_TEST_SETTING";
    unsetenv(name);
    assert_true(tn_process_setting(name) == 0);
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"2.5", 2.5}, {"0", 0},   {"", 0},         {"soon", 0},
                {"-1", 0},    {"nan", 0}, {"1e-3", 0.001}, {" 7", 7}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(setenv(name, rows[i].text, 1), 0);
        assert_true(tn_process_setting(name) == rows[i].seconds);
    }
}
