/* Many submits with items of another type.
 *
 * gcc: passing argument 2 of 'square_submit_many' from incompatible pointer
 * clang: incompatible pointer types passing 'const struct point
 * g++: cannot convert 'const point
 * clang++: no matching function for call to 'square_submit_many'
 * flags: -Werror
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

tarn_status use(tarn_executor *pool, const struct point *points, tarn_future **futures);

tarn_status use(tarn_executor *pool, const struct point *points, tarn_future **futures)
{
    return square_submit_many(pool, points, 2, futures);
}
