/* SPDX-License-Identifier: Apache-2.0 */

/* The items of a map, whose ends the test chooses, and what became of them. */
#ifndef TESTS_CONTRACT_ITEMS_H
#define TESTS_CONTRACT_ITEMS_H

#include <stdatomic.h>
#include <tarn.h>

#include "gate.h"

enum act {
    GIVE,           /* returns result_of(i) */
    FAIL,           /* calls tarn_fail() with the code i and the text "item <i>" */
    END_THREAD,     /* by pthread_exit() */
    STAND,          /* passes the gate before it returns */
    UNTIL_STOPPED,  /* arrives at the gate, and goes on until it is asked to stop */
    LOOK,           /* looks whether it is asked to stop, then GIVE */
    STOP_ONCE,      /* UNTIL_STOPPED at its first try, afterwards only if it is asked at once */
    FAIL_AND_END,   /* FAIL, then END_THREAD */
    FAIL_TWICE,     /* FAIL at its first two tries, GIVE afterwards */
    END_ONCE,       /* END_THREAD at its first try, GIVE afterwards */
    CLOSE_THE_POOL, /* by a shutdown from within, then GIVE */
};

struct items {
    size_t n;
    enum act *acts;   /* GIVE at first */
    atomic_int *runs; /* how often each was called */
    struct gate gate;
    atomic_llong stood_at; /* clock_now() when the first one came to the gate; 0: none yet */
    tarn_executor *pool;   /* for CLOSE_THE_POOL */

    /* The arrays that the map is given. */
    struct live_arguments *in;
    int *out; /* UNTOUCHED at first */
    tarn_status *statuses;
};

enum { UNTOUCHED = -7777777 };

/* Item number i does what its act says. */
TARN_TASK_DECLARE(int, live, struct items *, size_t);

int result_of(size_t i);

struct items *items_new(size_t n);
void items_free(struct items *items);

/* Gives every `of`-th item this act, from number `first` on. */
void items_act(struct items *items, enum act act, size_t first, size_t of);

/* Maps all of them. */
tarn_status items_map(tarn_executor *executor, struct items *items, tarn_deadline deadline);

/* Puts copies in the place of the three arrays, and frees these: nobody may use them any more. */
void items_move(struct items *items);

/* Asserts of each item that it was called and gave its result if it ended TARN_OK, that there is no
 * trace of a result if it did not, and that it was not called if it ended in a way that says so. To
 * be called when nothing of the map can run any more. */
void items_check(const struct items *items);

size_t items_count(const struct items *items, tarn_status status);

#endif
