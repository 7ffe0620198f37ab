/* SPDX-License-Identifier: Apache-2.0 */

/* The crew: what the host knows of a pool's worker processes, and of what they were given. README.md
 * has the states, and who may touch what. */
#ifndef TN_PROCESS_CREW_H
#define TN_PROCESS_CREW_H

#include "core/callback.h"
#include "core/queue.h"
#include "platform/mutex.h"
#include "platform/thread.h"
#include "process/channel.h"

#include <tarn_backend.h>

typedef enum tn_member_state {
    TN_ABSENT,   /* there is no process */
    TN_STARTING, /* the server was asked for one */
    TN_READY,    /* nothing runs on it: it is in crew->ready */
    TN_BUSY,     /* `future` runs on it, or its initializer does */
    TN_LEAVING,  /* its channel is closed: it ends by itself */
    TN_DOOMED    /* it is being killed: it is believed in nothing any more */
} tn_member_state;

/* A worker process, or the place for one. */
typedef struct tn_member {
    int index;
    tn_member_state state;
    uint32_t generation; /* of the processes in this place */
    int pid;
    int event; /* of its replies; -1: there is none */
    tn_down *down;
    tn_up *up;
    tn_host channel;
    unsigned defining; /* replies that come before that of the call */
    bool parked;       /* READY, and nothing was there for it */
    bool initialized;  /* its initializer has run, or there is none */
    bool *knows;       /* which of crew->tasks, up to `room` */
    uint32_t room;
    tarn_future *future; /* that runs on it; NULL: none */
    bool decided;        /* ... and is to end as was decided when the worker has ended */
    bool kill;           /* ... and is to be killed, if it has not ended by now */
    bool unsent;         /* DOOMED, and the server has not been told: it has too much to read */
    bool asked;          /* ... and was asked to stop */
    uint64_t calls;      /* that it has replied to */
    int64_t ready_since;
    struct tn_member *next; /* in crew->ready */
} tn_member;

/* Futures whose end was decided, by `link`. */
typedef struct tn_endings {
    tarn_future *first, **last;
} tn_endings;

typedef struct tn_crew {
    tarn_executor executor;
    double idle_timeout;
    uint64_t max_tasks;                   /* that one process runs; 0: any number */
    bool strict;                          /* one death breaks the pool */
    int start;                            /* a tarn_start */
    char *program;                        /* that workers are; NULL: this one */
    tarn_future *initializer, *finalizer; /* cells that hold their arguments; NULL: none */

    tn_mutex mutex; /* of all that follows */
    tn_queue queue;
    tn_member **members; /* by index; made when first needed */
    int places;          /* of that array: never less */
    int max_workers;
    int present;      /* members that are not ABSENT */
    int idle;         /* READY ones */
    int busy;         /* those with a future, DOOMED ones among them */
    tn_member *ready; /* the one that became so last */

    const tarn_task **tasks; /* by their number in channels */
    uint32_t task_count, task_room;
    unsigned char *scratch; /* TN_ROOM bytes */

    int control;        /* the socket of the server; -1: there is none */
    int server;         /* a descriptor of its process; -1: there is none */
    bool greeted;       /* it has said that it is there */
    int64_t greet_by;   /* or else is given up */
    int doorbell;       /* an event: somebody wants the service thread to look */
    int failures;       /* to start one, in a row; servers that died are among them */
    int early_deaths;   /* workers in a row that ended before they replied to anything */
    int64_t not_before; /* a worker may be started */

    bool closed;    /* takes no more work */
    bool cancelled; /* ... not even what is owed */
    bool broken;    /* no worker will ever be ready; `failure` says why */
    char failure[256];
    bool over;            /* the service thread has left, and nothing is taken any more */
    bool left;            /* ... and so has the callback thread */
    bool abandoned;       /* ... and the service thread frees the crew */
    tarn_future *refused; /* what a submit could not give, with its end decided; by `link` */
    int ending;           /* threads that end futures of it */
    uint64_t wakes, parks;
    tn_cond settled; /* for drain() and finish() */

    tn_aftermath aftermath; /* for the callback thread */
    bool calling;           /* it works some off */
    tn_cond to_call;

    tn_thread service, caller;
} tn_crew;

/* All under the mutex. */

/* Gives ready workers what is queued, and asks for more workers if need be. */
void tn_crew_serve(tn_crew *crew, tn_endings *endings);

/* TARN_OK, or why a task cannot be named in another process, in tarn_last_error(). */
tarn_status tn_crew_know(tn_crew *crew, const tarn_task *task);

/* Pushes a call into the channel of a worker, which has room; otherwise why not, in
 * tarn_last_error(). */
tarn_status tn_crew_push(tn_crew *crew, tn_member *member, const tarn_task *task, const void *args);

/* Takes the replies of a worker. */
void tn_crew_harvest(tn_crew *crew, tn_member *member, tn_endings *endings);

/* What the server says of a worker: its pid or minus an errno number; and that it has ended, with a
 * status or minus a signal. INT_MIN: nobody knows how. */
void tn_crew_spawned(tn_crew *crew, tn_member *member, int pid, tn_endings *endings);
void tn_crew_died(tn_crew *crew, tn_member *member, int how, tn_endings *endings);

/* Does to what runs on a worker what was asked: the future's word says what. */
void tn_crew_press(tn_crew *crew, tn_member *member, tn_endings *endings);

/* Whether there are more workers than a resize has left, without those that leave already. */
bool tn_crew_has_too_many(const tn_crew *crew);

/* Lets a ready worker go. */
void tn_crew_dismiss(tn_crew *crew, tn_member *member);

/* The crew is broken: what is queued ends TARN_BROKEN. */
void tn_crew_refuse_queued(tn_crew *crew, tn_endings *endings);

/* No worker will ever be ready. */
void tn_crew_break(tn_crew *crew, tn_endings *endings, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether nothing is queued, running, or about to be told. */
bool tn_crew_is_settled(const tn_crew *crew);

/* ---- Without the mutex ---- */

void tn_endings_open(tn_endings *endings);

/* Ends them, and what the queue has thrown out; what they have of callbacks and chains is the callback
 * thread's. crew->ending was counted up when they were taken. */
void tn_crew_end(tn_crew *crew, tn_endings *endings, tarn_future *dead);

/* ---- The service ---- */

/* Starts a server; 0, or an errno number. */
int tn_service_start_server(tn_crew *crew);

/* The bodies of the two threads. */
void tn_service_run(void *crew);
void tn_service_call(void *crew);

/* Closes its socket, and sees to it that it ends; true: somebody else had killed it. */
bool tn_service_let_server_go(tn_crew *crew);

void tn_crew_free(tn_crew *crew);

#endif
