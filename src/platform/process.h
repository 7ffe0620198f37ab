/* SPDX-License-Identifier: Apache-2.0 */

/* The process as a whole: its end, and its copies. */
#ifndef TN_PLATFORM_PROCESS_H
#define TN_PLATFORM_PROCESS_H

#include <stdint.h>

/* A number that differs between a process and those it forks, by whatever call. Two loads; 1 until
 * tn_process_watch() has returned. */
uint32_t tn_process_generation(void);

/* Prepares the above, and registers what is to run: `at_exit` in exit(), `before_fork` and
 * `after_fork` around fork() on the thread that forks, the latter in parent and child. Once; later
 * calls do nothing and return 0. Otherwise ENOMEM. */
int tn_process_watch(void (*at_exit)(void), void (*before_fork)(void), void (*after_fork)(void));

/* A number of seconds from the environment; 0 if there is none, or no number of 0 or more. */
double tn_process_setting(const char *name);

#endif
