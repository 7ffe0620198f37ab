/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct test {
    char *name;
    void (*run)(void **state);
};

static struct test *tests;
static size_t tests_count;

/* Read by the alarm's handler. */
static const char *volatile running_name;

static const int crash_signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
enum { CRASH_SIGNALS = sizeof(crash_signals) / sizeof(crash_signals[0]) };
static struct sigaction crash_actions[CRASH_SIGNALS];

static void give_up(const char *what, const char *name)
{
    fprintf(stderr, "runner: %s: %s\n", what, name);
    exit(2);
}

static const struct test *find(const char *name)
{
    for (size_t i = 0; i < tests_count; i++) {
        if (strcmp(tests[i].name, name) == 0)
            return &tests[i];
    }
    return NULL;
}

static const struct test *find_named(const char *name)
{
    const struct test *test = find(name);
    if (!test)
        give_up("no test of that name", name);
    return test;
}

void runner_add(const char *name, void (*run)(void **state))
{
    if (find(name))
        give_up("two tests of one name", name);

    struct test *grown = realloc(tests, (tests_count + 1) * sizeof(*tests));
    char *copy = strdup(name);
    if (!grown || !copy)
        give_up("no memory", name);
    tests = grown;
    tests[tests_count++] = (struct test){.name = copy, .run = run};
}

/* The number an environment variable holds, or `otherwise` if it holds none above zero. */
static unsigned long environment_number(const char *variable, unsigned long otherwise)
{
    const char *text = getenv(variable);
    unsigned long number = text ? strtoul(text, NULL, 10) : 0;
    return number > 0 ? number : otherwise;
}

static size_t scale = 1; /* of the program's own */

void test_scale(size_t n)
{
    scale = n;
}

size_t test_count(size_t n)
{
    size_t count = n / environment_number("TARN_TEST_SCALE", 1) / scale;
    return count > 0 ? count : 1;
}

size_t test_count_at_night(size_t n)
{
    return test_count(environment_number("TARN_TEST_NIGHT", 0) > 0 ? n : n / 10);
}

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void on_alarm(int signal)
{
    (void)signal;
    say("runner: still running at its time limit: ");
    say(running_name);
    say("\n");
    abort();
}

/* ---- Rain: a signal a millisecond ------------------------------------------------------------ */

/* It takes the one timer that alarm() would need, so it looks at the clock in its place. */
static bool raining;
static atomic_llong rain_limit; /* milliseconds; 0: none */

static long long milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_rain(int signal)
{
    long long limit = atomic_load(&rain_limit);
    if (limit != 0 && milliseconds_now() >= limit)
        on_alarm(signal);
}

/* Without SA_RESTART: what is interrupted says so, by EINTR. */
static void start_rain(void)
{
    struct sigaction action = {.sa_handler = on_rain};
    struct itimerval interval = {{0, 1000}, {0, 1000}};
    raining = true;
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &interval, NULL) != 0)
        give_up("no rain", "setitimer");
}

static void start_alarm(unsigned seconds)
{
    if (raining)
        atomic_store(&rain_limit, seconds == 0 ? 0 : milliseconds_now() + 1000LL * seconds);
    else
        alarm(seconds);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void run_guarded(void **state)
{
    const struct test *test = *state;

    /* cmocka answers a crash by longjmp to the test, whichever thread crashed. Give the signals
     * back to their owner (a sanitizer, or the default), which says what happened and where. */
    for (int i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &crash_actions[i], NULL);

    running_name = test->name;
    start_alarm((unsigned)environment_number("TARN_TEST_LIMIT", 120));

    void *empty = NULL;
    test->run(&empty);
}

/* A failed test leaves run_guarded by longjmp, so the alarm is taken back here. */
static int stop_alarm(void **state)
{
    (void)state;
    start_alarm(0);
    return 0;
}

static int run(const char *group, const struct test *first, size_t count)
{
    if (environment_number("TARN_TEST_RAIN", 0) > 0)
        start_rain();
    struct CMUnitTest *units = calloc(count, sizeof(*units));
    if (!units)
        give_up("no memory", group);
    for (size_t i = 0; i < count; i++) {
        units[i] = (struct CMUnitTest){
            .name = first[i].name,
            .test_func = run_guarded,
            .teardown_func = stop_alarm,
            .initial_state = (void *)&first[i],
        };
    }
    int failed = _cmocka_run_group_tests(group, units, count, NULL, NULL);
    free(units);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void forget_tests(void)
{
    for (size_t i = 0; i < tests_count; i++)
        free(tests[i].name);
    free(tests);
}

/* What the sanitizers ask a program for before its main. Without them nobody calls these. They
 * stand here because the linker takes a file of an archive only if a name in it is missing.
 *
 * allocator_may_return_null: that memory runs out is an answer here, and tested.
 * halt_on_error: a test with a data race fails there and then. */
#define ASKED_FOR __attribute__((visibility("default")))

ASKED_FOR const char *__asan_default_options(void);
ASKED_FOR const char *__tsan_default_options(void);
ASKED_FOR const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1:halt_on_error=1:second_deadlock_stack=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}

static void *do_nothing(void *data)
{
    return data;
}

/* ThreadSanitizer starts a thread of its own beside the program's first. A test that counts threads
 * must not see it come. */
static void start_first_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0)
        give_up("no thread", "the first");
    pthread_join(thread, NULL);
}

/* What the stack of a child grows by under Valgrind looks like another mapping, at which glibc takes
 * the stack to end. So it grows here, far enough for a test to find its end. */
static void grow_stack(void)
{
    volatile char stack[256 * 1024];
    for (size_t i = 0; i < sizeof(stack); i += 1024)
        stack[sizeof(stack) - 1 - i] = 0;
}

/* Each in a process of its own, which starts as this one is: after the slow start of an instrument. */
static int run_apart(const char *group, char **names, size_t count)
{
    size_t failed = 0;
    grow_stack();
    for (size_t i = 0; i < count; i++) {
        const struct test *test = find_named(names[i]);
        fflush(NULL);
        pid_t child = fork(), ended;
        if (child == 0)
            return run(group, test, 1);
        int how = -1;
        do
            ended = waitpid(child, &how, 0);
        while (ended < 0 && errno == EINTR);
        if (how != 0)
            fprintf(stderr, "runner: failed: %s\n", test->name);
        failed += how != 0;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What a test program does first; a program that has nothing to do there leaves it out. */
#pragma weak runner_begin

int main(int argc, char **argv)
{
    if (runner_begin)
        runner_begin(argc, argv);
    atexit(forget_tests);
    for (int i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], NULL, &crash_actions[i]);
    signal(SIGALRM, on_alarm);
    start_first_thread();

    if (argc > 2)
        return run_apart(argv[0], argv + 1, (size_t)argc - 1);
    if (argc < 2)
        return run(argv[0], tests, tests_count);

    if (strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < tests_count; i++)
            puts(tests[i].name);
        return EXIT_SUCCESS;
    }

    return run(argv[0], find_named(argv[1]), 1);
}
