// More options than the macro can take apart: none is lost in silence.
//
// g++: a call takes at most 24 options
// clang++: a call takes at most 24 options
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_executor *use();

tarn_executor *use()
{
    return tarn_thread_pool(.max_workers = 1, .max_workers = 2, .max_workers = 3, .max_workers = 4,
                            .max_workers = 5, .max_workers = 6, .max_workers = 7, .max_workers = 8,
                            .max_workers = 9, .max_workers = 10, .max_workers = 11,
                            .max_workers = 12, .max_workers = 13, .max_workers = 14,
                            .max_workers = 15, .max_workers = 16, .max_workers = 17,
                            .max_workers = 18, .max_workers = 19, .max_workers = 20,
                            .max_workers = 21, .max_workers = 22, .max_workers = 23,
                            .max_workers = 24, .max_workers = 25);
}
