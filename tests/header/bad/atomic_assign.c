/* An atomic is written without an order.
 *
 * gcc: incompatible types when assigning to type 'tn_atomic_u32' from type 'int'
 * clang: assigning to 'tn_atomic_u32' .*from incompatible type 'int'
 */
#include "platform/atomic.h"

void use(tn_atomic_u32 *word);

void use(tn_atomic_u32 *word)
{
    *word = 1;
}
