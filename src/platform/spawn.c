/* SPDX-License-Identifier: Apache-2.0 */
#include "spawn.h"

#include "broken.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

_Static_assert(TN_PATH_SIZE >= PATH_MAX, "realpath() writes so much");

enum { FIRST_FD = 3 };

/* Descriptors above all numbers that the program's are to have, so that none is overwritten before
 * it is copied. Those that could not be made are -1. */
static int lift(const int *fds, int *lifted, size_t n)
{
    int error = 0;

    for (size_t i = 0; i < n; i++) {
        lifted[i] = error ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + (int)n);
        if (lifted[i] < 0 && error == 0)
            error = errno;
    }
    /* What fcntl() says if the limit is below the lowest number allowed. */
    return error == EINVAL ? EMFILE : error;
}

static int set_fds(posix_spawn_file_actions_t *actions, const int *lifted, size_t n)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < n; i++)
        error = posix_spawn_file_actions_adddup2(actions, lifted[i], FIRST_FD + (int)i);
    return error;
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    return error;
}

static int spawn_with(const char *path, char *const argv[], const int *lifted, size_t n, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t child;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = set_fds(&actions, lifted, n);
    if (error == 0)
        error = set_signals(&attributes);
    if (error == 0)
        error = posix_spawn(&child, path, &actions, &attributes, argv, environ);
    if (error == 0)
        *pid = child;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int tn_spawn(const char *path, char *const argv[], const int *fds, size_t n, pid_t *pid)
{
    int lifted[TN_SPAWN_FDS];
    int error;

    *pid = -1;
    if (n > TN_SPAWN_FDS)
        tn_broken("spawn", EINVAL);
    error = lift(fds, lifted, n);
    if (error == 0)
        error = spawn_with(path, argv, lifted, n, pid);
    for (size_t i = 0; i < n; i++)
        tn_fd_close(lifted[i]);
    return error;
}

int tn_program_path(char buffer[TN_PATH_SIZE])
{
    static const char self[] = "/proc/self/exe";
    const char *name;

    if (access(self, X_OK) == 0) {
        memcpy(buffer, self, sizeof(self));
        return 0;
    }
    name = (const char *)getauxval(AT_EXECFN);
    if (name != NULL && realpath(name, buffer) != NULL && access(buffer, X_OK) == 0)
        return 0;
    buffer[0] = '\0';
    return errno == EACCES ? EACCES : ENOENT;
}

bool tn_is_privileged(void)
{
    return getauxval(AT_SECURE) != 0;
}
