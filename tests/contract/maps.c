/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_map: what the items give, whatever their shape, and how each of them ends. */
#include "contract.h"
#include "items.h"

#include <stdio.h>

static long long twice(long long n)
{
    return 2 * n;
}
TARN_TASK(long long, twice, long long);

CONTRACT_TEST(a_maps_results_come_in_the_order_of_its_items, MAPS)
{
    const size_t counts[] = {0, 1, 2, 3, 17, 1000, test_count(3000000)};
    tarn_executor *pool = pool_open();
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        size_t n = counts[k];
        size_t wrong = 0;
        long long *in = malloc((n + 1) * sizeof(*in));
        long long *out = malloc((n + 1) * sizeof(*out));
        tarn_status *statuses = malloc((n + 1) * sizeof(*statuses));
        for (size_t i = 0; i <= n; i++) {
            in[i] = (long long)i - 7;
            out[i] = -1;
            statuses[i] = TARN_END;
        }
        assert_int_equal(twice_map(pool, in, n, out, statuses, TARN_FOREVER), TARN_OK);
        for (size_t i = 0; i < n; i++)
            wrong += out[i] != 2 * in[i] || statuses[i] != TARN_OK;
        assert_int_equal(wrong, 0);
        assert_int_equal(out[n], -1);
        assert_int_equal(statuses[n], TARN_END);

        memset(out, 0, n * sizeof(*out));
        assert_int_equal(twice_map(pool, in, n, out, NULL, TARN_FOREVER), TARN_OK);
        for (size_t i = 0; i < n; i++)
            wrong += out[i] != 2 * in[i];
        assert_int_equal(wrong, 0);
        free(in);
        free(out);
        free(statuses);
    }
    pool_close(pool);
}

CONTRACT_TEST(each_item_of_a_map_is_called_once, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(test_count(50000));
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_OK);
    pool_close(pool);
    items_check(items);
    for (size_t i = 0; i < items->n; i++)
        assert_int_equal(atomic_load(&items->runs[i]), 1);
    items_free(items);
}

/* ---- Shapes ---- */

static unsigned char flip(unsigned char byte)
{
    return (unsigned char)~byte;
}
TARN_TASK(unsigned char, flip, unsigned char);

CONTRACT_TEST(items_of_a_map_may_be_single_bytes, MAPS)
{
    size_t n = test_count(1000000);
    tarn_executor *pool = pool_open();
    unsigned char *bytes = malloc(n);
    unsigned char *flipped = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(flip_map(pool, bytes, n, flipped, NULL, TARN_FOREVER), TARN_OK);
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += flipped[i] != 255 - bytes[i];
    assert_int_equal(wrong, 0);
    free(bytes);
    free(flipped);
    pool_close(pool);
}

/* More than a chunk is meant to hold. */
struct large {
    int numbers[80000];
};

static struct large add_one(struct large in)
{
    for (size_t i = 0; i < 80000; i++)
        in.numbers[i]++;
    return in;
}
TARN_TASK(struct large, add_one, struct large);

CONTRACT_TEST(items_of_a_map_may_be_larger_than_a_chunk, MAPS)
{
    enum { N = 9 };
    tarn_executor *pool = pool_open();
    struct large *in = calloc(N, sizeof(*in));
    struct large *out = calloc(N, sizeof(*out));
    for (int i = 0; i < N; i++)
        in[i].numbers[0] = in[i].numbers[79999] = i * 10;
    assert_int_equal(add_one_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(out[i].numbers[0], i * 10 + 1);
        assert_int_equal(out[i].numbers[40000], 1);
        assert_int_equal(out[i].numbers[79999], i * 10 + 1);
    }
    free(in);
    free(out);
    pool_close(pool);
}

static double sum_of_eight(char a, short b, int c, long d, long long e, float f, double g,
                           unsigned char h)
{
    return (double)(a + b + c + d + e + h) + (double)f + g;
}
TARN_TASK(double, sum_of_eight, char, short, int, long, long long, float, double, unsigned char);

