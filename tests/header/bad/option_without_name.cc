// An option without its name.
//
// g++: expected '\)' before numeric constant
// clang++: expected '\)'
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_executor *use();

tarn_executor *use()
{
    return tarn_thread_pool(3);
}
