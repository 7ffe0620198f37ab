/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Folders wait by name, not open: however deep the tree, the walk holds one descriptor. */
struct folder {
    struct folder *next;
    char path[];
};

/* What follows returns 0 or an errno. What was found, if anything, is walk->path and *mode. */

static int keep_folder(struct walk *walk)
{
    size_t size = strlen(walk->path) + 1;
    struct folder *folder = malloc(sizeof *folder + size);

    if (folder == NULL)
        return ENOMEM;
    memcpy(folder->path, walk->path, size);
    folder->next = walk->folders;
    walk->folders = folder;
    return 0;
}

static int open_folder(struct walk *walk)
{
    struct folder *folder = walk->folders;

    walk->folders = folder->next;
    walk->prefix = strlen(folder->path);
    memcpy(walk->path, folder->path, walk->prefix + 1);
    free(folder);
    walk->stream = opendir(walk->path);
    if (walk->stream == NULL)
        return errno;
    if (walk->path[walk->prefix - 1] != '/' && walk->prefix < sizeof walk->path - 1)
        walk->path[walk->prefix++] = '/';
    return 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int next_entry(struct walk *walk, mode_t *mode)
{
    struct dirent *entry;
    struct stat info;

    do {
        errno = 0;
        entry = readdir(walk->stream);
    } while (entry != NULL && is_dots(entry->d_name));
    if (entry == NULL) {
        int error = errno;
        walk->path[walk->prefix] = '\0';
        closedir(walk->stream);
        walk->stream = NULL;
        return error;
    }

    size_t size = strlen(entry->d_name) + 1;
    if (size > sizeof walk->path - walk->prefix) {
        walk->path[walk->prefix] = '\0';
        return ENAMETOOLONG;
    }
    memcpy(walk->path + walk->prefix, entry->d_name, size);
    if (fstatat(dirfd(walk->stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    *mode = info.st_mode;
    return 0;
}

/* Whoever names a thing wants it counted: a link is followed, and a device is an error. */
static int next_root(struct walk *walk, mode_t *mode)
{
    const char *root = *walk->roots++;
    struct stat info;

    if (snprintf(walk->path, sizeof walk->path, "%s", root) >= (int)sizeof walk->path)
        return ENAMETOOLONG;
    if (stat(root, &info) != 0)
        return errno;
    *mode = info.st_mode;
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
}

enum step walk_next(struct walk *walk)
{
    for (;;) {
        mode_t mode = 0;

        if (walk->stream != NULL)
            walk->error = next_entry(walk, &mode);
        else if (walk->folders != NULL)
            walk->error = open_folder(walk);
        else if (*walk->roots != NULL)
            walk->error = next_root(walk, &mode);
        else
            return WALK_END;

        if (walk->error == 0 && S_ISDIR(mode))
            walk->error = keep_folder(walk);
        if (walk->error != 0)
            return WALK_ERROR;
        if (S_ISREG(mode))
            return WALK_FILE;
    }
}

void walk_close(struct walk *walk)
{
    if (walk->stream != NULL)
        closedir(walk->stream);
    for (struct folder *next; walk->folders != NULL; walk->folders = next) {
        next = walk->folders->next;
        free(walk->folders);
    }
}
