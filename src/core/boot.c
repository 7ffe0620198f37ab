/* SPDX-License-Identifier: Apache-2.0 */
#include "core/boot.h"

#include "core/status.h"
#include "platform/atomic.h"

static tn_atomic_u32 booted;

tarn_status tarn_boot(int argc, char **argv)
{
    if (argc < 0)
        return tn_error(TARN_INVALID, "tarn_boot: argc is negative; pass on that of main()");
    if (!argv)
        return tn_error(TARN_INVALID, "tarn_boot: argv is NULL; pass on that of main()");
    tn_u32_store_relaxed(&booted, 1);
    return TARN_OK;
}

bool tn_booted(void)
{
    return tn_u32_load_relaxed(&booted);
}
