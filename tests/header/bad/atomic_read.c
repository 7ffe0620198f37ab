/* An atomic is read without an order.
 *
 * gcc: incompatible types when returning type 'tn_atomic_u32'
 * clang: returning 'tn_atomic_u32' .*from a function with incompatible result type
 */
#include "platform/atomic.h"

uint32_t use(tn_atomic_u32 *word);

uint32_t use(tn_atomic_u32 *word)
{
    return *word;
}
