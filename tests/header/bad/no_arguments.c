/* A task without arguments of a function that has one.
 *
 * gcc: int, square, void: square has another result or other arguments
 * clang: int, square, void: square has another result or other arguments
 * g++: int, square, void: square has another result or other arguments
 * clang++: int, square, void: square has another result or other arguments
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, void);
