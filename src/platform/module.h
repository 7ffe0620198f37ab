/* SPDX-License-Identifier: Apache-2.0 */

/* The program and the libraries it has loaded. */
#ifndef TN_PLATFORM_MODULE_H
#define TN_PLATFORM_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps the library that this address lies in from being unloaded by dlclose(), until the process
 * ends. Does nothing for the program itself, where nothing can be unloaded, and for an address in
 * no library. May take the locks of the dynamic linker. */
void tn_module_keep(const void *address);

enum { TN_BUILD_ID = 20, TN_MODULE_PATH = 1024 };

/* The same file has the same of these in every process that runs it. */
typedef struct tn_module {
    uint32_t id_size;              /* 0: it has no build-id, but `file` */
    unsigned char id[TN_BUILD_ID]; /* of its build-id the first bytes */
    uint64_t file[2]; /* which it was loaded from, whatever has that path now; 0: it is not known */
    char path[TN_MODULE_PATH]; /* from the root, if that is known; "": the program itself */
} tn_module;

/* Which module an address of static data lies in, and how far from its base; false: in none, or its
 * path is too long. May take the locks of the dynamic linker, as all of these. */
bool tn_module_find(const void *address, tn_module *module, uint64_t *offset);

/* A linker may copy a constant of a library into the program, for all to use in place of the
 * library's own. If `object` is such a copy, of `size` bytes, and its library the one that `inside`
 * lies in: the library's own; else `object`. */
const void *tn_module_own(const void *object, size_t size, const void *inside);

/* Whether they are the same file, as far as can be seen: by the build-id, else by the
 * number of the file, else by the path. */
bool tn_module_same(const tn_module *a, const tn_module *b);

/* `size` readable bytes of static data at that offset in this process's copy of the module; NULL:
 * it is not loaded, or has no such bytes. */
const void *tn_module_at(const tn_module *module, uint64_t offset, size_t size);

/* The same in whatever module was loaded by that path. */
const void *tn_module_at_path(const char *path, uint64_t offset, size_t size);

/* Whether these bytes are readable static data of any module. */
bool tn_module_has(const void *address, size_t size);

/* Whether this process can load libraries: a static program cannot. */
bool tn_module_loads(void);

/* Loads a library by its path, for good; NULL, or why not (static text, or of the linker, until the
 * next call). */
const char *tn_module_load(const char *path);

#endif
