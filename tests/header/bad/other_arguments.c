/* A task with other arguments than its function.
 *
 * gcc: int, square, double: square has another result or other arguments
 * clang: int, square, double: square has another result or other arguments
 * g++: int, square, double: square has another result or other arguments
 * clang++: int, square, double: square has another result or other arguments
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, double);
