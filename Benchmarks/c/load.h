#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static inline void from_hex(const char *text, char *bytes) {
    for (int i = 0; i < 32; i++) {
        unsigned value = 0;
        if (sscanf(text + 2 * i, "%2x", &value) != 1) { fprintf(stderr, "not a key: %s\n", text); exit(2); }
        bytes[i] = (char)value;
    }
}

static inline void check(int result, const char *what) {
    if (result < 0) { fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno())); exit(1); }
}
