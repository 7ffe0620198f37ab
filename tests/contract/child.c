/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include "contract.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int report;

void child_end(int answer)
{
    signed char byte = (signed char)answer;
    if (write(report, &byte, 1) == 1)
        raise(SIGKILL);
    abort();
}

int in_child(int (*body)(void *data), void *data)
{
    int ends[2];
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        report = ends[1];
        child_end(body(data));
    }
    close(ends[1]);
    signed char byte = -1;
    ssize_t length;
    while ((length = read(ends[0], &byte, 1)) < 0 && errno == EINTR)
        continue;
    close(ends[0]);
    child_wait(child);
    return length == 1 ? byte : -1;
}

int child_wait(pid_t child)
{
    int status = -1;
    pid_t ended;
    while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        continue;
    assert_int_equal(ended, child);
    return status;
}

static void (*at_exit)(void);

void child_at_exit(void (*last)(void))
{
    at_exit = last;
}

static void run_at_exit(void)
{
    if (at_exit)
        at_exit();
}

/* What is registered first runs last: after the library's own part of exit(). */
__attribute__((constructor)) static void register_at_exit(void)
{
    atexit(run_at_exit);
}

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif

void child_needs_no_sanitizer(void)
{
#ifdef SANITIZED
    skip();
#endif
}
