/* A release function that gives something back, which nobody would look at.
 *
 * gcc: void, forget, int \*: forget has another result or other arguments
 * clang: void, forget, int \*: forget has another result or other arguments
 * g++: void, forget, int \*: forget has another result or other arguments
 * clang++: void, forget, int \*: forget has another result or other arguments
 */
#include <tarn.h>

static int forget(int *number)
{
    return *number = 0;
}
static int read_of(int *number)
{
    return *number;
}
TARN_TASK_OWNING(int, read_of, forget, void, int *);
