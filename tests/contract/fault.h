/* SPDX-License-Identifier: Apache-2.0 */

/* Makes memory and threads fail, for the library and the test program alike: the linker leads their
 * calls of malloc, mmap, pthread_create and their like here (see fault.c). Arm a fault after the
 * test has made what it needs itself, and take it back before it asserts. */
#ifndef TESTS_CONTRACT_FAULT_H
#define TESTS_CONTRACT_FAULT_H

#include <limits.h>

#define FAULT_ALWAYS LONG_MAX

/* The next `spared` allocations succeed, and `failing` after them fail. */
void fault_memory(long spared, long failing);

/* Of every `of` starts of a thread, the first `failing` fail with EAGAIN. */
void fault_threads(long failing, long of);

/* No thread can be bound to CPUs, as if this process might use none of them: EINVAL. */
void fault_affinity(void);

/* Nothing fails any more. Gives the number of calls that did. */
long fault_end(void);

#endif
