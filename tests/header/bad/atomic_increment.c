/* An atomic is counted up without an order.
 *
 * gcc: wrong type argument to increment
 * clang: cannot increment value of type 'tn_atomic_u32'
 */
#include "platform/atomic.h"

void use(tn_atomic_u32 *word);

void use(tn_atomic_u32 *word)
{
    (*word)++;
}
