/* SPDX-License-Identifier: Apache-2.0 */

/* The crew: what the host knows of a pool's worker processes, and of what they were given. README.md
 * has the states, and who may touch what. */
#ifndef TN_PROCESS_CREW_H
#define TN_PROCESS_CREW_H

#include "core/callback.h"
#include "core/count.h"
#include "core/queue.h"
#include "platform/mutex.h"
#include "platform/thread.h"
#include "process/channel.h"

#include <tarn_backend.h>

typedef enum tn_member_state {
    TN_ABSENT,   /* there is no process */
    TN_STARTING, /* the server was asked for one */
    TN_READY,    /* nothing is in its channel: it is in crew->ready */
    TN_BUSY,     /* it has futures, or something of its own: an initializer, what was revoked */
    TN_LEAVING,  /* its channel is closed: it ends by itself */
    TN_DOOMED    /* it is being killed: it is believed in nothing any more */
} tn_member_state;

/* The shared memory of a channel. Who sleeps on it without the mutex keeps it mapped. */
typedef struct tn_line {
    tn_down *down;
    tn_up *up;
    int users;    /* the member, and the sleepers */
    int sleepers; /* on its done word */
} tn_line;

/* A call in a channel. */
typedef struct tn_held {
    tarn_future *future; /* NULL: none waits for it */
    uint32_t definition; /* the number of the task that it defines, and 1; 0: it is none */
    bool kill;           /* the future is to be killed, if it runs */
    bool asked;          /* ... was asked to stop */
} tn_held;

/* Futures whose end was decided, by `link`. */
typedef struct tn_endings {
    tarn_future *first, **last;
} tn_endings;

/* A worker process, or the place for one. */
typedef struct tn_member {
    int index;
    tn_member_state state;
    uint32_t generation; /* of the processes in this place */
    int pid;
    int process; /* a descriptor of it; -1: there is none */
    int event;   /* of its replies; -1: there is none */
    tn_line *line;
    tn_host channel;
    tn_held held[TN_SLOTS]; /* call n of the channel in n % TN_SLOTS */
    int futures;            /* among them */
    tn_endings owed;        /* to end, or to be tried again, once the worker has ended */
    int64_t pace;           /* nanoseconds from one reply to the next, lately; 0: nobody knows */
    int64_t paced_from;     /* the last reply, or the call that ended a rest */
    bool stalled;           /* it is given nothing ahead until its next reply */
    bool parked;            /* READY, and nothing was there for it */
    bool initialized;       /* its initializer has run and has not failed, or there is none */
    bool *knows;            /* which of crew->tasks, up to `room` */
    uint32_t room;
    bool kill;      /* whatever it does, if it has not ended by now */
    bool leaves;    /* by its own word: its last task has ended its thread */
    bool unsent;    /* DOOMED, and the server has not been told: it has too much to read */
    uint64_t calls; /* that it has replied to */
    int64_t ready_since;
    struct tn_member *next; /* in crew->ready */
} tn_member;

