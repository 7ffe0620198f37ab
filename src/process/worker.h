/* SPDX-License-Identifier: Apache-2.0 */

/* A worker process: takes calls from its channel, runs them, replies. */
#ifndef TN_PROCESS_WORKER_H
#define TN_PROCESS_WORKER_H

#include <stdnoreturn.h>

/* What a worker is given: the descriptors of DOWN, UP and the event. */
enum { TN_GIVEN = 3 };

/* The rest of the life of a worker, whose parent is `server`. Only what it was given stays open. */
noreturn void tn_worker_main(int index, const int given[TN_GIVEN], int server);

/* The same of one that was executed anew: what it needs comes by TN_CONTROL_FD. */
noreturn void tn_worker_receive(int server);

#endif
