// A reference to what may be gone when the task runs.
//
// g++: argument 1 of change cannot be copied as bytes: pass a pointer to it
// clang++: argument 1 of change cannot be copied as bytes: pass a pointer to it
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static int change(int &n)
{
    return n = square(n);
}
TARN_TASK(int, change, int &);
