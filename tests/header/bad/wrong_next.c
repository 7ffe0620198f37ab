/* A stream whose source gives items of another type.
 *
 * gcc: passing argument 2 of 'square_map_from' from incompatible pointer
 * clang: incompatible function pointer types passing 'bool \(long
 * g++: invalid conversion from 'bool \(\*\)\(long int
 * clang++: no matching function for call to 'square_map_from'
 * flags: -Werror
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

static bool next(long *item, void *data)
{
    *item = 1;
    return !data;
}
static bool take(size_t i, tarn_status status, const int *result, void *data)
{
    return i > 0 && status == TARN_OK && result && data;
}
tarn_status use(tarn_executor *pool);

tarn_status use(tarn_executor *pool)
{
    return square_map_from(pool, next, take, NULL, TARN_FOREVER);
}
