/* SPDX-License-Identifier: Apache-2.0 */

/* What a person sees: result lines on stdout, complaints and a progress bar on stderr. The bar is
 * there only if stderr is a terminal. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins zeroed, by screen_open(). The three numbers are the caller's to count. */
struct screen {
    uint64_t expected, counted, failed; /* files */
    bool bar;                           /* a bar is wanted */
    bool shown;                         /* and the cursor stands behind it */
    size_t waiting;                     /* bytes of lines in stdout's buffer */
    int64_t begun, refreshed;           /* milliseconds */
};

enum { SCREEN_REFRESH = 50 }; /* milliseconds */

void screen_open(struct screen *screen);

/* "looking: 123 files", while expected grows. */
void screen_look(struct screen *screen);

void screen_line(struct screen *screen, uint64_t lines, uint64_t words, uint64_t bytes,
                 const char *path);
void screen_complain(struct screen *screen, const char *path, const char *why);

/* To be called often: it looks at the clock, and brings lines and bar up to date now and then. */
void screen_refresh(struct screen *screen);

/* Writes what is left, and the bar once more, for good. */
void screen_close(struct screen *screen);

#endif
