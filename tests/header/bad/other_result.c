/* A task with another result than its function.
 *
 * gcc: long, square, int: square has another result or other arguments
 * clang: long, square, int: square has another result or other arguments
 * g++: long, square, int: square has another result or other arguments
 * clang++: long, square, int: square has another result or other arguments
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(long, square, int);
