/* A stream of a task without a result whose end takes one.
 *
 * gcc: passing argument 3 of 'nothing_map_from' from incompatible pointer
 * clang: incompatible function pointer types passing
 * g++: invalid conversion from 'bool \(\*\)\(size_t, tarn_status, const int
 * clang++: no matching function for call to 'nothing_map_from'
 * flags: -Werror
 */
#include <tarn.h>

static void nothing(int n)
{
    (void)n;
}
TARN_TASK(void, nothing, int);

static bool next(int *item, void *data)
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
    return nothing_map_from(pool, next, take, NULL, TARN_FOREVER);
}
