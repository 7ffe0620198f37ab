/* Options without their names.
 *
 * flags: -Werror
 * gcc: excess elements in struct initializer
 * clang: excess elements in struct initializer
 * g++: expected '\)' before numeric constant
 * clang++: expected '\)'
 */
#include <tarn.h>

tarn_status end(tarn_executor *executor);

tarn_status end(tarn_executor *executor)
{
    return tarn_shutdown(executor, 5.0);
}