typedef struct tn_crew {
    tarn_executor executor;
    double idle_timeout;
    uint64_t max_tasks;                   /* that one process runs; 0: any number */
    int prefetch;                         /* futures that a worker has at once, at most; 1: and what
                                             it was given is never another's, whatever it says */
    bool strict;                          /* one death breaks the pool */
    bool polls;                           /* who waits polls first: there are CPUs enough */
    int start;                            /* a tarn_start */
    char *program;                        /* that workers are; NULL: this one */
    tarn_future *initializer, *finalizer; /* cells that hold their arguments; NULL: none */

    tn_mutex mutex; /* of all that follows */
    tn_books books;
    tn_queue queue;
    tn_member **members; /* by index; made when first needed */
    int places;          /* of that array: never less */
    int max_workers;
    int present;      /* members that are not ABSENT */
    int idle;         /* READY ones */
    int held;         /* futures that members have */
    int ahead;        /* of these, behind another one */
    int owed;         /* futures that are owed to members */
    tn_member *ready; /* the one that became so last */
    int cursor;       /* the next place to look at for one that can be given more ahead */
    bool full;        /* there was none, and nothing has been harvested since */

    const tarn_task **tasks; /* by their number in channels */
    uint32_t task_count, task_room;

    int control;         /* the socket of the server; -1: there is none */
    int server;          /* a descriptor of its process; -1: there is none */
    bool greeted;        /* it has said that it is there */
    int64_t greet_by;    /* or else is given up */
    int doorbell;        /* an event: somebody wants the service thread to look */
    bool called;         /* it was rung since the last look */
    bool aware;          /* that look found a queue, and has planned for it */
    bool watching;       /* ... or futures given ahead, and will look again before long */
    bool given_ahead;    /* some were since that look */
    int64_t watch_until; /* the end of that while */
    bool given;          /* a future was since that look, to whomever */
    int failures;        /* to start one, in a row; servers that died are among them */
    int early_deaths;    /* workers in a row that ended before they replied to anything */
    int64_t not_before;  /* a worker may be started */

    bool closed;    /* takes no more work */
    bool cancelled; /* ... not even what is owed */
    bool broken;    /* no worker will ever be ready; `failure` says why */
    char failure[384];
    bool over;            /* the service thread has left, and nothing is taken any more */
    bool left;            /* ... and so has the callback thread */
    bool abandoned;       /* ... and the service thread frees the crew */
    tn_endings left_over; /* for the service thread */
    int ending;           /* threads that end futures of it */
    uint64_t wakes, parks;
    tn_cond settled; /* for drain() and finish() */

    tn_aftermath aftermath; /* for the callback thread */
    bool calling;           /* it works some off */
    tn_cond to_call;

    tn_thread service, caller;
} tn_crew;

/* ---- All under the mutex: members, of crew.c ---- */

/* Whose idle_timeout is shorter is asked to leave by a ring, not by looking so often while he is busy. */
#define TN_SHORT_IDLE_SECONDS 0.01

/* A place without a process. */
void tn_member_init(tn_member *member, int index);

/* Asks for more workers if the queue needs some. */
void tn_crew_ask_for_more(tn_crew *crew, tn_endings *endings);

/* Nothing is in its channel any more; `recent`: tn_clock_recent(). */
void tn_crew_become_ready(tn_crew *crew, tn_member *member, int64_t recent);
tn_member *tn_crew_take_ready(tn_crew *crew);

/* Lets a ready worker go. */
void tn_crew_dismiss(tn_crew *crew, tn_member *member);

/* Ends all workers, whose server is gone, and waits for that: who has changed his rights does not end
 * with his parent. */
void tn_crew_bury_all(tn_crew *crew);

/* A server that somebody has stopped goes on: otherwise what is to be killed would not be. */
void tn_crew_rouse_server(const tn_crew *crew);

/* Kills a worker; the futures that it has are the caller's to decide. */
void tn_crew_kill(tn_crew *crew, tn_member *member);

/* What the server says of a worker: its pid or minus an errno number; and that it has ended, with a
 * status or minus a signal. INT_MIN: nobody knows how. */
void tn_crew_spawned(tn_crew *crew, tn_member *member, int pid, tn_endings *endings);
void tn_crew_died(tn_crew *crew, tn_member *member, int how, tn_endings *endings);

/* Ends a future of a worker that is killed, or is to be: once that has ended, if it might be tried again,
 * as it may still run until then. */
void tn_crew_end_or_owe(tn_crew *crew, tn_member *member, tarn_future *future, tarn_failure failure,
                        char *text, tn_endings *endings);

/* The worker is to be killed, whatever it does, if it has not ended that by the time it is pressed.
 * What it has not begun is taken back. */
void tn_crew_kill_all(tn_crew *crew, tn_member *member, tn_endings *endings);

/* What the worker has is asked to stop, once it is pressed. */
void tn_crew_ask_all(tn_member *member);

/* Does to what a worker has what was asked: the words of the futures say what. */
void tn_crew_press(tn_crew *crew, tn_member *member, tn_endings *endings);

/* Whether there are more workers than a resize has left, without those that leave already. */
bool tn_crew_has_too_many(const tn_crew *crew);

/* The crew is broken: what is queued ends TARN_BROKEN. */
void tn_crew_refuse_queued(tn_crew *crew, tn_endings *endings);

