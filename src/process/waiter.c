/* SPDX-License-Identifier: Apache-2.0 */

/* A thread that waits for a future takes the worker's reply itself: no other thread has to be woken
 * for it. */
#include "process/crew.h"

#include "core/deadline.h"
#include "core/future.h"
#include "platform/cpu.h"
#include "platform/futex.h"
#include "platform/tls.h"

#include <errno.h>

/* How long it polls: about what a sleep and a wake cost; and as long as it may take a worker to wake up
 * on a CPU that was asleep, too. */
enum { SPIN_NS = 20 * 1000, WAKE_NS = 100 * 1000 };

/* Looks, at what is waited for, between two at all workers: many if that has a worker whose next reply
 * is looked for, too, unless that one waits for this CPU. */
enum { LOOKS = 8, LOOKS_AT_LINE = 128 };

/* Of the first sleep on a word that a worker may have spoilt (see README.md); each is twice as long as
 * the one before. */
#define FIRST_SLEEP 0.1

TN_THREAD_LOCAL(tn_offers, offers);

/* What is waited for. */
typedef struct goal {
    bool (*over)(void *data);
    void *data;
    tarn_future *future; /* one alone, which is `data`; NULL: any of several */
    /* The reply that its worker gives next; NULL: nobody has it. */
    tn_line *line;
    uint32_t number;
    bool waking; /* that worker slept when it was given something */
} goal;

static bool has_ended(void *future)
{
    return tn_future_ended(future);
}

/* ---- Under the mutex --------------------------------------------------------------------------- */

/* Who has it, so that its reply can be waited for; NULL: nobody, or it has just come. */
static tn_member *find_who_has(tn_crew *crew, const tarn_future *future)
{
    uint32_t number;
    tn_member *member = tn_crew_find(crew, future, &number);
    return member && member->state == TN_BUSY ? member : NULL;
}

static void watch(tn_crew *crew, goal *g)
{
    tn_member *member = g->future ? find_who_has(crew, g->future) : NULL;
    if (!member)
        return;
    g->line = member->line;
    g->line->users++;
    g->number = member->channel.harvested;
    g->waking = member->channel.woken;
}

static void watch_no_more(goal *g)
{
    tn_line_leave(g->line);
    g->line = NULL;
}

/* Takes what there is, gives what is queued, and sees what to watch then, unless it is NULL. The mutex
 * is not held afterwards. */
static void harvest(tn_crew *crew, goal *g)
{
    tn_endings endings;
    tn_endings_open(&endings);
    bool any = tn_crew_harvest_all(crew, &endings);
    if (any) {
        tn_crew_serve(crew, &endings);
        any = tn_crew_leave_to_service(crew, &endings);
    }
    if (g)
        watch(crew, g);
    tn_mutex_unlock(&crew->mutex);
    if (any)
        tn_crew_end(crew, &endings, NULL);
}

/* ---- Polling ----------------------------------------------------------------------------------- */

/* Whether a worker was asleep, and may well reply as soon as it is awake: falling asleep here would
 * double that time. */
static bool one_is_waking(tn_crew *crew)
{
    bool waking = false;
    tn_mutex_lock(&crew->mutex);
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        const tn_member *member = crew->members[i];
        waking |= member->state == TN_BUSY && member->channel.woken && member->pace < WAKE_NS;
    }
    tn_mutex_unlock(&crew->mutex);
    return waking;
}

/* Looks without the mutex, so that nobody has to wait for it; true: it is over. */
static bool look(const goal *g)
{
    int looks = g->line && !g->waking ? LOOKS_AT_LINE : LOOKS;
    for (int i = 0; i < looks; i++) {
        if (g->over(g->data))
            return true;
        if (g->line && tn_up_has_reply(g->line->up, g->number))
            break;
        tn_cpu_relax();
    }
    return false;
}

