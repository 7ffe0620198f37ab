/* SPDX-License-Identifier: Apache-2.0 */

/* Thread-locals, reached by a function and never by name.
 *
 * The function is the one place where "of the calling thread" is decided: the model of access can
 * be chosen here for each system, a variable cannot be shared between files by accident, and the
 * reader sees from the parentheses that another thread would get another object. */
#ifndef TN_PLATFORM_TLS_H
#define TN_PLATFORM_TLS_H

#include <features.h>

/* With glibc a shared library reaches its thread-locals at a fixed offset: one instruction, no
 * call, no allocation at first use. The room for that is small in a program that loads the library
 * while it runs, hence the limit below. musl does not load such libraries: it keeps the default. */
#ifdef __GLIBC__
#define TN_THREAD_LOCAL_MODEL_ __attribute__((tls_model("initial-exec")))
#else
#define TN_THREAD_LOCAL_MODEL_
#endif

/* TN_THREAD_LOCAL(type, name);
 *
 * At file scope: one object of that type for each thread, all bytes zero when the thread begins,
 * private to the file, and `type *name(void)`, which gives the calling thread's. The address holds
 * until that thread ends; nothing runs then (see tn_thread_end_arm() in thread.h). */
#define TN_THREAD_LOCAL(type, name) \
    static _Thread_local type name##_tn_raw_ TN_THREAD_LOCAL_MODEL_; \
    static inline type *name(void) \
    { \
        return &name##_tn_raw_; \
    } \
    _Static_assert(sizeof(type) <= 256, "a thread-local is small; let it point to the rest")

#endif
