/* SPDX-License-Identifier: Apache-2.0 */

/* A thread that waits for a future takes the worker's reply itself: no other thread has to be woken
 * for it. */
#include "process/crew.h"

#include "core/deadline.h"
#include "core/future.h"
#include "platform/cpu.h"
#include "platform/futex.h"

#include <errno.h>

/* How long it polls: about what a sleep and a wake cost; and as long as it may take a worker to wake up
 * on a CPU that was asleep, too. */
enum { SPIN_NS = 20 * 1000, WAKE_NS = 100 * 1000 };

enum { LOOKS = 8 }; /* at the future's own word between two looks at the workers */

/* Of a sleep on a word that a worker may have spoilt (see README.md). */
#define DOUBT_SECONDS 0.1

/* Takes what there is, and gives what is queued. The mutex is held, and is not afterwards. */
static void harvest(tn_crew *crew)
{
    tn_endings endings;
    int idle = crew->idle;
    tn_endings_open(&endings);
    tn_crew_harvest_all(crew, &endings);
    /* What was taken back from a worker ends nothing, but may have been all that it had. */
    if (endings.first || crew->idle > idle)
        tn_crew_serve(crew, &endings);
    bool any = tn_crew_leave_to_service(crew, &endings);
    tn_mutex_unlock(&crew->mutex);
    if (any)
        tn_crew_end(crew, &endings, NULL);
}

/* Whether its worker was asleep, and may well reply as soon as it is awake: falling asleep here would
 * double that time. */
static bool is_waking(tn_crew *crew, const tarn_future *future)
{
    uint32_t number;
    tn_mutex_lock(&crew->mutex);
    const tn_member *member = tn_crew_find(crew, future, &number);
    bool waking = member && member->channel.woken && member->pace < WAKE_NS;
    tn_mutex_unlock(&crew->mutex);
    return waking;
}

/* Polls for so long; whether it has ended. */
static bool poll(tn_crew *crew, const tarn_future *future, int64_t from, int64_t until)
{
    for (int64_t now = from; now < until; now = tn_clock_now()) {
        /* Who holds it does the same, or gives it back soon. */
        if (tn_mutex_try_lock(&crew->mutex))
            harvest(crew);
        for (int i = 0; i < LOOKS; i++) {
            if (tn_future_ended(future))
                return true;
            tn_cpu_relax();
        }
    }
    return false;
}

static bool spin(tn_crew *crew, const tarn_future *future, int64_t until)
{
    int64_t now = tn_clock_now();
    int64_t usual = now + SPIN_NS, most = now + WAKE_NS;
    return poll(crew, future, now, usual < until ? usual : until) ||
           (is_waking(crew, future) && poll(crew, future, usual, most < until ? most : until));
}

/* Who has it, so that its reply can be slept for; NULL: nobody, or it has just come. The mutex is
 * held. */
static tn_member *find_to_sleep_on(tn_crew *crew, const tarn_future *future)
{
    uint32_t number;
    tn_member *member = tn_crew_find(crew, future, &number);
    return member && member->state == TN_BUSY ? member : NULL;
}

/* Sleeps until the future has ended, or until its worker has replied to anything. The mutex is held,
 * and is not afterwards. 0, ETIMEDOUT, or ENOSYS as tn_futex_wait_two(). */
static int sleep_on(tn_crew *crew, tn_member *member, tarn_future *future, int64_t until)
{
    tn_line *line = member->line;
    line->users++;
    line->sleepers++;
    tn_host_listen(&member->channel, TN_RING_EVENT | TN_RING_FUTEX);
    uint32_t seen = tn_host_done_seen(&member->channel);
    const tn_atomic_u32 *done = tn_host_done_word(&member->channel);
    bool news = tn_u32_load_relaxed(done) != seen;
    tn_mutex_unlock(&crew->mutex);

    int error = 0;
    uint32_t state = tn_u32_or_relaxed(&future->state, TN_WAITER) | TN_WAITER;
    int64_t doubt = tn_clock_after(DOUBT_SECONDS);
    if (!news && !(state & TN_FINISHED))
        error = tn_futex_wait_two(&future->state, state, done, seen, until < doubt ? until : doubt);

    tn_mutex_lock(&crew->mutex);
    if (--line->sleepers == 0 && member->line == line)
        tn_host_listen(&member->channel, TN_RING_EVENT);
    tn_line_leave(line);
    harvest(crew);
    return error;
}

void tn_crew_await(tarn_executor *executor, tarn_future *future, int64_t until)
{
    tn_crew *crew = (tn_crew *)(void *)executor;
    if (tn_aftermath_here()->in_use)
        return;
    if (crew->polls && spin(crew, future, until))
        return;
    while (!tn_future_ended(future) && tn_clock_now() < until) {
        tn_mutex_lock(&crew->mutex);
        tn_member *member = find_to_sleep_on(crew, future);
        if (!member) {
            tn_mutex_unlock(&crew->mutex);
            return;
        }
        if (sleep_on(crew, member, future, until) == ENOSYS)
            return;
    }
}
