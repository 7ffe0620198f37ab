/* SPDX-License-Identifier: Apache-2.0 */
#include "core/thread_end.h"

#include "platform/thread.h"

/* The heap last: ending tasks may still take cells and give some back. */
static void end_thread(void)
{
    tn_context_end();
    tn_heap_end();
}

bool tn_thread_end_arm(void)
{
    if (tn_thread_at_exit(end_thread) != 0)
        return false;
    tn_thread_exit_arm();
    return true;
}
