/* An option that is not there.
 *
 * gcc: 'tarn_thread_options' has no member named 'workers'
 * clang: field designator 'workers' does not refer to any field
 * g++: 'struct tarn_thread_options'[}]? has no member named 'workers'
 * clang++: no member named 'workers' in 'tarn_thread_options'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_executor *use(void);

tarn_executor *use(void)
{
    return tarn_thread_pool(.workers = 3);
}
