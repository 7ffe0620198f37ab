/* A task without a result that has a function to release it.
 *
 * gcc: nothing has no result to be released: write void
 * clang: nothing has no result to be released: write void
 * g++: nothing has no result to be released: write void
 * clang++: nothing has no result to be released: write void
 */
#include <tarn.h>

static void forget(int n)
{
    (void)n;
}
static void nothing(int n)
{
    forget(n);
}
TARN_TASK_OWNING(void, nothing, void, forget, int);
