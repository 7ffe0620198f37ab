/* SPDX-License-Identifier: Apache-2.0 */

/* The server: a process that starts the workers of one pool, ends them when it is told to, and tells
 * how they ended. tarn runs it on one thread; if libraries of the program have started others, it
 * cannot fork. */
#ifndef TN_PROCESS_SERVER_H
#define TN_PROCESS_SERVER_H

#include <stdnoreturn.h>

/* The rest of the life of a server, whose parent is `host`: until that is gone, or wants it no more. */
noreturn void tn_server_main(int host);

#endif
