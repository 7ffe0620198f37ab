/* A task is submitted with an argument of another type.
 *
 * gcc: incompatible type for argument 2 of 'square_submit'
 * clang: passing 'struct point' to parameter of incompatible type .*int
 * g++: cannot convert 'point' to .*int
 * clang++: no matching function for call to 'square_submit'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
struct point {
    int x, y;
};
TARN_TASK(int, square, int);

tarn_future *use(tarn_executor *pool, struct point point);

tarn_future *use(tarn_executor *pool, struct point point)
{
    return square_submit(pool, point);
}
