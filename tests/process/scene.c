/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include "platform/child.h"
#include "platform/clock.h"
#include "processes.h"
#include "runner.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 30.0 /* seconds, for a scene that takes some 20 milliseconds */

void runner_begin(int argc, char **argv)
{
    find_plan();
    tarn_boot(argc, argv);
}

/* ---- The host -------------------------------------------------------------------------------- */

static noreturn void be_host(const scene *s)
{
    int descriptors = count_descriptors(), threads = tn_thread_count();
    s->play(s);
    about("waiting until no process is left");
    for (unsigned i = 0; i < atomic_load(&the_plan->processes); i++)
        await_end(atomic_load(&the_plan->pids[i]));
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        give_up("a zombie is left");
    if (count_descriptors() != descriptors)
        give_up("descriptors are left: %d of %d", count_descriptors(), descriptors);
    if (count_memory_files() != 0)
        give_up("mappings are left: %d", count_memory_files());
    /* One that has been joined is still counted for a moment. */
    about("waiting until no thread is left");
    while (tn_thread_count() != threads)
        sched_yield();
    _exit(0);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static const char *name_of(int step)
{
    switch (step) {
#define CASE(number, name) \
    case number: \
        return #number " " #name;
        TN_SERVER_STEPS(CASE)
        TN_WORKER_STEPS(CASE)
        TN_HOST_STEPS(CASE)
#undef CASE
    default:
        return "none";
    }
}

static const char *side_of(int step)
{
    return step < TN_STEP_RECEIVING        ? "the server"
           : step < TN_STEP_SERVER_STARTED ? "a worker"
                                           : "the host";
}

static const char *title(const scene *s)
{
    static const char *const deeds[] = {"nobody dies", "workers die", "the server dies",
                                        "the host dies", "it stands"};
    static char text[256];
    const rule *kill = &s->rules[0], *stand = &s->rules[1];
    int n = kill->step == 0
                ? snprintf(text, sizeof(text), "the host dies under load")
                : snprintf(text, sizeof(text), "%s at step %s, pass %u: %s", side_of(kill->step),
                           name_of(kill->step), kill->pass, deeds[kill->deed]);
    if (stand->step != 0)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "; a worker stands at %s, pass %u",
                      name_of(stand->step), stand->pass);
    snprintf(text + n, sizeof(text) - (size_t)n, "; %s, %d retries",
             s->start == TARN_START_FORK ? "forked" : "executed", s->retries);
    return text;
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

static sigset_t child_ended;

static bool host_dies(const scene *s)
{
    return s->kill_after > 0 || s->rules[0].deed == KILL_HOST;
}

/* Reaps `pid`, or all children if that is -1; false: not by `until`. SIGCHLD is blocked. */
static bool reap(pid_t pid, int *how, int64_t until)
{
    for (;;) {
        pid_t reaped = waitpid(pid, how, WNOHANG);
        if ((reaped < 0 && errno == ECHILD) || (reaped > 0 && pid > 0))
            return true;
        int64_t left = until - tn_clock_now();
        if (reaped == 0 && left <= 0)
            return false;
        struct timespec most = {left / 1000000000, left % 1000000000};
        if (reaped == 0)
            sigtimedwait(&child_ended, NULL, &most);
    }
}

/* Whoever loses its parent becomes a child of this process, so those tell what is left. */
static void end_children(void)
{
    pid_t children[16];
    size_t n;
    while ((n = children_of(getpid(), children, 16)) > 0) {
        for (size_t i = 0; i < n; i++)
            kill(children[i], SIGKILL);
        reap(-1, NULL, tn_clock_after(0.1));
    }
}

static noreturn void give_up_on(const scene *s)
{
    pid_t left = 0;
    children_of(getpid(), &left, 1);
    end_children();
    fail_msg("%s: process %d is left", title(s), (int)left);
    abort();
}

static void await_others(const scene *s)
{
    int64_t until = tn_clock_after(PATIENCE);
    /* Each server before its workers, which are its children until then. */
    for (unsigned i = 0; i < atomic_load(&the_plan->processes); i++) {
        pid_t pid = atomic_load(&the_plan->pids[i]);
        if (pid > 0 && !reap(pid, NULL, until))
            give_up_on(s);
    }
    /* The heir may just have been forked. */
    bool all;
    do {
        pid_t heir = atomic_load(&the_plan->heir);
        if (heir > 0)
            kill(heir, SIGKILL);
        all = reap(-1, NULL, tn_clock_after(0.01));
    } while (!all && tn_clock_now() < until);
    if (!all)
        give_up_on(s);
}

/* Whether calls are taken back depends on how long the ones before them took, and so does a step then. */
static bool has_missed(const scene *s)
{
    return s->crowded && s->rules[0].step != 0 && atomic_load(&the_plan->fired[0]) == 0;
}

static void await_host(const scene *s, pid_t host)
{
    int how = 0;
    if (s->kill_after > 0) {
        nanosleep(&(struct timespec){.tv_nsec = (long)s->kill_after}, NULL);
        kill(host, SIGKILL);
    }
    if (!reap(host, &how, tn_clock_after(PATIENCE))) {
        end_children();
        fail_msg("%s: the host hangs: %s", title(s), the_plan->doing);
    }
    bool killed = WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
    if (host_dies(s) && !has_missed(s) ? !killed : !WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        end_children();
        fail_msg("%s: the host ended with %#x: %s", title(s), (unsigned)how, the_plan->why);
    }
    await_others(s);
}

/* How often each task has begun, by the file. */
static const unsigned *read_audit(const scene *s)
{
    static unsigned runs[MOST_NUMBERS];
    uint32_t number;
    memset(runs, 0, sizeof(runs));
    FILE *file = fopen(the_plan->audit, "re");
    assert_non_null(file);
    while (fread(&number, sizeof(number), 1, file) == 1) {
        if (number >= MOST_NUMBERS)
            fail_msg("%s: task %u was never submitted", title(s), (unsigned)number);
        runs[number]++;
    }
    fclose(file);
    return runs;
}

static void check_runs(const scene *s, const unsigned *runs)
{
    for (int i = 0; i < MOST_NUMBERS; i++) {
        if (runs[i] > 1 + (unsigned)s->retries)
            fail_msg("%s: task %d ran %u times", title(s), i, runs[i]);
    }
}

static void check_lost(const scene *s, int i)
{
    const outcome *o = &the_plan->outcomes[i];
    if (o->lost != TARN_LOST_KILLED || o->attempts != 1 + s->retries || o->pid <= 0)
        fail_msg("%s: task %d was lost, of kind %d, at try %d, in process %d", title(s), i, o->lost,
                 o->attempts, o->pid);
    if (i == s->lost && o->pid != atomic_load(&the_plan->worker))
        fail_msg("%s: task %d was in process %d, not %d", title(s), i,
                 atomic_load(&the_plan->worker), o->pid);
}

/* Each task has ended as it must have, and ran as often. */
static void check_outcomes(const scene *s, const unsigned *runs)
{
    for (int i = 0; i < s->tasks; i++) {
        const outcome *o = &the_plan->outcomes[i];
        bool dies = i == s->lost || (s->play == life && i == LIFE_CRASH);
        bool ran = i != s->lost || s->ran;
        int status = s->play == life && i == LIFE_STOPPED ? TARN_STOPPED
                     : dies && s->retries == 0            ? TARN_LOST
                                                          : TARN_OK;
        unsigned expected = dies && s->retries > 0 ? 1 + ran : ran;
        if (!o->ended || o->wrong)
            fail_msg("%s: task %d %s", title(s), i, o->wrong ? "is wrong" : "has not ended");
        if (s->crowded) {
            status = o->status == TARN_LOST && s->retries == 0 ? TARN_LOST : TARN_OK;
            expected = status == TARN_OK && runs[i] == 0 ? 1 : runs[i];
        }
        if (o->status != status || runs[i] != expected)
            fail_msg("%s: task %d ended %s and ran %u times, not %s and %u", title(s), i,
                     tarn_status_name((tarn_status)o->status), runs[i],
                     tarn_status_name((tarn_status)status), expected);
        if (o->status == TARN_LOST)
            check_lost(s, i);
    }
}

/* The server has closed what it was given for workers that have ended. */
static void check_server(const scene *s)
{
    int first = atomic_load(&the_plan->descriptors_first);
    int last = atomic_load(&the_plan->descriptors_last);
    if (last != 0 && last != first)
        fail_msg("%s: the server has %d descriptors, not %d", title(s), last, first);
}

static void check_rules(const scene *s)
{
    for (int i = 0; i < MOST_RULES; i++) {
        if (s->rules[i].step != 0 && atomic_load(&the_plan->fired[i]) != 1)
            fail_msg("%s: %s was not there", title(s), side_of(s->rules[i].step));
    }
    const rule *kill = &s->rules[0];
    bool others = kill->step >= TN_STEP_SERVER_STARTED || kill->step < TN_STEP_RECEIVING;
    if (others && kill->deed == KILL_WORKERS && atomic_load(&the_plan->killed) == 0)
        fail_msg("%s: there was none", title(s));
}

static void play_it(const scene *s)
{
    make_plan();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, NULL);
    char audit[sizeof(the_plan->audit)];
    memcpy(audit, the_plan->audit, sizeof(audit));
    memset(the_plan, 0, sizeof(*the_plan));
    memcpy(the_plan->audit, audit, sizeof(audit));
    memcpy(the_plan->rules, s->rules, sizeof(the_plan->rules));
    if (truncate(the_plan->audit, 0) != 0)
        fail_msg("%s: %s", the_plan->audit, strerror(errno));
    pid_t host = fork();
    if (host == 0) {
        sigprocmask(SIG_UNBLOCK, &child_ended, NULL);
        the_plan->host = getpid();
        be_host(s);
    }
    assert_true(host > 0);
    await_host(s, host);
}

void run_scene(const scene *s)
{
    play_it(s);
    for (int again = 0; has_missed(s) && again < 50; again++)
        play_it(s);
    if (has_missed(s))
        skip(); /* so slow that no worker passes for a fast one */
    check_rules(s);
    const unsigned *runs = read_audit(s);
    check_runs(s, runs);
    if (host_dies(s))
        return;
    check_server(s);
    check_outcomes(s, runs);
}

unsigned count_passes(const scene *s, int step)
{
    play_it(s);
    return atomic_load(&the_plan->passes[step]);
}
