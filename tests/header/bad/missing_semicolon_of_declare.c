/* A declared task without its semicolon.
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
TARN_TASK_DECLARE(int, square, int)

int use(void);
