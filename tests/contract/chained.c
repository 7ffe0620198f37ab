/* SPDX-License-Identifier: Apache-2.0 */
#include "chained.h"

#include <stdio.h>

struct source source_new(void)
{
    struct source source;
    source.promise = tarn_promise_new(&square_task);
    assert_non_null(source.promise);
    source.future = tarn_promise_future(source.promise);
    return source;
}

static void end_promise(struct source *source)
{
    tarn_promise_drop(source->promise);
    source->promise = NULL;
}

void source_give(struct source *source, int value)
{
    assert_int_equal(tarn_promise_set(source->promise, &value, sizeof(value)), TARN_OK);
    end_promise(source);
}

void source_fail(struct source *source, int code)
{
    assert_int_equal(tarn_promise_fail(source->promise, code, "code %d", code), TARN_OK);
    end_promise(source);
}

void source_cancel(struct source *source)
{
    end_promise(source);
}

static int link_add(int n)
{
    return n + 1;
}
TARN_TASK_DEFINE(int, link_add, int);

static struct ending link_observe(tarn_future *before)
{
    struct ending ending = {.status = tarn_result(before, NULL, NULL, 0)};
    const tarn_failure *error = tarn_error(before);
    ending.code = error ? error->code : 0;
    snprintf(ending.text, sizeof(ending.text), "%s", error ? error->text : "");
    return ending;
}
TARN_TASK_DEFINE(struct ending, link_observe, tarn_future *);

static void shutter_main(void *data)
{
    struct shutter *shutter = data;
    shutter->status = (tarn_shutdown)(shutter->pool, &shutter->options);
}

void shutter_start(struct shutter *shutter, tarn_executor *pool, tarn_shutdown_options options)
{
    shutter->pool = pool;
    shutter->options = options;
    shutter->options.size = sizeof(options);
    helper_start(&shutter->helper, shutter_main, shutter);
}

void shutter_join(struct shutter *shutter)
{
    helper_join(&shutter->helper);
    assert_int_equal(shutter->status, TARN_OK);
}

void assert_result(tarn_future *future, const tarn_task *task, int value)
{
    int result = value - 1;
    assert_int_equal(tarn_result(future, task, &result, sizeof(result)), TARN_OK);
    assert_int_equal(result, value);
    tarn_drop(future);
}

struct ending ending_of(tarn_future *observer)
{
    struct ending ending;
    assert_int_equal(link_observe_result(observer, &ending), TARN_OK);
    tarn_drop(observer);
    return ending;
}

void assert_passed_on(tarn_future *future, tarn_status status, int code, const char *text)
{
    assert_int_equal(status_of(future), status);
    const tarn_failure *error = tarn_error(future);
    assert_non_null(error);
    assert_int_equal(error->status, status);
    assert_int_equal(error->code, code);
    assert_string_equal(error->text, text);
    tarn_drop(future);
}
