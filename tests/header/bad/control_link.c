/* Two files with a task each: nothing is wrong.
 *
 * parts: 2
 * gcc: accepted
 * clang: accepted
 */
#include <tarn.h>

#if PART == 1
static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);
#else
static int cube(int n)
{
    return n * n * n;
}
TARN_TASK(int, cube, int);
#endif
