#include "calendar.hpp"

#include <cstdio>
#include <cstring>

static int check(int year, bool expected) {
    if (is_leap(year) == expected) return 0;
    std::printf("is_leap(%d) is not %d\n", year, expected);
    return 1;
}

int main(int, char **argv) {
    if (std::strcmp(argv[1], "takes_every_fourth_year") == 0) return check(2024, true);
    if (std::strcmp(argv[1], "leaves_out_centuries") == 0) return check(1900, false);
    return check(2000, true);
}
