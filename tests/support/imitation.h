/* SPDX-License-Identifier: Apache-2.0 */

/* Whether a tool stands between this test and the system, Valgrind or an emulator, for what they do
 * otherwise: limits of descriptors, descriptors that are cut off a message, and telling the parent
 * why a program could not be started. */
#ifndef TESTS_SUPPORT_IMITATION_H
#define TESTS_SUPPORT_IMITATION_H

#include <stdbool.h>
#include <stdlib.h>

#if defined TN_HAVE_VALGRIND && TN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

static inline bool system_is_imitated(void)
{
#if defined TN_HAVE_VALGRIND && TN_HAVE_VALGRIND
    if (RUNNING_ON_VALGRIND)
        return true;
#endif
    return getenv("TARN_TEST_EMULATOR") != NULL;
}

#endif
