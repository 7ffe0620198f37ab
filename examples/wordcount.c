/* SPDX-License-Identifier: Apache-2.0 */

/* wordcount DIR... - counts the lines, words and bytes of every file below each DIR, as wc does.
 *
 * One task counts one file. The main thread walks the trees, submits, and prints what comes back in
 * the order in which it comes back. At most WINDOW calls are under way, so that a tree of any size
 * needs the same memory. A file that cannot be counted costs that file only; with --processes that
 * is so even if it is the end of whoever counts it.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <tarn.h>

#include "wordcount/screen.h"
#include "wordcount/walk.h"

enum { WINDOW = 1024, PIECE = 64 * 1024 };

/* ---- The task: a path goes in, three numbers come out
 * ----------------------------------------- */

struct counts {
    uint64_t lines, words, bytes;
};

/* wc's rule in the C locale: white space ends a word, a printable byte makes it one, and any other
 * byte does neither. */
static void count_piece(struct counts *counts, bool *in_word, const unsigned char *piece, size_t n)
{
    uint64_t lines = 0, words = 0;
    bool inside = *in_word;

    for (size_t i = 0; i < n; i++) {
        unsigned c = piece[i];
        bool space = c == ' ' || c - '\t' <= '\r' - '\t';
        bool printable = c - '!' <= '~' - '!';

        lines += c == '\n';
        words += printable && !inside;
        inside = (inside && !space) || printable;
    }
    counts->lines += lines;
    counts->words += words;
    counts->bytes += n;
    *in_word = inside;
}

static void fail_with(int error)
{
    char text[128];

    if (strerror_r(error, text, sizeof text) != 0)
        snprintf(text, sizeof text, "error %d", error);
    tarn_fail(error, "%s", text);
}

/* path: with its final zero */
static struct counts count_file(tarn_bytes path)
{
    struct counts counts = {0, 0, 0};
    unsigned char piece[PIECE];
    bool in_word = false;
    ssize_t size = 0;
    int file = open(path.data, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (file < 0) {
        fail_with(errno);
        return counts;
    }
    while (!tarn_stop_requested() && (size = read(file, piece, sizeof piece)) > 0)
        count_piece(&counts, &in_word, piece, (size_t)size);
    if (size < 0)
        fail_with(errno);
    close(file);
    return counts;
}
TARN_TASK(struct counts, count_file, tarn_bytes);

/* ---- The job
 * ---------------------------------------------------------------------------------- */

struct job {
    tarn_executor *pool;
    tarn_completions *completed;
    tarn_future *futures[WINDOW]; /* the tag of a future is its place here */
    size_t vacant[WINDOW];        /* the places without a future */
    size_t vacant_count;
    bool quiet, processes;
    struct counts total;
    struct screen screen;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void take_result(struct job *job, size_t place)
{
    tarn_future *future = job->futures[place];
    const char *path = count_file_args(future)->a1.data;
    struct counts counts;

