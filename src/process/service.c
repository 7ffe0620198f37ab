/* SPDX-License-Identifier: Apache-2.0 */

/* The two threads of a process pool. The service thread starts and buries workers and their server,
 * takes replies, and keeps limits; it runs no code of the user. The callback thread runs callbacks,
 * and queues what is chained. */
#include "core/context.h"
#include "core/deadline.h"
#include "core/future.h"
#include "core/registry.h"
#include "core/remote.h"
#include "core/status.h"
#include "platform/child.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "platform/socket.h"
#include "process/boot.h"
#include "process/crew.h"
#include "process/loss.h"
#include "process/message.h"
#include "process/step.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum {
    MOST_FAILURES = 20
}; /* servers that ended, in a row, with no reply of a worker in between */

#define GREETING_SECONDS 10.0 /* in which a new server has to say that it is there */

/* How long a task may hold up what was given to its worker ahead. */
#define PATIENCE_NS (INT64_C(2) * 1000 * 1000)

/* How often a pool in use is looked at, and one at rest that has workers: for so long nobody may hear of
 * a reply whose worker tells nobody. */
#define TICK_NS (INT64_C(100) * 1000 * 1000)
#define REST_NS (INT64_C(1000) * 1000 * 1000)

/* ---- The callback thread ------------------------------------------------------------------------ */

void tn_service_call(void *data)
{
    tn_crew *crew = data;
    tn_inside inside;
    tn_inside_begin(&inside, &crew->executor);
    tn_mutex_lock(&crew->mutex);
    for (;;) {
        tn_aftermath given = crew->aftermath;
        if (tn_aftermath_is_empty(&given)) {
            if (crew->over)
                break;
            tn_cond_wait_until(&crew->to_call, &crew->mutex, TN_CLOCK_NEVER);
            continue;
        }
        crew->aftermath = (tn_aftermath){.in_use = false};
        crew->calling = true;
        tn_mutex_unlock(&crew->mutex);
        tn_aftermath_work_off(&given);
        /* A callback has forked, and returned in the child: there, nobody needs this thread. */
        if (tn_registry_is_foreign(crew->executor.id))
            tn_thread_exit();
        tn_mutex_lock(&crew->mutex);
        crew->calling = false;
        tn_cond_broadcast(&crew->settled);
        if (crew->closed)
            tn_crew_call_service(crew);
    }
    tn_mutex_unlock(&crew->mutex);
    tn_inside_end(&inside);
}

/* ---- The server -------------------------------------------------------------------------------- */

int tn_service_start_server(tn_crew *crew)
{
    int socket, pid;
    int error = tn_boot_start(TN_SERVER, crew->program, &socket, &pid);
    tn_step(TN_STEP_SERVER_STARTED);
    if (error != 0)
        return error;
    if ((error = tn_pidfd_open(pid, &crew->server)) != 0) {
        tn_child_abort(pid);
        tn_fd_close(socket);
        return error;
    }
    crew->control = socket;
    crew->greeted = false;
    crew->greet_by = tn_clock_after(GREETING_SECONDS);
    return 0;
}

int tn_service_let_server_go(tn_crew *crew)
{
    tn_child_end how;
    tn_message leave = {TN_MAGIC, TN_LEAVE, 0, 0, 0};
    if (crew->control >= 0)
        tn_socket_send(crew->control, &leave, sizeof leave, NULL, 0);
    tn_step(TN_STEP_LEAVE_SENT);
    tn_fd_close(crew->control);
    crew->control = -1;
    tn_step(TN_STEP_SOCKET_CLOSED);
    if (crew->server < 0)
        return INT_MIN;
    /* It ends once it sees that the socket is closed; if it does not, it is made to. */
    bool ready, by_us = tn_poll(&crew->server, &ready, 1, tn_clock_after(1.0)) != 0;
    if (by_us) {
        tn_pidfd_kill(crew->server, SIGKILL);
        tn_poll(&crew->server, &ready, 1, TN_CLOCK_NEVER);
    }
    bool known = tn_pidfd_wait(crew->server, &how) == 0;
    tn_step(TN_STEP_SERVER_BURIED);
    tn_fd_close(crew->server);
    crew->server = -1;
    if (!known || by_us)
        return INT_MIN;
    return how.killed ? -how.code : how.code;
}

