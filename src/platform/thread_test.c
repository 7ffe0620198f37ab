/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/thread.h"

#include "platform/atomic.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/memory.h"
#include "platform/tls.h"
#include "runner.h"

#include <errno.h>
#include <signal.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* ---- failures of the system ---- */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);

static int create_error;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    return create_error != 0 ? create_error : __real_pthread_create(thread, attributes, run, data);
}

/* ---- start and end ---- */

static void run_thread(size_t stack_size, const char *name, void (*run)(void *), void *data)
{
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, stack_size, name, run, data), 0);
    tn_thread_join(thread);
}

static void set_flag(void *data)
{
    *(int *)data = 1;
}

TEST(a_thread_runs_its_function_with_its_data)
{
    int flag = 0;

    run_thread(MIB, "test", set_flag, &flag);
    assert_int_equal(flag, 1);
}

static void announce(void *data)
{
    tn_atomic_u32 *flag = data;

    tn_u32_store_release(flag, 1);
    tn_futex_wake(flag, 1);
}

TEST(a_detached_thread_runs_too)
{
    /* The thread's wake may come after this test. */
    static tn_atomic_u32 flag;
    tn_thread thread;

    assert_int_equal(tn_thread_start(&thread, MIB, "test", announce, &flag), 0);
    tn_thread_detach(thread);
    while (tn_u32_load_acquire(&flag) == 0)
        tn_futex_wait(&flag, 0, TN_CLOCK_NEVER);
    assert_int_equal(tn_u32_load_relaxed(&flag), 1);
}

TEST(a_thread_that_cannot_start_says_why)
{
    sigset_t before, after;
    tn_thread thread;
    int flag = 0;

    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    create_error = EAGAIN;
    assert_int_equal(tn_thread_start(&thread, MIB, "test", set_flag, &flag), EAGAIN);
    create_error = 0;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_int_equal(flag, 0);
    for (int signal = 1; signal < NSIG; signal++)
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
}

static void join_cancelled(void *data)
{
    tn_atomic_u32 *survived = data;
    int flag = 0, state;
    tn_thread thread;

    pthread_cancel(pthread_self());
    if (tn_thread_start(&thread, MIB, "test", set_flag, &flag) == 0)
        tn_thread_join(thread);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    tn_u32_store_relaxed(survived, (uint32_t)flag);
}

TEST(join_is_not_a_cancellation_point)
{
    tn_atomic_u32 survived = TN_ATOMIC_INIT(0);

    run_thread(MIB, "cancelled", join_cancelled, &survived);
    assert_int_equal(tn_u32_load_relaxed(&survived), 1);
}

/* ---- stacks ---- */

struct stack {
    char *limit;
    size_t room;
    size_t used;
};

/* Goes down the stack in frames of 4 KiB, writing to all of each, as far as `left` bytes allow. */
static size_t descend(size_t left)
{
    volatile char frame[4 * KIB];

    for (size_t i = 0; i < sizeof(frame); i += 64)
        frame[i] = 1;
    return (left > 8 * KIB ? descend(left - 8 * KIB) : 0) + (size_t)frame[0];
}

static void look_at_stack(void *data)
{
    struct stack *stack = data;

    stack->limit = tn_thread_stack_limit();
    if (stack->limit == NULL)
        return;
    stack->room = (size_t)((char *)__builtin_frame_address(0) - stack->limit);
    /* Half, in case that sanitizers make the frames larger. */
    stack->used = descend(stack->room / 2);
}

/* glibc keeps the thread-locals of all libraries on the stack; ThreadSanitizer's are large. */
#define KEPT_BY_LIBC (TN_TSAN ? 2 * MIB : 64 * KIB)

/* The room is the size less what libc keeps there; sanitizers and rounding may add to it. */
static void assert_stack(size_t size)
{
    struct stack stack = {0};

    run_thread(size, "test", look_at_stack, &stack);
    assert_non_null(stack.limit);
    assert_true(stack.room + KEPT_BY_LIBC > size);
    assert_true(stack.room < size + MIB);
    assert_true(stack.used > 0);
}

TEST(the_stack_has_the_size_that_was_asked_for)
{
    assert_stack(256 * KIB);
    assert_stack(MIB);
    assert_stack(8 * MIB);
    assert_stack(64 * MIB);
}

TEST(an_uneven_stack_size_is_rounded_up)
{
    assert_stack(MIB + 1);
    assert_stack(MIB + 4095);
}

TEST(a_tiny_stack_size_becomes_the_least_possible)
{
    int flag = 0;

    run_thread(0, "test", set_flag, &flag);
    assert_int_equal(flag, 1);
    flag = 0;
    run_thread(1, "test", set_flag, &flag);
    assert_int_equal(flag, 1);
}

TEST(an_absurd_stack_size_is_an_error)
{
    tn_thread thread;
    int flag = 0;

    assert_int_not_equal(tn_thread_start(&thread, SIZE_MAX / 2, "test", set_flag, &flag), 0);
    assert_int_equal(flag, 0);
}

TEST(the_main_thread_has_a_stack_limit)
{
    char *limit = tn_thread_stack_limit();
    char *here = __builtin_frame_address(0);

    assert_non_null(limit);
    assert_true(limit < here);
    /* Its stack grows on demand: the limit is what it may reach, or a smaller part that it has. */
    assert_true(descend((size_t)(here - limit) / 4) > 0);
}

/* ---- signals ---- */

static void look_at_signals(void *data)
{
    pthread_sigmask(SIG_SETMASK, NULL, data);
}

static bool taken_by_threads(int signal)
{
    static const int taken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (taken[i] == signal)
            return true;
    return false;
}

