/* A result is asked for as another type. To compilers of C this is only a warning.
 *
 * flags: -Werror
 * gcc: passing argument 2 of 'square_result' from incompatible pointer type
 * clang: incompatible pointer types passing 'double \*' to parameter of type
 * g++: cannot convert 'double\*' to .*int\*
 * clang++: no matching function for call to 'square_result'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_status use(tarn_future *future, double *result);

tarn_status use(tarn_future *future, double *result)
{
    return square_result(future, result);
}
