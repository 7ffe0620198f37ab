/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK_DEFINE(int, square, int);

static void nothing(void)
{
}
TARN_TASK_DEFINE(void, nothing, void);

static tarn_bytes echo(tarn_bytes bytes)
{
    return bytes;
}
TARN_TASK_DEFINE(tarn_bytes, echo, tarn_bytes);

static int fail_with(int code)
{
    tarn_fail(code, "code %d", code);
    return 1;
}
TARN_TASK_DEFINE(int, fail_with, int);

static int stand_at(struct gate *gate, int value)
{
    gate_pass(gate);
    return value;
}
TARN_TASK_DEFINE(int, stand_at, struct gate *, int);

static bool is_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool open = gate->open;
    pthread_mutex_unlock(&gate->mutex);
    return open;
}

static void arrive(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static int work_until_stopped(struct gate *gate)
{
    arrive(gate);
    while (!is_open(gate)) {
        if (tarn_stop_requested())
            return 1;
        sched_yield();
    }
    return 0;
}
TARN_TASK_DEFINE(int, work_until_stopped, struct gate *);

static int thread_number(void)
{
    return (int)gettid();
}
TARN_TASK_DEFINE(int, thread_number, void);

struct answer answer_of(tarn_status status)
{
    struct answer answer = {.status = status};
    if (status < 0)
        snprintf(answer.error, sizeof(answer.error), "%s", tarn_last_error());
    return answer;
}
