/* A release function that takes something else than the task does.
 *
 * gcc: void, forget, int \*: forget has another result or other arguments
 * clang: void, forget, int \*: forget has another result or other arguments
 * g++: void, forget, int \*: forget has another result or other arguments
 * clang++: void, forget, int \*: forget has another result or other arguments
 */
#include <tarn.h>

static void forget(long *number)
{
    *number = 0;
}
static int read_of(int *number)
{
    return *number;
}
TARN_TASK_OWNING(int, read_of, forget, void, int *);
