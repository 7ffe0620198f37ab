/* SPDX-License-Identifier: Apache-2.0 */
#include "process/boot.h"

#include "core/process.h"
#include "core/status.h"
#include "platform/atomic.h"
#include "platform/child.h"
#include "platform/fd.h"
#include "platform/socket.h"
#include "platform/spawn.h"
#include "process/message.h"
#include "process/server.h"
#include "process/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arguments that tell tarn_boot() what to be. */
static const char *const names[] = {[TN_SERVER] = "tarn-server", [TN_WORKER] = "tarn-worker"};
static const char word[] = "--by-tarn";

static tn_atomic_u32 booted;
static bool serves; /* written while there is one thread */

int tn_boot_start(tn_role role, const char *program, int *control, int *pid)
{
    char name[sizeof "tarn-server"], by_tarn[sizeof word], path[TN_PATH_SIZE];
    char *arguments[] = {strcpy(name, names[role]), strcpy(by_tarn, word), NULL};
    int ends[2];
    *control = -1;
    int error = program ? 0 : tn_program_path(path);
    if (error == 0)
        error = tn_socket_pair(ends);
    if (error != 0)
        return error;
    pid_t child;
    error = tn_spawn(program ? program : path, arguments, &ends[1], 1, &child);
    tn_fd_close(ends[1]);
    if (error != 0) {
        tn_fd_close(ends[0]);
        return error;
    }
    *control = ends[0];
    *pid = child;
    return 0;
}

const char *tn_boot_remedy(const char *program, int error)
{
    switch (error) {
    case EAGAIN:
        return "; raise the limit on processes (ulimit -u, or pids.max of the control group), or "
               "on "
               "memory (ulimit -v)";
    case ENOMEM:
        return "; raise the limit on memory (ulimit -v, or memory.max of the control group)";
    case EFBIG:
        return "; raise the limit on the size of files (ulimit -f)";
    case EMFILE:
        return "; raise the limit on open files (ulimit -n)";
    case ENFILE:
        return "; raise the system's limit on open files (sysctl fs.file-max)";
    case ENOSYS:
        return "; Linux 5.4 or later is needed, and no Valgrind or emulator";
    case ENOENT:
    case EACCES:
        return program ? ""
                       : "; /proc/self/exe is started: /proc has to be mounted, and the program's "
                         "loader be there, or open the pool before chroot()";
    default:
        return "";
    }
}

/* Whether it was started to be that, be it by whoever. */
static bool is_called(tn_role role, int argc, char **argv)
{
    return argc == 2 && argv[0] && argv[1] && strcmp(argv[0], names[role]) == 0 &&
           strcmp(argv[1], word) == 0;
}

/* Whether another process of this user, which is the parent, has started this one so. Nobody else may
 * have tasks run here: not in a program that has more rights than its user. */
static bool is_child(pid_t *parent)
{
    uid_t uid;
    return !tn_is_privileged() && tn_socket_peer(TN_CONTROL_FD, parent, &uid) == 0 &&
           *parent == tn_parent_pid() && uid == tn_self_uid();
}

static noreturn void become(tn_role role)
{
    pid_t parent;
    /* A task may fork, and its child return from it. */
    if (is_child(&parent) && tn_process_watch_over() == TARN_OK) {
        serves = true;
        /* What tasks print is not lost with a worker that is killed, but for the last line. */
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
        if (role == TN_SERVER)
            tn_server_main(parent);
        tn_worker_receive(parent);
    }
    /* Its parent is gone already, or somebody makes a pretence: it must not begin as a program. */
    tn_exit_now(EXIT_FAILURE);
}

tarn_status tarn_boot(int argc, char **argv)
{
    if (argc < 0)
        return tn_error(TARN_INVALID, "tarn_boot: argc is negative; pass on that of main()");
    if (!argv)
        return tn_error(TARN_INVALID, "tarn_boot: argv is NULL; pass on that of main()");
    if (is_called(TN_SERVER, argc, argv))
        become(TN_SERVER);
    if (is_called(TN_WORKER, argc, argv))
        become(TN_WORKER);
    tn_u32_store_relaxed(&booted, 1);
    return TARN_OK;
}

bool tn_is_worker(void)
{
    return serves;
}

bool tn_booted(void)
{
    return tn_u32_load_relaxed(&booted);
}