CONTRACT_TEST(items_of_a_map_may_have_eight_arguments, MAPS)
{
    enum { N = 3000 };
    tarn_executor *pool = pool_open();
    struct sum_of_eight_arguments *in = calloc(N, sizeof(*in));
    double *out = calloc(N, sizeof(*out));
    for (int i = 0; i < N; i++)
        in[i] = (struct sum_of_eight_arguments){1, 2, i, 4, 5, 0.5F, 0.25, 8};
    assert_int_equal(sum_of_eight_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_true(out[i] > i + 20.7 && out[i] < i + 20.8);
    free(in);
    free(out);
    pool_close(pool);
}

static void increment_at(int *place)
{
    ++*place;
}
TARN_TASK(void, increment_at, int *);

CONTRACT_TEST(a_map_without_results_calls_all_the_same, GATES)
{
    enum { N = 5000 };
    tarn_executor *pool = pool_open();
    static int numbers[N];
    int *places[N];
    tarn_status statuses[N];
    for (int i = 0; i < N; i++) {
        numbers[i] = i;
        places[i] = &numbers[i];
    }
    assert_int_equal(increment_at_map(pool, places, N, NULL, TARN_FOREVER), TARN_OK);
    assert_int_equal(increment_at_map(pool, places, N, statuses, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(numbers[i], i + 2);
        assert_int_equal(statuses[i], TARN_OK);
    }
    pool_close(pool);
}

static int sum_of_letters(tarn_bytes text, int more)
{
    int sum = more;
    for (size_t i = 0; i < text.size; i++)
        sum += ((const unsigned char *)text.data)[i];
    return sum;
}
TARN_TASK(int, sum_of_letters, tarn_bytes, int);

CONTRACT_TEST(items_of_a_map_may_have_bytes, MAPS)
{
    enum { N = 2000 };
    tarn_executor *pool = pool_open();
    struct sum_of_letters_arguments *in = calloc(N, sizeof(*in));
    int *out = calloc(N, sizeof(*out));
    static char letters[N];
    memset(letters, 1, N);
    for (int i = 0; i < N; i++)
        in[i] = (struct sum_of_letters_arguments){{i > 0 ? letters : NULL, (size_t)i}, 3};
    assert_int_equal(sum_of_letters_map(pool, in, N, out, NULL, TARN_FOREVER), TARN_OK);
    for (int i = 0; i < N; i++)
        assert_int_equal(out[i], i + 3);
    free(in);
    free(out);
    pool_close(pool);
}

CONTRACT_TEST(a_map_calls_nothing_if_an_item_cannot_be_copied, MAPS)
{
    enum { N = 2000 };
    tarn_executor *pool = pool_open();
    struct sum_of_letters_arguments *in = calloc(N, sizeof(*in));
    int *out = calloc(N, sizeof(*out));
    tarn_status *statuses = calloc(N, sizeof(*statuses));
    in[1990].a1.size = 1;
    assert_int_equal(sum_of_letters_map(pool, in, N, out, statuses, TARN_FOREVER), TARN_INVALID);
    assert_contains(tarn_last_error(), "tarn_bytes of item 1990");
    tarn_stats stats = {.size = sizeof(stats)};
    assert_int_equal(tarn_executor_stats(pool, &stats), TARN_OK);
    assert_int_equal(stats.submitted, 0);
    free(in);
    free(out);
    free(statuses);
    pool_close(pool);
}

/* What a binding fills in need not have a loop. */
CONTRACT_TEST(a_task_without_a_loop_can_be_mapped, GATES)
{
    tarn_task without_loop = live_task;
    without_loop.loop = NULL;
    tarn_executor *pool = pool_open();
    struct items *items = items_new(3000);
    items_act(items, FAIL, 70, 100);
    items_act(items, END_THREAD, 1030, 1000);
    assert_int_equal(tarn_map(pool, &without_loop, items->in, items->n, items->out, items->statuses,
                              TARN_FOREVER),
                     TARN_FAILED);
    pool_close(pool);
    items_check(items);
    assert_int_equal(items_count(items, TARN_FAILED), 32);
    assert_int_equal(items_count(items, TARN_OK), 2968);
    items_free(items);
}

/* ---- Failures ---- */

CONTRACT_TEST(an_item_that_fails_loses_only_itself, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(10000);
    items_act(items, FAIL, 53, 97);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "item 53 ");
    assert_contains(tarn_last_error(), "\"live\"");
    assert_contains(tarn_last_error(), "TARN_FAILED: item 53");
    items_check(items);
    for (size_t i = 0; i < items->n; i++) {
        assert_int_equal(items->statuses[i], i % 97 == 53 ? TARN_FAILED : TARN_OK);
        assert_int_equal(atomic_load(&items->runs[i]), 1);
    }
    pool_close(pool);
    items_free(items);
}

/* The rest of its chunk goes on with another thread. */
CONTRACT_TEST(an_item_that_ends_its_thread_loses_only_itself, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(3000);
    items_act(items, END_THREAD, 88, 150);
    items_act(items, FAIL_AND_END, 89, 150);
    items_act(items, FAIL, 90, 150);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "item 88 ");
    assert_contains(tarn_last_error(), "ended its thread");
    pool_close(pool);
    items_check(items);
    for (size_t i = 0; i < items->n; i++) {
        bool fine = i % 150 < 88 || i % 150 > 90;
        assert_int_equal(items->statuses[i], fine ? TARN_OK : TARN_FAILED);
        assert_int_equal(atomic_load(&items->runs[i]), 1);
    }
    items_free(items);
}

