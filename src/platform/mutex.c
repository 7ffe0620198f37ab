/* SPDX-License-Identifier: Apache-2.0 */
#include "mutex.h"

#include "broken.h"
#include "clock.h"

#include <errno.h>
#include <time.h>

static void check(int error, const char *call)
{
    if (error != 0)
        tn_broken(call, error);
}

int tn_mutex_init(tn_mutex *mutex)
{
    return pthread_mutex_init(&mutex->tn_raw_, NULL);
}

void tn_mutex_destroy(tn_mutex *mutex)
{
    check(pthread_mutex_destroy(&mutex->tn_raw_), "pthread_mutex_destroy");
}

void tn_mutex_lock(tn_mutex *mutex)
{
    check(pthread_mutex_lock(&mutex->tn_raw_), "pthread_mutex_lock");
}

bool tn_mutex_try_lock(tn_mutex *mutex)
{
    int error = pthread_mutex_trylock(&mutex->tn_raw_);
    if (error != 0 && error != EBUSY)
        tn_broken("pthread_mutex_trylock", error);
    return error == 0;
}

void tn_mutex_unlock(tn_mutex *mutex)
{
    check(pthread_mutex_unlock(&mutex->tn_raw_), "pthread_mutex_unlock");
}

int tn_cond_init(tn_cond *cond)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error != 0)
        return error;
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(&cond->tn_raw_, &attributes);
    pthread_condattr_destroy(&attributes);
    return error;
}

void tn_cond_destroy(tn_cond *cond)
{
    check(pthread_cond_destroy(&cond->tn_raw_), "pthread_cond_destroy");
}

void tn_cond_wait(tn_cond *cond, tn_mutex *mutex)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    check(pthread_cond_wait(&cond->tn_raw_, &mutex->tn_raw_), "pthread_cond_wait");
    pthread_setcancelstate(state, &state);
}

bool tn_cond_wait_until(tn_cond *cond, tn_mutex *mutex, int64_t until)
{
    int32_t seconds, nanoseconds;
    struct timespec limit;
    int state, error;

    if (!tn_clock_split(until, &seconds, &nanoseconds)) {
        tn_cond_wait(cond, mutex);
        return true;
    }
    limit.tv_sec = seconds;
    limit.tv_nsec = nanoseconds;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    error = pthread_cond_timedwait(&cond->tn_raw_, &mutex->tn_raw_, &limit);
    pthread_setcancelstate(state, &state);
    if (error != ETIMEDOUT)
        check(error, "pthread_cond_timedwait");
    return error == 0;
}

void tn_cond_signal(tn_cond *cond)
{
    check(pthread_cond_signal(&cond->tn_raw_), "pthread_cond_signal");
}

void tn_cond_broadcast(tn_cond *cond)
{
    check(pthread_cond_broadcast(&cond->tn_raw_), "pthread_cond_broadcast");
}
