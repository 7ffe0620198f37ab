/* SPDX-License-Identifier: Apache-2.0 */

/* What the module unloaded.c does with its tasks. */
#ifndef TESTS_HEADER_UNLOADED_H
#define TESTS_HEADER_UNLOADED_H

#include <tarn.h>

#include <stdatomic.h>

struct unloaded {
    tarn_future *(*submit_tripled)(tarn_executor *executor, int n);
    tarn_future *(*submit_tripled_word)(tarn_executor *executor, atomic_int *word); /* once not 0 */
    tarn_future *(*submit_failing)(tarn_executor *executor, int n);
    tarn_future *(*triple_after)(tarn_executor *executor, tarn_future *before);
    tarn_promise *(*promise_tripled)(void);
    tarn_executor *(*open_counting)(atomic_int *times); /* its workers' beginnings and ends */
    tarn_status (*read_tripled)(tarn_future *future, int *value);
};

#endif
