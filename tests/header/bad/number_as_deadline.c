/* A number is no moment in time: of what clock, in what unit?
 *
 * gcc: incompatible type for argument 2 of 'tarn_drain'
 * clang: passing 'int' to parameter of incompatible type 'tarn_deadline'
 * g++: could not convert '5' from 'int' to 'tarn_deadline'
 * clang++: no matching function for call to 'tarn_drain'
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
    return tarn_drain(pool, 5);
}
