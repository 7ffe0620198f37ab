/* One function made a task twice.
 *
 * gcc: redefinition of '(struct )?square_arguments'
 * clang: redefinition of 'square_(arguments|task|submit|call_)'
 * g++: redefinition of '(struct )?square_arguments'
 * clang++: redefinition of 'square_(arguments|task|submit|call_)'
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);
TARN_TASK(int, square, int);
