/* SPDX-License-Identifier: Apache-2.0 */

/* Parallel regions of OpenMP inside tasks: each worker has a team of its own, as large as that
 * worker says. What the program's first thread has set does not count there; an initializer
 * does. */
#include <omp.h>
#include <pthread.h>
#include <stdbool.h>

#include <tarn.h>

#include "runner.h"

enum { WORKERS = 2, TEAM = 3 };

/* All workers stand here until all are there. */
static pthread_barrier_t together;

/* Threads of a parallel region of this thread. */
static int team_size(void)
{
    int size = 0;
#pragma omp parallel reduction(+ : size)
    size += 1;
    return size;
}

static int team_size_together(void)
{
    pthread_barrier_wait(&together);
    return team_size();
}
TARN_TASK(int, team_size_together, void);

static void bound_team(int threads)
{
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
}
TARN_TASK(void, bound_team, int);

/* Asks every worker of a pool for the size of its teams, at once. */
static void ask_workers(tarn_executor *pool, int *sizes)
{
    tarn_future *futures[WORKERS];
    assert_non_null(pool);
    assert_int_equal(pthread_barrier_init(&together, NULL, WORKERS), 0);
    for (int i = 0; i < WORKERS; i++)
        futures[i] = team_size_together_submit(pool);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(team_size_together_result(futures[i], &sizes[i]), TARN_OK);
    tarn_drop_all(futures, WORKERS);
    pthread_barrier_destroy(&together);
}

TEST(an_initializer_bounds_the_teams_of_its_worker)
{
    static const int bounds[] = {1, TEAM, 1};
    for (int b = 0; b < 3; b++) {
        struct bound_team_arguments arguments = {bounds[b]};
        tarn_executor *pool =
            tarn_thread_pool(.max_workers = WORKERS, .initializer = &bound_team_task,
                             .initializer_args = &arguments);
        int sizes[WORKERS];
        ask_workers(pool, sizes);
        for (int i = 0; i < WORKERS; i++)
            assert_int_equal(sizes[i], bounds[b]);
        assert_int_equal(tarn_shutdown(pool), TARN_OK);
    }
}

/* The number that omp_set_num_threads() sets is the calling thread's own. */
TEST(what_the_program_has_set_for_itself_does_not_bound_tasks)
{
    int before = omp_get_max_threads();
    tarn_executor *pool = tarn_thread_pool(.max_workers = WORKERS);
    int sizes[WORKERS];
    bound_team(before + 2);
    assert_int_equal(team_size(), before + 2);
    ask_workers(pool, sizes);
    for (int i = 0; i < WORKERS; i++)
        assert_in_range(sizes[i], 1, before);
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

/* Further tasks find what the initializer has set, and so do those that a wait runs in place. */
static int ask_in_place(tarn_executor *pool)
{
    (void)pool;
    return team_size();
}
TARN_TASK(int, ask_in_place, tarn_executor *);

static int ask_nested(tarn_executor *pool)
{
    tarn_future *future = ask_in_place_submit(pool, pool);
    int size = -1;
    ask_in_place_result(future, &size);
    tarn_drop(future);
    return size;
}
TARN_TASK(int, ask_nested, tarn_executor *);

TEST(every_task_of_a_worker_is_bound)
{
    struct bound_team_arguments arguments = {TEAM};
    tarn_executor *pool = tarn_thread_pool(.max_workers = WORKERS, .initializer = &bound_team_task,
                                           .initializer_args = &arguments);
    for (int i = 0; i < 20; i++) {
        tarn_future *future = ask_nested_submit(pool, pool);
        int size = 0;
        assert_int_equal(ask_nested_result(future, &size), TARN_OK);
        assert_int_equal(size, TEAM);
        tarn_drop(future);
    }
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}
