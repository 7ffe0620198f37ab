/* A stream whose end takes results of another type.
 *
 * gcc: passing argument 3 of 'square_map_from' from incompatible pointer
 * clang: incompatible function pointer types passing
 * g++: invalid conversion from 'bool \(\*\)\(size_t, tarn_status, const long int
 * clang++: no matching function for call to 'square_map_from'
 * flags: -Werror
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static bool next(int *item, void *data)
{
    *item = 1;
    return !data;
}
static bool take(size_t i, tarn_status status, const long *result, void *data)
{
    return i > 0 && status == TARN_OK && result && data;
}
tarn_status use(tarn_executor *pool);

tarn_status use(tarn_executor *pool)
{
    return square_map_from(pool, next, take, NULL, TARN_FOREVER);
}
