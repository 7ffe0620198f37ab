/* SPDX-License-Identifier: Apache-2.0 */

/* Futures whose end is decided, and which thread ends them. */
#include "process/crew.h"

#include "core/future.h"
#include "core/remote.h"
#include "core/status.h"
#include "platform/fd.h"
#include "process/step.h"

/* ---- Deciding, under the mutex ----------------------------------------------------------------- */

void tn_endings_open(tn_endings *endings)
{
    endings->first = NULL;
    endings->last = &endings->first;
}

void tn_endings_add(tn_endings *endings, tarn_future *future)
{
    future->link = NULL;
    *endings->last = future;
    endings->last = &future->link;
}

void tn_endings_join(tn_endings *to, tn_endings *from)
{
    if (!from->first)
        return;
    *to->last = from->first;
    to->last = from->last;
    tn_endings_open(from);
}

void tn_endings_decide(tn_endings *endings, tarn_future *future, tarn_failure failure, char *text)
{
    tn_remote_explain(future, failure, text);
    tn_endings_add(endings, future);
}

void tn_endings_succeed(tn_crew *crew, tn_endings *endings, tarn_future *future)
{
    tn_step(TN_STEP_ENDING);
    if (tn_remote_end_untold(future, &crew->books)) {
        tn_step(TN_STEP_ENDED);
        return;
    }
    tn_remote_decide(future, TARN_OK);
    tn_endings_add(endings, future);
}

void tn_endings_refuse(tn_crew *crew, tn_endings *endings, tarn_future *future, tarn_status status,
                       const char *text)
{
    tn_remote_refuse(future, (tarn_failure){.status = status, .worker = -1},
                     text ? tn_text_copy(text) : NULL, &crew->books);
    tn_endings_add(endings, future);
}

/* ---- Ending ------------------------------------------------------------------------------------ */

void tn_crew_call_service(tn_crew *crew)
{
    if (!crew->called)
        tn_event_raise(crew->doorbell);
    crew->called = true;
}

bool tn_crew_leave_to_service(tn_crew *crew, tn_endings *endings)
{
    tn_endings own;
    tn_endings_open(&own);
    for (tarn_future *future = endings->first, *next; future; future = next) {
        next = future->link;
        tn_endings_add(tn_future_word(future) & TN_OWNING ? &crew->left_over : &own, future);
    }
    tn_endings_open(endings);
    tn_endings_join(endings, &own);
    /* For those who are all there and busy it hears of by their events. */
    bool waits = crew->queue.length > 0 && !crew->aware &&
                 (crew->control < 0 || crew->present < crew->max_workers);
    if (crew->left_over.first || crew->queue.dead || waits || (crew->ahead > 0 && !crew->watching))
        tn_crew_call_service(crew);
    crew->ending += endings->first != NULL;
    return endings->first;
}

void tn_crew_end(tn_crew *crew, tn_endings *endings, tarn_future *dead)
{
    tarn_future *future = endings->first;
    tn_aftermath_hold();
    tn_step(TN_STEP_ENDING);
    while (future) {
        tarn_future *next = future->link;
        tn_remote_end(future);
        future = next;
    }
    tn_step(TN_STEP_ENDED);
    tn_queue_bury(dead);
    tn_mutex_lock(&crew->mutex);
    tn_aftermath_give(&crew->aftermath);
    crew->ending--;
    if (!tn_aftermath_is_empty(&crew->aftermath))
        tn_cond_signal(&crew->to_call);
    tn_cond_broadcast(&crew->settled);
    /* The service thread may have nothing else to wait for. */
    if (crew->closed)
        tn_crew_call_service(crew);
    tn_mutex_unlock(&crew->mutex);
}
