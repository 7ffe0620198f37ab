/* A function without a prototype, even if it means to take nothing.
 *
 * gcc: old has no prototype: write its types between the parentheses, or void
 * clang: old has no prototype: write its types between the parentheses, or void
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
static int old()
{
    return square(1);
}
TARN_TASK(int, old, void);
