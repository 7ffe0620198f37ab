/* SPDX-License-Identifier: Apache-2.0 */

/* Descriptors, and the cells of their calls. */
#ifndef TN_CORE_TASK_H
#define TN_CORE_TASK_H

#include "core/cell.h"

static inline const char *tn_task_name(const tarn_task *task)
{
    return task && task->name ? task->name : "";
}

/* What was found out of a task, and is noted in its mark, so that it is found out once. */
#define TN_TASK_GOOD   1u /* its descriptor can be used */
#define TN_TASK_KEPT   2u /* its module stays loaded */
#define TN_TASK_BYTES  4u /* an argument is a tarn_bytes */
#define TN_TASK_OWNING 8u /* of tn_owns_anything() */

/* These bits of a descriptor that can be used, TN_TASK_GOOD among them. */
uint32_t tn_task_traits(const tarn_task *task);

/* Whether a descriptor can be used: TARN_OK, or TARN_INVALID with `call` (a public function's name)
 * in tarn_last_error(). For whoever goes on to keep it, be it in a future that has ended: its
 * module stays loaded from here on. */
tarn_status tn_task_check(const tarn_task *task, const char *call);

/* Whether workers can run these tasks as they begin and end; either may be NULL. */
tarn_status tn_task_check_for_worker(const char *call, const tarn_task *initializer,
                                     const void *initializer_args, const tarn_task *finalizer);

/* What the copies of arguments need beside their struct. */
typedef struct tn_needs {
    size_t bytes; /* of the tarn_bytes; SIZE_MAX: one has a size but no data, or they do not fit the
                     address space */
    bool owning;  /* of tn_owns_anything() */
} tn_needs;

tn_needs tn_task_needs(const tarn_task *task, const void *args);

/* Whether a result is a tarn_bytes that has a size, but no data: nobody could use it. */
bool tn_lacks_data(const tarn_task *task, const void *result);

/* A pending cell for the task with a copy of the arguments, deep for tarn_bytes; NULL: no memory.
 * args is NULL only if the task takes none. */
tarn_future *tn_task_cell(const tarn_task *task, const void *args, tn_needs needs, uint32_t owners);

/* Replaces the data of each tarn_bytes in copied arguments by a copy, at `to`. */
void tn_task_copy_bytes(const tarn_task *task, void *args, unsigned char *to);

#endif
