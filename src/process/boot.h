/* SPDX-License-Identifier: Apache-2.0 */

/* Where other processes begin: a program is started to be a server or a worker, and finds that out in
 * tarn_boot(). */
#ifndef TN_PROCESS_BOOT_H
#define TN_PROCESS_BOOT_H

#include <stdbool.h>

/* Whether main() began with tarn_boot(). Kept for worker processes: only a program that did may be
 * started anew as one. */
bool tn_booted(void);

/* Whether this is a server or a worker, which has none of its own. */
bool tn_is_worker(void);

typedef enum tn_role { TN_SERVER, TN_WORKER } tn_role;

/* Starts the program at a path, or this one if that is NULL, as a child of this process; *control is
 * the end of a socket to it that is the caller's. A server greets; a worker waits for TN_SPAWN, and
 * ends if the socket does. 0, or an errno number: *control is -1, and there is no child. */
int tn_boot_start(tn_role role, const char *program, int *control, int *pid);

/* What can be done about an errno number of that, or of another failure to start a process or to
 * open a descriptor: to follow its text, with a semicolon; "" if that says it all. */
const char *tn_boot_remedy(const char *program, int error);

#endif
