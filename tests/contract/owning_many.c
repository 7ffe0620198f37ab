/* SPDX-License-Identifier: Apache-2.0 */

/* TARN_TASK_OWNING where there are many of a task: maps, submits of many, initializers. */
#include "contract.h"

#include <sched.h>
#include <stdatomic.h>

/* ---- Items of maps ---- */

/* What was released, by number. An argument is a pointer to its number, allocated; a result too. */
enum { MOST = 3000 };
static atomic_int args_released[MOST];
static atomic_int results_released[MOST];
static struct gate stuck_gate;
static int stuck, ending, failing; /* numbers of items that do so; MOST: none */

static void reset(void)
{
    for (int i = 0; i < MOST; i++) {
        atomic_store(&args_released[i], 0);
        atomic_store(&results_released[i], 0);
    }
    stuck_gate = (struct gate)GATE_CLOSED;
    stuck = ending = failing = MOST;
}

static int *new_number(int n)
{
    int *number = malloc(sizeof(*number));
    *number = n;
    return number;
}

static void release_number(int *number, tarn_bytes text)
{
    atomic_fetch_add(&args_released[*number], text.size == 3 ? 1 : 1000);
    free(number);
}

static void release_copy(int *number)
{
    atomic_fetch_add(&results_released[*number], 1);
    free(number);
}

static int *copy_number(int *number, tarn_bytes text)
{
    (void)text;
    if (*number == stuck)
        gate_pass(&stuck_gate);
    if (*number >= ending && *number % 100 == ending % 100)
        pthread_exit(NULL);
    if (*number >= failing && *number % 10 == failing % 10) {
        tarn_fail(1, "as it was told");
        return NULL;
    }
    return new_number(*number);
}
TARN_TASK_OWNING(int *, copy_number, release_number, release_copy, int *, tarn_bytes);

static bool is_fine(int i)
{
    return !(i >= ending && i % 100 == ending % 100) && !(i >= failing && i % 10 == failing % 10);
}

static struct copy_number_arguments *new_items(int n)
{
    struct copy_number_arguments *in = malloc((size_t)n * sizeof(*in));
    for (int i = 0; i < n; i++)
        in[i] = (struct copy_number_arguments){new_number(i), {"abc", 3}};
    return in;
}

/* Frees the results that the map has given, and asserts that each of them was not released, and
 * that everything else was. Nothing of the map runs any more. */
static void check_and_free(int n, int **out, const tarn_status *statuses, bool abandoned)
{
    for (int i = 0; i < n; i++) {
        assert_int_equal(atomic_load(&args_released[i]), 1);
        if (statuses[i] == TARN_OK) {
            assert_int_equal(atomic_load(&results_released[i]), 0);
            assert_int_equal(*out[i], i);
            free(out[i]);
        } else if (!abandoned) {
            assert_int_equal(atomic_load(&results_released[i]), 0);
        } else {
            assert_in_range(atomic_load(&results_released[i]), 0, 1);
        }
    }
}

CONTRACT_TEST(a_map_releases_its_items_and_hands_its_results_over, GATES)
{
    enum { N = MOST };
    tarn_executor *pool = pool_open();
    int **out = calloc(N, sizeof(*out));
    tarn_status *statuses = calloc(N, sizeof(*statuses));
    reset();
    ending = 50;
    failing = 7;
    struct copy_number_arguments *in = new_items(N);
    assert_int_equal(copy_number_map(pool, in, N, out, statuses, TARN_FOREVER), TARN_FAILED);
    free(in);
    pool_close(pool);
    for (int i = 0; i < N; i++)
        assert_int_equal(statuses[i], is_fine(i) ? TARN_OK : TARN_FAILED);
    check_and_free(N, out, statuses, false);
    free(out);
    free(statuses);
}

