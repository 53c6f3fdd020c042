#include <cstdio>
#include "../span.hpp"

static int failed = 0;

static void check(int number, const char* what, bool holds)
{
    failed += !holds;
    std::printf("%s %d - %s\n", holds ? "ok" : "not ok", number, what);
}

int main()
{
    std::printf("1..3\n");
    check(1, "nothing has no widest gap", span::widest({}) == 0);
    check(2, "the widest gap is found", span::widest({1, 2, 7, 9}) == 5);
    check(3, "one gap is the widest", span::widest({4, 6}) == 2);
    return failed != 0;
}
