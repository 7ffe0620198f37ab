// A result with a constructor and a destructor of its own.
//
// g++: the result of write cannot be copied as bytes: pass a pointer to it
// clang++: the result of write cannot be copied as bytes: pass a pointer to it
#include <tarn.h>

static int square(int n)
{
    return n * n;
}

#include <string>

static std::string write(int n)
{
    return std::to_string(square(n));
}
TARN_TASK(std::string, write, int);
