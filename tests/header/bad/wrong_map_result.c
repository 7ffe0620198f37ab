/* A map into results of another type.
 *
 * gcc: passing argument 4 of 'square_map' from incompatible pointer
 * clang: incompatible pointer types passing 'long
 * g++: cannot convert 'long int
 * clang++: no matching function for call to 'square_map'
 * flags: -Werror
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_status use(tarn_executor *pool, const int *numbers, long *out);

tarn_status use(tarn_executor *pool, const int *numbers, long *out)
{
    return square_map(pool, numbers, 2, out, NULL, TARN_FOREVER);
}
