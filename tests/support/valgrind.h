/* SPDX-License-Identifier: Apache-2.0 */

/* Whether Valgrind runs this test, for what it does not do as the system does: limits of
 * descriptors, and telling the parent why a program could not be started. */
#ifndef TESTS_SUPPORT_VALGRIND_H
#define TESTS_SUPPORT_VALGRIND_H

#include <stdbool.h>

#if defined TN_HAVE_VALGRIND && TN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

static inline bool on_valgrind(void)
{
#if defined TN_HAVE_VALGRIND && TN_HAVE_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

#endif
