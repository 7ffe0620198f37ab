/* SPDX-License-Identifier: Apache-2.0 */

/* The main of every test program.
 *
 *     #include "runner.h"
 *
 *     TEST(adds_up) { assert_int_equal(1 + 1, 2); }
 *
 * The program then runs all its tests, one (`prog adds_up`), or prints their names (`prog --list`).
 * It exits with 0 if every test passed, 1 if one failed, 2 if there is no test of that name.
 *
 * Assertions only work on the test's own thread: cmocka leaves a failed test by longjmp.
 *
 * Environment:
 *     TARN_TEST_SCALE   test_count() divides by it, for runs under sanitizers and Valgrind; else 1
 *     TARN_TEST_NIGHT   1: test_count_at_night() gives all of it
 *     TARN_TEST_LIMIT   seconds a test may take before the program names it and aborts; else 120
 *     TARN_TEST_RAIN    1: a signal each millisecond interrupts whatever the program waits in */
#ifndef TESTS_SUPPORT_RUNNER_H
#define TESTS_SUPPORT_RUNNER_H

/* cmocka.h needs these four, in any order, before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Adds a test under `name`, which is copied and must be unlike all others: for tests made from a
 * table, before main or from a constructor. `run` gets cmocka's state, which holds nothing. */
void runner_add(const char *name, void (*run)(void **state));

/* `n` divided by TARN_TEST_SCALE, at least 1: how often to do what a test does many times. */
size_t test_count(size_t n);

/* Divides these counts by n from now on, for what takes longer than the others. */
void test_scale(size_t n);

/* The same of a tenth of `n`, but at night of all: for what takes its time. */
size_t test_count_at_night(size_t n);

/* Defines a test at file scope and registers it: the function's body follows. */
#define TEST(name) \
    static void test_##name(void **); \
    __attribute__((constructor)) static void test_add_##name(void) \
    { \
        runner_add(#name, test_##name); \
    } \
    static void test_##name(__attribute__((unused)) void **test_state_)

/* Defined by a test program that does something at the beginning of main(). */
void runner_begin(int argc, char **argv);

#endif
