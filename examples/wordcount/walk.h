/* SPDX-License-Identifier: Apache-2.0 */

/* Walks directory trees and gives the regular files in them, one after the other. */
#ifndef WALK_H
#define WALK_H

#include <dirent.h>
#include <limits.h>
#include <stddef.h>

/* Begins as {.roots = names}; walk_close() ends it, at any time. */
struct walk {
    char **roots;           /* still to be walked; ends with NULL */
    struct folder *folders; /* found, still to be read */
    DIR *stream;            /* the one being read */
    size_t prefix;          /* length of its path, slash included */
    int error;              /* errno, after WALK_ERROR */
    char path[PATH_MAX];    /* what the last step was about */
};

enum step { WALK_FILE, WALK_ERROR, WALK_END };

/* One step to the next file. Symbolic links are followed only where they are roots. After
 * WALK_ERROR the walk goes on with what lies beside. */
enum step walk_next(struct walk *walk);

void walk_close(struct walk *walk);

#endif
