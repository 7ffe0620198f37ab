/* An argument with an alignment that no cell has.
 *
 * gcc: argument 1 of measure needs an alignment of more than 16: pass a pointer to it
 * clang: argument 1 of measure needs an alignment of more than 16: pass a pointer to it
 * g++: argument 1 of measure needs an alignment of more than 16: pass a pointer to it
 * clang++: argument 1 of measure needs an alignment of more than 16: pass a pointer to it
 */
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
struct wide {
    int n;
} __attribute__((aligned(32)));

static int measure(struct wide w)
{
    return square(w.n);
}
TARN_TASK(int, measure, struct wide);
