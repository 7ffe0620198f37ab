/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"

#include "platform/memory.h"
#include "platform/tls.h"

#include <stdio.h>

typedef struct status_line {
    const char *name, *text;
    tarn_failure failure;
} status_line;

#define LINE(status_, text_) \
    [-(status_)] = {#status_, \
                    text_, \
                    {.size = sizeof(tarn_failure), \
                     .status = (status_), \
                     .text = text_, \
                     .task = "", \
                     .worker = -1}},

static const status_line lines[] = {TN_STATUSES(LINE)};

enum { LINES = sizeof lines / sizeof *lines };

_Static_assert(LINES == 1 - TARN_SYSTEM, "every status but TARN_END has its line");

const char *tarn_status_name(tarn_status status)
{
    if (status == TARN_END)
        return "TARN_END";
    return status <= 0 && status > -LINES ? lines[-status].name : "unknown status";
}

const char *tarn_status_text(tarn_status status)
{
    if (status == TARN_END)
        return "there is nothing more, for now";
    return status <= 0 && status > -LINES ? lines[-status].text : "this is not a status";
}

bool tn_is_failure(tarn_status status)
{
    return status < 0 && status > -LINES;
}

const tarn_failure *tn_status_failure(tarn_status status)
{
    return &lines[-status].failure;
}

typedef struct error_text {
    char text[248];
} error_text;

TN_THREAD_LOCAL(error_text, formatted);
typedef struct last_error {
    const char *text;
    unsigned count;
} last_error;

TN_THREAD_LOCAL(last_error, last);

const char *tarn_last_error(void)
{
    return last()->text ? last()->text : "";
}

unsigned tn_error_count(void)
{
    return last()->count;
}

tarn_status tn_error(tarn_status status, const char *text)
{
    last()->text = text;
    last()->count++;
    return status;
}

tarn_status tn_error_format(tarn_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(formatted()->text, sizeof formatted()->text, format, arguments);
    va_end(arguments);
    return tn_error(status, formatted()->text);
}

char *tn_text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = tn_alloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *tn_text_format(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : tn_alloc((size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}
