/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/spawn.h"

#include "platform/atomic.h"
#include "platform/thread.h"
#include "imitation.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- systems with less ---- */

unsigned long __wrap_getauxval(unsigned long type);
unsigned long __real_getauxval(unsigned long type);
int __wrap_access(const char *path, int mode);
int __real_access(const char *path, int mode);

static const char *started_as; /* NULL: as it was */
static bool secure, no_proc;

unsigned long __wrap_getauxval(unsigned long type)
{
    if (type == AT_SECURE)
        return secure;
    if (type == AT_EXECFN && started_as != NULL)
        return (unsigned long)started_as;
    return __real_getauxval(type);
}

int __wrap_access(const char *path, int mode)
{
    if (no_proc && strncmp(path, "/proc", 5) == 0) {
        errno = ENOENT;
        return -1;
    }
    return __real_access(path, mode);
}

/* ---- starting ---- */

/* Runs a script of the shell with these descriptors; gives its exit status, -1 if a signal ended it. */
static int run(const char *script, const int *fds, size_t n)
{
    char *argv[] = {"sh", "-c", (char *)script, "zero", "one", NULL};
    int status = -1;
    pid_t pid;

    assert_int_equal(tn_spawn("/bin/sh", argv, fds, n, &pid), 0);
    assert_true(pid > 0);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int lowest_free(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

TEST(a_program_has_its_arguments_and_the_environment)
{
    assert_int_equal(setenv("TARN_TEST_SPAWN", "here", 1), 0);
    assert_int_equal(run("test \"$0 $1 $TARN_TEST_SPAWN\" = 'zero one here'", NULL, 0), 0);
    assert_int_equal(unsetenv("TARN_TEST_SPAWN"), 0);
    assert_int_equal(run("exit 9", NULL, 0), 9);
}

/* What a terminal sends to the group of this process must not reach it before it can see to that itself. */
TEST(a_program_is_in_a_group_of_its_own_from_the_beginning)
{
    char *argv[] = {"sh", "-c", "exit 0", NULL};
    siginfo_t end;
    pid_t pid;

    assert_int_equal(tn_spawn("/bin/sh", argv, NULL, 0, &pid), 0);
    /* An emulator may come back before the program has begun. */
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(getpgid(pid), pid);
    while (waitpid(pid, NULL, 0) < 0)
        assert_int_equal(errno, EINTR);
}

/* Pipes whose ends have the very numbers that the program's are to have, the wrong way round. */
TEST(descriptors_come_in_their_order_whatever_their_numbers)
{
    int first[2], second[2], fds[2], before;
    char text[8] = "";

    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    before = lowest_free();
    for (int turn = 0; turn < 2; turn++) {
        fds[0] = turn == 0 ? first[1] : second[1];
        fds[1] = turn == 0 ? second[1] : first[1];
        assert_int_equal(run("printf a >&3; printf b >&4", fds, 2), 0);
        assert_int_equal(read(first[0], text, 8), 1);
        assert_int_equal(text[0], turn == 0 ? 'a' : 'b');
        assert_int_equal(read(second[0], text, 8), 1);
        assert_int_equal(text[0], turn == 0 ? 'b' : 'a');
    }
    assert_int_equal(lowest_free(), before);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

TEST(descriptors_may_swap_their_numbers)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        /* 3 is written to by the program as 4, and 4 as 3. */
        int three[2], four[2], swapped[2] = {4, 3};
        char a = 0, b = 0;
        bool good = pipe(three) == 0 && pipe(four) == 0;

        for (int i = 0; i < 2; i++) {
            three[i] = fcntl(three[i], F_DUPFD_CLOEXEC, 30);
            four[i] = fcntl(four[i], F_DUPFD_CLOEXEC, 30);
        }
        good &= dup3(three[1], 3, O_CLOEXEC) == 3 && dup3(four[1], 4, O_CLOEXEC) == 4;
        good &= run("printf 3 >&3; printf 4 >&4", swapped, 2) == 0;
        good &= read(three[0], &a, 1) == 1 && read(four[0], &b, 1) == 1;
        _exit(!good || a != '4' || b != '3');
    }
    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(status, 0);
}

TEST(what_is_closed_on_exec_is_not_passed_on)
{
    char script[64];
    int ours = fcntl(0, F_DUPFD_CLOEXEC, 40), plain = fcntl(0, F_DUPFD, 50);

    assert_true(ours >= 0 && plain >= 0);
    snprintf(script, sizeof(script), "test ! -e /proc/self/fd/%d", ours);
    assert_int_equal(run(script, NULL, 0), 0);
    assert_int_equal(run(script, &ours, 1), 0);
    /* The host program's others are for the program started to close. */
    snprintf(script, sizeof(script), "test -e /proc/self/fd/%d", plain);
    assert_int_equal(run(script, NULL, 0), 0);
    close(ours);
    close(plain);
}

TEST(as_many_descriptors_as_promised_are_passed_on)
{
    int fds[TN_SPAWN_FDS], pipes[2];
    char byte = 0;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    for (int i = 0; i < TN_SPAWN_FDS; i++)
        fds[i] = pipes[1];
    assert_int_equal(run("for i in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do"
                         " test -p /proc/self/fd/$i || exit 1; done; printf x >&9",
                         fds, TN_SPAWN_FDS),
                     0);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
}

static void on_signal(int signal)
{
    (void)signal;
}

/* A set of signals, by its name in /proc, of a program started here: bit 0 is signal 1. */
static unsigned long long mask(const char *name)
{
    char script[64], text[64] = "";
    int pipes[2];

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    snprintf(script, sizeof(script), "exec grep '^%s:' /proc/self/status >&3", name);
    int status = run(script, &pipes[1], 1);
    ssize_t length = read(pipes[0], text, sizeof(text) - 1);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(status, 0);
    assert_true(length > 7);
    return strtoull(text + strlen("SigIgn:"), NULL, 16);
}

TEST(signals_are_as_if_nobody_had_touched_them)
{
    struct sigaction handle = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction handled_before, ignored_before;
    sigset_t all, before;
    /* Signals 32 to 34, which libc keeps to itself; emulators move them by one. */
    const unsigned long long of_libc = 15ull << 31;

    assert_int_equal(sigaction(SIGUSR1, &handle, &handled_before), 0);
    assert_int_equal(sigaction(SIGPIPE, &ignore, &ignored_before), 0);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    /* A signal that is ignored or blocked would not end it. */
    int usr1 = run("kill -USR1 $$; exit 0", NULL, 0);
    int pipe = run("kill -PIPE $$; exit 0", NULL, 0);
    int term = run("kill -TERM $$; exit 0", NULL, 0);
    unsigned long long blocked = mask("SigBlk"), ignored = mask("SigIgn");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(sigaction(SIGUSR1, &handled_before, NULL), 0);
    assert_int_equal(sigaction(SIGPIPE, &ignored_before, NULL), 0);
    assert_int_equal(usr1, -1);
    assert_int_equal(pipe, -1);
    assert_int_equal(term, -1);
    assert_int_equal(blocked & ~of_libc, 0);
    assert_int_equal(ignored & ~of_libc, 0);
}

static int forks;

static void count_fork(void)
{
    forks++;
}

TEST(nothing_that_is_registered_for_fork_runs)
{
    assert_int_equal(pthread_atfork(count_fork, NULL, NULL), 0);
    forks = 0;
    assert_int_equal(run("exit 0", NULL, 0), 0);
    assert_int_equal(forks, 0);
}

/* ---- failing ---- */

TEST(what_cannot_be_started_says_why)
{
    char *argv[] = {"nothing", NULL};
    int before = lowest_free(), fds[2] = {0, -1};
    pid_t pid = 0;

    if (system_is_imitated())
        skip();
    assert_int_equal(tn_spawn("/nowhere/at/all", argv, NULL, 0, &pid), ENOENT);
    assert_int_equal(pid, -1);
    assert_int_equal(tn_spawn("/dev/null", argv, NULL, 0, &pid), EACCES);
    assert_int_equal(tn_spawn("/bin/sh", argv, fds, 2, &pid), EBADF);
    assert_int_equal(pid, -1);
    assert_int_equal(lowest_free(), before);
    /* Nor is there a child of it. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

TEST(without_descriptors_nothing_is_started)
{
    char *argv[] = {"sh", "-c", "exit 0", NULL};
    struct rlimit before, few;
    int fd = 0, error;
    pid_t pid;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (rlim_t limit = 0; limit < 5; limit += 4) {
        few = before;
        few.rlim_cur = limit;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        error = tn_spawn("/bin/sh", argv, &fd, 1, &pid);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(error, EMFILE);
    }
}

/* ---- what this program is ---- */

static void assert_is_this_program(const char *path)
{
    struct stat this, other;

    assert_int_equal(path[0], '/');
    assert_int_equal(stat("/proc/self/exe", &this), 0);
    assert_int_equal(stat(path, &other), 0);
    assert_true(this.st_ino == other.st_ino && this.st_dev == other.st_dev);
}

TEST(the_path_leads_to_this_program)
{
    char path[TN_PATH_SIZE];

    assert_int_equal(tn_program_path(path), 0);
    assert_is_this_program(path);
}

TEST(without_proc_the_path_is_that_of_the_start)
{
    char real[TN_PATH_SIZE], path[TN_PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", real, sizeof(real) - 1);

    assert_true(length > 0);
    real[length] = '\0';
    no_proc = true;
    started_as = real;
    int error = tn_program_path(path);
    started_as = "nowhere/at/all";
    char nothing[TN_PATH_SIZE];
    int none = tn_program_path(nothing);
    started_as = NULL;
    no_proc = false;
    assert_int_equal(error, 0);
    assert_string_equal(path, real);
    assert_int_equal(none, ENOENT);
    assert_string_equal(nothing, "");
}

TEST(the_rights_of_a_program_are_known)
{
    assert_false(tn_is_privileged());
    secure = true;
    bool privileged = tn_is_privileged();
    secure = false;
    assert_true(privileged);
}

/* ---- cancellation ---- */

static void use_cancelled(void *data)
{
    char *argv[] = {"sh", "-c", "exit 0", NULL};
    tn_atomic_u32 *survived = data;
    char path[TN_PATH_SIZE];
    int fd = 0, state;
    pid_t pid;

    pthread_cancel(pthread_self());
    int error = tn_spawn("/bin/sh", argv, &fd, 1, &pid);
    tn_program_path(path);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (error == 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    tn_u32_store_relaxed(survived, 1);
}

TEST(nothing_is_a_cancellation_point)
{
    tn_atomic_u32 survived = TN_ATOMIC_INIT(0);
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, 1 << 16, "cancelled", use_cancelled, &survived), 0);
    tn_thread_join(thread);
    assert_int_equal(tn_u32_load_relaxed(&survived), 1);
}
