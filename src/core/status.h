/* SPDX-License-Identifier: Apache-2.0 */

/* Statuses: their texts, and what tarn_last_error() says. */
#ifndef TN_CORE_STATUS_H
#define TN_CORE_STATUS_H

#include <stdarg.h>
#include <tarn.h>

/* X(status, sentence) for every status but TARN_END. */
#define TN_STATUSES(X) \
    X(TARN_OK, "it ended well") \
    X(TARN_TIMEOUT, "the wait reached its deadline; what was waited for goes on") \
    X(TARN_CANCELLED, "it was cancelled before it started, and never ran") \
    X(TARN_FAILED, "the task failed") \
    X(TARN_EXPIRED, "the task reached its own time limit") \
    X(TARN_STOPPED, "the task was asked to stop, and did") \
    X(TARN_LOST, "the worker died while it ran the task") \
    X(TARN_CLOSED, "the executor is shut down and takes no more work") \
    X(TARN_FULL, "the executor's queue is full") \
    X(TARN_BROKEN, "the executor cannot start a worker") \
    X(TARN_DEADLOCK, "the wait could never have ended") \
    X(TARN_NO_MEMORY, "no memory is left") \
    X(TARN_INVALID, "an argument is wrong") \
    X(TARN_UNSUPPORTED, "this executor cannot do that") \
    X(TARN_UNKNOWN_TASK, "the worker does not have this task") \
    X(TARN_MISMATCH, "the future belongs to another task") \
    X(TARN_NOT_BOOTED, \
      "tarn_boot() was not called; make it the first line of main(), or name a .worker_program") \
    X(TARN_SYSTEM, "the system refused")

/* Records why a call of this thread fails, and returns the status, so that a check is one line:
 * return tn_error(TARN_INVALID, "tarn_wait: futures is NULL"). */
tarn_status tn_error(tarn_status status, const char *text); /* text: static, not copied */
tarn_status tn_error_format(tarn_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether a task may end so, other than well. */
bool tn_is_failure(tarn_status status);

/* How many failures this thread has recorded: to see whether a call recorded one. */
unsigned tn_error_count(void);

/* Allocated copies of texts; NULL: no memory. */
char *tn_text_copy(const char *text);
char *tn_text_format(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* The failure of a future that ended so, which is one, and has no text of its own. */
const tarn_failure *tn_status_failure(tarn_status status);

#endif
