/* SPDX-License-Identifier: Apache-2.0 */

/* The program and two modules have a task of one name each: they stay three tasks. */
#include <dlfcn.h>

#include <tarn.h>

#include "runner.h"

static int scale(int n)
{
    return n;
}
TARN_TASK(int, scale, int);

typedef int scale_function(tarn_executor *executor, int n);

static scale_function *load(void *module)
{
    assert_non_null(module);
    void *symbol = dlsym(module, "scale_in_module");
    assert_non_null(symbol);
    scale_function *function;
    memcpy(&function, &symbol, sizeof function);
    return function;
}

TEST(tasks_of_one_name_in_two_modules_are_two_tasks)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    void *thousand = dlopen(MODULE_THOUSAND, RTLD_NOW | RTLD_GLOBAL);
    void *million = dlopen(MODULE_MILLION, RTLD_NOW | RTLD_GLOBAL);
    scale_function *by_thousand = load(thousand), *by_million = load(million);

    assert_int_equal(by_thousand(pool, 9), 9000);
    assert_int_equal(by_million(pool, 9), 9000000);
    tarn_future *future = scale_submit(pool, 9);
    int result;
    assert_int_equal(scale_result(future, &result), TARN_OK);
    assert_int_equal(result, 9);
    tarn_drop(future);

    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    assert_int_equal(dlclose(million), 0);
    assert_int_equal(dlclose(thousand), 0);
}

TEST(a_module_stays_loaded_once_its_task_was_submitted)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    void *million = dlopen(MODULE_MILLION, RTLD_NOW);
    assert_int_equal(load(million)(pool, 9), 9000000);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);

    assert_int_equal(dlclose(million), 0);
    assert_non_null(dlopen(MODULE_MILLION, RTLD_NOW | RTLD_NOLOAD));
}
