/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
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

/* What is mapped in this process, and of which file: its number, and that of its device. While it
 * is, no other file has these, whatever becomes of its name. */
typedef struct mapping {
    uintptr_t start, end;
    uint64_t file[2];
    char line[TN_MODULE_PATH + 100]; /* as the system writes it */
    int path;                        /* where it begins there */
} mapping;

static bool read_mapping(FILE *maps, mapping *m)
{
    unsigned major, minor;

    /* What remains of a line that is too long looks otherwise. */
    while (maps != NULL && fgets(m->line, sizeof(m->line), maps)) {
        if (sscanf(m->line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %x:%x %" SCNu64 " %n", &m->start,
                   &m->end, &major, &minor, &m->file[0], &m->path) == 5) {
            m->file[1] = ((uint64_t)major << 32) | minor;
            m->line[strcspn(m->line, "\n")] = '\0';
            return true;
        }
    }
    return false;
}

static FILE *open_mappings(void)
{
    return fopen("/proc/self/maps", "re");
}

static void close_mappings(FILE *maps)
{
    if (maps)
        fclose(maps);
}

static bool is_relative(const char *path)
{
    return path[0] != '\0' && path[0] != '/';
}

/* Completes a module by the file that is mapped where it begins. */
static void identify_by_file(uintptr_t start, tn_module *module)
{
    FILE *maps = open_mappings();
    mapping m;
    bool found = false;

    while (!found && read_mapping(maps, &m))
        found = start >= m.start && start < m.end;
    close_mappings(maps);
    if (!found)
        return;
    memcpy(module->file, m.file, sizeof(m.file));
    /* By a relative path another process, or this one elsewhere, finds something else. */
    if (is_relative(module->path) && m.line[m.path] == '/' &&
        strlen(m.line + m.path) < sizeof(module->path))
        memcpy(module->path, m.line + m.path, strlen(m.line + m.path) + 1);
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
    return true;
}

typedef struct search {
    uintptr_t address;       /* of this; 0: of the module wanted */
    const tn_module *wanted; /* NULL: of the path */
    const char *path;
    uint64_t offset;
    size_t size;
    tn_module *module; /* found */
    uintptr_t start;   /* of its first segment */
    const void *found;
    bool done;
    int looked_at; /* modules, before this one */
} search;

static int look_for_address(struct dl_phdr_info *info, size_t size, void *data)
{
    search *s = data;
    const ElfW(Phdr) *segment = info->dlpi_phdr;

    (void)size;
    bool first = s->looked_at++ == 0;
    if (!holds(info, s->address, 1))
        return 0;
    while (segment->p_type != PT_LOAD)
        segment++;
    s->start = base_of(info) + segment->p_vaddr;
    s->offset = s->address - base_of(info);
    s->done = describe(info, first, s->module);
    return 1;
}

bool tn_module_find(const void *address, tn_module *module, uint64_t *offset)
{
    search s = {.address = (uintptr_t)address, .module = module};

    dl_iterate_phdr(look_for_address, &s);
    if (s.done && (module->id_size == 0 || is_relative(module->path)))
        identify_by_file(s.start, module);
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
    if (a->id_size != b->id_size || memcmp(a->id, b->id, a->id_size) != 0)
        return false;
    if (a->id_size > 0)
        return true;
    if (a->file[0] != 0 && b->file[0] != 0)
        return memcmp(a->file, b->file, sizeof(a->file)) == 0;
    return strcmp(a->path, b->path) == 0;
}

/* Whether a module is the one that is looked for. */
static bool is_wanted(const struct dl_phdr_info *info, bool first, const search *s)
{
    tn_module here;

    if (s->address != 0)
        return holds(info, s->address, 1);
    return describe(info, first, &here) &&
           (s->wanted ? tn_module_same(&here, s->wanted) : strcmp(here.path, s->path) == 0);
}

static int look_for_module(struct dl_phdr_info *info, size_t size, void *data)
{
    search *s = data;

    (void)size;
    if (!is_wanted(info, s->looked_at++ == 0, s))
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

    if (module->id_size > 0 || module->file[0] == 0) {
        dl_iterate_phdr(look_for_module, &s);
        return s.found;
    }
    FILE *maps = open_mappings();
    mapping m;
    /* Somebody may have mapped the file who has not loaded it. */
    while (!s.done && read_mapping(maps, &m)) {
        s.address = memcmp(m.file, module->file, sizeof(m.file)) == 0 ? m.start : 0;
        if (s.address != 0)
            dl_iterate_phdr(look_for_module, &s);
    }
    close_mappings(maps);
    return s.found;
}

const void *tn_module_at_path(const char *path, uint64_t offset, size_t size)
{
    search s = {.path = path, .offset = offset, .size = size};

    dl_iterate_phdr(look_for_module, &s);
    return s.found;
}

bool tn_module_loads(void)
{
    return find_dlopen();
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
