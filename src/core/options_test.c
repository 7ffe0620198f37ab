/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include "runner.h"

#include <string.h>

/* What this version knows, and what an older and a newer program were built with. */
typedef struct options {
    size_t size;
    long first;
    long second;
} options;

typedef struct older {
    size_t size;
    long first;
} older;

typedef struct newer {
    options known;
    long third, fourth;
} newer;

static const options defaults = {.size = sizeof(options)};

TEST(no_options_are_all_defaults)
{
    options own = defaults;
    assert_true(tn_options_copy(&own, sizeof own, NULL));
    assert_memory_equal(&own, &defaults, sizeof own);
}

TEST(a_size_that_leaves_out_itself_is_refused)
{
    for (size_t size = 0; size < sizeof(size_t); size++) {
        options own = defaults;
        assert_false(tn_options_copy(&own, sizeof own, &(options){size, 1, 2}));
        assert_memory_equal(&own, &defaults, sizeof own);
    }
}

TEST(the_size_alone_sets_nothing)
{
    options own = defaults;
    size_t size = sizeof size;
    assert_true(tn_options_copy(&own, sizeof own, &size));
    assert_memory_equal(&own, &defaults, sizeof own);
}

TEST(what_an_older_program_does_not_know_keeps_its_default)
{
    options own = defaults;
    own.second = 9;
    assert_true(tn_options_copy(&own, sizeof own, &(older){sizeof(older), 1}));
    assert_int_equal(own.size, sizeof own);
    assert_int_equal(own.first, 1);
    assert_int_equal(own.second, 9);
}

TEST(options_of_this_version_arrive_whole)
{
    options own = defaults;
    assert_true(tn_options_copy(&own, sizeof own, &(options){sizeof(options), 1, 2}));
    assert_int_equal(own.size, sizeof own);
    assert_int_equal(own.first, 1);
    assert_int_equal(own.second, 2);
}

TEST(a_newer_program_that_sets_nothing_new_is_served)
{
    options own = defaults;
    newer from = {.known = {sizeof from, 1, 2}};
    assert_true(tn_options_copy(&own, sizeof own, &from));
    assert_int_equal(own.size, sizeof own);
    assert_int_equal(own.first, 1);
    assert_int_equal(own.second, 2);
}

TEST(what_only_a_newer_program_knows_is_refused_wherever_it_stands)
{
    for (size_t i = sizeof(options); i < sizeof(newer); i++) {
        newer from = {.known = {sizeof from, 1, 2}};
        ((unsigned char *)&from)[i] = 1;
        options own = defaults;
        assert_false(tn_options_copy(&own, sizeof own, &from));
        assert_memory_equal(&own, &defaults, sizeof own);
    }
}

TEST(a_size_that_no_struct_has_is_refused_without_looking_there)
{
    options own = defaults;
    assert_false(tn_options_copy(&own, sizeof own, &(options){SIZE_MAX, 1, 2}));
    assert_memory_equal(&own, &defaults, sizeof own);
}