CONTRACT_TEST(the_first_and_the_last_item_may_end_their_thread, GATES)
{
    tarn_executor *pool = pool_open();
    for (size_t n = 1; n <= 5; n++) {
        struct items *items = items_new(n);
        items_act(items, END_THREAD, 0, n);
        items_act(items, END_THREAD, n - 1, n);
        assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FAILED);
        assert_contains(tarn_last_error(), "item 0 ");
        assert_int_equal(items_count(items, TARN_OK), n > 2 ? n - 2 : 0);
        items_free(items);
    }
    pool_close(pool);
}

CONTRACT_TEST(the_text_of_an_item_that_said_why_is_kept_although_it_ended_its_thread, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(2000);
    items_act(items, FAIL_AND_END, 1234, 2000);
    assert_int_equal(items_map(pool, items, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "TARN_FAILED: item 1234");
    items_free(items);
    pool_close(pool);
}

CONTRACT_TEST(without_statuses_a_map_still_says_which_item_was_the_first_to_fail, GATES)
{
    tarn_executor *pool = pool_open();
    struct items *items = items_new(5000);
    items_act(items, FAIL, 4444, 10);
    assert_int_equal(live_map(pool, items->in, items->n, items->out, NULL, TARN_FOREVER),
                     TARN_FAILED);
    assert_contains(tarn_last_error(), "item 4444 ");
    for (size_t i = 0; i < items->n; i++)
        assert_int_equal(items->out[i], i >= 4444 && i % 10 == 4 ? UNTOUCHED : result_of(i));
    items_free(items);
    pool_close(pool);
}

/* A name that does not fit is cut, and so is a text. */
CONTRACT_TEST(the_sentence_of_a_map_fits_whatever_failed, MAPS)
{
    char name[300];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    tarn_task task = fail_with_task;
    task.name = name;
    tarn_executor *pool = pool_open();
    int code = 12;
    int out = 0;
    assert_int_equal(tarn_map(pool, &task, &code, 1, &out, NULL, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_contains(tarn_last_error(), "code 12");
    assert_true(strlen(tarn_last_error()) <= 247);
    pool_close(pool);
}

static int fail_with_spaces(int length)
{
    tarn_fail(1, "%*d", length, length);
    return 0;
}
TARN_TASK(int, fail_with_spaces, int);

CONTRACT_TEST(a_long_text_of_an_item_is_cut, MAPS)
{
    tarn_executor *pool = pool_open();
    int length = 100000;
    int out = 0;
    assert_int_equal(fail_with_spaces_map(pool, &length, 1, &out, NULL, TARN_FOREVER), TARN_FAILED);
    assert_contains(tarn_last_error(), "item 0 ");
    assert_true(strlen(tarn_last_error()) <= 247);
    pool_close(pool);
}

/* A map fails by its items only: what tarn_last_error() said before is nobody's business. */
CONTRACT_TEST(a_map_that_went_well_leaves_the_last_error_alone, MAPS)
{
    tarn_executor *pool = pool_open();
    int in[3] = {1, 2, 3};
    int out[3];
    char before[300];
    tarn_future_wait(NULL, TARN_NOW);
    snprintf(before, sizeof(before), "%s", tarn_last_error());
    assert_int_equal(square_map(pool, in, 3, out, NULL, TARN_FOREVER), TARN_OK);
    assert_string_equal(tarn_last_error(), before);
    pool_close(pool);
}
