/* An option of another type. To compilers of C this is only a warning.
 *
 * flags: -Werror
 * gcc: initialization of 'const char \*' from 'int'
 * clang: incompatible integer to pointer conversion initializing 'const char \*'
 * g++: invalid conversion from 'int' to 'const char\*'
 * clang++: assigning to 'const char \*' from
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

tarn_executor *use(void);

tarn_executor *use(void)
{
    return tarn_thread_pool(.name = 3);
}
