/* SPDX-License-Identifier: Apache-2.0 */

/* What the plugin does for a program that knows nothing of its means. */
#ifndef TESTS_PROCESS_PLUGIN_H
#define TESTS_PROCESS_PLUGIN_H

struct process_plugin {
    /* 1 * 1 + ... + n * n; less than 0: a tarn_status. */
    int (*sum_squares)(const char *worker_program, int n);
    /* The tarn_status with which a task ends that raises that signal, that calls tarn_fail(), that
     * returns what it got from tarn_result_memory(). */
    int (*crash)(const char *worker_program, int signal_);
    int (*give_up)(const char *worker_program);
    int (*allocate)(const char *worker_program);
    const char *(*why_not)(void); /* without a worker_program; "": it worked */
};

#endif