    if (count_file_result(future, &counts) == TARN_OK) {
        job->total.lines += counts.lines;
        job->total.words += counts.words;
        job->total.bytes += counts.bytes;
        job->screen.counted++;
        if (!job->quiet)
            screen_line(&job->screen, counts.lines, counts.words, counts.bytes, path);
    } else {
        screen_complain(&job->screen, path, tarn_error(future)->text);
    }
    tarn_drop(future);
    job->futures[place] = NULL;
    job->vacant[job->vacant_count++] = place;
}

/* Takes what has come back. If patient, first waits for it, but not for long: a person may have
 * pressed Ctrl-C. */
static void collect(struct job *job, bool patient)
{
    if (patient) {
        struct pollfd ready = {.fd = tarn_completions_fd(job->completed), .events = POLLIN};
        poll(&ready, 1, SCREEN_REFRESH);
    }
    for (size_t place; tarn_next(job->completed, &place) == TARN_OK;)
        take_result(job, place);
    screen_refresh(&job->screen);
}

static void submit(struct job *job, const char *path)
{
    tarn_bytes argument = {path, strlen(path) + 1};
    tarn_future *future = count_file_submit(job->pool, argument);
    size_t place = job->vacant[job->vacant_count - 1];

    if (count_file_args(future) == NULL) { /* refused */
        screen_complain(&job->screen, path, tarn_error(future)->text);
        tarn_drop(future);
        return;
    }
    job->futures[place] = future;
    job->vacant_count--;
    if (tarn_completions_add(job->completed, future, place) != TARN_OK)
        take_result(job, place);
}

/* Only for the bar, which has to know how much there is. Errors are told by the walk that
 * counts. */
static void look_ahead(struct job *job, char **roots)
{
    struct walk walk = {.roots = roots};

    while (!interrupted && walk_next(&walk) != WALK_END) {
        job->screen.expected++;
        screen_look(&job->screen);
    }
    walk_close(&walk);
}

static void count_all(struct job *job, char **roots)
{
    struct walk walk = {.roots = roots};

    for (enum step step; !interrupted && (step = walk_next(&walk)) != WALK_END;) {
        if (step == WALK_FILE)
            submit(job, walk.path);
        else
            screen_complain(&job->screen, walk.path, strerror(walk.error));
        do
            collect(job, job->vacant_count == 0);
        while (job->vacant_count == 0 && !interrupted);
    }
    walk_close(&walk);
    while (job->vacant_count < WINDOW && !interrupted)
        collect(job, true);
}

/* ---- The command line
 * ------------------------------------------------------------------------- */

static const char usage[] =
    "usage: wordcount [--workers N] [--processes] [--quiet] DIR...\n"
    "\n"
    "Counts the lines, words and bytes of every file below each DIR, as LC_ALL=C wc does.\n"
    "Symbolic links below a DIR are not followed. A DIR may also be a file.\n"
    "\n"
    "  -w, --workers N  count N files at once; default: one for each CPU\n"
    "  -p, --processes  count in processes, not threads: a crash costs one file\n"
    "  -q, --quiet      print the total only, and what failed\n"
    "  -h, --help       print this\n"
    "\n"
    "Exits with 0 if every file was counted, 1 if not, 2 if the command line is wrong.\n";

static int refuse(const char *why, const char *what)
{
    fprintf(stderr, "wordcount: %s%s\n", why, what);
    return 2;
}

static int parse_workers(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return *text != '\0' && *end == '\0' && number > 0 && number <= 32767 ? (int)number : -1;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"processes", no_argument, NULL, 'p'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct job job;
    int workers = 0;

    for (int option; (option = getopt_long(argc, argv, "w:pqh", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        } else if (option == 'q') {
            job.quiet = true;
        } else if (option == 'p') {
            job.processes = true;
        } else if (option != 'w') {
            return refuse("--help tells how it is used", "");
        } else if ((workers = parse_workers(optarg)) < 0) {
            return refuse("not a number of workers from 1 to 32767: ", optarg);
        }
    }
    char **roots = argv + optind;
    if (*roots == NULL)
        return refuse("which directory? --help tells more", "");

    job.pool = job.processes ? tarn_process_pool(.max_workers = workers)
                             : tarn_thread_pool(.max_workers = workers, .name = "wordcount");
    job.completed = tarn_completions_new(TARN_NOW);
    if (job.pool == NULL || job.completed == NULL)
        return refuse(tarn_last_error(), "");
    for (; job.vacant_count < WINDOW; job.vacant_count++)
        job.vacant[job.vacant_count] = WINDOW - 1 - job.vacant_count;

    /* The second Ctrl-C finds the default again and ends the program at once. */
    struct sigaction polite = {.sa_handler = interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &polite, NULL);

    screen_open(&job.screen);
    if (job.screen.bar)
        look_ahead(&job, roots);
    count_all(&job, roots);
    screen_line(&job.screen, job.total.lines, job.total.words, job.total.bytes,
                interrupted ? "so far" : "total");
    screen_close(&job.screen);

    tarn_shutdown(job.pool, .cancel_pending = true, .kill_running = true);
    tarn_completions_drop(job.completed);
    tarn_drop_all(job.futures, WINDOW);
    if (interrupted)
        return 128 + SIGINT;
    return job.screen.failed > 0;
}