/* No worker will ever be ready. */
void tn_crew_break(tn_crew *crew, tn_endings *endings, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tn_crew_break_if_strict(tn_crew *crew, tn_endings *endings);

/* Whether nothing is queued, running, or about to be told. */
bool tn_crew_is_settled(const tn_crew *crew);

/* Gives back a share in the memory of a channel. */
void tn_line_leave(tn_line *line);

/* ---- All under the mutex: what members have, of dispatch.c and calls.c ---- */

/* Gives workers what is queued, and asks for more workers if need be. */
void tn_crew_serve(tn_crew *crew, tn_endings *endings);

/* TARN_OK, or why a task cannot be named in another process, in tarn_last_error(). */
tarn_status tn_crew_know(tn_crew *crew, const tarn_task *task);

/* Pushes a call into the channel of a worker, which has room for two; otherwise why not, in
 * tarn_last_error(). future: NULL if none waits for it. */
tarn_status tn_crew_push(tn_crew *crew, tn_member *member, const tarn_task *task, const void *args,
                         tarn_future *future);

/* Takes the replies of a worker; of all. true: there was something, so that tn_crew_serve() is due. */
bool tn_crew_harvest(tn_crew *crew, tn_member *member, tn_endings *endings);
bool tn_crew_harvest_all(tn_crew *crew, tn_endings *endings);

/* Takes back what a worker has not begun: to the front of the queue. */
void tn_crew_recall(tn_crew *crew, tn_member *member, tn_endings *endings);

/* Who has a future; NULL: nobody. Its call in *number. */
tn_member *tn_crew_find(const tn_crew *crew, const tarn_future *future, uint32_t *number);

/* Whether its worker has begun with that call, by its own word. */
bool tn_member_has_begun(const tn_member *member, uint32_t number);

/* The call is a future's no more; which is the caller's. */
tarn_future *tn_crew_take(tn_crew *crew, tn_member *member, uint32_t number);

static inline tn_held *tn_held_at(tn_member *member, uint32_t number)
{
    return &member->held[number % TN_SLOTS];
}

/* What is said of a future that was at a worker. */
static inline tarn_failure tn_failure_at(const tn_member *member, tarn_status status)
{
    return (tarn_failure){.status = status, .worker = member->index, .pid = member->pid};
}

/* ---- Endings, of endings.c ---- */

void tn_endings_open(tn_endings *endings);
void tn_endings_add(tn_endings *endings, tarn_future *future);
void tn_endings_join(tn_endings *to, tn_endings *from);

/* With a result; it has ended already if nobody is to be told. */
void tn_endings_succeed(tn_crew *crew, tn_endings *endings, tarn_future *future);

/* With its end decided: text as tn_remote_explain(); as one that was never given. */
void tn_endings_decide(tn_endings *endings, tarn_future *future, tarn_failure failure, char *text);
void tn_endings_refuse(tn_crew *crew, tn_endings *endings, tarn_future *future, tarn_status status,
                       const char *text);

/* Rings for the service thread, under the mutex. */
void tn_crew_call_service(tn_crew *crew);

/* Under the mutex, as the last thing: leaves to the service thread what it alone can do, such as
 * endings that may run code of the user. Whether any are left for tn_crew_end(). */
bool tn_crew_leave_to_service(tn_crew *crew, tn_endings *endings);

/* Without the mutex: ends them, and what the queue has thrown out; what they have of callbacks and
 * chains is the callback thread's. crew->ending was counted up when they were taken. */
void tn_crew_end(tn_crew *crew, tn_endings *endings, tarn_future *dead);

/* What a backend has: see tarn_backend.h. */
bool tn_crew_has_begun(tarn_executor *executor, tarn_future *future);
bool tn_crew_take_back(tarn_executor *executor, tarn_future *future);
void tn_crew_help(tarn_executor *executor, bool (*over)(void *data), void *data, int64_t until);
void tn_crew_await(tarn_executor *executor, tarn_future *future, int64_t until);

/* ---- The service ---- */

/* Starts a server; 0, or an errno number. */
int tn_service_start_server(tn_crew *crew);

/* The bodies of the two threads. */
void tn_service_run(void *crew);
void tn_service_call(void *crew);

/* Closes its socket, and sees to it that it ends. How it has, as in TN_DIED; INT_MIN: nobody knows, or
 * it was made to. */
int tn_service_let_server_go(tn_crew *crew);

void tn_crew_free(tn_crew *crew);

#endif