static void start_anew(tn_crew *crew, tn_endings *endings)
{
    int error = tn_service_start_server(crew);
    if (error != 0)
        tn_crew_break(crew, endings, "no server of workers can be started: %s%s", strerror(error),
                      tn_boot_remedy(crew->program, error));
}

/* Whether its process has ended; a child of this one may hold its socket. */
static bool has_ended(int server)
{
    bool ended;
    return server >= 0 && tn_poll(&server, &ended, 1, TARN_NOW.ns) == 0;
}

/* The program is none that can be a server; what it has done instead. */
static void break_for_program(tn_crew *crew, int how, tn_endings *endings)
{
    char end[64], ended[128] = "";
    tn_loss_name(how, end, sizeof end);
    if (how != INT_MIN)
        snprintf(ended, sizeof ended, " (it ended with %s, see its stderr)", end);
    if (crew->program)
        tn_crew_break(crew, endings,
                      "worker_program is no worker%s: its main() has to begin with tarn_boot(), as "
                      "that of tarn-worker does, but it is %.120s",
                      ended, crew->program);
    else
        tn_crew_break(crew, endings,
                      "the program did not become a server of workers%s: tarn_boot() has to be the "
                      "first line of its main(), and it must not be set-user-ID, started by the "
                      "loader (ld-linux.so PROGRAM) or emulated",
                      ended);
}

/* Its workers end with it. */
static void server_is_gone(tn_crew *crew, tn_endings *endings)
{
    bool greeted = crew->greeted;
    int how = tn_service_let_server_go(crew);
    tn_crew_bury_all(crew);
    for (int i = 0; i < crew->places && crew->members[i]; i++)
        tn_crew_died(crew, crew->members[i], INT_MIN, endings);
    if (crew->broken || (crew->closed && crew->queue.length == 0))
        return;
    /* One that was killed before it could say anything has not shown what it is. */
    if (!greeted && how != -SIGKILL)
        break_for_program(crew, how, endings);
    else if (++crew->failures >= MOST_FAILURES)
        tn_crew_break(crew, endings, "the server of workers has ended %d times", MOST_FAILURES);
    else
        start_anew(crew, endings);
}

/* Whom a message is about; NULL: somebody who is gone. */
static tn_member *find_member(const tn_crew *crew, const tn_message *message)
{
    if (message->worker >= (uint32_t)crew->places)
        return NULL;
    tn_member *member = crew->members[message->worker];
    return member && member->state != TN_ABSENT && member->generation == message->generation
               ? member
               : NULL;
}

/* Whether a server can be talked to: another program may have another version of tarn. */
static bool is_understood(tn_crew *crew, const tn_message *message, size_t size,
                          tn_endings *endings)
{
    if (size != sizeof *message || message->magic != TN_MAGIC)
        return false;
    if (message->kind != TN_HELLO || message->number == TN_WIRE_VERSION)
        return true;
    tn_crew_break(crew, endings,
                  "worker_program has another version of tarn than this program: %.120s",
                  crew->program ? crew->program : "");
    return false;
}

static void obey(tn_crew *crew, const tn_message *message, tn_endings *endings)
{
    tn_member *member = find_member(crew, message);
    if (message->kind == TN_HELLO)
        crew->greeted = true;
    else if (message->kind == TN_SPAWNED && member)
        tn_crew_spawned(crew, member, message->number, endings);
    else if (message->kind == TN_DIED && member)
        tn_crew_died(crew, member, message->number, endings);
}

/* A descriptor, of the process of a worker. */
static void keep(const tn_crew *crew, const tn_message *message, int process)
{
    tn_member *member = find_member(crew, message);
    if (member && member->state == TN_STARTING && member->process < 0)
        member->process = process;
    else
        tn_fd_close(process);
}

