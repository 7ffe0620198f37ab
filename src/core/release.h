/* SPDX-License-Identifier: Apache-2.0 */

/* What futures own through their arguments and results: buffers, and whatever the task's release
 * functions free. Runs code of the user: with no lock held. */
#ifndef TN_CORE_RELEASE_H
#define TN_CORE_RELEASE_H

#include <tarn.h>

/* Whether futures of the task own anything so. */
bool tn_owns_anything(const tarn_task *task);

/* Takes a reference to each buffer in the arguments. */
void tn_hold_args(const tarn_task *task, const void *args);

/* Gives it back; and calls release_args(), if asked to. */
void tn_release_args(const tarn_task *task, const void *args, bool all);

/* Calls release_args() for arguments that were never copied, nor their buffers held. args may be
 * NULL if the task takes none. */
void tn_release_refused(const tarn_task *task, const void *args);

/* Releases a result that the task returned. */
void tn_release_result(const tarn_task *task, const void *result);

#endif