/* Not SIGKILL, SIGSTOP, and what libc or an emulator keeps to itself. */
static sigset_t signals_to_block(void)
{
    sigset_t all, blocked, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_sigmask(SIG_SETMASK, &before, &blocked);
    return blocked;
}

static void assert_mask(void)
{
    sigset_t mask, possible = signals_to_block();

    run_thread(MIB, "test", look_at_signals, &mask);
    for (int signal = 1; signal < NSIG; signal++) {
        if (sigismember(&possible, signal))
            assert_int_equal(sigismember(&mask, signal), !taken_by_threads(signal));
    }
}

TEST(a_thread_takes_its_own_faults_and_sigprof_only)
{
    assert_mask();
}

TEST(what_the_creator_blocks_makes_no_difference)
{
    sigset_t blocked, before, after;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGPROF);
    sigaddset(&blocked, SIGFPE);
    sigaddset(&blocked, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
    assert_mask();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
    assert_true(sigismember(&after, SIGPROF) && sigismember(&after, SIGFPE));
    assert_true(sigismember(&after, SIGUSR1) && !sigismember(&after, SIGUSR2));
}

/* ---- names ---- */

struct name {
    size_t size;
    char text[32];
};

static void look_at_name(void *data)
{
    struct name *name = data;

    tn_thread_name(name->text, name->size);
}

static void assert_name(const char *given, size_t size, const char *expected)
{
    struct name name = {.size = size};

    run_thread(MIB, given, look_at_name, &name);
    assert_string_equal(name.text, expected);
}

TEST(a_thread_has_its_name)
{
    assert_name("tarn/3", 32, "tarn/3");
    assert_name("fifteen letters", 32, "fifteen letters");
}

TEST(a_long_name_is_cut)
{
    assert_name("a name of more than fifteen bytes", 32, "a name of more ");
}

TEST(a_name_is_cut_to_the_buffer)
{
    assert_name("worker", 4, "wor");
    assert_name("worker", 1, "");
}

TEST(an_empty_name_leaves_the_creators)
{
    char own[32];

    tn_thread_name(own, sizeof(own));
    assert_name("", 32, own);
}

/* ---- at the end of threads ---- */

TN_THREAD_LOCAL(int, arm_again);

static tn_atomic_u32 ends;

static void on_end(void);

static tn_thread_end at_end = TN_THREAD_END(on_end);

static void on_end(void)
{
    tn_u32_add_relaxed(&ends, 1);
    if (*arm_again() > 0) {
        *arm_again() -= 1;
        tn_thread_end_arm(&at_end);
    }
}

/* How often on_end() runs when a thread of this kind ends. */
static uint32_t ends_of(void (*run)(void *), void *data)
{
    uint32_t before = tn_u32_load_relaxed(&ends);

    run_thread(MIB, "test", run, data);
    return tn_u32_load_relaxed(&ends) - before;
}

static void end_unarmed(void *data)
{
    (void)data;
}

static void end_armed(void *data)
{
    (void)data;
    tn_thread_end_arm(&at_end);
}

static void end_armed_twice(void *data)
{
    (void)data;
    tn_thread_end_arm(&at_end);
    tn_thread_end_arm(&at_end);
}

static void end_by_pthread_exit(void *data)
{
    (void)data;
    tn_thread_end_arm(&at_end);
    pthread_exit(NULL);
}

static void end_and_arm_again(void *data)
{
    (void)data;
    *arm_again() = 1;
    tn_thread_end_arm(&at_end);
}

TEST(at_exit_runs_once_on_armed_threads_only)
{
    assert_int_equal(ends_of(end_unarmed, NULL), 0);
    assert_int_equal(ends_of(end_armed, NULL), 1);
    assert_int_equal(ends_of(end_armed_twice, NULL), 1);
}

TEST(at_exit_runs_after_pthread_exit)
{
    assert_int_equal(ends_of(end_by_pthread_exit, NULL), 1);
}

static void other_on_end(void)
{
    tn_u32_add_relaxed(&ends, 100);
}

static tn_thread_end other_at_end = TN_THREAD_END(other_on_end);

static void end_armed_for_both(void *data)
{
    (void)data;
    tn_thread_end_arm(&at_end);
    tn_thread_end_arm(&other_at_end);
}

TEST(at_exit_knows_several_things_to_do)
{
    assert_int_equal(ends_of(end_armed_for_both, NULL), 101);
    assert_int_equal(ends_of(end_armed, NULL), 1);
}

TEST(at_exit_may_arm_itself_again)
{
    assert_int_equal(ends_of(end_and_arm_again, NULL), 2);
}

static void arm_from_destructor(void *value)
{
    (void)value;
    tn_thread_end_arm(&at_end);
}

static void end_with_a_destructor_that_arms(void *data)
{
    pthread_key_t *key = data;

    pthread_setspecific(*key, key);
}

TEST(at_exit_can_be_armed_by_destructors_of_others)
{
    pthread_key_t key;

    assert_int_equal(pthread_key_create(&key, arm_from_destructor), 0);
    assert_int_equal(ends_of(end_with_a_destructor_that_arms, &key), 1);
    assert_int_equal(pthread_key_delete(key), 0);
}

static void *start_armed(void *data)
{
    tn_thread_end_arm(&at_end);
    return data;
}

TEST(at_exit_runs_on_threads_that_others_started)
{
    pthread_t thread;
    uint32_t before = tn_u32_load_relaxed(&ends);

    assert_int_equal(pthread_create(&thread, NULL, start_armed, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(tn_u32_load_relaxed(&ends) - before, 1);
}
