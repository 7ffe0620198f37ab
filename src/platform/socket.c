/* SPDX-License-Identifier: Apache-2.0 */
#include "socket.h"

#include "broken.h"
#include "fd.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The header of n descriptors and they: of which type that is differs from one libc to the other. */
static socklen_t control_size(size_t n)
{
    return (socklen_t)CMSG_LEN(sizeof(int) * n);
}

/* Room for the descriptors of a message, aligned as their header must be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * TN_SOCKET_FDS)];
};

int tn_socket_pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0)
        return 0;
    ends[0] = ends[1] = -1;
    return errno;
}

/* libc's functions, as what a message looks like differs from one to the other; they are
 * cancellation points by themselves. */
static int send_message(int fd, const struct msghdr *message)
{
    int state, error = 0;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        error = errno;
        if (error != EINTR)
            break;
        error = 0;
    }
    pthread_setcancelstate(state, &state);
    return error;
}

static int receive_message(int fd, struct msghdr *message, size_t *size)
{
    ssize_t received;
    int state, error;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    do {
        received = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        error = received < 0 ? errno : 0;
        /* A reset is told once, and before what was sent ahead of it: that can still be had. */
    } while (error == EINTR || error == ECONNRESET);
    pthread_setcancelstate(state, &state);
    *size = received > 0 ? (size_t)received : 0;
    return error;
}

/* The other end was closed: while it still had something to receive, or at this moment. */
static int as_pipe(int error)
{
    return error == ECONNRESET || error == ECONNREFUSED || error == ENOTCONN ? EPIPE : error;
}

int tn_socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;

    if (n > TN_SOCKET_FDS)
        tn_broken("sendmsg", EINVAL);
    /* It could not be told from the end. */
    if (size == 0)
        return EINVAL;
    if (n > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        message.msg_controllen = control_size(n);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = control_size(n);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
    }
    return as_pipe(send_message(fd, &message));
}

/* Takes the descriptors out of a message that has room for some; gives their number. */
static size_t take_fds(struct msghdr *message, int *fds)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t n;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (header->cmsg_len - control_size(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), n * sizeof(int));
    return n;
}

/* One message, if there is one. */
static int receive_now(int fd, void *bytes, size_t *size, int *fds, size_t *n)
{
    struct iovec part = {.iov_base = bytes, .iov_len = *size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    const size_t room = *n;
    int error;

    if (room > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        /* Not CMSG_SPACE(): by that the kernel would hand out one more where the end is padded. */
        message.msg_controllen = control_size(room);
    }
    *n = 0;
    error = receive_message(fd, &message, size);
    if (error != 0)
        return error;
    if (room > 0)
        *n = take_fds(&message, fds);
    if (message.msg_flags & MSG_TRUNC)
        error = EMSGSIZE;
    else if (message.msg_flags & MSG_CTRUNC)
        error = *n < room ? EMFILE : EMSGSIZE;
    else if (*size == 0)
        error = EPIPE;
    if (error != 0) {
        for (size_t i = 0; i < *n; i++)
            tn_fd_close(fds[i]);
        *n = *size = 0;
    }
    return error;
}

int tn_socket_receive(int fd, void *bytes, size_t *size, int *fds, size_t *n, int64_t until)
{
    const size_t room = *size, fds_room = *n;

    if (fds_room > TN_SOCKET_FDS)
        tn_broken("recvmsg", EINVAL);
    for (;;) {
        bool ready;
        int error;

        *size = room;
        *n = fds_room;
        error = as_pipe(receive_now(fd, bytes, size, fds, n));
        if (error != EAGAIN)
            return error;
        error = tn_poll(&fd, &ready, 1, until);
        if (error != 0)
            return error;
    }
}

int tn_socket_peer(int fd, pid_t *pid, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return errno;
    *pid = peer.pid;
    *uid = peer.uid;
    return 0;
}
