/* SPDX-License-Identifier: Apache-2.0 */

/* Descriptors, and how the arguments and the result of a call lie in a payload. */
#ifndef TN_CORE_TASK_H
#define TN_CORE_TASK_H

#include "core/cell.h"

static inline const char *tn_task_name(const tarn_task *task)
{
    return task && task->name ? task->name : "";
}

/* A task, its arguments' struct and its bytes, one after the other. */
typedef struct tn_layout {
    size_t result; /* where the result is, in bytes from the start of the payload */
    size_t bytes;  /* where the copies of tarn_bytes begin */
    size_t size;   /* of the payload */
} tn_layout;

/* The layout without the copies of tarn_bytes. */
tn_layout tn_task_layout(const tarn_task *task);

/* Whether a descriptor can be used: TARN_OK, or TARN_INVALID with `call` (a public function's name)
 * in tarn_last_error(). */
tarn_status tn_task_check(const tarn_task *task, const char *call);

/* A pending cell for the task with a copy of the arguments, deep for tarn_bytes, which add `bytes`
 * (of tn_task_bytes()); NULL: no memory. args is NULL only if the task takes none. */
tarn_future *tn_task_cell(const tarn_task *task, const void *args, size_t bytes, uint32_t owners);

/* Where a started task writes its result; its value once the future has ended TARN_OK. */
void *tn_task_result(const tarn_future *future);

/* How many bytes of args the tarn_bytes in it add; SIZE_MAX: one has a size but no data, or they
 * do not fit the address space. */
size_t tn_task_bytes(const tarn_task *task, const void *args);

#endif
