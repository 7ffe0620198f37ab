/* SPDX-License-Identifier: Apache-2.0 */

/* How the arguments and the result of a call lie in a payload: the arguments' struct, the result,
 * and the bytes of the arguments, one after the other. */
#ifndef TN_CORE_LAYOUT_H
#define TN_CORE_LAYOUT_H

#include <tarn.h>

typedef struct tn_layout {
    size_t result; /* where the result is, in bytes from the start of the payload */
    size_t bytes;  /* where the copies of tarn_bytes begin */
    size_t size;   /* of the payload, without the copies of tarn_bytes */
} tn_layout;

/* The largest power of two that divides the size of an object is a multiple of its alignment. */
static inline size_t tn_alignment_of(size_t size)
{
    size_t power = size & (~size + 1);
    return power == 0 ? 1 : power > 16 ? 16 : power;
}

static inline tn_layout tn_layout_of(const tarn_task *task)
{
    size_t alignment = tn_alignment_of(task->result.size);
    size_t result = (task->args_size + alignment - 1) & ~(alignment - 1);
    size_t end = result + task->result.size;
    return (tn_layout){.result = result, .bytes = end, .size = end};
}

#endif
