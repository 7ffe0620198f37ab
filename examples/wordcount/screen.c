/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32 * 1024 }; /* bytes of lines that may wait for a refresh */

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int columns(void)
{
    struct winsize window = {0};

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        return 80;
    return window.ws_col;
}

void screen_open(struct screen *screen)
{
    static char output[2 * BATCH];

    setvbuf(stdout, output, _IOFBF, sizeof output);
    screen->bar = isatty(STDERR_FILENO) == 1;
    screen->begun = screen->refreshed = milliseconds();
}

static void hide_bar(struct screen *screen)
{
    if (screen->shown)
        fputs("\r\033[K", stderr);
    screen->shown = false;
}

static void show_bar(struct screen *screen)
{
    static const char full[] = "########################################";
    static const char rest[] = "........................................";
    int room = columns();
    int width = room < 80 ? room / 4 : 40;
    uint64_t done = screen->counted + screen->failed;
    uint64_t all = done > screen->expected ? done : screen->expected; /* the tree may have grown */
    double part = all > 0 ? (double)done / (double)all : 1;
    int filled = (int)(part * width);
    char failed[40] = "", text[160];

    if (screen->failed > 0)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed", screen->failed);
    snprintf(text, sizeof text, "[%.*s%.*s] %3d%%  %" PRIu64 " of %" PRIu64 " files%s", filled,
             full, width - filled, rest, (int)(part * 100), done, all, failed);
    fprintf(stderr, "\r%.*s\033[K", room - 1, text); /* a full last column would wrap */
    screen->shown = true;
}

static void flush_lines(struct screen *screen)
{
    if (screen->waiting == 0)
        return;
    hide_bar(screen);
    screen->waiting = 0;
    if (fflush(stdout) != 0 && errno != EAGAIN) {
        fprintf(stderr, "wordcount: standard output: %s\n", strerror(errno));
        screen->failed++;
    }
}

void screen_look(struct screen *screen)
{
    int64_t now = milliseconds();

    if (now - screen->refreshed < SCREEN_REFRESH)
        return;
    screen->refreshed = now;
    fprintf(stderr, "\rlooking: %" PRIu64 " files\033[K", screen->expected);
    screen->shown = true;
}

/* The name of a file may hold anything: a terminal is spared its control characters. */
static void put_path(FILE *to, const char *path)
{
    bool terminal = isatty(fileno(to)) == 1;

    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        putc(terminal && (c < ' ' || c == 127) ? '?' : c, to);
    }
}

void screen_line(struct screen *screen, uint64_t lines, uint64_t words, uint64_t bytes,
                 const char *path)
{
    printf("%8" PRIu64 " %8" PRIu64 " %9" PRIu64 " ", lines, words, bytes);
    put_path(stdout, path);
    putchar('\n');
    screen->waiting += 32 + strlen(path);
}

void screen_complain(struct screen *screen, const char *path, const char *why)
{
    flush_lines(screen);
    hide_bar(screen);
    fputs("wordcount: ", stderr);
    put_path(stderr, path);
    fprintf(stderr, ": %s\n", why);
    screen->failed++;
}

/* Lines and bar go out together, some times a second: neither flickers nor costs much. */
void screen_refresh(struct screen *screen)
{
    int64_t now = milliseconds();

    if (screen->waiting < BATCH && now - screen->refreshed < SCREEN_REFRESH)
        return;
    screen->refreshed = now;
    flush_lines(screen);
    if (screen->bar)
        show_bar(screen);
}

void screen_close(struct screen *screen)
{
    flush_lines(screen);
    if (screen->bar) {
        show_bar(screen);
        fprintf(stderr, " in %.1f s\n", (double)(milliseconds() - screen->begun) / 1000);
    }
}
