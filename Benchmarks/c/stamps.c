// Prints COUNT lines, one every INTERVAL nanoseconds by the clock, each `@` and the time of its write(2), padded to SIZE bytes where
// that is given: stamps COUNT INTERVAL [SIZE]
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int given, char **a) {
    if (given < 3 || given > 4) return 2;
    long count = atol(a[1]), interval = atol(a[2]), least = given == 4 ? atol(a[3]) : 0;
    char line[4096];
    struct timespec next, now;
    if (least > (long)sizeof line) return 2;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (long i = 0; i < count; i++) {
        clock_gettime(CLOCK_REALTIME, &now);
        int size = snprintf(line, sizeof line, "@%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
        if (size < least) {
            memset(line + size, 'x', least - size);
            line[least - 1] = '\n';
            size = least;
        }
        if (write(1, line, size) != size) return 1;
        next.tv_nsec += interval;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return 0;
}
