/* SPDX-License-Identifier: Apache-2.0 */

/* A program that knows nothing of tarn loads a plugin that has its tasks run in processes. */
#include "plugin.h"
#include "processes.h"
#include "runner.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct process_plugin *load(void)
{
    assert_null(dlsym(RTLD_DEFAULT, "tarn_submit"));
    void *handle = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail_msg("%s", dlerror());
    const struct process_plugin *plugin = dlsym(handle, "process_plugin");
    assert_non_null(plugin);
    return plugin;
}

TEST(a_plugin_has_a_pool_of_processes)
{
    pid_t child;
    assert_int_equal(load()->sum_squares(WORKER, 10), 385);
    assert_int_equal(children_of(getpid(), &child, 1), 0);
}

TEST(a_crash_in_a_task_of_a_plugin_does_not_reach_the_program)
{
    enum { LOST = -6 };
    assert_int_equal(load()->crash(WORKER, SIGKILL), LOST);
}

TEST(a_plugin_is_told_what_it_needs)
{
    const char *why = load()->why_not();
    assert_non_null(strstr(why, "tarn_boot(argc, argv)"));
    assert_non_null(strstr(why, "tarn-worker"));
}
