/* A result is asked of a task that has none.
 *
 * gcc: too many arguments to function 'nothing_result'
 * clang: too many arguments to function call
 * g++: too many arguments to function .*nothing_result
 * clang++: no matching function for call to 'nothing_result'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static void nothing(void)
{
}
TARN_TASK(int, square, int);
TARN_TASK(void, nothing, void);

tarn_status use(tarn_future *future, int *result);

tarn_status use(tarn_future *future, int *result)
{
    return nothing_result(future, result);
}
