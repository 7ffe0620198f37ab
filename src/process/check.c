/* SPDX-License-Identifier: Apache-2.0 */
#include "process/check.h"

#include "core/status.h"
#include "core/submit.h"
#include "core/task.h"
#include "process/boot.h"
#include "process/channel.h"
#include "process/codec.h"
#include "process/identity.h"

#include <stdio.h>

enum { MOST_AHEAD = TN_SLOTS - 2 }; /* with a definition, and one to spare */

static const char *find_fault(const tarn_process_options *options)
{
    if (options->max_workers < 0 || options->max_workers > TN_MOST_WORKERS)
        return "max_workers must be 1 to 500, or 0 for the default";
    if (options->idle_timeout != options->idle_timeout)
        return "idle_timeout is not a number; give seconds";
    if (options->when_full != TARN_FULL_BLOCK && options->when_full != TARN_FULL_REFUSE)
        return "when_full must be TARN_FULL_BLOCK or TARN_FULL_REFUSE: this process runs none of "
               "its tasks";
    if (!(options->submit_within >= 0))
        return "submit_within is negative or not a number; give seconds, or 0 for no limit";
    if (options->prefetch < 0 || options->prefetch > MOST_AHEAD)
        return "prefetch must be 1 to 30, or 0 for the default";
    if (options->start != TARN_START_FORK && options->start != TARN_START_SPAWN)
        return "start must be TARN_START_FORK or TARN_START_SPAWN";
    /* The server is started anew after its death, whatever the working directory is then. */
    if (options->worker_program && options->worker_program[0] != '/')
        return "worker_program must be a path from the root, as it is not searched for; give that "
               "of tarn-worker, or NULL for this program";
    return NULL;
}

static tarn_status check_identity(const char *option, const tarn_task *task)
{
    tn_identity identity;
    char why[200];
    if (!task || tn_identity_of(task, &identity) == TARN_OK)
        return TARN_OK;
    snprintf(why, sizeof why, "%s", tarn_last_error());
    return tn_error_format(TARN_UNSUPPORTED, "tarn_process_pool: %s: %s", option, why);
}

static tarn_status check_initializer(const tarn_task *initializer, const void *args,
                                     const tarn_backend *backend)
{
    if (!initializer)
        return TARN_OK;
    tarn_status status = tn_submit_check_kinds(backend, initializer);
    if (status == TARN_OK)
        status = check_identity("initializer", initializer);
    if (status == TARN_OK && tn_args_size(initializer, args) > TN_ROOM)
        status = tn_error_format(TARN_UNSUPPORTED,
                                 "tarn_process_pool: the arguments of the initializer \"%s\" have "
                                 "over %d bytes, which a worker process cannot take; pass a path",
                                 initializer->name, TN_ROOM);
    return status;
}

tarn_status tn_process_check(const tarn_process_options *options, const tarn_backend *backend)
{
    const char *fault = find_fault(options);
    if (fault)
        return tn_error_format(TARN_INVALID, "tarn_process_pool: %s", fault);
    if (tn_is_worker())
        return tn_error(
            TARN_UNSUPPORTED,
            "tarn_process_pool: called by a task in a worker process, which cannot open one; open "
            "it in the program and submit there, or use tarn_thread_pool() in the task");
    if (!options->worker_program && !tn_booted())
        return tn_error(
            TARN_NOT_BOOTED,
            "tarn_process_pool: make tarn_boot(argc, argv) the first line of main(), where worker "
            "processes begin; if main() is not yours, give the path of tarn-worker as "
            ".worker_program");
    tarn_status status = tn_task_check_for_worker("tarn_process_pool", options->initializer,
                                                  options->initializer_args, options->finalizer);
    if (status == TARN_OK)
        status = check_initializer(options->initializer, options->initializer_args, backend);
    return status == TARN_OK ? check_identity("finalizer", options->finalizer) : status;
}
