/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's numbers, where libc's headers are older than they: the same on all machines. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define BY_PIDFD 3 /* P_PIDFD, which is an enumerator or nothing */

/* ---- processes ---- */

int tn_pidfd_open(pid_t pid, int *fd)
{
    *fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return *fd < 0 ? errno : 0;
}

int tn_pidfd_kill(int fd, int signal)
{
    return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0 ? 0 : errno;
}

int tn_pidfd_wait(int fd, tn_child_end *end)
{
    siginfo_t info;

    info.si_pid = 0;
    /* Not libc's function, which is a cancellation point. By the descriptor and not by the number,
     * which may be another child of the host program's, if that reaped this one. */
    if (syscall(SYS_waitid, BY_PIDFD, fd, &info, WEXITED | WNOHANG, NULL) != 0)
        return errno;
    if (info.si_pid == 0)
        return EAGAIN;
    end->killed = info.si_code != CLD_EXITED;
    end->code = info.si_status;
    return 0;
}

int tn_die_with_parent(int signal, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, signal) != 0)
        return errno;
    /* It may have ended before that. */
    return getppid() == parent ? 0 : ESRCH;
}

int tn_fork(pid_t *pid)
{
    *pid = fork();
    return *pid < 0 ? errno : 0;
}

/* ---- what the system lists of this process ---- */

/* An entry of a directory as the kernel writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Calls visit(number, by, data) for each name in the directory that is a number; `by` is the
 * descriptor that it is read by. False: it cannot be read, to its end. By system calls: libc's
 * functions allocate memory, and are cancellation points. */
static bool for_each_number(const char *directory, void (*visit)(int number, int by, void *data),
                            void *data)
{
    _Alignas(struct entry) char buffer[1024];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    long size;

    if (fd < 0)
        return false;
    while ((size = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < size;) {
            const struct entry *entry = (const struct entry *)&buffer[at];
            char *end;
            long number = strtol(entry->name, &end, 10);

            if (end != entry->name && *end == '\0')
                visit((int)number, fd, data);
            at += entry->length;
        }
    }
    tn_fd_close(fd);
    return size == 0;
}

static void count(int number, int by, void *threads)
{
    (void)number;
    (void)by;
    ++*(int *)threads;
}

int tn_thread_count(void)
{
    int threads = 0;

    return for_each_number("/proc/self/task", count, &threads) ? threads : 0;
}

static void close_high(int fd, int by, void *first)
{
    if (fd >= *(int *)first && fd != by)
        tn_fd_close(fd);
}

static void close_to_limit(int first)
{
    enum { MILLION = 1 << 20 };
    long limit = sysconf(_SC_OPEN_MAX);

    if (limit < 0 || limit > MILLION)
        limit = MILLION;
    for (int fd = first; fd < limit; fd++)
        tn_fd_close(fd);
}

void tn_fds_close_from(int first)
{
    if (syscall(SYS_close_range, first, UINT_MAX, 0) == 0)
        return;
    if (!for_each_number("/proc/self/fd", close_high, &first))
        close_to_limit(first);
}

pid_t tn_self_pid(void)
{
    return getpid();
}

pid_t tn_parent_pid(void)
{
    return getppid();
}

uid_t tn_self_uid(void)
{
    return geteuid();
}

void tn_child_own_group(void)
{
    setpgid(0, 0);
}

void tn_child_kill_all(pid_t pid, int fd)
{
    tn_pidfd_kill(fd, SIGKILL);
    kill(-pid, SIGKILL);
}

void tn_child_end_first(void)
{
    enum { MORE = 500, MOST = 1000 };
    char text[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0) {
        int score = atoi(text) + MORE;
        int length = snprintf(text, sizeof text, "%d", score < MOST ? score : MOST);

        ssize_t written = pwrite(fd, text, (size_t)length, 0);
        (void)written;
    }
    close(fd);
}

void tn_child_no_input(void)
{
    int fd = open("/dev/null", O_RDONLY);
    if (fd < 0)
        return;
    if (fd != STDIN_FILENO)
        dup2(fd, STDIN_FILENO);
    if (fd > STDIN_FILENO)
        close(fd);
}

noreturn void tn_exit_now(int status)
{
    _exit(status);
}

const char *tn_signal_name(int signal)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM", [SIGUSR1] = "SIGUSR1", [SIGUSR2] = "SIGUSR2", [SIGXCPU] = "SIGXCPU",
        [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS"};
    int known = (int)(sizeof(names) / sizeof(*names));

    return signal > 0 && signal < known && names[signal] != NULL ? names[signal] : "a signal";
}

int tn_fds_arrange(const int *fds, int n, int first)
{
    enum { MOST = 16 };
    int above[MOST];

    if (n < 0 || n > MOST)
        return EBADF;
    /* First out of the way of one another. */
    for (int i = 0; i < n; i++) {
        above[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first + n);
        if (above[i] < 0)
            return errno;
    }
    for (int i = 0; i < n; i++) {
        if (dup2(above[i], first + i) < 0)
            return errno;
    }
    tn_fds_close_from(first + n);
    return 0;
}

void tn_child_abort(pid_t pid)
{
    kill(pid, SIGKILL);
    while (syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL) != 0 && errno == EINTR)
        ;
}
