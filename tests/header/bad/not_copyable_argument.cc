// An argument with a constructor and a destructor of its own.
//
// g++: argument 1 of length cannot be copied as bytes: pass a pointer to it
// clang++: argument 1 of length cannot be copied as bytes: pass a pointer to it
#include <tarn.h>

static int square(int n)
{
    return n * n;
}

#include <string>

static int length(std::string text)
{
    return square(static_cast<int>(text.size()));
}
TARN_TASK(int, length, std::string);
