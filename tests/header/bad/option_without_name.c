/* Options without their names.
 *
 * flags: -Werror=int-conversion
 * gcc: tarn_write_the_name_of_the_option_
 * clang: tarn_write_the_name_of_the_option_
 * g++: expected '\)' before numeric constant
 * clang++: expected '\)'
 */
#include <tarn.h>

tarn_status end(tarn_executor *executor);

tarn_status end(tarn_executor *executor)
{
    return tarn_shutdown(executor, 5.0);
}
