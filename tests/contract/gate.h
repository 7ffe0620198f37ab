/* SPDX-License-Identifier: Apache-2.0 */

/* What tests wait on instead of sleeping. */
#ifndef TESTS_CONTRACT_GATE_H
#define TESTS_CONTRACT_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A gate counts who arrives, and holds them until it is open. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int arrived;
    bool open;
};

#define GATE_CLOSED \
    { \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false \
    }
#define GATE_OPEN \
    { \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, true \
    }

/* Arrives, and returns once the gate is open. */
void gate_pass(struct gate *gate);

/* The same, but not beyond a moment of the monotonic clock, in nanoseconds. */
void gate_pass_until(struct gate *gate, int64_t until);

/* Opens it for all, for ever. */
void gate_open(struct gate *gate);

/* Blocks until so many have arrived. */
void gate_await(struct gate *gate, int arrivals);

int gate_arrived(struct gate *gate);

/* A thread of the test's own, with its system number, so that others can see it sleep. */
struct helper {
    pthread_t thread;
    pid_t number;
    struct gate started;
    void (*run)(void *data);
    void *data;
};

void helper_start(struct helper *helper, void (*run)(void *data), void *data);
void helper_join(struct helper *helper);

/* Blocks until the system says that the thread sleeps. It says so of a thread that waits for any
 * lock, too: good enough to make a race likely, not to prove that there is none. */
void helper_await_sleep(const struct helper *helper);
void thread_await_sleep(pid_t number);

/* The threads of this process now, and a wait until there are no more than so many: a thread that
 * was joined goes on being counted for a moment. */
int threads_count(void);
void threads_await_at_most(int count);

/* The open descriptors of this process. */
int descriptors_count(void);

/* Bytes of memory that this process occupies. */
size_t memory_resident(void);

#endif
