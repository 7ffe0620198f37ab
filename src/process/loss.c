/* SPDX-License-Identifier: Apache-2.0 */
#include "process/loss.h"

#include "core/remote.h"
#include "core/status.h"
#include "core/task.h"
#include "platform/child.h"

#include <limits.h>
#include <stdio.h>

/* Signals that come from outside, as far as anybody can tell. */
static bool is_sent(int signal)
{
    return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

const char tn_loss_unproven[] =
    "a task of this worker process overwrote the memory that it shares with the program, so that "
    "nothing it says is believed; the worker is replaced; look for writes out of bounds, in the "
    "tasks that ran there before, too";

static int kind_of(tarn_future *future, int how)
{
    if (how == INT_MIN || (how < 0 && is_sent(-how)))
        return TARN_LOST_KILLED;
    return tn_remote_crashed(future) ? TARN_LOST_POISON : TARN_LOST_CRASHED;
}

void tn_loss_name(int how, char *text, size_t size)
{
    if (how == INT_MIN)
        snprintf(text, size, "lost with its server");
    else if (how < 0)
        snprintf(text, size, "%s", tn_signal_name(-how));
    else
        snprintf(text, size, "exit status %d", how);
}

char *tn_loss_explain_kill(const tarn_failure *failure, const tarn_future *future)
{
    char text[256];
    snprintf(text, sizeof text, "%s: task \"%.80s\", worker %d, pid %d",
             failure->status == TARN_EXPIRED ? "killed at its run_limit" : "killed on demand",
             tn_task_name(future->task), failure->worker, failure->pid);
    return tn_text_copy(text);
}

/* SIGSEGV in task "decode", worker 3, pid 4711 */
char *tn_loss_describe(tarn_failure *failure, tarn_future *future, int how)
{
    char text[256], cause[64], tries[64] = "";
    failure->lost = kind_of(future, how);
    failure->signal = how < 0 && how != INT_MIN ? -how : 0;
    failure->exit_status = how > 0 ? how : 0;
    tn_loss_name(how, cause, sizeof cause);
    if (failure->lost == TARN_LOST_POISON)
        snprintf(tries, sizeof tries, ", having crashed on each of %d tries",
                 tn_cell_ext(future)->attempts);
    snprintf(text, sizeof text, "%s in task \"%.80s\", worker %d, pid %d%s", cause,
             tn_task_name(future->task), failure->worker, failure->pid, tries);
    return tn_text_copy(text);
}
