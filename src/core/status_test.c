/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"

#include "platform/memory.h"
#include "platform/thread.h"
#include "runner.h"

#include <limits.h>
#include <string.h>

/* The numbers are part of the interface: they stand here once more, as text in a log would. */
static const struct {
    int number;
    const char *name;
} statuses[] = {
    {0, "TARN_OK"},
    {1, "TARN_END"},
    {-1, "TARN_TIMEOUT"},
    {-2, "TARN_CANCELLED"},
    {-3, "TARN_FAILED"},
    {-4, "TARN_EXPIRED"},
    {-5, "TARN_STOPPED"},
    {-6, "TARN_LOST"},
    {-7, "TARN_CLOSED"},
    {-8, "TARN_FULL"},
    {-9, "TARN_BROKEN"},
    {-10, "TARN_DEADLOCK"},
    {-11, "TARN_NO_MEMORY"},
    {-12, "TARN_INVALID"},
    {-13, "TARN_UNSUPPORTED"},
    {-14, "TARN_UNKNOWN_TASK"},
    {-15, "TARN_MISMATCH"},
    {-16, "TARN_NOT_BOOTED"},
    {-17, "TARN_SYSTEM"},
};
enum { STATUSES = sizeof statuses / sizeof *statuses };

TEST(each_number_has_its_name_for_good)
{
    for (int i = 0; i < STATUSES; i++)
        assert_string_equal(tarn_status_name((tarn_status)statuses[i].number), statuses[i].name);
}

TEST(each_status_has_a_sentence_of_its_own)
{
    for (int i = 0; i < STATUSES; i++) {
        const char *text = tarn_status_text((tarn_status)statuses[i].number);
        assert_true(strlen(text) > 5);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(text, tarn_status_text((tarn_status)statuses[j].number));
    }
}

TEST(numbers_that_are_no_status_are_answered_too)
{
    static const int unknown[] = {2, 3, 17, 1000, INT_MAX, -18, -19, -1000, INT_MIN, INT_MIN + 1};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(tarn_status_name((tarn_status)unknown[i]), "unknown status");
        const char *text = tarn_status_text((tarn_status)unknown[i]);
        assert_non_null(text);
        for (int j = 0; j < STATUSES; j++)
            assert_string_not_equal(text, tarn_status_text((tarn_status)statuses[j].number));
    }
}

TEST(each_status_has_a_failure_for_futures_without_their_own)
{
    for (int i = 0; i < STATUSES; i++) {
        tarn_status status = (tarn_status)statuses[i].number;
        if (status == TARN_END)
            continue;
        const tarn_failure *failure = tn_status_failure(status);
        assert_int_equal(failure->size, sizeof *failure);
        assert_int_equal(failure->status, status);
        assert_int_equal(failure->code, 0);
        assert_string_equal(failure->text, tarn_status_text(status));
        assert_string_equal(failure->task, "");
        assert_null(failure->file);
        assert_int_equal(failure->line, 0);
        assert_int_equal(failure->worker, -1);
    }
}

/* ---- the last error ---- */

typedef struct report {
    char at_start[64], after[64];
} report;

static void fail_here(void *data)
{
    report *r = data;
    strncpy(r->at_start, tarn_last_error(), sizeof r->at_start - 1);
    tn_error_format(TARN_INVALID, "of thread %d", 2);
    strncpy(r->after, tarn_last_error(), sizeof r->after - 1);
}

static void fail_elsewhere(report *r)
{
    tn_thread thread;
    assert_int_equal(tn_thread_start(&thread, (size_t)256 * 1024, "other", fail_here, r), 0);
    tn_thread_join(thread);
}

TEST(a_thread_that_never_failed_has_no_last_error)
{
    report r = {.at_start = "something"};
    tn_error(TARN_INVALID, "of thread 1");
    fail_elsewhere(&r);
    assert_string_equal(r.at_start, "");
}

TEST(the_last_error_is_that_of_the_calling_thread)
{
    report r = {.at_start = ""};
    assert_int_equal(tn_error_format(TARN_CLOSED, "of thread %d", 1), TARN_CLOSED);
    fail_elsewhere(&r);
    assert_string_equal(r.after, "of thread 2");
    assert_string_equal(tarn_last_error(), "of thread 1");
}

TEST(the_newest_error_counts)
{
    assert_int_equal(tn_error_format(TARN_INVALID, "%s", "first"), TARN_INVALID);
    assert_int_equal(tn_error(TARN_SYSTEM, "second"), TARN_SYSTEM);
    assert_string_equal(tarn_last_error(), "second");
    tn_error_format(TARN_FULL, "%s", "third");
    assert_string_equal(tarn_last_error(), "third");
}

TEST(a_long_error_is_cut_and_not_more)
{
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(tn_error_format(TARN_INVALID, "tarn_wait: %s", text), TARN_INVALID);
    assert_true(strlen(tarn_last_error()) > 200);
    assert_true(strlen(tarn_last_error()) < 1000);
    assert_non_null(strstr(tarn_last_error(), "tarn_wait: xxx"));
}

/* ---- copies of texts ---- */

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    char *copy = tn_text_format(text, arguments);
    va_end(arguments);
    return copy;
}

TEST(texts_are_copied_whole)
{
    char big[5000];
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';

    char *copy = tn_text_copy(big);
    assert_ptr_not_equal(copy, big);
    assert_string_equal(copy, big);
    tn_free(copy);

    copy = format("%s%d", big, 7);
    assert_int_equal(strlen(copy), sizeof big);
    assert_memory_equal(copy, big, sizeof big - 1);
    assert_string_equal(copy + sizeof big - 1, "7");
    tn_free(copy);

    copy = format("%s", "");
    assert_string_equal(copy, "");
    tn_free(copy);
}
