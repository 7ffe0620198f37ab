/* SPDX-License-Identifier: Apache-2.0 */

/* Options whose effect shows only with tasks that can be held up: here by a file that is not there yet. */
#include "path.h"
#include "processes.h"
#include "runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <tarn.h>
#include <unistd.h>

void runner_begin(int argc, char **argv)
{
    tarn_boot(argc, argv);
}

static int drop_ok(tarn_future *future)
{
    int value = 0;
    assert_int_equal(tarn_result(future, NULL, &value, sizeof(value)), TARN_OK);
    tarn_drop(future);
    return value;
}

static void await_running(tarn_future *const *futures, int n)
{
    for (int i = 0; i < n; i++) {
        while (!tarn_running(futures[i]))
            sched_yield();
    }
}

/* ---- queue_limit ----------------------------------------------------------------------------- */

enum { LIMIT = 2 };

TEST(a_full_queue_refuses)
{
    path p = new_path();
    tarn_executor *pool =
        tarn_process_pool(.max_workers = 1, .queue_limit = LIMIT, .when_full = TARN_FULL_REFUSE);
    tarn_future *futures[1 + LIMIT + 1];
    futures[0] = wait_for_file_submit(pool, p);
    await_running(futures, 1);
    for (int i = 1; i < 1 + LIMIT + 1; i++)
        futures[i] = wait_for_file_submit(pool, p);
    assert_int_equal(tarn_result(futures[1 + LIMIT], NULL, NULL, 0), TARN_FULL);
    tarn_drop(futures[1 + LIMIT]);
    open_way(&p);
    for (int i = 0; i < 1 + LIMIT; i++)
        drop_ok(futures[i]);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}

typedef struct submitter {
    tarn_executor *pool;
    path p;
    tarn_future *future;
    atomic_bool done;
} submitter;

static void *submit_one(void *data)
{
    submitter *s = data;
    s->future = wait_for_file_submit(s->pool, s->p);
    atomic_store(&s->done, true);
    return NULL;
}

TEST(a_full_queue_blocks_until_there_is_room)
{
    submitter s = {.p = new_path()};
    s.pool =
        tarn_process_pool(.max_workers = 1, .queue_limit = LIMIT, .when_full = TARN_FULL_BLOCK);
    tarn_future *futures[1 + LIMIT];
    futures[0] = wait_for_file_submit(s.pool, s.p);
    await_running(futures, 1);
    for (int i = 1; i < 1 + LIMIT; i++)
        futures[i] = wait_for_file_submit(s.pool, s.p);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_one, &s), 0);
    tarn_stats stats = {.size = sizeof(stats)};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(tarn_executor_stats(s.pool, &stats), TARN_OK);
        assert_int_equal(stats.submitted, 1 + LIMIT);
        sched_yield();
    }
    assert_false(atomic_load(&s.done));
    open_way(&s.p);
    for (int i = 0; i < 1 + LIMIT; i++)
        drop_ok(futures[i]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    drop_ok(s.future);
    assert_int_equal(tarn_shutdown(s.pool), TARN_OK);
    unlink(s.p.text);
}

TEST(a_full_queue_is_waited_for_no_longer_than_allowed)
{
    path p = new_path();
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .queue_limit = 1,
                                            .when_full = TARN_FULL_BLOCK, .submit_within = 0.01);
    tarn_future *futures[3];
    futures[0] = wait_for_file_submit(pool, p);
    await_running(futures, 1);
    for (int i = 1; i < 3; i++)
        futures[i] = wait_for_file_submit(pool, p);
    assert_int_equal(tarn_result(futures[2], NULL, NULL, 0), TARN_FULL);
    tarn_drop(futures[2]);
    open_way(&p);
    drop_ok(futures[0]);
    drop_ok(futures[1]);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}

/* ---- How many workers, and for how long -------------------------------------------------------- */

TEST(who_has_nothing_to_do_leaves_in_time_and_another_comes)
{
    path p = new_path();
    open_way(&p);
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .idle_timeout = 0.05);
    pid_t first = drop_ok(wait_for_file_submit(pool, p));
    await_end(first);
    assert_int_not_equal(drop_ok(wait_for_file_submit(pool, p)), first);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}

TEST(what_is_queued_gets_the_workers_of_a_resize)
{
    enum { MORE = 3 };
    path p = new_path();
    tarn_executor *pool = tarn_process_pool(.max_workers = 1, .prefetch = 1);
    tarn_future *futures[MORE];
    for (int i = 0; i < MORE; i++)
        futures[i] = wait_for_file_submit(pool, p);
    await_running(futures, 1);
    for (int i = 1; i < MORE; i++)
        assert_false(tarn_running(futures[i]));
    assert_int_equal(tarn_resize(pool, MORE), TARN_OK);
    await_running(futures, MORE);
    open_way(&p);
    for (int i = 0; i < MORE; i++)
        drop_ok(futures[i]);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
    unlink(p.text);
}
