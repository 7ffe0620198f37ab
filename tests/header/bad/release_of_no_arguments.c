/* A task without arguments that has a function to release them.
 *
 * gcc: answer has no arguments to be released: write void
 * clang: answer has no arguments to be released: write void
 * g++: answer has no arguments to be released: write void
 * clang++: answer has no arguments to be released: write void
 */
#include <tarn.h>

static int answer(void)
{
    return 42;
}
static void forget(void)
{
    answer();
}
TARN_TASK_OWNING(int, answer, forget, void, void);
