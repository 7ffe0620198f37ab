/* SPDX-License-Identifier: Apache-2.0 */
#include "process/boot.h"

#include "core/status.h"
#include "platform/atomic.h"
#include "process/message.h"
#include "process/server.h"
#include "platform/child.h"
#include "platform/socket.h"
#include "platform/spawn.h"

#include <stdlib.h>
#include <string.h>

static tn_atomic_u32 booted;
static bool serves; /* written while there is one thread */

/* Whether it was started to be a server, be it by whoever. */
static bool is_called_server(int argc, char **argv)
{
    return argc == 2 && argv[0] && argv[1] && strcmp(argv[0], TN_SERVER_NAME) == 0 &&
           strcmp(argv[1], TN_SERVER_WORD) == 0;
}

/* Whether another process of this user, which is the parent, has started this one as its server.
 * Nobody else may have tasks run here: not in a program that has more rights than its user. */
static bool is_server(void)
{
    pid_t pid;
    uid_t uid;
    return !tn_is_privileged() && tn_socket_peer(TN_CONTROL_FD, &pid, &uid) == 0 &&
           pid == tn_parent_pid() && uid == tn_self_uid();
}

tarn_status tarn_boot(int argc, char **argv)
{
    if (argc < 0)
        return tn_error(TARN_INVALID, "tarn_boot: argc is negative; pass on that of main()");
    if (!argv)
        return tn_error(TARN_INVALID, "tarn_boot: argv is NULL; pass on that of main()");
    if (is_called_server(argc, argv)) {
        if (is_server()) {
            serves = true;
            tn_server_main();
        }
        /* Its host is gone already, or somebody makes a pretence: it must not begin as a program. */
        tn_exit_now(EXIT_FAILURE);
    }
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
