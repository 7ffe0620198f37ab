/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <dlfcn.h>
#include <stddef.h>

/* Weak: a static program has neither, and would be warned of at each link if it asked for them. */
#pragma weak dladdr
#pragma weak dlopen

void tn_module_keep(const void *address)
{
    Dl_info info;

    if (!dladdr || !dlopen || dladdr(address, &info) == 0 || info.dli_fname == NULL)
        return;
    /* The handle is never closed. For the program itself there is none under its name. */
    (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
