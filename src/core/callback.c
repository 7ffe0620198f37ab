/* SPDX-License-Identifier: Apache-2.0 */
#include "core/callback.h"

#include "platform/tls.h"

TN_THREAD_LOCAL(unsigned, running);
TN_THREAD_LOCAL(tn_aftermath, aftermath);

tn_aftermath *tn_aftermath_here(void)
{
    return aftermath();
}

void tn_callback_begin(tn_aftermath *saved)
{
    *saved = *aftermath();
    *aftermath() = (tn_aftermath){.in_use = false};
    ++*running();
}

void tn_callback_end(const tn_aftermath *saved)
{
    --*running();
    *aftermath() = *saved;
}

unsigned tn_callbacks_running(void)
{
    return *running();
}
