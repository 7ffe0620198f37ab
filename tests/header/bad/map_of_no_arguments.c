/* A map of a task that takes no argument.
 *
 * gcc: implicit declaration of function 'answer_map'
 * clang: implicit declaration of function 'answer_map'|undeclared function 'answer_map'
 * g++: 'answer_map' was not declared
 * clang++: undeclared identifier 'answer_map'
 * flags: -Werror
 */
#include <tarn.h>

static int answer(void)
{
    return 42;
}
TARN_TASK(int, answer, void);

tarn_status use(tarn_executor *pool, int *out);

tarn_status use(tarn_executor *pool, int *out)
{
    return answer_map(pool, NULL, 2, out, NULL, TARN_FOREVER);
}
