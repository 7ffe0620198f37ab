/* SPDX-License-Identifier: Apache-2.0 */

/* On which CPUs the workers run, and what that says about how many there are. */
#include "contract.h"

#include <sched.h>
#include <stdio.h>

/* The CPUs that this process may use, lowest first. */
static int cpus[CPU_SETSIZE];
static int cpus_count;
static cpu_set_t all_cpus;

static void look_at_cpus(void)
{
    assert_int_equal(sched_getaffinity(0, sizeof(all_cpus), &all_cpus), 0);
    cpus_count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &all_cpus))
            cpus[cpus_count++] = cpu;
    }
}

/* Lets the test's own thread use that CPU only, or all it had. */
static void keep_to_cpu(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void keep_to_all(void)
{
    assert_int_equal(sched_setaffinity(0, sizeof(all_cpus), &all_cpus), 0);
}

static const char *list_of(int cpu)
{
    static char list[32];
    snprintf(list, sizeof(list), "%d", cpu);
    return list;
}

static const char *list_of_all(void)
{
    static char list[8 * CPU_SETSIZE];
    size_t length = 0;
    for (int i = 0; i < cpus_count; i++)
        length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%d", i > 0 ? "," : "",
                                   cpus[i]);
    return list;
}

/* ---- Where workers run ----------------------------------------------------------------------- */

struct place {
    int index;
    cpu_set_t cpus;
};

static struct place place_at(struct gate *gate)
{
    struct place place = {.index = tarn_worker_index()};
    sched_getaffinity(0, sizeof(place.cpus), &place.cpus);
    gate_pass(gate);
    return place;
}
TARN_TASK(struct place, place_at, struct gate *);

/* Where all workers of an executor run, at once. */
static void places_of(tarn_executor *pool, struct place *places, int workers)
{
    tarn_future *futures[8];
    struct gate gate = GATE_CLOSED;
    assert_true(workers <= 8);
    for (int i = 0; i < workers; i++)
        futures[i] = place_at_submit(pool, &gate);
    gate_await(&gate, workers);
    gate_open(&gate);
    for (int i = 0; i < workers; i++)
        assert_int_equal(place_at_result(futures[i], &places[i]), TARN_OK);
    tarn_drop_all(futures, (size_t)workers);
}

/* The one CPU of a place; -1: there are several. */
static int cpu_of(const struct place *place)
{
    int cpu = 0;
    if (CPU_COUNT(&place->cpus) != 1)
        return -1;
    while (!CPU_ISSET((size_t)cpu, &place->cpus))
        cpu++;
    return cpu;
}

CONTRACT_TEST(workers_run_on_the_cpus_they_were_given, GATES)
{
    look_at_cpus();
    for (int i = 0; i < cpus_count; i++) {
        struct place places[4];
        tarn_executor *pool = pool_with(&(struct pool_options){.affinity = list_of(cpus[i])});
        places_of(pool, places, pool_workers());
        for (int k = 0; k < pool_workers(); k++)
            assert_int_equal(cpu_of(&places[k]), cpus[i]);
        pool_close(pool);
    }
}

CONTRACT_TEST(a_list_of_cpus_is_copied_and_used_as_a_whole, GATES)
{
    look_at_cpus();
    char list[8 * CPU_SETSIZE];
    struct place places[4];
    snprintf(list, sizeof(list), "%s", list_of_all());
    /* What the starting thread may use does not matter. */
    keep_to_cpu(cpus[0]);
    tarn_executor *pool = pool_with(&(struct pool_options){.affinity = list});
    memset(list, 'x', strlen(list));
    places_of(pool, places, pool_workers());
    keep_to_all();
    for (int k = 0; k < pool_workers(); k++)
        assert_true(CPU_EQUAL(&places[k].cpus, &all_cpus));
    pool_close(pool);
}

CONTRACT_TEST(without_a_list_workers_run_where_their_starter_does, GATES)
{
    look_at_cpus();
    struct place places[4];
    tarn_executor *pool = pool_open();
    keep_to_cpu(cpus[cpus_count - 1]);
    places_of(pool, places, pool_workers());
    keep_to_all();
    for (int k = 0; k < pool_workers(); k++)
        assert_int_equal(cpu_of(&places[k]), cpus[cpus_count - 1]);
    pool_close(pool);
}

