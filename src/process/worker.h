/* SPDX-License-Identifier: Apache-2.0 */

/* A worker process: takes calls from its channel, runs them, replies. */
#ifndef TN_PROCESS_WORKER_H
#define TN_PROCESS_WORKER_H

#include <stdnoreturn.h>

/* Where a worker finds what it was given. */
enum { TN_DOWN_FD = 3, TN_UP_FD, TN_EVENT_FD, TN_WORKER_FDS };

/* The rest of the life of a worker, whose parent is `server`. */
noreturn void tn_worker_main(int index, int server);

#endif
