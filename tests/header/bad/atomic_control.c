/* Nothing is wrong with this one: the order stands in the operation's name.
 *
 * gcc: accepted
 * clang: accepted
 */
#include "platform/atomic.h"

uint32_t use(tn_atomic_u32 *word);

uint32_t use(tn_atomic_u32 *word)
{
    return tn_u32_load_acquire(word);
}
