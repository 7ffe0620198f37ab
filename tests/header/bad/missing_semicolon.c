/* A task without its semicolon.
 *
 * gcc: expected ';'
 * clang: expected ';'
 * g++: expected ';'
 * clang++: expected ';'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int)

int use(void);
