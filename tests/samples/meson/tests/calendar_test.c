#include "calendar.h"

#include <stdlib.h>

int main(int argc, char **argv) {
    int year = atoi(argv[argc - 1]);
    return is_leap(year) == (year != 1900) ? 0 : 1;
}
