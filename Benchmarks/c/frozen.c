// A subscriber of all output that takes in nothing: it says `ready` with the first message it gets, and stops itself.
//   frozen SUBSCRIBERS-PORT SERVER-KEY PUBLIC SECRET
#define _GNU_SOURCE
#include "load.h"
#include <signal.h>

int main(int given, char **a) {
    if (given != 5) return fprintf(stderr, "see frozen.c\n"), 2;
    void *socket = zmq_socket(zmq_ctx_new(), ZMQ_SUB);
    char public[32], secret[32], far[32], address[64], byte;
    from_hex(a[2], far);
    from_hex(a[3], public);
    from_hex(a[4], secret);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, far, 32);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "output/", 7);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%s", a[1]);
    check(zmq_connect(socket, address), address);
    check(zmq_recv(socket, &byte, 1, 0), "receive");
    puts("ready");
    fflush(stdout);
    raise(SIGSTOP);
    return 0;
}
