/* SPDX-License-Identifier: Apache-2.0 */

/* A program without the library loads a plugin that brings it, and closes it too early. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "plugin.h"
#include "runner.h"

static void *handle;

static const struct plugin *load(void)
{
    assert_null(dlsym(RTLD_DEFAULT, "tarn_submit"));
    handle = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail_msg("%s", dlerror());
    const struct plugin *plugin = dlsym(handle, "plugin");
    assert_non_null(plugin);
    return plugin;
}

static bool is_there(const char *name)
{
    void *again = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (again)
        dlclose(again);
    return again != NULL;
}

struct user {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const struct plugin *plugin;
    bool touched;
    bool may_end;
};

static void set(struct user *user, bool *what)
{
    pthread_mutex_lock(&user->mutex);
    *what = true;
    pthread_cond_broadcast(&user->changed);
    pthread_mutex_unlock(&user->mutex);
}

static void await(struct user *user, const bool *what)
{
    pthread_mutex_lock(&user->mutex);
    while (!*what)
        pthread_cond_wait(&user->changed, &user->mutex);
    pthread_mutex_unlock(&user->mutex);
}

static void *touch_and_wait(void *data)
{
    struct user *user = data;
    user->plugin->touch();
    set(user, &user->touched);
    await(user, &user->may_end);
    return NULL;
}

/* Threads that used the library run its code when they end. */
TEST(the_library_stays_when_the_plugin_that_brought_it_goes)
{
    struct user user = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, load(), false, false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, touch_and_wait, &user), 0);
    await(&user, &user.touched);
    assert_int_equal(dlclose(handle), 0);
#ifdef __GLIBC__ /* musl unloads nothing, ever */
    assert_false(is_there(PLUGIN));
#endif
    assert_true(is_there(LIBRARY));
    set(&user, &user.may_end);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST(a_plugin_whose_task_runs_stays)
{
    atomic_int word;
    atomic_init(&word, 0);
    const struct plugin *plugin = load();
    struct work *work = plugin->begin(&word);
    assert_non_null(work);
    assert_int_equal(dlclose(handle), 0);
    assert_true(is_there(PLUGIN));
    atomic_store(&word, 4);
    assert_int_equal(plugin->end(work), 12);
}
