/* An array as a result.
 *
 * gcc: the result of square is an array or a function: pass a pointer, or a struct that holds it
 * clang: the result of square is an array or a function: pass a pointer, or a struct that holds it
 * g++: the result of square is an array or a function: pass a pointer, or a struct that holds it
 * clang++: the result of square is an array or a function: pass a pointer, or a struct that holds it
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
typedef int four[4];
TARN_TASK(four, square, int);