/* What came too late for the caller is released when it comes. */
CONTRACT_TEST(a_map_that_was_abandoned_releases_all_that_nobody_got, GATES)
{
    enum { N = 2000 };
    const int stuck_at[] = {0, 40, 1500};
    for (int k = 0; k < 3; k++) {
        tarn_executor *pool = pool_open();
        int **out = calloc(N, sizeof(*out));
        tarn_status *statuses = calloc(N, sizeof(*statuses));
        reset();
        stuck = stuck_at[k];
        ending = stuck + 7;
        struct copy_number_arguments *in = new_items(N);
        assert_int_equal(copy_number_map(pool, in, N, out, statuses, tarn_in(0.05)), TARN_TIMEOUT);
        free(in);
        gate_open(&stuck_gate);
        pool_close(pool);
        check_and_free(N, out, statuses, true);
        /* What the stuck one returned in the end was released by nobody else. */
        if (gate_arrived(&stuck_gate) > 0)
            assert_int_equal(atomic_load(&results_released[stuck]), 1);
        free(out);
        free(statuses);
    }
}

static atomic_int late_args;
static atomic_int late_results;

static void release_late_arg(int number)
{
    atomic_fetch_add(&late_args, number);
}

static void release_late_result(int *number)
{
    atomic_fetch_add(&late_results, *number);
    free(number);
}

static int *come_late(int number)
{
    while (!tarn_stop_requested())
        sched_yield();
    return new_number(number);
}
TARN_TASK_OWNING(int *, come_late, release_late_arg, release_late_result, int);

/* Nobody gets the result of an item that came too late, or of any of its tries. */
CONTRACT_TEST(a_map_releases_the_results_of_items_that_expired, GATES)
{
    enum { N = 10 };
    tarn_executor *pool = pool_open();
    tarn_executor *limited = tarn_with(pool, .run_limit = 0.002);
    tarn_executor *stubborn = tarn_with(limited, .retries = 2, .retry_on = TARN_RETRY_EXPIRED);
    const int in[N] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    int *out[N];
    atomic_store(&late_args, 0);
    atomic_store(&late_results, 0);
    assert_int_equal(come_late_map(limited, in, N, out, NULL, TARN_FOREVER), TARN_EXPIRED);
    assert_int_equal(atomic_load(&late_results), N);
    assert_int_equal(come_late_map(stubborn, in, N, out, NULL, TARN_FOREVER), TARN_EXPIRED);
    assert_int_equal(atomic_load(&late_results), 4 * N);
    pool_close(pool);
    assert_int_equal(atomic_load(&late_args), 2 * N);
}

CONTRACT_TEST(a_map_that_could_not_begin_releases_its_items, GATES)
{
    enum { N = 300 };
    tarn_executor *pool = pool_open();
    int **out = calloc(N, sizeof(*out));
    tarn_status *statuses = calloc(N, sizeof(*statuses));
    struct gate gate = GATE_CLOSED;
    tarn_future *blocker;
    reset();
    struct copy_number_arguments *in = new_items(N);
    assert_int_equal(copy_number_map(pool, in, N, out, statuses, TARN_NOW), TARN_TIMEOUT);
    free(in);
    check_and_free(N, out, statuses, false);

    pool_block(pool, &gate, &blocker, 1);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 1e-9), TARN_TIMEOUT);
    reset();
    in = new_items(N);
    assert_int_equal(copy_number_map(pool, in, N, out, statuses, TARN_FOREVER), TARN_CLOSED);
    free(in);
    check_and_free(N, out, statuses, false);
    pool_unblock(&gate, &blocker, 1);
    pool_close(pool);
    free(out);
    free(statuses);
}

/* Refused before it was submitted: the items stay the caller's. */
CONTRACT_TEST(a_map_of_bad_arguments_releases_nothing, MAPS)
{
    enum { N = 20 };
    tarn_executor *pool = pool_open();
    int *out[N];
    reset();
    struct copy_number_arguments *in = new_items(N);
    in[N - 1].a2.data = NULL;
    assert_int_equal(copy_number_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_INVALID);
    assert_int_equal(copy_number_map(pool, in, N, NULL, NULL, TARN_FOREVER), TARN_INVALID);
    assert_int_equal(copy_number_map(NULL, in, N, out, NULL, TARN_FOREVER), TARN_INVALID);
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&args_released[i]), 0);
        free(in[i].a1);
    }
    free(in);
    pool_close(pool);
}

/* ---- Items of streams ---- */

struct stream {
    int given, taken, wrong, n, enough, wrong_text;
};

