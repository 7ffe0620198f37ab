// SPDX-License-Identifier: Apache-2.0

// Static objects and atexit() functions that use the library before main and after it, on both sides
// of what the library itself does in exit(). What is registered first runs last; the library
// registers its own part when the first executor is opened.
#include <cstdio>
#include <cstdlib>
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static int until_stopped(int n)
{
    while (!tarn_stop_requested())
        continue;
    return n;
}
TARN_TASK(int, until_stopped, int);

static int failures;
static int steps;

#define EXPECT(condition) expect((condition), #condition, __LINE__)

static void expect(bool condition, const char *text, int line)
{
    if (condition)
        return;
    failures++;
    std::fprintf(stderr, "statics.cc:%d: not %s\n", line, text);
}

static void expect_step(int step)
{
    steps++;
    if (steps != step)
        std::fprintf(stderr, "step %d came as number %d\n", step, steps);
    failures += steps != step;
}

static tarn_status status_of(tarn_future *future)
{
    return tarn_result(future, nullptr, nullptr, 0);
}

// Everything from the opening to the end.
static void use_a_pool()
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 2);
    tarn_future *future = square_submit(pool, 3);
    int result = 0;
    EXPECT(square_result(future, &result) == TARN_OK && result == 9);
    tarn_drop(future);
    EXPECT(tarn_shutdown(pool) == TARN_OK);
}

static void expect_submit(tarn_executor *pool, tarn_status status)
{
    tarn_future *future = square_submit(pool, 2);
    if (status == TARN_CLOSED)
        EXPECT(tarn_done(future) && status_of(future) == status);
    else
        EXPECT(tarn_cancel(future));
    tarn_drop(future);
}

// A pool with futures that have not ended when main returns.
struct Work {
    tarn_executor *pool;
    tarn_future *ended, *running, *pending;

    void begin()
    {
        pool = tarn_thread_pool(.max_workers = 1);
        ended = square_submit(pool, 3);
        running = until_stopped_submit(pool, 4);
        pending = square_submit(pool, 5);
        EXPECT(status_of(ended) == TARN_OK);
        while (!tarn_running(running))
            continue;
    }

    void end()
    {
        tarn_future *all[] = {ended, running, pending};
        tarn_drop_all(all, 3);
        EXPECT(tarn_shutdown(pool) == TARN_OK);
    }
};

// The last of all: what it says is what the program ends with.
struct Judge {
    ~Judge()
    {
        std::puts(failures == 0 ? "as expected" : "otherwise");
        std::fflush(nullptr);
        std::_Exit(failures != 0);
    }
};
static Judge judge;

// Made before the library was used: goes after the library has closed all executors.
struct Late : Work {
    ~Late()
    {
        expect_step(4);
        expect_submit(pool, TARN_CLOSED);
        EXPECT(tarn_drain(pool, tarn_in(60)) == TARN_OK);
        EXPECT(status_of(ended) == TARN_OK);
        EXPECT(status_of(running) == TARN_STOPPED);
        EXPECT(tarn_cancelled(pending));
        end();
        use_a_pool();
    }
};
static Late late;

static void after_the_library()
{
    expect_step(3);
    expect_submit(late.pool, TARN_CLOSED);
    EXPECT(tarn_cancelled(late.pending));
    use_a_pool();
}
static int registered = std::atexit(after_the_library);

// Uses the library before main: goes before the library closes anything.
struct Early : Work {
    Early()
    {
        begin();
    }

    ~Early()
    {
        expect_step(2);
        expect_submit(pool, TARN_OK);
        EXPECT(status_of(ended) == TARN_OK);
        EXPECT(tarn_running(running) && !tarn_done(pending));
        EXPECT(tarn_stop(running, 60) == TARN_OK);
        EXPECT(status_of(pending) == TARN_OK);
        end();
        use_a_pool();
    }
};
static Early early;

static void before_the_library()
{
    expect_step(1);
    expect_submit(early.pool, TARN_OK);
    expect_submit(late.pool, TARN_OK);
    use_a_pool();
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);
    EXPECT(registered == 0);
    EXPECT(std::atexit(before_the_library) == 0);
    late.begin();
    return 0;
}