static void hear(tn_crew *crew, tn_endings *endings)
{
    tn_message message;
    int error, process;
    for (;;) {
        size_t size = sizeof message, n = 1;
        error = tn_socket_receive(crew->control, &message, &size, &process, &n, TARN_NOW.ns);
        /* There was no room for the descriptor, which is all there was to it. */
        if (error == EMFILE)
            continue;
        if (error != 0)
            break;
        if (n == 1) {
            keep(crew, &message, process);
            continue;
        }
        tn_step(TN_STEP_HEARD);
        if (!is_understood(crew, &message, size, endings))
            break;
        obey(crew, &message, endings);
    }
    if (error != ETIMEDOUT)
        server_is_gone(crew, endings);
}

/* ---- The service thread ------------------------------------------------------------------------ */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Lets those go who are not needed; gives when to look again. Those who are busy may be ready the next
 * moment, without this thread. */
static int64_t retire(tn_crew *crew)
{
    int64_t now = tn_clock_now(), next = TN_CLOCK_NEVER;
    int64_t patience = crew->idle_timeout > 1e9 ? TN_CLOCK_NEVER
                       : crew->idle_timeout > 0 ? (int64_t)(crew->idle_timeout * 1e9)
                                                : 0;
    bool unsent = false;
    bool all = (crew->closed && crew->queue.length == 0) || crew->broken;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_member *member = crew->members[i];
        unsent |= member->state == TN_DOOMED && member->unsent;
        if (member->state == TN_BUSY && patience != TN_CLOCK_NEVER &&
            crew->idle_timeout >= TN_SHORT_IDLE_SECONDS)
            next = earlier(next, now + patience);
        if (member->state != TN_READY)
            continue;
        if (all || tn_crew_has_too_many(crew) || now - member->ready_since >= patience)
            tn_crew_dismiss(crew, member);
        else if (patience != TN_CLOCK_NEVER)
            next = earlier(next, member->ready_since + patience);
    }
    return unsent ? earlier(next, tn_clock_after(0.01)) : next;
}

/* What waits for long behind a call is others' from now on; gives when to look again. */
static int64_t watch(tn_crew *crew, tn_member *member, tn_endings *endings)
{
    if (member->state != TN_BUSY || member->futures < 2)
        return TN_CLOCK_NEVER;
    int64_t now = tn_clock_now();
    if (now - member->paced_from < PATIENCE_NS)
        return member->paced_from + PATIENCE_NS;
    member->stalled = true;
    tn_crew_recall(crew, member, endings);
    return now + PATIENCE_NS;
}

static bool some_are_doomed(const tn_crew *crew)
{
    bool some = false;
    for (int i = 0; i < crew->places && crew->members[i]; i++)
        some |= crew->members[i]->state == TN_DOOMED;
    return some;
}

/* Everything that there is to do now; gives when to look again. `news`: of the server, maybe. */
static int64_t look(tn_crew *crew, bool news, tn_endings *endings)
{
    int64_t next = TN_CLOCK_NEVER;
    if (news) {
        bool ended = has_ended(crew->server);
        if (crew->control >= 0)
            hear(crew, endings);
        if (ended && crew->control >= 0 && has_ended(crew->server))
            server_is_gone(crew, endings);
    }
    /* What was not to come any more, or so it seemed when the last one ended. */
    if (crew->control < 0 && crew->queue.length > 0 && !crew->broken)
        start_anew(crew, endings);
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        tn_crew_harvest(crew, crew->members[i], endings);
        tn_crew_press(crew, crew->members[i], endings);
        next = earlier(next, watch(crew, crew->members[i], endings));
    }
    tn_endings_join(endings, &crew->left_over);
    int64_t now = tn_clock_now();
    if (crew->control >= 0 && !crew->greeted && now >= crew->greet_by)
        server_is_gone(crew, endings);
    tn_crew_serve(crew, endings);
    crew->aware = crew->queue.length > 0;
    /* If there are none now, but were, there will be more. */
    if (crew->ahead > 0 || crew->given_ahead)
        crew->watch_until = now + PATIENCE_NS;
    crew->given_ahead = false;
    crew->watching = now < crew->watch_until;
    if (crew->watching)
        next = earlier(next, crew->watch_until);
    /* A server may have been stopped once more. */
    bool doomed = some_are_doomed(crew);
    if (doomed)
        tn_crew_rouse_server(crew);
    if (crew->present > 0)
        next = earlier(next, now + (crew->held > 0 || crew->given || doomed ? TICK_NS : REST_NS));
    crew->given = false;
    next = earlier(next, retire(crew));
    if (crew->queue.length > 0 && crew->not_before > now)
        next = earlier(next, crew->not_before);
    if (crew->control >= 0 && !crew->greeted)
        next = earlier(next, crew->greet_by);
    return next;
}

