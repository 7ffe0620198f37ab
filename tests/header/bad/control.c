/* Nothing is wrong with this one: the check itself works.
 *
 * gcc: accepted
 * clang: accepted
 * g++: accepted
 * clang++: accepted
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
TARN_TASK(int, square, int);

bool use(void);

bool use(void)
{
    tarn_executor *pool = tarn_thread_pool(.max_workers = 1);
    tarn_future *future = square_submit(pool, 7);
    int result;
    bool fine = square_result(future, &result) == TARN_OK;
    tarn_drop(future);
    return fine && tarn_shutdown(pool, .time_limit = 1) == TARN_OK;
}
