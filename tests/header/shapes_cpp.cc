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

// ---- Many at once, and release functions ----

TEST(cpp_types_without_a_default_constructor_are_items)
{
    tarn_executor *pool = start();
    const app::point points[] = {{1, 2}, {3, 4}};
    app::point mirrored[] = {{0, 0}, {0, 0}};
    tarn_status statuses[] = {TARN_END, TARN_END};
    assert_int_equal(app::mirror_map(pool, points, 2, mirrored, statuses, TARN_FOREVER), TARN_OK);
    assert_true(mirrored[1].x > 3.5 && statuses[1] == TARN_OK);

    tarn_future *futures[] = {nullptr, nullptr};
    assert_int_equal(app::mirror_submit_many(pool, points, 2, futures), TARN_OK);
    assert_int_equal(app::mirror_result(futures[1], &mirrored[0]), TARN_OK);
    assert_true(mirrored[0].x > 3.5);
    tarn_future *back = app::mirror_after(pool, futures[1]);
    assert_int_equal(app::mirror_result(back, &mirrored[0]), TARN_OK);
    assert_true(mirrored[0].y > 3.5);
    tarn_drop(back);
    tarn_drop_all(futures, 2);
    finish(pool);
}

struct sum {
    int given;
    double x;
};

TEST(cpp_lambdas_give_and_take)
{
    tarn_executor *pool = start();
    sum own = {0, 0};
    tarn_status status = app::mirror_map_from(
        pool,
        [](app::point *item, void *data) {
            *item = app::point(1, 2);
            return static_cast<sum *>(data)->given++ < 3;
        },
        [](size_t, tarn_status ended, const app::point *result, void *data) {
            static_cast<sum *>(data)->x += ended == TARN_OK ? result->x : -100;
            return true;
        },
        &own, TARN_FOREVER);
    assert_int_equal(status, TARN_OK);
    assert_true(own.x > 5.5 && own.x < 6.5);
    finish(pool);
}

TEST(cpp_library_types_are_items)
{
    tarn_executor *pool = start();
    const seconds in[] = {seconds(1.5), seconds(2.5)};
    std::complex<double> out[2];
    assert_int_equal(wave_map(pool, in, 2, out, nullptr, TARN_FOREVER), TARN_OK);
    assert_true(out[1].real() > 2.25);

    const bool really = true;
    const colour_in_arguments colours[] = {{colour::green, nullptr, &really}};
    colour painted = colour::red;
    assert_int_equal(colour_in_map(pool, colours, 1, &painted, nullptr, TARN_FOREVER), TARN_OK);
    assert_true(painted == colour::green);

    const std::nullptr_t none[] = {nullptr};
    int n = 1;
    assert_int_equal(zero_map(pool, none, 1, &n, nullptr, TARN_FOREVER), TARN_OK);
    assert_int_equal(n, 0);
    finish(pool);
}

static int released;

struct keeper {
    static int *copy(int *number)
    {
        return new int(*number);
    }
    static void release(int *number) noexcept
    {
        released += *number;
        delete number;
    }
};
namespace app
{
static int *copy(int *number)
{
    return keeper::copy(number);
}
TARN_TASK_OWNING(int *, copy, keeper::release, keeper::release, int *);
} // namespace app

// The overload that takes the arguments is taken.
static void release(double)
{
    released += 1000;
}
static void release(int *number, char)
{
    keeper::release(number);
}
template <class T> static void release_any(T)
{
    released += 100;
}
static double weigh(int *number, char more)
{
    return *number + more;
}
TARN_TASK_DECLARE(double, weigh, int *, char);
TARN_TASK_DEFINE_OWNING(double, weigh, release, release_any<double>, int *, char);

TEST(cpp_members_overloads_and_templates_release)
{
    tarn_executor *pool = start();
    released = 0;
    tarn_future *futures[] = {app::copy_submit(pool, new int(1)),
                              weigh_submit(pool, new int(10), 'c')};
    finish(pool);
    tarn_drop_all(futures, 2);
    assert_int_equal(released, 1 + 1 + 10 + 100);
    assert_int_equal(app::copy_task.result.kind, TARN_KIND_POINTER);
    release(1.0);
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
