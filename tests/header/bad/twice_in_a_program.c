/* Two files with a task of one name.
 *
 * parts: 2
 * gcc: multiple definition of .square_task'
 * clang: multiple definition of .square_task'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);
