/* SPDX-License-Identifier: Apache-2.0 */

/* Futures whose tasks run elsewhere, in another process: what tn_run() does for those that run
 * here. */
#ifndef TN_CORE_REMOTE_H
#define TN_CORE_REMOTE_H

#include "core/cell.h"
#include "core/count.h"

/* Where there are books to be given, they are its executor's, and the caller's until it has returned. */

/* Notes that a future, which was started, runs from now on: counts it, and begins its time limit. */
void tn_remote_begin(tarn_future *future, tn_books *books);

/* The other way round: it has not begun, and is pending again. */
void tn_remote_take_back(tarn_future *future, tn_books *books);

/* Makes a tarn_bytes result point to a copy of its data, which the future keeps; false: no
 * memory. */
bool tn_remote_keep_bytes(tarn_future *future, tarn_bytes *bytes);

/* Notes how it is going to end; tarn_failure and an allocated text (NULL: that of the status), which
 * is the future's from here on, if it is not TARN_OK. Its result, if it is, was written before. */
void tn_remote_decide(tarn_future *future, tarn_status status);
void tn_remote_explain(tarn_future *future, tarn_failure failure, char *text);

/* The same, of one that has not begun, and will not. */
void tn_remote_refuse(tarn_future *future, tarn_failure failure, char *text, tn_books *books);

/* Counts that it has crashed the process that it ran in; true: on each of its tries, of which there
 * were several. */
bool tn_remote_crashed(tarn_future *future);

/* Whether tn_remote_end() would queue it again if it ended so. */
bool tn_remote_would_be_tried_again(const tarn_future *future, tarn_status status);

/* Ends it well if that wakes nobody, and runs no code of the user: so also where a lock is held.
 * Gives TN_OWNER_QUEUE back then; false: nothing was done. Who is to find it among the counts once it
 * has ended must wait for that lock. */
bool tn_remote_end_untold(tarn_future *future, tn_books *books);

/* Ends it as was decided, or queues it again if its view wants that; gives TN_OWNER_QUEUE back. */
void tn_remote_end(tarn_future *future);

#endif
