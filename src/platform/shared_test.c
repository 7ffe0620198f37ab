/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/shared.h"

#include "platform/fd.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 10000 };

struct shared {
    int fd;
    unsigned char *pages;
};

static struct shared make(bool readers_only)
{
    struct shared shared;
    void *pages;

    assert_int_equal(tn_shared_new("test", SIZE, readers_only, &shared.fd, &pages), 0);
    shared.pages = pages;
    return shared;
}

static void give_back(struct shared shared)
{
    tn_shared_unmap(shared.pages, SIZE);
    tn_fd_close(shared.fd);
}

/* As waitpid() says it. */
static int status_of(pid_t child)
{
    int status = -1;

    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

TEST(pages_are_zero_and_closed_on_exec)
{
    struct shared shared = make(false);

    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(shared.pages[i], 0);
    assert_true((fcntl(shared.fd, F_GETFD) & FD_CLOEXEC) != 0);
    give_back(shared);
}

TEST(all_mappings_show_the_same)
{
    struct shared shared = make(false);
    void *pages;
    unsigned char *peer;

    assert_int_equal(tn_shared_map(shared.fd, SIZE, true, &pages), 0);
    peer = pages;
    shared.pages[SIZE - 1] = 3;
    assert_int_equal(peer[SIZE - 1], 3);
    peer[0] = 4;
    assert_int_equal(shared.pages[0], 4);
    tn_shared_unmap(pages, SIZE);
    give_back(shared);
}

TEST(pages_outlive_the_descriptor)
{
    struct shared shared = make(true);

    tn_fd_close(shared.fd);
    shared.pages[5] = 5;
    assert_int_equal(shared.pages[5], 5);
    tn_shared_unmap(shared.pages, SIZE);
}

TEST(the_size_cannot_be_changed)
{
    for (int readers_only = 0; readers_only <= 1; readers_only++) {
        struct shared shared = make(readers_only != 0);

        assert_int_equal(ftruncate(shared.fd, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(shared.fd, 2 * SIZE), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(pwrite(shared.fd, "x", 1, 2 * SIZE), -1);
        assert_int_equal(errno, EPERM);
        give_back(shared);
    }
}

TEST(no_seal_can_be_added)
{
    struct shared shared = make(false);

    assert_int_equal(fcntl(shared.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EPERM);
    give_back(shared);
}

TEST(readers_cannot_write)
{
    struct shared shared = make(true);
    char path[64];
    void *pages;
    int again;

    assert_int_equal(tn_shared_map(shared.fd, SIZE, true, &pages), EPERM);
    assert_null(pages);
    assert_int_equal(pwrite(shared.fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    /* Another descriptor of the same file is no way around. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", shared.fd);
    again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        assert_int_equal(tn_shared_map(again, SIZE, true, &pages), EPERM);
        assert_int_equal(pwrite(again, "x", 1, 0), -1);
        close(again);
    }

    assert_int_equal(tn_shared_map(shared.fd, SIZE, false, &pages), 0);
    /* Nor does what is mapped for reading become writable. */
    assert_int_equal(mprotect(pages, SIZE, PROT_READ | PROT_WRITE), -1);
    shared.pages[1] = 9;
    assert_int_equal(((unsigned char *)pages)[1], 9);
    tn_shared_unmap(pages, SIZE);
    give_back(shared);
}

TEST(a_reader_cannot_make_holes)
{
    struct shared shared = make(true);

    shared.pages[0] = 7;
    assert_int_equal(fallocate(shared.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(shared.pages[0], 7);
    give_back(shared);
}

/* Some emulators take any advice for good, and do nothing. */
static bool a_fork_can_leave_pages_out(void *page)
{
    return madvise(page, 4096, -1) != 0;
}

TEST(a_forked_child_has_no_mapping)
{
    for (int writable = 0; writable <= 1; writable++) {
        struct shared shared = make(writable == 0);
        volatile unsigned char *touched = shared.pages;
        void *pages;
        int status;
        pid_t child;

        if (!a_fork_can_leave_pages_out(shared.pages)) {
            give_back(shared);
            skip();
        }
        assert_int_equal(tn_shared_map(shared.fd, SIZE, writable != 0, &pages), 0);
        child = fork();
        if (child == 0) {
            prctl(PR_SET_DUMPABLE, 0);
            signal(SIGSEGV, SIG_DFL);
            if (msync(pages, SIZE, MS_ASYNC) == 0 || errno != ENOMEM)
                _exit(1);
            (void)*touched;
            _exit(2);
        }
        status = status_of(child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSEGV);
        tn_shared_unmap(pages, SIZE);
        give_back(shared);
    }
}

TEST(a_forked_child_can_map_by_the_descriptor)
{
    struct shared shared = make(false);
    pid_t child;

    shared.pages[1] = 1;
    child = fork();
    if (child == 0) {
        void *pages;

        if (tn_shared_map(shared.fd, SIZE, true, &pages) != 0)
            _exit(1);
        ((unsigned char *)pages)[0] = 42;
        _exit(((unsigned char *)pages)[1] != 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(shared.pages[0], 42);
    give_back(shared);
}

TEST(what_is_too_small_is_not_mapped)
{
    struct shared shared = make(false);
    void *pages;

    assert_int_equal(tn_shared_map(shared.fd, SIZE + 1, false, &pages), EINVAL);
    assert_null(pages);
    assert_int_equal(tn_shared_map(shared.fd, 0, false, &pages), EINVAL);
    give_back(shared);
}

TEST(what_could_be_cut_short_is_not_mapped)
{
    int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int pipes[2];
    void *pages;

    assert_true(plain >= 0);
    assert_int_equal(ftruncate(plain, SIZE), 0);
    assert_int_equal(tn_shared_map(plain, SIZE, false, &pages), EPERM);
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_int_equal(tn_shared_map(plain, SIZE, false, &pages), EPERM);
    close(plain);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(tn_shared_map(pipes[0], SIZE, false, &pages), EPERM);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(tn_shared_map(pipes[0], SIZE, false, &pages), EBADF);
    assert_null(pages);
}

TEST(what_cannot_be_made_is_refused)
{
    struct rlimit before, none;
    void *pages = &before;
    int fd = 0, error;

    assert_int_equal(tn_shared_new("test", 0, false, &fd, &pages), EINVAL);
    assert_int_equal(fd, -1);
    assert_null(pages);
    assert_int_equal(tn_shared_new("test", SIZE_MAX, false, &fd, &pages), EFBIG);
    assert_int_equal(tn_shared_new("test", (size_t)1 << 60, false, &fd, &pages), ENOMEM);
    assert_int_equal(fd, -1);
    assert_null(pages);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    error = tn_shared_new("test", SIZE, false, &fd, &pages);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, EMFILE);
}

/* Neither a descriptor nor a mapping stays behind. */
TEST(what_is_refused_leaves_nothing_open)
{
    int before = dup(0), after, fd;
    void *pages;

    close(before);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tn_shared_new("test", (size_t)1 << 60, false, &fd, &pages), ENOMEM);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
}
