/* SPDX-License-Identifier: Apache-2.0 */

/* Who is to die at which step of src/process/step.h. The plan lies in memory that host, server and
 * workers share, and that outlives each of them; so does the audit file. */
#ifndef TESTS_PROCESS_PLAN_H
#define TESTS_PROCESS_PLAN_H

#include "process/step.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum deed {
    NOTHING,
    KILL_WORKERS, /* and wait until they have ended; who is one kills itself alone */
    KILL_SERVER,  /* the same, and its workers with it */
    KILL_HOST,
    STAND /* until its parent has ended */
} deed;

typedef struct rule {
    int step;      /* 0: no rule */
    unsigned pass; /* of all processes together: the first is 1 */
    deed deed;
    bool once_one_stands; /* not before that */
} rule;

enum { MOST_RULES = 2, MOST_PROCESSES = 128, MOST_TASKS = 512 };

/* How a task ended, as the host has it. */
typedef struct outcome {
    bool ended;
    int status, lost, signal, pid, attempts;
    bool wrong; /* its value */
} outcome;

typedef struct plan {
    char audit[64]; /* the file's name */
    pid_t host;
    atomic_int heir;   /* a child of the host, which has all its descriptors */
    atomic_int server; /* the latest */
    /* Its descriptors when it began to serve, and when it ends. */
    atomic_int descriptors_first, descriptors_last;
    rule rules[MOST_RULES];
    atomic_uint fired[MOST_RULES];
    atomic_uint passes[TN_STEP_END];
    atomic_int worker; /* that was at a step of the rules */
    atomic_int killed; /* how many, but for the host */
    atomic_bool stands, gate;
    atomic_uint begun[MOST_TASKS];
    atomic_uint processes;
    atomic_int pids[MOST_PROCESSES];
    outcome outcomes[MOST_TASKS];
    const char *volatile doing; /* what the host is about, a text of the program */
    char why[256];              /* the host gave up */
} plan;

extern plan *the_plan; /* NULL: there is none */

/* At the beginning of the program: finds the plan if another process has made one. */
void find_plan(void);

/* Makes it, once. */
void make_plan(void);

#endif
