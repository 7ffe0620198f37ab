// A member function needs an object.
//
// g++: invalid use of non-static member function
// clang++: call to non-static member function without an object
#include <tarn.h>

static int square(int n)
{
    return n * n;
}
struct account {
    int balance(int n)
    {
        return square(n);
    }
};
TARN_TASK_AS(account_balance, int, account::balance, int);
