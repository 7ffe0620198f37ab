/* SPDX-License-Identifier: Apache-2.0 */
// What only C++ can say. Compiled with more warnings than the rest: macros expand in users' code.
extern "C" { // some put the braces around the include
#include <tarn.h>
}

#include <chrono>
#include <complex>
#include <cstddef>

#include "shared.h"

extern "C" {
#include "runner.h" // last: it has macros named as the C++ library's members
}

namespace app
{

// Neither of these two has a constructor without arguments.
struct point {
    point(double x_value, double y_value) : x(x_value), y(y_value)
    {
    }
    double x, y;
};

struct base {
    explicit base(int number) : first(number)
    {
    }
    int first;
};
struct derived : base { // not of standard layout
    explicit derived(int number) : base(number), second(number + 1)
    {
    }
    int second;
};

// The other file has a task of this name, outside the namespace.
static point mirror(point p)
{
    return point(p.y, p.x);
}
TARN_TASK(point, mirror, point);

static int span(derived d)
{
    return d.second - d.first;
}
TARN_TASK(int, span, derived);

} // namespace app

struct account {
    static long balance(long n) noexcept
    {
        return 2 * n;
    }
};
TARN_TASK_AS(account_balance, long, account::balance, long);

static int half(int n)
{
    return n / 2;
}
static double half(double n)
{
    return n / 2;
}
TARN_TASK_AS(half_int, int, half, int);
TARN_TASK_AS(half_double, double, half, double);

template <class A, class B> static A first(A a, B)
{
    return a;
}
TARN_TASK_AS(first_int, int, (first<int, char>), int, char);

using seconds = std::chrono::duration<double>;

static std::complex<double> wave(seconds s)
{
    return {s.count(), 0};
}
TARN_TASK(std::complex<double>, wave, seconds);

static int zero(std::nullptr_t) noexcept
{
    return 0;
}
TARN_TASK(int, zero, std::nullptr_t);

static int quietly_three() noexcept
{
    return 3;
}
TARN_TASK(int, quietly_three);

enum class colour { red, green };

static colour colour_in(colour c, int (*unused)(int, int), const bool *really)
{
    return unused == nullptr && *really ? c : colour::red;
}
TARN_TASK(colour, colour_in, colour, int (*)(int, int), const bool *);

static tarn_executor *start()
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    assert_non_null(pool);
    return pool;
}

static void finish(tarn_executor *pool)
{
    assert_int_equal(tarn_shutdown(pool), TARN_OK);
}

TEST(cpp_types_without_a_default_constructor_travel)
{
    tarn_executor *pool = start();
    tarn_future *future = app::mirror_submit(pool, {1, 2});
    app::point mirrored(0, 0);
    assert_int_equal(app::mirror_result(future, &mirrored), TARN_OK);
    assert_true(mirrored.x > 1.5);
    tarn_drop(future);

    future = app::span_submit(pool, app::derived(4));
    int n = 0;
    assert_int_equal(app::span_result(future, &n), TARN_OK);
    assert_int_equal(n, 1);
    tarn_drop(future);
    finish(pool);
}

TEST(cpp_members_overloads_and_templates_become_tasks)
{
    tarn_executor *pool = start();
    tarn_future *futures[] = {account_balance_submit(pool, 4), half_int_submit(pool, 9),
                              half_double_submit(pool, 9), first_int_submit(pool, 5, 'x')};
    long balance = 0;
    int whole = 0, five = 0;
    double exact = 0;
    assert_int_equal(account_balance_result(futures[0], &balance), TARN_OK);
    assert_int_equal(half_int_result(futures[1], &whole), TARN_OK);
    assert_int_equal(half_double_result(futures[2], &exact), TARN_OK);
    assert_int_equal(first_int_result(futures[3], &five), TARN_OK);
    assert_int_equal(balance, 8);
    assert_int_equal(whole, 4);
    assert_true(exact > 4.25);
    assert_int_equal(five, 5);
    tarn_drop_all(futures, 4);
    finish(pool);
}

TEST(cpp_library_types_travel)
{
    tarn_executor *pool = start();
    tarn_future *future = wave_submit(pool, seconds(1.5));
    std::complex<double> answer;
    assert_int_equal(wave_result(future, &answer), TARN_OK);
    assert_true(answer.real() > 1.25);
    tarn_drop(future);

    const bool really = true;
    future = colour_in_submit(pool, colour::green, nullptr, &really);
    colour painted = colour::red;
    assert_int_equal(colour_in_result(future, &painted), TARN_OK);
    assert_true(painted == colour::green);
    tarn_drop(future);

    future = zero_submit(pool, nullptr);
    int n = 1;
    assert_int_equal(zero_result(future, &n), TARN_OK);
    assert_int_equal(n, 0);
    tarn_drop(future);

    future = quietly_three_submit(pool);
    assert_int_equal(quietly_three_result(future, &n), TARN_OK);
    assert_int_equal(n, 3);
    tarn_drop(future);
    finish(pool);
}

TEST(cpp_kinds_are_told_apart)
{
    assert_int_equal(colour_in_task.args[0].kind, TARN_KIND_VALUE);
    assert_int_equal(colour_in_task.args[1].kind, TARN_KIND_POINTER);
    assert_int_equal(colour_in_task.args[2].kind, TARN_KIND_POINTER);
    assert_int_equal(app::mirror_task.result.kind, TARN_KIND_VALUE);
}

TEST(cpp_options_come_in_any_order)
{
    tarn_executor *pool =
        tarn_thread_pool(.stack_size = 65536, .name = "x", .max_workers = 1, .idle_timeout = 2);
    assert_non_null(pool);
    assert_int_equal(tarn_shutdown(pool, .time_limit = 60, .cancel_pending = true), TARN_OK);
}

static void expect_max_workers(const tarn_thread_options *options, int expected)
{
    assert_int_equal(options->max_workers, expected);
}

TEST(cpp_takes_24_options_each_once_and_in_order)
{
    int n = 0;
#define SIX \
    .max_workers = n++, .max_workers = n++, .max_workers = n++, .max_workers = n++, \
    .max_workers = n++, .max_workers = n++
    expect_max_workers(TARN_OPTIONS_(tarn_thread_options, SIX, SIX, SIX, SIX), 23);
    assert_int_equal(n, 24);
}

TEST(cpp_shares_tasks_with_c)
{
    tarn_executor *pool = start();
    tarn_future *future = increment_submit(pool, 6);
    int n = 0;
    assert_int_equal(increment_result(future, &n), TARN_OK);
    assert_int_equal(n, 7);
    tarn_drop(future);
    assert_int_equal(increment_in_other_file(pool, 1), 2);
    finish(pool);
}
