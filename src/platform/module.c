/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Weak: a static program may have neither. */
#pragma weak dladdr
#pragma weak dlsym

typedef void *dlopen_function(const char *file, int mode);

/* NULL in a static program, which has loaded nothing. That is why dlopen() is asked for by name: at
 * each link of a static program whose code names it glibc warns. */
static dlopen_function *find_dlopen(void)
{
    void *symbol = dlsym ? dlsym(RTLD_DEFAULT, "dlopen") : NULL;
    dlopen_function *function;

    memcpy(&function, &symbol, sizeof(function));
    return function;
}

void tn_module_keep(const void *address)
{
    dlopen_function *open = find_dlopen();
    Dl_info info;

    if (!open || !dladdr || dladdr(address, &info) == 0 || info.dli_fname == NULL)
        return;
    /* The handle is never closed. For the program itself there is none under its name. */
    (void)open(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
