/* One argument too many.
 *
 * gcc: sum has more than 8 arguments: put them into a struct
 * clang: sum has more than 8 arguments: put them into a struct
 * g++: sum has more than 8 arguments: put them into a struct
 * clang++: sum has more than 8 arguments: put them into a struct
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static int sum(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
    return square(a + b + c + d + e + f + g + h + i);
}
TARN_TASK(int, sum, int, int, int, int, int, int, int, int, int);
