/* SPDX-License-Identifier: Apache-2.0 */

/* Arguments, results and failures as bytes, and back. What a worker wrote is hostile: it may say
 * anything, and change while it is read. */
#ifndef TN_PROCESS_CODEC_H
#define TN_PROCESS_CODEC_H

#include "core/run.h"

/* How many bytes the arguments of a call are. */
size_t tn_args_size(const tarn_task *task, const void *args);
void tn_args_encode(const tarn_task *task, const void *args, unsigned char *to);

/* In the worker: fills in task->args_size bytes at `args`, whose tarn_bytes point into `from`; false:
 * those are not the arguments of this task. */
bool tn_args_decode(const tarn_task *task, const unsigned char *from, size_t size, void *args);

/* In the worker: how many bytes a result is; SIZE_MAX: more than there can be. */
size_t tn_result_size(const tarn_task *task, const void *result);
void tn_result_encode(const tarn_task *task, const void *result, unsigned char *to);

/* In the host, for a future that runs. TARN_OK; TARN_NO_MEMORY; TARN_LOST: those bytes are no result
 * of its task. */
tarn_status tn_result_decode(tarn_future *future, const unsigned char *from, size_t size);

/* How a task has ended, as the worker says: with its thread, and so with the worker. */
enum { TN_ENDED_THREAD = -1000 };

enum { TN_MOST_FAILURE = 8 * 1024 }; /* bytes of a failure */

/* In the worker: a failure in at most `room` bytes, cut; how many they are. */
size_t tn_failure_encode(const tn_report *report, unsigned char *to, size_t room);

/* In the host: completes a failure by what these bytes say. Its text, allocated, in which its `file`
 * lies as well; NULL: there is none, or no memory. */
char *tn_failure_decode(tarn_failure *failure, const unsigned char *from, size_t size);

#endif