CONTRACT_TEST(pinned_workers_take_turns_by_their_index, GATES)
{
    look_at_cpus();
    const char *lists[] = {NULL, list_of_all()};
    for (int i = 0; i < 2; i++) {
        struct place places[4];
        tarn_executor *pool = pool_with(&(struct pool_options){.affinity = lists[i], .pin = true});
        places_of(pool, places, pool_workers());
        for (int k = 0; k < pool_workers(); k++)
            assert_int_equal(cpu_of(&places[k]), cpus[places[k].index % cpus_count]);
        pool_close(pool);
    }
}

CONTRACT_TEST(pinned_workers_stay_on_the_cpus_they_were_given, GATES)
{
    look_at_cpus();
    struct place places[4];
    tarn_executor *pool =
        pool_with(&(struct pool_options){.affinity = list_of(cpus[0]), .pin = true});
    places_of(pool, places, pool_workers());
    for (int k = 0; k < pool_workers(); k++)
        assert_int_equal(cpu_of(&places[k]), cpus[0]);
    pool_close(pool);
}

static bool other_cpus_than(cpu_set_t expected)
{
    cpu_set_t now;
    sched_getaffinity(0, sizeof(now), &now);
    return !CPU_EQUAL(&now, &expected);
}
TARN_TASK(bool, other_cpus_than, cpu_set_t);

/* A worker that begins is bound before its initializer runs: what that allocates is near. */
static void note_cpus(cpu_set_t expected)
{
    if (other_cpus_than(expected))
        tarn_fail(1, "on other CPUs");
}
TARN_TASK(void, note_cpus, cpu_set_t);

CONTRACT_TEST(workers_are_bound_before_their_initializer, WORKER_LOCAL | WORKER_THREADS)
{
    look_at_cpus();
    struct note_cpus_arguments arguments;
    CPU_ZERO(&arguments.a1);
    CPU_SET((size_t)cpus[cpus_count - 1], &arguments.a1);
    tarn_executor *pool = pool_with(&(struct pool_options){
        .affinity = list_of(cpus[cpus_count - 1]),
        .initializer = &note_cpus_task,
        .initializer_args = &arguments,
    });
    assert_ended(square_submit(pool, 1), TARN_OK);
    pool_close(pool);
}

/* ---- How many there are ---------------------------------------------------------------------- */

static uint64_t default_size(const char *affinity)
{
    tarn_executor *pool =
        pool_with(&(struct pool_options){.max_workers = DEFAULT_SIZE, .affinity = affinity});
    uint64_t size = stats_of(pool).max_workers;
    pool_close(pool);
    return size;
}

CONTRACT_TEST(the_default_size_is_that_of_the_list_of_cpus, PARALLEL | WORKER_THREADS)
{
    look_at_cpus();
    uint64_t size = default_size(NULL);
    assert_in_range(size, 1, cpus_count);
    assert_int_equal(default_size(list_of(cpus[cpus_count - 1])), 1);
    assert_int_equal(default_size(list_of_all()), size);
    /* The list counts, and not what this thread may use. */
    keep_to_cpu(cpus[0]);
    uint64_t kept = default_size(NULL);
    uint64_t listed = default_size(list_of_all());
    keep_to_all();
    assert_int_equal(kept, 1);
    assert_int_equal(listed, size);
}

CONTRACT_TEST(a_resize_to_the_default_counts_anew, PARALLEL | WORKER_THREADS)
{
    look_at_cpus();
    uint64_t size = default_size(NULL);
    tarn_executor *pool = pool_of(7);
    tarn_executor *bound =
        pool_with(&(struct pool_options){.max_workers = 7, .affinity = list_of(cpus[0])});
    assert_int_equal(tarn_resize(pool, 0), TARN_OK);
    assert_int_equal(stats_of(pool).max_workers, size);
    assert_int_equal(tarn_resize(bound, 0), TARN_OK);
    assert_int_equal(stats_of(bound).max_workers, 1);
    keep_to_cpu(cpus[0]);
    tarn_status status = tarn_resize(pool, 0);
    keep_to_all();
    assert_int_equal(status, TARN_OK);
    assert_int_equal(stats_of(pool).max_workers, 1);
    pool_close(pool);
    pool_close(bound);
}
