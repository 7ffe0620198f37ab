/* SPDX-License-Identifier: Apache-2.0 */

/* Threads, and the end of those that others started. */
#ifndef TN_PLATFORM_THREAD_H
#define TN_PLATFORM_THREAD_H

#include "atomic.h"
#include "mutex.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A thread started here; joined or detached exactly once. The member is for this folder only. */
typedef struct {
    pthread_t tn_raw_;
} tn_thread;

/* Starts a thread that calls run(data) and ends when it returns.
 *
 * stack_size  bytes, rounded up to whole pages and to the least the system takes; always set, as
 *             the default of some systems is small, and that of others follows a limit of the shell
 * name        what debuggers and `top` show: copied, cut to 15 bytes, set if the system lets us
 *
 * The thread takes no signals but those that its own instructions raise (SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL, SIGTRAP, SIGSYS, SIGABRT) and SIGPROF for profilers: the others belong to the program's
 * threads. That holds from its first instruction, and the caller's mask is as before on return.
 *
 * 0; EAGAIN or ENOMEM: no room for another thread; EINVAL: no stack can have that size. Does not
 * wait for the thread; run() may begin before *thread is written. */
int tn_thread_start(tn_thread *thread, size_t stack_size, const char *name, void (*run)(void *),
                    void *data);

/* Ends the calling thread here and now; what it registered runs. */
_Noreturn void tn_thread_exit(void);

/* Waits until the thread, which is not the caller, has ended. Blocks; not a cancellation point. */
void tn_thread_join(tn_thread thread);

/* Lets the thread end by itself; afterwards `thread` means nothing. */
void tn_thread_detach(tn_thread thread);

/* The lowest address of the calling thread's stack that may be used, the guard excluded; NULL if
 * the system does not say. For the main thread that is what the limit at this moment allows, or
 * less. Slow (the main thread's is read from a file): callers keep it. */
void *tn_thread_stack_limit(void);

/* About where the calling function's frame is. Not the address of a variable: AddressSanitizer
 * keeps those elsewhere. */
__attribute__((always_inline)) static inline unsigned char *tn_thread_stack_here(void)
{
    return __builtin_frame_address(0);
}

/* Writes the calling thread's name, cut to size - 1 bytes (size > 0); empty if there is none. */
void tn_thread_name(char *buffer, size_t size);

/* What is to happen when threads end, any threads of the process: `run` is called on each that was
 * armed, after its last own instruction. One object with static storage for each such thing. */
typedef struct tn_thread_end {
    void (*run)(void);
    tn_atomic_u32 tn_ready_;
    pthread_key_t tn_key_;
} tn_thread_end;

#define TN_THREAD_END(function) \
    { \
        .run = (function) \
    }

/* Held while the system makes room for one of them, at its first use; for fork(). */
extern tn_mutex tn_thread_end_mutex;

/* Arms the calling thread. Running disarms it. It may be armed again, by `run` or by destructors of
 * others that run after it: the system then makes a few more rounds (at least 4). A thread that is
 * ended by the end of the process does not run it. Cheap; may be called often.
 * 0; EAGAIN: all keys of the process are taken; ENOMEM. */
int tn_thread_end_arm(tn_thread_end *end);

#endif
