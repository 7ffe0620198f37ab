/* A function, not a pointer to one, as an argument.
 *
 * gcc: argument 1 of apply is an array or a function
 * clang: argument 1 of apply is an array or a function
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static int apply(int function(int))
{
    return function(square(1));
}
TARN_TASK(int, apply, int(int));
