/* SPDX-License-Identifier: Apache-2.0 */
#include "process/server.h"

#include "platform/child.h"
#include "platform/clock.h"
#include "platform/fd.h"
#include "platform/memory.h"
#include "platform/socket.h"
#include "process/boot.h"
#include "process/message.h"
#include "process/step.h"
#include "process/worker.h"

#include <tarn.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct child {
    int pid, pidfd;
    uint32_t worker, generation;
} child;

/* The descriptors to look at: the control socket, the host, and each child. */
enum { CONTROL, HOST, FIRST_CHILD };

typedef struct server {
    int self;
    child *children;
    int *fds; /* FIRST_CHILD more */
    bool *ready;
    size_t count, room;
} server;

static server s;

static noreturn void end_all(void)
{
    tn_step(TN_STEP_SERVER_ENDING);
    /* What they run must not go on without anybody to tell; the system ends them as this ends. */
    for (size_t i = 0; i < s.count; i++)
        tn_child_kill_all(s.children[i].pid, s.children[i].pidfd);
    tn_exit_now(EXIT_SUCCESS);
}

/* pidfd: goes with it; -1: none. */
static void tell(tn_message_kind kind, const tn_message *about, int number, int pidfd)
{
    tn_message message = {TN_MAGIC, kind, about->worker, about->generation, number};
    int error;
    /* The host may have much to read. */
    while ((error = tn_socket_send(TN_CONTROL_FD, &message, sizeof message, &pidfd, pidfd >= 0)) ==
           EAGAIN)
        tn_poll(&s.fds[HOST], s.ready, 1, tn_clock_after(0.001));
    if (error != 0)
        end_all();
}

/* Room for one more child; false: no memory. */
static bool make_room(void)
{
    if (s.count < s.room)
        return true;
    size_t room = s.room == 0 ? 16 : 2 * s.room;
    child *children = tn_alloc_array(room, sizeof *children);
    int *fds = tn_alloc_array(room + FIRST_CHILD, sizeof *fds);
    bool *ready = tn_alloc_array(room + FIRST_CHILD, sizeof *ready);
    if (!children || !fds || !ready) {
        tn_free(children);
        tn_free(fds);
        tn_free(ready);
        return false;
    }
    if (s.count > 0)
        memcpy(children, s.children, s.count * sizeof *children);
    memcpy(fds, s.fds, (s.count + FIRST_CHILD) * sizeof *fds);
    tn_free(s.children);
    tn_free(s.fds);
    tn_free(s.ready);
    s.children = children;
    s.fds = fds;
    s.ready = ready;
    s.room = room;
    return true;
}

/* A worker with what this process has mapped and initialized. */
static int fork_worker(const tn_message *message, const int *given, int *pid)
{
    int error = tn_fork(pid);
    if (error == 0 && *pid == 0)
        tn_worker_main((int)message->worker, given, s.self);
    return error;
}

/* A worker that begins as this process did. */
static int execute_worker(const tn_message *message, const int *given, int *pid)
{
    int socket;
    int error = tn_boot_start(TN_WORKER, NULL, &socket, pid);
    if (error != 0)
        return error;
    tn_step(TN_STEP_EXECUTED);
    error = tn_socket_send(socket, message, sizeof *message, given, TN_GIVEN);
    tn_fd_close(socket);
    if (error != 0)
        tn_child_abort(*pid);
    return error;
}

static void spawn(const tn_message *message, const int *given)
{
    int pid = -1, pidfd = -1, error = ENOMEM;
    tn_step(TN_STEP_SPAWN_TAKEN);
    /* In a copy made by fork() a lock that another thread had would be locked for ever. */
    bool anew = message->number == TARN_START_SPAWN || tn_thread_count() > 1;
    if (make_room())
        error = (anew ? execute_worker : fork_worker)(message, given, &pid);
    if (error == 0 && (error = tn_pidfd_open(pid, &pidfd)) != 0)
        tn_child_abort(pid);
    if (error == 0) {
        s.fds[FIRST_CHILD + s.count] = pidfd;
        s.children[s.count++] = (child){pid, pidfd, message->worker, message->generation};
    }
    tn_step(TN_STEP_CHILD_MADE);
    if (error == 0)
        tell(TN_PIDFD, message, 0, pidfd);
    tell(TN_SPAWNED, message, error == 0 ? pid : -error, -1);
    tn_step(TN_STEP_SPAWN_TOLD);
}

static void kill_one(const tn_message *message)
{
    tn_step(TN_STEP_KILL_TAKEN);
    for (size_t i = 0; i < s.count; i++) {
        if (s.children[i].worker == message->worker &&
            s.children[i].generation == message->generation)
            tn_child_kill_all(s.children[i].pid, s.children[i].pidfd);
    }
    tn_step(TN_STEP_KILL_DONE);
}

static void obey(void)
{
    tn_message message;
    size_t size = sizeof message, n = TN_GIVEN;
    int given[TN_GIVEN];
    int error = tn_socket_receive(TN_CONTROL_FD, &message, &size, given, &n, TN_CLOCK_NEVER);
    if (error != 0 || size != sizeof message || message.magic != TN_MAGIC ||
        message.kind == TN_LEAVE)
        end_all();
    if (message.kind == TN_SPAWN && n == TN_GIVEN)
        spawn(&message, given);
    else if (message.kind == TN_KILL)
        kill_one(&message);
    for (size_t i = 0; i < n; i++)
        tn_fd_close(given[i]);
}

/* A child has ended: it is buried, and told of. */
static void bury(size_t i)
{
    tn_step(TN_STEP_DEATH_SEEN);
    child dead = s.children[i];
    tn_child_end end = {.code = 0};
    if (tn_pidfd_wait(dead.pidfd, &end) == EAGAIN)
        return;
    tn_fd_close(dead.pidfd);
    s.count--;
    s.children[i] = s.children[s.count];
    s.fds[FIRST_CHILD + i] = s.fds[FIRST_CHILD + s.count];
    tn_step(TN_STEP_BURIED);
    tell(TN_DIED, &(tn_message){.worker = dead.worker, .generation = dead.generation},
         end.killed ? -end.code : end.code, -1);
    tn_step(TN_STEP_DEATH_TOLD);
}

noreturn void tn_server_main(int host)
{
    tn_step(TN_STEP_SERVER_BEGUN);
    s.self = tn_self_pid();
    tn_child_no_input();
    tn_fds_close_from(TN_CONTROL_FD + 1);
    s.fds = tn_alloc_array(FIRST_CHILD, sizeof *s.fds);
    s.ready = tn_alloc_array(FIRST_CHILD, sizeof *s.ready);
    if (!s.fds || !s.ready || tn_pidfd_open(host, &s.fds[HOST]) != 0 || tn_parent_pid() != host)
        tn_exit_now(EXIT_FAILURE);
    s.fds[CONTROL] = TN_CONTROL_FD;
    tell(TN_HELLO, &(tn_message){.worker = 0}, TN_WIRE_VERSION, -1);
    tn_step(TN_STEP_GREETED);
    for (;;) {
        if (tn_poll(s.fds, s.ready, s.count + FIRST_CHILD, TN_CLOCK_NEVER) != 0 || s.ready[HOST])
            end_all();
        /* From the last one on: who is buried changes places with that. */
        for (size_t i = s.count; i-- > 0;) {
            if (s.ready[FIRST_CHILD + i])
                bury(i);
        }
        if (s.ready[CONTROL])
            obey();
    }
}
