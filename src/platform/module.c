/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- Addresses that mean the same in another process ------------------------------------------ */

#define NOTE_ALIGNMENT 4u

static uintptr_t base_of(const struct dl_phdr_info *info)
{
    return (uintptr_t)info->dlpi_addr;
}

static bool holds(const struct dl_phdr_info *info, uintptr_t address, size_t size)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = base_of(info) + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_R) && address >= start &&
            address - start < segment->p_memsz && size <= segment->p_memsz - (address - start))
            return true;
    }
    return false;
}

/* Looks for the build-id in a segment of notes. */
static void read_notes(const unsigned char *note, size_t size, tn_module *module)
{
    const size_t align = NOTE_ALIGNMENT - 1;

    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header;
        memcpy(&header, note, sizeof(header));
        size_t name = (header.n_namesz + align) & ~align, data = (header.n_descsz + align) & ~align;
        size_t whole = sizeof(header) + name + data;
        if (name < header.n_namesz || data < header.n_descsz || whole > size)
            return;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
            memcmp(note + sizeof(header), "GNU", 4) == 0) {
            module->id_size = header.n_descsz < TN_BUILD_ID ? header.n_descsz : TN_BUILD_ID;
            memcpy(module->id, note + sizeof(header) + name, module->id_size);
            return;
        }
        note += whole;
        size -= whole;
    }
}

/* All programs have the same path, so one without a build-id is told from others by its file: the
 * number of that and of its device. */
static void identify_by_file(tn_module *module)
{
    struct stat file;
    uint64_t numbers[2];

    if (stat("/proc/self/exe", &file) != 0)
        return;
    numbers[0] = file.st_dev;
    numbers[1] = file.st_ino;
    module->id_size = sizeof(numbers);
    memcpy(module->id, numbers, sizeof(numbers));
}

/* The program itself is the first, and has no path: some C libraries say by which name it was
 * started. false: its path is too long. */
static bool describe(const struct dl_phdr_info *info, bool first, tn_module *module)
{
    *module = (tn_module){.id_size = 0};
    if (!first && info->dlpi_name != NULL) {
        if (strlen(info->dlpi_name) >= sizeof(module->path))
            return false;
        memcpy(module->path, info->dlpi_name, strlen(info->dlpi_name));
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE && module->id_size == 0)
            read_notes((const unsigned char *)base_of(info) + segment->p_vaddr, segment->p_memsz,
                       module);
    }
    if (first && module->id_size == 0)
        identify_by_file(module);
    return true;
}

typedef struct search {
    uintptr_t address; /* of this */
    const tn_module *wanted;
    uint64_t offset;
    size_t size;
    tn_module *module; /* found */
    const void *found;
    bool done;
    int looked_at; /* modules, before this one */
} search;

static int look_for_address(struct dl_phdr_info *info, size_t size, void *data)
{
    search *s = data;

    (void)size;
    bool first = s->looked_at++ == 0;
    if (!holds(info, s->address, 1))
        return 0;
    s->offset = s->address - base_of(info);
    s->done = describe(info, first, s->module);
    return 1;
}

bool tn_module_find(const void *address, tn_module *module, uint64_t *offset)
{
    search s = {.address = (uintptr_t)address, .module = module};

    dl_iterate_phdr(look_for_address, &s);
    *offset = s.offset;
    return s.done;
}

const void *tn_module_own(const void *object, size_t size, const void *inside)
{
    dlopen_function *open = find_dlopen();
    Dl_info copy, library, own;

    /* The program exports its copy under the library's name of it. */
    if (!open || !dladdr || dladdr(object, &copy) == 0 || copy.dli_saddr != object ||
        dladdr(inside, &library) == 0 || library.dli_fbase == copy.dli_fbase)
        return object;
    /* The handle is never closed: what has tasks is not unloaded. */
    void *handle = open(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    const void *found = handle ? dlsym(handle, copy.dli_sname) : NULL;
    if (!found || dladdr(found, &own) == 0 || own.dli_fbase != library.dli_fbase ||
        memcmp(found, object, size) != 0)
        return object;
    return found;
}

static int look_for_bytes(struct dl_phdr_info *info, size_t size, void *data)
{
    search *s = data;

    (void)size;
    s->done = holds(info, s->address, s->size);
    return s->done;
}

bool tn_module_has(const void *address, size_t size)
{
    search s = {.address = (uintptr_t)address, .size = size};

    dl_iterate_phdr(look_for_bytes, &s);
    return s.done;
}

bool tn_module_same(const tn_module *a, const tn_module *b)
{
    if (a->id_size > 0 && b->id_size > 0)
        return a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
    return a->id_size == b->id_size && strcmp(a->path, b->path) == 0;
}

static int look_for_module(struct dl_phdr_info *info, size_t size, void *data)
{
    search *s = data;
    tn_module here;

    (void)size;
    bool first = s->looked_at++ == 0;
    if (!describe(info, first, &here) || !tn_module_same(&here, s->wanted))
        return 0;
    s->done = true;
    if (s->offset <= UINTPTR_MAX - base_of(info) &&
        holds(info, base_of(info) + (uintptr_t)s->offset, s->size))
        s->found = (const unsigned char *)base_of(info) + s->offset;
    return 1;
}

const void *tn_module_at(const tn_module *module, uint64_t offset, size_t size)
{
    search s = {.wanted = module, .offset = offset, .size = size};

    dl_iterate_phdr(look_for_module, &s);
    return s.found;
}

const char *tn_module_load(const char *path)
{
    dlopen_function *open = find_dlopen();
    void *symbol = dlsym ? dlsym(RTLD_DEFAULT, "dlerror") : NULL;
    char *(*why)(void);

    memcpy(&why, &symbol, sizeof(why));
    if (!open)
        return "a static program loads nothing";
    if (open(path, RTLD_NOW | RTLD_NODELETE))
        return NULL;
    return why ? why() : "it cannot be loaded";
}
