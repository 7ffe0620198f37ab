/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "processes.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static const char variable[] = "TARN_TEST_PLAN";

plan *the_plan;

static void map_plan(int file)
{
    void *at = file < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof(plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED)
        abort();
    close(file);
    the_plan = at;
}

void find_plan(void)
{
    const char *name = getenv(variable);
    if (name)
        map_plan(open(name, O_RDWR | O_CLOEXEC));
}

static void remove_files(void)
{
    unlink(the_plan->audit);
    unlink(getenv(variable));
}

void make_plan(void)
{
    if (the_plan)
        return;
    char name[] = "/tmp/tarn-steps-XXXXXX", audit[] = "/tmp/tarn-audit-XXXXXX";
    int file = mkostemp(name, O_CLOEXEC);
    if (file < 0 || ftruncate(file, sizeof(plan)) != 0 || setenv(variable, name, 1) != 0)
        abort();
    map_plan(file);
    file = mkostemp(audit, O_CLOEXEC);
    if (file < 0)
        abort();
    close(file);
    strcpy(the_plan->audit, audit);
    atexit(remove_files);
}

/* ---- Deeds ----------------------------------------------------------------------------------- */

static noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void end(const pid_t *pids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kill(pids[i], SIGKILL);
        atomic_fetch_add(&the_plan->killed, 1);
    }
    for (size_t i = 0; i < n; i++)
        await_end(pids[i]);
}

static void obey_in_server(deed what)
{
    pid_t workers[16];
    if (what == KILL_SERVER)
        die();
    if (what == KILL_HOST)
        end(&the_plan->host, 1);
    else
        end(workers, children_of(getpid(), workers, 16));
}

static void obey_in_worker(deed what, int step)
{
    pid_t parent = getppid();
    atomic_store(&the_plan->worker, getpid());
    if (what == KILL_WORKERS)
        die();
    if (what == KILL_HOST) {
        end(&the_plan->host, 1);
        return;
    }
    if (what == KILL_SERVER)
        kill(atomic_load(&the_plan->server), SIGKILL);
    else
        atomic_store(&the_plan->stands, true);
    /* Going on, it would ring before long. */
    enum { EVENT_FD = 5 };
    if (step == TN_STEP_TOLD)
        eventfd_write(EVENT_FD, 1);
    /* It ends with its server, or goes on if it is not bound to that yet. */
    while (step >= TN_STEP_BOUND)
        pause();
    while (getppid() == parent)
        sched_yield();
}

static void obey_in_host(deed what)
{
    if (what == KILL_HOST)
        die();
    pid_t server = find_server(), workers[16];
    size_t n = server > 0 ? children_of(server, workers, 16) : 0;
    if (what == KILL_SERVER)
        end(&server, server > 0);
    else
        end(workers, n);
    for (size_t i = 0; i < n; i++)
        await_end(workers[i]);
}

static void obey(deed what, int step)
{
    if (step < TN_STEP_RECEIVING)
        obey_in_server(what);
    else if (step < TN_STEP_SERVER_STARTED)
        obey_in_worker(what, step);
    else
        obey_in_host(what);
}

static void note_process(void)
{
    unsigned i = atomic_fetch_add(&the_plan->processes, 1);
    if (i >= MOST_PROCESSES)
        abort();
    atomic_store(&the_plan->pids[i], getpid());
}

void tn_step(int step)
{
    if (!the_plan)
        return;
    if (step == TN_STEP_SERVER_BEGUN)
        atomic_store(&the_plan->server, getpid());
    if (step == TN_STEP_SERVER_BEGUN || step == TN_STEP_RECEIVING || step == TN_STEP_WORKER_BEGUN)
        note_process();
    if (step == TN_STEP_GREETED)
        atomic_store(&the_plan->descriptors_first, count_descriptors());
    if (step == TN_STEP_SERVER_ENDING)
        atomic_store(&the_plan->descriptors_last, count_descriptors());
    unsigned pass = atomic_fetch_add(&the_plan->passes[step], 1) + 1;
    for (int i = 0; i < MOST_RULES; i++) {
        const rule *r = &the_plan->rules[i];
        if (r->step != step || r->pass != pass)
            continue;
        while (r->once_one_stands && !atomic_load(&the_plan->stands))
            sched_yield();
        atomic_fetch_add(&the_plan->fired[i], 1);
        obey(r->deed, step);
    }
}
