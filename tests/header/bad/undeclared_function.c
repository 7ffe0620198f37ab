/* A task of a function that is not there.
 *
 * gcc: 'cube' undeclared
 * clang: use of undeclared identifier 'cube'
 * g++: 'cube' was not declared
 * clang++: use of undeclared identifier 'cube'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);
TARN_TASK(int, cube, int);