static bool poll_once(tn_crew *crew, goal *g)
{
    /* Who holds it does the same, or gives it back soon. */
    if (tn_mutex_try_lock(&crew->mutex)) {
        watch_no_more(g);
        harvest(crew, g);
    }
    /* A worker that is woken is on this very CPU, more often than not. */
    if (g->line && g->waking)
        tn_offer(offers());
    return look(g);
}

/* Polls until then; whether it is over. */
static bool poll_until(tn_crew *crew, goal *g, int64_t until)
{
    bool over = false;
    while (!over && tn_clock_now() < until) {
        tn_offer(offers());
        over = poll_once(crew, g);
    }
    return over;
}

static void poll_for(tn_crew *crew, goal *g, int64_t until)
{
    /* Once until there is a reply, and once to take it: mostly that is all, without the clock. */
    if (!crew->polls || poll_once(crew, g) || poll_once(crew, g))
        return;
    int64_t now = tn_clock_now(), usual = now + SPIN_NS, most = now + WAKE_NS;
    if (!poll_until(crew, g, usual < until ? usual : until) && one_is_waking(crew))
        poll_until(crew, g, most < until ? most : until);
}

/* Polls for a while. */
static void poll_workers(tn_crew *crew, goal g, int64_t until)
{
    poll_for(crew, &g, until);
    if (!g.line)
        return;
    tn_mutex_lock(&crew->mutex);
    watch_no_more(&g);
    tn_mutex_unlock(&crew->mutex);
}

void tn_crew_help(tarn_executor *executor, bool (*over)(void *data), void *data, int64_t until)
{
    tn_crew *crew = (tn_crew *)(void *)executor;
    /* Within another's ending nothing else may end. */
    if (!tn_aftermath_here()->in_use)
        poll_workers(crew, (goal){.over = over, .data = data}, until);
}

/* ---- Sleeping ---------------------------------------------------------------------------------- */

/* Sleeps until the future has ended, or until its worker has replied to anything. The mutex is held,
 * and is not afterwards. 0, ETIMEDOUT, or ENOSYS as tn_futex_wait_two(). */
static int sleep_on(tn_crew *crew, tn_member *member, tarn_future *future, int64_t until,
                    double seconds)
{
    tn_line *line = member->line;
    line->users++;
    line->sleepers++;
    tn_host_listen(&member->channel, TN_RING_EVENT | TN_RING_FUTEX);
    uint32_t seen = tn_host_done_seen(&member->channel);
    const tn_atomic_u32 *done = tn_host_done_word(&member->channel);
    bool news = tn_host_has_news(&member->channel);
    tn_mutex_unlock(&crew->mutex);

    int error = 0;
    uint32_t state = tn_u32_or_relaxed(&future->state, TN_WAITER) | TN_WAITER;
    int64_t doubt = tn_clock_after(seconds);
    if (!news && !(state & TN_FINISHED))
        error = tn_futex_wait_two(&future->state, state, done, seen, until < doubt ? until : doubt);

    tn_mutex_lock(&crew->mutex);
    if (--line->sleepers == 0 && member->line == line)
        tn_host_listen(&member->channel, TN_RING_EVENT);
    tn_line_leave(line);
    harvest(crew, NULL);
    return error;
}

void tn_crew_await(tarn_executor *executor, tarn_future *future, int64_t until)
{
    tn_crew *crew = (tn_crew *)(void *)executor;
    if (tn_aftermath_here()->in_use)
        return;
    poll_workers(crew, (goal){.over = has_ended, .data = future, .future = future}, until);
    for (double sleep = FIRST_SLEEP; !tn_future_ended(future) && tn_clock_now() < until;
         sleep *= 2) {
        tn_mutex_lock(&crew->mutex);
        tn_member *member = find_who_has(crew, future);
        if (!member) {
            tn_mutex_unlock(&crew->mutex);
            return;
        }
        if (sleep_on(crew, member, future, until, sleep) == ENOSYS)
            return;
    }
}
