/* A task that changed, and its declaration in a header did not.
 *
 * gcc: square was declared with another result or other arguments
 * clang: square was declared with another result or other arguments
 * g++: square was declared with another result or other arguments
 * clang++: square was declared with another result or other arguments
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK_DECLARE(int, square, long);
TARN_TASK_DEFINE(int, square, int);
