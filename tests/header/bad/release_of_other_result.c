/* A release function of another type than the result: it is not converted.
 *
 * gcc: void, free, int \*: free has another result or other arguments
 * clang: void, free, int \*: free has another result or other arguments
 * g++: void, free, int \*: free has another result or other arguments
 * clang++: void, free, int \*: free has another result or other arguments
 */
#include <stdlib.h>
#include <tarn.h>

static int *allocate(int number)
{
    return (int *)calloc((size_t)number, sizeof(int));
}
TARN_TASK_OWNING(int *, allocate, void, free, int);
