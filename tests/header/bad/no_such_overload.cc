// None of the overloads has this signature.
//
// g++: invalid 'static_cast' from type '<unresolved overloaded function type>' to type 'float
// clang++: address of overloaded function 'square' cannot be static_cast
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static double square(double n)
{
    return n * n;
}
TARN_TASK_AS(square_int, int, square, int);
TARN_TASK_AS(square_float, float, square, float);
