/* SPDX-License-Identifier: Apache-2.0 */

/* Which task a call is of, in words that another process understands.
 *
 * A task is its descriptor: the module it lies in, and where. The worker runs the same file, so it
 * finds its own copy there; it believes nothing, and compares the name and the shape. */
#ifndef TN_PROCESS_IDENTITY_H
#define TN_PROCESS_IDENTITY_H

#include "platform/module.h"

#include <tarn.h>

enum { TN_MOST_ARGS = 16, TN_TASK_NAME = 256, TN_WHY = 2048 };

typedef struct tn_shape {
    uint32_t kind, offset;
    uint64_t size;
} tn_shape;

typedef struct tn_identity {
    tn_module module;
    uint64_t offset; /* of the descriptor */
    uint64_t args_size;
    tn_shape result;
    uint32_t arg_count;
    tn_shape args[TN_MOST_ARGS];
    char name[TN_TASK_NAME];
} tn_identity;

/* TARN_OK, or why this task cannot be named in another process, in tarn_last_error(). */
tarn_status tn_identity_of(const tarn_task *task, tn_identity *identity);

/* This process's task of that identity; NULL: TARN_UNKNOWN_TASK or TARN_MISMATCH in *status, and
 * why, in TN_WHY bytes. Loads the library it lies in, if need be. */
const tarn_task *tn_identity_find(const tn_identity *identity, tarn_status *status, char *why);

#endif
