/* SPDX-License-Identifier: Apache-2.0 */

/* A program that knows nothing of tarn loads a plugin that has its tasks run in processes. */
#include "plugin.h"
#include "processes.h"
#include "runner.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* As the program has it: of tarn it knows some numbers. */
enum { OK = 0, FAILED = -3, LOST = -6, NO_MEMORY = -11 };

static const struct process_plugin *load_from(const char *path, bool shows_tarn)
{
    assert_null(dlsym(RTLD_DEFAULT, "tarn_submit"));
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail_msg("%s", dlerror());
    assert_int_equal(dlsym(handle, "tarn_submit") != NULL, shows_tarn);
    const struct process_plugin *plugin = dlsym(handle, "process_plugin");
    assert_non_null(plugin);
    return plugin;
}

static const struct process_plugin *load(void)
{
    return load_from(PLUGIN, true);
}

TEST(a_plugin_has_a_pool_of_processes)
{
    pid_t child;
    assert_int_equal(load()->sum_squares(WORKER, 10), 385);
    assert_int_equal(children_of(getpid(), &child, 1), 0);
}

TEST(a_crash_in_a_task_of_a_plugin_does_not_reach_the_program)
{
    assert_int_equal(load()->crash(WORKER, SIGKILL), LOST);
}

TEST(a_plugin_fails_and_allocates_by_the_tarn_of_the_worker)
{
    assert_int_equal(load()->give_up(WORKER), FAILED);
    assert_int_equal(load()->allocate(WORKER), OK);
}

/* There its tasks call another tarn than the one that runs them. */
TEST(a_plugin_that_hides_its_tarn_gets_results_but_no_failures_and_no_memory)
{
    const struct process_plugin *plugin = load_from(HIDDEN_PLUGIN, false);
    assert_int_equal(plugin->sum_squares(WORKER, 10), 385);
    assert_int_equal(plugin->crash(WORKER, SIGKILL), LOST);
    assert_int_equal(plugin->give_up(WORKER), OK);
    assert_int_equal(plugin->allocate(WORKER), NO_MEMORY);
}

TEST(a_plugin_is_told_what_it_needs)
{
    const char *why = load()->why_not();
    assert_non_null(strstr(why, "tarn_boot(argc, argv)"));
    assert_non_null(strstr(why, "tarn-worker"));
}
