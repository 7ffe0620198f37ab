/* An option that another call has.
 *
 * gcc: 'tarn_shutdown_options' has no member named 'max_workers'
 * clang: field designator 'max_workers' does not refer to any field
 * g++: 'struct tarn_shutdown_options'[}]? has no member named 'max_workers'
 * clang++: no member named 'max_workers' in 'tarn_shutdown_options'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_status use(tarn_executor *pool);

tarn_status use(tarn_executor *pool)
{
    return tarn_shutdown(pool, .max_workers = 3);
}
