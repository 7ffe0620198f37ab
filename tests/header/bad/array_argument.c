/* An array as an argument.
 *
 * gcc: argument 1 of measure is an array or a function: pass a pointer, or a struct that holds it
 * clang: argument 1 of measure is an array or a function: pass a pointer, or a struct that holds it
 * g++: argument 1 of measure is an array or a function: pass a pointer, or a struct that holds it
 * clang++: argument 1 of measure is an array or a function: pass a pointer, or a struct that holds it
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static int measure(int numbers[4])
{
    return square(numbers[0]);
}
TARN_TASK(int, measure, int[4]);
