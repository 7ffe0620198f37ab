/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include "broken.h"
#include "memory.h"
#include "mutex.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The kernel's limit for a thread's name, its end included. */
#define NAME_SIZE 16

/* What the creator hands to the new thread, which frees it. */
struct start {
    void (*run)(void *);
    void *data;
    char name[NAME_SIZE];
};

/* Signals that an instruction raises must reach the thread that executed it: a blocked one would
 * end the process without the handler that the program has for it. SIGPROF samples every thread. */
static void signals_of_others(sigset_t *signals)
{
    static const int ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};

    sigfillset(signals);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        sigdelset(signals, ours[i]);
}

static void *begin(void *argument)
{
    struct start start = *(struct start *)argument;
    sigset_t blocked;

    tn_free(argument);
    /* The creator may have blocked what this thread must take. */
    signals_of_others(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    if (start.name[0] != '\0')
        prctl(PR_SET_NAME, start.name);
    start.run(start.data);
    return NULL;
}

/* pthread_attr_setstacksize() refuses a small or, on some systems, an uneven size. */
static size_t stack_size_of(size_t wanted)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t least = (size_t)PTHREAD_STACK_MIN;

    if (wanted < least)
        wanted = least;
#ifdef _SC_THREAD_STACK_MIN
    /* glibc takes the program's thread-locals out of the stack, and says how much that is. */
    long minimum = sysconf(_SC_THREAD_STACK_MIN);
    if (minimum > (long)least && wanted < SIZE_MAX - (size_t)minimum)
        wanted += (size_t)minimum - least;
#endif
    return wanted > SIZE_MAX - page ? wanted : (wanted + page - 1) & ~(page - 1);
}

static int create(pthread_t *thread, size_t stack_size, struct start *start)
{
    pthread_attr_t attributes;
    sigset_t blocked, before;
    int error = pthread_attr_init(&attributes);

    if (error != 0)
        return error;
    error = pthread_attr_setstacksize(&attributes, stack_size_of(stack_size));
    if (error == 0) {
        /* The new thread inherits the mask: no signal can reach it before it sets its own. */
        signals_of_others(&blocked);
        pthread_sigmask(SIG_BLOCK, &blocked, &before);
        error = pthread_create(thread, &attributes, begin, start);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return error;
}

int tn_thread_start(tn_thread *thread, size_t stack_size, const char *name, void (*run)(void *),
                    void *data)
{
    struct start *start = tn_alloc(sizeof(*start));
    int error;

    if (start == NULL)
        return ENOMEM;
    start->run = run;
    start->data = data;
    memcpy(start->name, name, strnlen(name, NAME_SIZE - 1));

    error = create(&thread->tn_raw_, stack_size, start);
    if (error != 0)
        tn_free(start);
    return error;
}

void tn_thread_exit(void)
{
    pthread_exit(NULL);
}

void tn_thread_join(tn_thread thread)
{
    int state, error;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    error = pthread_join(thread.tn_raw_, NULL);
    pthread_setcancelstate(state, &state);
    if (error != 0)
        tn_broken("pthread_join", error);
}

void tn_thread_detach(tn_thread thread)
{
    int error = pthread_detach(thread.tn_raw_);

    if (error != 0)
        tn_broken("pthread_detach", error);
}

void *tn_thread_stack_limit(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return NULL;
    if (pthread_attr_getstack(&attributes, &lowest, &size) != 0)
        lowest = NULL;
    pthread_attr_destroy(&attributes);
    return lowest;
}

void tn_thread_name(char *buffer, size_t size)
{
    char name[NAME_SIZE] = "";
    size_t length;

    prctl(PR_GET_NAME, name);
    length = strnlen(name, size - 1);
    memcpy(buffer, name, length);
    buffer[length] = '\0';
}

tn_mutex tn_thread_end_mutex = TN_MUTEX_INITIAL;

static void run_end(void *end)
{
    ((tn_thread_end *)end)->run();
}

static int make_key(tn_thread_end *end)
{
    int error = 0;
    tn_mutex_lock(&tn_thread_end_mutex);
    if (!tn_u32_load_relaxed(&end->tn_ready_)) {
        error = pthread_key_create(&end->tn_key_, run_end);
        if (error == 0)
            tn_u32_store_release(&end->tn_ready_, 1);
    }
    tn_mutex_unlock(&tn_thread_end_mutex);
    return error;
}

int tn_thread_end_arm(tn_thread_end *end)
{
    int error = tn_u32_load_acquire(&end->tn_ready_) ? 0 : make_key(end);
    return error == 0 ? pthread_setspecific(end->tn_key_, end) : error;
}
