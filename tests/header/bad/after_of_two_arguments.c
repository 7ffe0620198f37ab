/* A continuation that would have to take two results.
 *
 * gcc: implicit declaration of function 'add_after'
 * clang: implicit declaration of function 'add_after'|undeclared function 'add_after'
 * g++: 'add_after' was not declared
 * clang++: undeclared identifier 'add_after'
 * flags: -Werror
 */
#include <tarn.h>

static int add(int a, int b)
{
    return a + b;
}
TARN_TASK(int, add, int, int);

tarn_future *use(tarn_executor *pool, tarn_future *before);

tarn_future *use(tarn_executor *pool, tarn_future *before)
{
    return add_after(pool, before);
}