static bool give_number(struct copy_number_arguments *item, void *data)
{
    struct stream *stream = data;
    if (stream->given == stream->n)
        return false;
    *item = (struct copy_number_arguments){new_number(stream->given), {"abc", 3}};
    if (stream->given == stream->wrong_text)
        item->a2.data = NULL;
    stream->given++;
    return true;
}

static bool take_number(size_t i, tarn_status status, int *const *result, void *data)
{
    struct stream *stream = data;
    stream->wrong += is_fine((int)i) ? status != TARN_OK || **result != (int)i : result != NULL;
    return ++stream->taken < stream->enough;
}

CONTRACT_TEST(a_stream_releases_its_items_and_its_results, GATES)
{
    /* All; enough; one that cannot be copied. */
    const struct stream streams[] = {
        {.n = MOST, .enough = MOST + 1, .wrong_text = MOST},
        {.n = MOST, .enough = 100, .wrong_text = MOST},
        {.n = MOST, .enough = MOST, .wrong_text = 500},
    };
    const tarn_status ends[] = {TARN_FAILED, TARN_CANCELLED, TARN_INVALID};
    for (int k = 0; k < 3; k++) {
        tarn_executor *pool = pool_open();
        struct stream stream = streams[k];
        reset();
        ending = 51;
        failing = 8;
        assert_int_equal(
            copy_number_map_from(pool, give_number, take_number, &stream, TARN_FOREVER), ends[k]);
        assert_int_equal(stream.wrong, 0);
        pool_close(pool);
        for (int i = 0; i < stream.given; i++) {
            assert_int_equal(atomic_load(&args_released[i]), 1);
            if (i < stream.taken)
                assert_int_equal(atomic_load(&results_released[i]), is_fine(i));
            else
                assert_in_range(atomic_load(&results_released[i]), 0, is_fine(i));
        }
    }
}

/* ---- Many submits ---- */

CONTRACT_TEST(many_calls_release_theirs_each_by_itself, GATES)
{
    enum { N = 1000 };
    tarn_future *futures[N];
    tarn_executor *pool = pool_open();
    reset();
    failing = 3;
    struct copy_number_arguments *in = new_items(N);
    in[500].a2.data = NULL;
    assert_int_equal(copy_number_submit_many(pool, in, N, futures), TARN_INVALID);
    free(in);
    assert_int_equal(atomic_load(&args_released[500]), 1);
    size_t cancelled = tarn_cancel_all(futures, N);
    tarn_drop_all(futures, N);
    pool_close(pool);
    size_t unreleased = 0;
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&args_released[i]), 1);
        assert_in_range(atomic_load(&results_released[i]), 0, i != 500 && is_fine(i));
        unreleased += atomic_load(&results_released[i]) == 0;
    }
    /* 100 that fail, the one that was refused, and of the cancelled those that are neither. */
    assert_in_range(unreleased, 101, cancelled + 101);
}

/* ---- Initializers ---- */

static atomic_int licences_returned;

static void return_licence(int *licence)
{
    atomic_fetch_add(&licences_returned, *licence);
    free(licence);
}

static void return_name(int *name)
{
    atomic_fetch_add(&licences_returned, *name);
    free(name);
}

static int *take_licence(int *name)
{
    (void)name;
    return new_number(1);
}
TARN_TASK_OWNING(int *, take_licence, return_name, return_licence, int *);

CONTRACT_TEST(what_an_initializer_gives_is_released_and_what_it_is_given_when_the_pool_goes,
              WORKER_LOCAL | GATES)
{
    struct take_licence_arguments arguments = {new_number(1000)};
    tarn_executor *pool = pool_with(
        &(struct pool_options){.initializer = &take_licence_task, .initializer_args = &arguments});
    tarn_future *blockers[4];
    struct gate gate = GATE_CLOSED;
    atomic_store(&licences_returned, 0);
    pool_block(pool, &gate, blockers, pool_workers());
    assert_int_equal(atomic_load(&licences_returned), pool_workers());
    pool_unblock(&gate, blockers, pool_workers());
    pool_close(pool);
    assert_int_equal(atomic_load(&licences_returned), 1000 + pool_workers());
}
