/* An atomic is looked at without an order.
 *
 * gcc: used struct type value where scalar is required
 * clang: used type 'tn_atomic_ptr' .*where arithmetic or pointer type is required
 */
#include "platform/atomic.h"

int use(tn_atomic_ptr *word);

int use(tn_atomic_ptr *word)
{
    return *word ? 1 : 2;
}
