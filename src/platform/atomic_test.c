/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/atomic.h"

#include "platform/thread.h"
#include "runner.h"

#define THREADS 4

/* The tests of what every type has; `one`, `two` and `three` are values that differ. */
#define TESTS_OF_ANY(kind, T, one, two, three) \
    TEST(kind##_starts_with_its_initial_value) \
    { \
        static tn_atomic_##kind word = TN_ATOMIC_INIT(one); \
        tn_atomic_##kind other; \
        assert_true(tn_##kind##_load_relaxed(&word) == (one)); \
        tn_##kind##_set(&other, two); \
        assert_true(tn_##kind##_load_relaxed(&other) == (two)); \
    } \
    TEST(kind##_loads_what_was_stored) \
    { \
        tn_atomic_##kind word; \
        tn_##kind##_set(&word, one); \
        tn_##kind##_store_relaxed(&word, two); \
        assert_true(tn_##kind##_load_acquire(&word) == (two)); \
        tn_##kind##_store_release(&word, three); \
        assert_true(tn_##kind##_load_relaxed(&word) == (three)); \
    } \
    TEST(kind##_exchange_gives_the_old_value) \
    { \
        tn_atomic_##kind word; \
        tn_##kind##_set(&word, one); \
        assert_true(tn_##kind##_exchange_acquire(&word, two) == (one)); \
        assert_true(tn_##kind##_exchange_acq_rel(&word, three) == (two)); \
        assert_true(tn_##kind##_load_relaxed(&word) == (three)); \
    } \
    TEST_OF_CAS(kind, T, strong_acq_rel, one, two, three) \
    TEST_OF_CAS(kind, T, weak_relaxed, one, two, three) \
    TEST_OF_CAS(kind, T, weak_acquire, one, two, three) \
    TEST_OF_CAS(kind, T, weak_release, one, two, three) \
    TEST_OF_CAS(kind, T, weak_acq_rel, one, two, three)

/* The loop is for the weak ones, which may fail with the right value. */
#define TEST_OF_CAS(kind, T, variant, one, two, three) \
    TEST(kind##_cas_##variant##_changes_only_what_it_expects) \
    { \
        tn_atomic_##kind word; \
        T expected = (three); \
        tn_##kind##_set(&word, one); \
        assert_false(tn_##kind##_cas_##variant(&word, &expected, two)); \
        assert_true(expected == (one)); \
        while (!tn_##kind##_cas_##variant(&word, &expected, two)) \
            assert_true(expected == (one)); \
        assert_true(expected == (one)); \
        assert_true(tn_##kind##_load_relaxed(&word) == (two)); \
    }

#define TESTS_OF_INTEGER(kind, T, MAX) \
    TESTS_OF_ANY(kind, T, 1, 2, MAX) \
    TEST(kind##_arithmetic_gives_the_old_value_and_wraps) \
    { \
        tn_atomic_##kind word; \
        tn_##kind##_set(&word, MAX); \
        assert_true(tn_##kind##_add_relaxed(&word, 6) == (MAX)); \
        assert_true(tn_##kind##_sub_relaxed(&word, 1) == 5); \
        assert_true(tn_##kind##_sub_acq_rel(&word, 5) == 4); \
        assert_true(tn_##kind##_load_relaxed(&word) == (MAX)); \
    } \
    TEST(kind##_bits_are_set_and_flipped) \
    { \
        tn_atomic_##kind word; \
        tn_##kind##_set(&word, 1); \
        assert_true(tn_##kind##_or_relaxed(&word, 2) == 1); \
        assert_true(tn_##kind##_or_acq_rel(&word, 6) == 3); \
        assert_true(tn_##kind##_or_acq_rel(&word, 0) == 7); \
        assert_true(tn_##kind##_xor_release(&word, 5) == 7); \
        assert_true(tn_##kind##_load_relaxed(&word) == 2); \
    }

static int things[3];

TESTS_OF_INTEGER(u16, uint16_t, UINT16_MAX)
TESTS_OF_INTEGER(u32, uint32_t, UINT32_MAX)
TESTS_OF_INTEGER(u64, uint64_t, UINT64_MAX)
TESTS_OF_ANY(ptr, void *, &things[0], &things[1], &things[2])

TEST(types_have_the_size_of_their_values)
{
    assert_int_equal(sizeof(tn_atomic_u16), sizeof(uint16_t));
    assert_int_equal(sizeof(tn_atomic_u32), sizeof(uint32_t));
    assert_int_equal(sizeof(tn_atomic_u64), sizeof(uint64_t));
    assert_int_equal(sizeof(tn_atomic_ptr), sizeof(void *));
}

/* ---- between threads ---- */

static void on_all(void (*run)(void *), void *data)
{
    tn_thread threads[THREADS];
    int started = 0;

    while (started < THREADS && tn_thread_start(&threads[started], 0, "test", run, data) == 0)
        started++;
    for (int i = 0; i < started; i++)
        tn_thread_join(threads[i]);
    assert_int_equal(started, THREADS);
}

struct counters {
    size_t rounds;
    tn_atomic_u32 added;
    tn_atomic_u64 swapped;
};

static void count(void *data)
{
    struct counters *counters = data;

    for (size_t i = 0; i < counters->rounds; i++) {
        uint64_t seen = tn_u64_load_relaxed(&counters->swapped);

        tn_u32_add_relaxed(&counters->added, 1);
        while (!tn_u64_cas_weak_relaxed(&counters->swapped, &seen, seen + 1))
            continue;
    }
}

TEST(no_count_is_lost_between_threads)
{
    struct counters counters = {.rounds = test_count(100000)};

    on_all(count, &counters);
    assert_int_equal(tn_u32_load_relaxed(&counters.added), THREADS * counters.rounds);
    assert_int_equal(tn_u64_load_relaxed(&counters.swapped), THREADS * counters.rounds);
}

/* Each thread in turn owns the plain value: ThreadSanitizer sees whether the order suffices. */
struct relay {
    size_t rounds;
    tn_atomic_u32 taken;
    uint64_t value;
};

static void run_relay(void *data)
{
    struct relay *relay = data;

    for (size_t i = 0; i < relay->rounds; i++) {
        uint32_t expected = 0;

        while (!tn_u32_cas_weak_acquire(&relay->taken, &expected, 1))
            expected = 0;
        relay->value++;
        tn_u32_store_release(&relay->taken, 0);
    }
}

TEST(release_hands_plain_data_to_acquire)
{
    struct relay relay = {.rounds = test_count(20000)};

    on_all(run_relay, &relay);
    assert_int_equal(relay.value, THREADS * relay.rounds);
}
