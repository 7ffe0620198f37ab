/* A task is submitted without its argument.
 *
 * gcc: too few arguments to function 'square_submit'
 * clang: too few arguments to function call
 * g++: too few arguments to function .*square_submit
 * clang++: no matching function for call to 'square_submit'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_future *use(tarn_executor *pool);

tarn_future *use(tarn_executor *pool)
{
    return square_submit(pool);
}
