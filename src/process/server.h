/* SPDX-License-Identifier: Apache-2.0 */

/* The fork server: a process of one thread that starts the workers of one pool, ends them when it is
 * told to, and tells how they ended. */
#ifndef TN_PROCESS_SERVER_H
#define TN_PROCESS_SERVER_H

#include <stdnoreturn.h>

/* The rest of the life of a server: until the host is gone, or wants it no more. */
noreturn void tn_server_main(void);

#endif
