/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_completions_fd(): readable exactly while a tag is ready. */
#include "contract.h"

#include <errno.h>
#include <poll.h>

static bool readable(int fd, int milliseconds)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int count;
    do
        count = poll(&poller, 1, milliseconds);
    while (count < 0 && errno == EINTR);
    return count == 1 && (poller.revents & POLLIN);
}

CONTRACT_TEST(the_descriptor_is_readable_while_a_tag_is_ready, 0)
{
    tarn_promise *promises[3];
    tarn_future *futures[3];
    for (int i = 0; i < 3; i++) {
        promises[i] = tarn_promise_new(NULL);
        futures[i] = tarn_promise_future(promises[i]);
    }
    tarn_completions *completed = tarn_as_completed(futures, 3, TARN_FOREVER);
    int fd = tarn_completions_fd(completed);
    assert_true(fd >= 0);
    assert_int_equal(tarn_completions_fd(completed), fd);
    assert_false(readable(fd, 0));

    tarn_promise_set(promises[1], NULL, 0);
    assert_true(readable(fd, 0));
    assert_true(readable(fd, 0));
    assert_next(completed, 1);
    assert_false(readable(fd, 0));

    tarn_promise_set(promises[0], NULL, 0);
    tarn_cancel(futures[2]);
    assert_true(readable(fd, 0));
    assert_next(completed, 0);
    assert_true(readable(fd, 0));
    assert_next(completed, 2);
    assert_false(readable(fd, 0));
    assert_no_next(completed, TARN_END);
    assert_false(readable(fd, 0));

    assert_int_equal(tarn_completions_add(completed, futures[0], 8), TARN_OK);
    assert_true(readable(fd, 0));
    assert_next(completed, 8);
    assert_false(readable(fd, 0));
    tarn_completions_drop(completed);
    tarn_drop_all(futures, 3);
    for (int i = 0; i < 3; i++)
        tarn_promise_drop(promises[i]);
}

CONTRACT_TEST(a_descriptor_asked_for_late_is_readable_at_once, 0)
{
    tarn_future *futures[2] = {square_submit(NULL, 1), square_submit(NULL, 2)};
    tarn_completions *completed = tarn_as_completed(futures, 2, TARN_FOREVER);
    int fd = tarn_completions_fd(completed);
    assert_true(readable(fd, 0));
    size_t tag = 0;
    assert_int_equal(tarn_next(completed, &tag), TARN_OK);
    assert_true(readable(fd, 0));
    assert_int_equal(tarn_next(completed, &tag), TARN_OK);
    assert_false(readable(fd, 0));
    tarn_completions_drop(completed);
    tarn_drop_all(futures, 2);
}

CONTRACT_TEST(an_event_loop_gets_every_tag, 0)
{
    enum { N = 500 };
    tarn_executor *pool = pool_open();
    tarn_completions *completions = tarn_completions_new(TARN_NOW);
    int fd = tarn_completions_fd(completions);
    size_t sum = 0;
    for (size_t i = 0; i < N; i++) {
        tarn_future *future = square_submit(pool, 2);
        assert_int_equal(tarn_completions_add(completions, future, i), TARN_OK);
        tarn_drop(future);
    }
    for (size_t count = 0; count < N;) {
        assert_true(readable(fd, -1));
        size_t tag = 0;
        assert_int_equal(tarn_next(completions, &tag), TARN_OK);
        do {
            sum += tag;
            count++;
        } while (tarn_next(completions, &tag) == TARN_OK);
    }
    assert_int_equal(sum, N * (N - 1) / 2);
    assert_no_next(completions, TARN_END);
    tarn_completions_drop(completions);
    pool_close(pool);
}

CONTRACT_TEST(the_descriptor_goes_with_the_completions, 0)
{
    int before = descriptors_count();
    for (int i = 0; i < 10; i++) {
        tarn_completions *completions = tarn_completions_new(TARN_NOW);
        assert_true(tarn_completions_fd(completions) >= 0);
        tarn_completions_drop(completions);
    }
    assert_int_equal(descriptors_count(), before);
}
