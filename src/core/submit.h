/* SPDX-License-Identifier: Apache-2.0 */

/* The way of a future into its executor, for all that submits. */
#ifndef TN_CORE_SUBMIT_H
#define TN_CORE_SUBMIT_H

#include "core/view.h"

/* Whether this executor takes calls of this task, which is well-formed; otherwise why not, with
 * `call`, a public function's name, in tarn_last_error(). */
/* Whether workers of that kind can take the arguments of a task, and return its result: TARN_OK, or
 * TARN_UNSUPPORTED with the reason in tarn_last_error(). */
tarn_status tn_submit_check_kinds(const tarn_backend *backend, const tarn_task *task);

tarn_status tn_submit_check(tarn_executor *executor, const tarn_task *task, const char *call);

/* Queues a pending future with one handle and TN_OWNER_QUEUE, by the rules of its executor, which
 * may be a view; blocks until then for a place. Otherwise why not: the caller is to refuse it,
 * which nobody else can end any more, and TN_OWNER_QUEUE is given back. */
tarn_status tn_submit_cell(tarn_executor *executor, tarn_future *future, int64_t until);

/* A future that has ended because a submit was refused with that status, which is counted;
 * tarn_last_error() is its text. */
tarn_future *tn_submit_refused(uint32_t executor, const tarn_task *task, tarn_status status);

#endif
