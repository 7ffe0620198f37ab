/* SPDX-License-Identifier: Apache-2.0 */

/* Opening a pool of processes in a program that has not begun with tarn_boot(), and with what it
 * refuses. */
#include "runner.h"

#include <math.h>
#include <string.h>
#include <tarn.h>

static void expect_refused(tarn_executor *pool, const char *words)
{
    assert_null(pool);
    assert_non_null(strstr(tarn_last_error(), words));
}

TEST(a_program_that_has_not_booted_is_never_started_anew)
{
    expect_refused(tarn_process_pool(.max_workers = 1), "tarn_boot(argc, argv)");
    assert_non_null(strstr(tarn_last_error(), ".worker_program"));
}

TEST(options_out_of_range_are_named)
{
    expect_refused(tarn_process_pool(.max_workers = -1), "max_workers");
    expect_refused(tarn_process_pool(.max_workers = 501), "max_workers");
    expect_refused(tarn_process_pool(.idle_timeout = NAN), "idle_timeout");
    expect_refused(tarn_process_pool(.when_full = TARN_FULL_CALLER), "when_full");
    expect_refused(tarn_process_pool(.submit_within = -1), "submit_within");
    expect_refused(tarn_process_pool(.start = -1), "start");
    expect_refused(tarn_process_pool(.start = 2), "start");
    expect_refused(tarn_process_pool(.worker_program = ""), "worker_program");
    expect_refused(tarn_process_pool(.worker_program = "tarn-worker"), "worker_program");
    expect_refused(tarn_process_pool(.worker_program = "./tarn-worker"), "worker_program");
    expect_refused((tarn_process_pool)(&(tarn_process_options){.size = 1}),
                   ".size = sizeof(tarn_process_options)");
}
