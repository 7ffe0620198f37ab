/* A result with an alignment that no cell has.
 *
 * gcc: the result of widen needs an alignment of more than 16: pass a pointer to it
 * clang: the result of widen needs an alignment of more than 16: pass a pointer to it
 * g++: the result of widen needs an alignment of more than 16: pass a pointer to it
 * clang++: the result of widen needs an alignment of more than 16: pass a pointer to it
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
struct wide {
    int n;
} __attribute__((aligned(32)));

static struct wide widen(int n)
{
    struct wide w = {square(n)};
    return w;
}
TARN_TASK(struct wide, widen, int);
