/* SPDX-License-Identifier: Apache-2.0 */

/* What the host and its server say to each other, over a socket that keeps messages whole. */
#ifndef TN_PROCESS_MESSAGE_H
#define TN_PROCESS_MESSAGE_H

#include <stdint.h>

enum { TN_CONTROL_FD = 3 }; /* where whoever was started finds the socket */

#define TN_MAGIC 0x6e726174u /* "tarn" */

enum { TN_WIRE_VERSION = 3 };

typedef enum tn_message_kind {
    TN_HELLO = 1, /* server: it is there; `number` is TN_WIRE_VERSION */
    TN_SPAWN, /* host: start a worker, `number` is a tarn_start; with the descriptors of DOWN, UP and
                 the event. A worker that is executed anew gets the same from the server, once */
    TN_SPAWNED, /* server: `number` is its pid, or less than 0: minus why it could not */
    TN_PIDFD, /* server: a descriptor of its process, before TN_SPAWNED; a host may lack room for it */
    TN_KILL,  /* host: end it */
    TN_LEAVE, /* host: end. A closed socket says the same, unless a child of the host has a copy */
    TN_DIED   /* server: `number` is how, as of waitpid() */
} tn_message_kind;

typedef struct tn_message {
    uint32_t magic, kind;
    uint32_t worker, generation; /* whom it is about */
    int32_t number;
} tn_message;

/* The kinds of calls in a channel. */
typedef enum tn_call_kind {
    TN_CALL_DEFINE = 1, /* the bytes are a tn_identity, which `task` stands for from now on */
    TN_CALL_RUN         /* the bytes are arguments of `task` */
} tn_call_kind;

#endif
