/* SPDX-License-Identifier: Apache-2.0 */

/* The process around the executors: exit() and fork(). */
#ifndef TN_CORE_PROCESS_H
#define TN_CORE_PROCESS_H

#include <tarn.h>

/* Makes sure that exit() and fork() are noticed; before the first executor is opened. */
tarn_status tn_process_watch_over(void);

#endif
