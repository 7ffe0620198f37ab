/* SPDX-License-Identifier: Apache-2.0 */

/* Atomics: the words that threads share.
 *
 * Each is a struct, so that `word++`, `word = 1` and `if (word)` do not compile: C would take them
 * as sequentially consistent operations without saying so. The order stands in the operation's
 * name and is chosen where the operation is written:
 *
 *   relaxed    counters and hints; orders nothing else
 *   acquire    what the releasing thread wrote before its release is seen after this load
 *   release    what this thread wrote before is seen by whoever acquires this value
 *   acq_rel    both: a step in a chain of owners, where the last one may free
 *
 * There is no sequentially consistent operation: whoever needs a store ordered before a later load
 * puts both on one word, by a read-modify-write.
 *
 * Types: tn_atomic_u16, tn_atomic_u32, tn_atomic_u64, tn_atomic_ptr (void *). Operations, as
 * tn_<u16|u32|u64|ptr>_<operation>; each takes the address of the word first; none blocks:
 *
 *   set                     (a, value)            before anyone else can see the word
 *   load_relaxed _acquire   (a)
 *   store_relaxed _release  (a, value)
 *   exchange_acquire _acq_rel
 *                           (a, value), gives the old value
 *   cas_weak_relaxed _acquire _release _acq_rel, cas_strong_acq_rel
 *                           (a, &expected, desired), true: it was `expected` and is `desired`;
 *                           false: `expected` is what was found. Weak may fail without a reason:
 *                           for loops. A failure acquires where the name says acquire or acq_rel.
 *
 * and for the integers, with the old value as result:
 *
 *   add_relaxed    sub_relaxed _acq_rel    or_relaxed _acq_rel    and_relaxed _release    xor_release
 *
 * and tn_size_load_acquire, tn_size_store_release for a plain size_t that code outside the library
 * writes as well, by the same operations of the compiler.
 *
 * What nobody uses is not here; a new one is one line below.
 */
#ifndef TN_PLATFORM_ATOMIC_H
#define TN_PLATFORM_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The member is for this folder only. */
typedef struct {
    _Atomic(uint16_t) tn_raw_;
} tn_atomic_u16;
typedef struct {
    _Atomic(uint32_t) tn_raw_;
} tn_atomic_u32;
typedef struct {
    _Atomic(uint64_t) tn_raw_;
} tn_atomic_u64;
typedef struct {
    _Atomic(void *) tn_raw_;
} tn_atomic_ptr;

/* For words with static storage: static tn_atomic_u32 word = TN_ATOMIC_INIT(1); */
#define TN_ATOMIC_INIT(value) \
    { \
        .tn_raw_ = (value) \
    }

#define TN_ATOMIC_LOAD_(kind, T, order) \
    static inline T tn_##kind##_load_##order(const tn_atomic_##kind *a) \
    { \
        return atomic_load_explicit(&a->tn_raw_, memory_order_##order); \
    }

#define TN_ATOMIC_STORE_(kind, T, order) \
    static inline void tn_##kind##_store_##order(tn_atomic_##kind *a, T value) \
    { \
        atomic_store_explicit(&a->tn_raw_, value, memory_order_##order); \
    }

/* exchange, add, sub, or, xor, and: all of the shape old = operation(word, value). */
#define TN_ATOMIC_MODIFY_(kind, T, name, function, order) \
    static inline T tn_##kind##_##name##_##order(tn_atomic_##kind *a, T value) \
    { \
        return function(&a->tn_raw_, value, memory_order_##order); \
    }

#define TN_ATOMIC_CAS_(kind, T, strength, order, failure) \
    static inline bool tn_##kind##_cas_##strength##_##order(tn_atomic_##kind *a, T *expected, \
                                                            T desired) \
    { \
        return atomic_compare_exchange_##strength##_explicit( \
            &a->tn_raw_, expected, desired, memory_order_##order, memory_order_##failure); \
    }

#define TN_ATOMIC_ANY_(kind, T) \
    static inline void tn_##kind##_set(tn_atomic_##kind *a, T value) \
    { \
        atomic_init(&a->tn_raw_, value); \
    } \
    TN_ATOMIC_LOAD_(kind, T, relaxed) \
    TN_ATOMIC_LOAD_(kind, T, acquire) \
    TN_ATOMIC_STORE_(kind, T, relaxed) \
    TN_ATOMIC_STORE_(kind, T, release) \
    TN_ATOMIC_MODIFY_(kind, T, exchange, atomic_exchange_explicit, acquire) \
    TN_ATOMIC_MODIFY_(kind, T, exchange, atomic_exchange_explicit, acq_rel) \
    TN_ATOMIC_CAS_(kind, T, weak, relaxed, relaxed) \
    TN_ATOMIC_CAS_(kind, T, weak, acquire, acquire) \
    TN_ATOMIC_CAS_(kind, T, weak, release, relaxed) \
    TN_ATOMIC_CAS_(kind, T, weak, acq_rel, acquire) \
    TN_ATOMIC_CAS_(kind, T, strong, acq_rel, acquire)

#define TN_ATOMIC_INTEGER_(kind, T) \
    TN_ATOMIC_ANY_(kind, T) \
    TN_ATOMIC_MODIFY_(kind, T, add, atomic_fetch_add_explicit, relaxed) \
    TN_ATOMIC_MODIFY_(kind, T, sub, atomic_fetch_sub_explicit, relaxed) \
    TN_ATOMIC_MODIFY_(kind, T, sub, atomic_fetch_sub_explicit, acq_rel) \
    TN_ATOMIC_MODIFY_(kind, T, or, atomic_fetch_or_explicit, relaxed) \
    TN_ATOMIC_MODIFY_(kind, T, or, atomic_fetch_or_explicit, acq_rel) \
    TN_ATOMIC_MODIFY_(kind, T, and, atomic_fetch_and_explicit, relaxed) \
    TN_ATOMIC_MODIFY_(kind, T, and, atomic_fetch_and_explicit, release) \
    TN_ATOMIC_MODIFY_(kind, T, xor, atomic_fetch_xor_explicit, release)

TN_ATOMIC_INTEGER_(u16, uint16_t)
TN_ATOMIC_INTEGER_(u32, uint32_t)
TN_ATOMIC_INTEGER_(u64, uint64_t)
TN_ATOMIC_ANY_(ptr, void *)

static inline size_t tn_size_load_acquire(const size_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void tn_size_store_release(size_t *word, size_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

#undef TN_ATOMIC_LOAD_
#undef TN_ATOMIC_STORE_
#undef TN_ATOMIC_MODIFY_
#undef TN_ATOMIC_CAS_
#undef TN_ATOMIC_ANY_
#undef TN_ATOMIC_INTEGER_

#endif