/* The descriptors to sleep on: the first few are others than events of members. */
enum { OF_SERVER = 1, OF_MEMBERS = 3 };

static size_t list_fds(const tn_crew *crew, int *fds)
{
    size_t n = 0;
    fds[n++] = crew->doorbell;
    fds[n++] = crew->control;
    fds[n++] = crew->server;
    for (int i = 0; i < crew->places && crew->members[i]; i++) {
        if (crew->members[i]->event >= 0)
            fds[n++] = crew->members[i]->event;
    }
    return n;
}

/* Sleeps until there is something on one of them, or until then; true: it may be the server's. No
 * ring is lost: what is cleared here is looked for afterwards. */
static bool sleep_on(const int *fds, bool *ready, size_t n, int64_t until)
{
    int error = tn_poll(fds, ready, n, until);
    if (error != 0)
        return error != ETIMEDOUT;
    for (size_t i = 0; i < n; i++) {
        if (ready[i] && (i < OF_SERVER || i >= OF_MEMBERS))
            tn_event_clear(fds[i]);
    }
    return ready[OF_SERVER] || ready[OF_SERVER + 1];
}

static void serve_until_the_end(tn_crew *crew)
{
    int *fds = NULL;
    bool *ready = NULL, news = true, one;
    size_t room = 0;
    for (;;) {
        tn_endings endings;
        tn_endings_open(&endings);
        tn_mutex_lock(&crew->mutex);
        crew->called = false;
        int64_t next = look(crew, news, &endings);
        bool over = crew->closed && crew->queue.length == 0 && crew->present == 0 && !endings.first;
        if ((size_t)crew->places + 3 > room) {
            tn_free(fds);
            tn_free(ready);
            room = (size_t)crew->places + 3;
            fds = tn_alloc_array(room, sizeof *fds);
            ready = tn_alloc_array(room, sizeof *ready);
        }
        size_t n = fds && ready ? list_fds(crew, fds) : 0;
        room = n > 0 ? room : 0;
        tarn_future *dead = tn_queue_take_dead(&crew->queue);
        bool any = endings.first || dead;
        crew->ending += any;
        crew->over = over && tn_crew_is_settled(crew);
        over = crew->over;
        tn_mutex_unlock(&crew->mutex);
        if (over)
            break;
        news = false;
        if (any) {
            tn_crew_end(crew, &endings, dead);
            /* That may have been the last thing to wait for. */
            continue;
        }
        if (n > 0) {
            news = sleep_on(fds, ready, n, next);
            continue;
        }
        /* Without memory it looks again before long. */
        tn_poll(&crew->doorbell, &one, 1, tn_clock_after(0.01));
        tn_event_clear(crew->doorbell);
        news = true;
    }
    tn_free(fds);
    tn_free(ready);
}

void tn_service_run(void *data)
{
    tn_crew *crew = data;
    tn_inside inside;
    tn_inside_begin(&inside, &crew->executor);
    serve_until_the_end(crew);
    tn_service_let_server_go(crew);
    tn_mutex_lock(&crew->mutex);
    tn_cond_signal(&crew->to_call);
    tn_mutex_unlock(&crew->mutex);
    tn_thread_join(crew->caller);
    tn_step(TN_STEP_POOL_LEFT);
    tn_mutex_lock(&crew->mutex);
    crew->left = true;
    bool mine = crew->abandoned;
    tn_cond_broadcast(&crew->settled);
    tn_mutex_unlock(&crew->mutex);
    tn_inside_end(&inside);
    if (!mine)
        return;
    tn_thread_detach(crew->service);
    tn_crew_free(crew);
}
