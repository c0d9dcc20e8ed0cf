// libzmq's own zmq_proxy between publishers and subscribers, CURVE on both sides: what the broker's output lane is measured against.
//   proxy PUBLISHERS-PORT SUBSCRIBERS-PORT SECRET-KEY-HEX CLIENT-KEY-HEX...
#include "load.h"
#include <pthread.h>

static char (*admitted)[32];
static int admitted_count;

// ZAP (rfc.zeromq.org/27): admits the keys it was given, and names them, as a broker must.
static void *doorkeeper(void *socket) {
    char frames[12][256];
    for (;;) {
        int count = 0, more = 1, sizes[12];
        while (more && count < 12) {
            sizes[count] = zmq_recv(socket, frames[count], 256, 0);
            if (sizes[count] < 0) return NULL;
            size_t length = sizeof more;
            zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length);
            count++;
        }
        int known = 0;
        for (int i = 0; i < admitted_count; i++)
            known |= count > 6 && sizes[6] == 32 && memcmp(frames[6], admitted[i], 32) == 0;
        zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(socket, frames[1], sizes[1], ZMQ_SNDMORE);
        zmq_send(socket, known ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send(socket, "", 0, ZMQ_SNDMORE);
        zmq_send(socket, "node:n1", known ? 7 : 0, ZMQ_SNDMORE);
        zmq_send(socket, "", 0, 0);
    }
}

static void *end(void *context, int kind, const char *port, const char *secret) {
    void *socket = zmq_socket(context, kind);
    char key[32], address[64];
    int yes = 1, linger = 0;
    from_hex(secret, key);
    check(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes), "CURVE");
    check(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key, 32), "secret key");
    check(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "bench", 5), "domain");
    check(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger), "linger");
    snprintf(address, sizeof address, "tcp://127.0.0.1:%s", port);
    check(zmq_bind(socket, address), address);
    return socket;
}

int main(int count, char **arguments) {
    if (count < 5) return fprintf(stderr, "proxy PUBLISHERS-PORT SUBSCRIBERS-PORT SECRET CLIENT...\n"), 2;
    void *context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_IO_THREADS, 2);
    admitted_count = count - 4;
    admitted = calloc(admitted_count, 32);
    for (int i = 0; i < admitted_count; i++) from_hex(arguments[4 + i], admitted[i]);
    void *door = zmq_socket(context, ZMQ_REP);
    check(zmq_bind(door, "inproc://zeromq.zap.01"), "ZAP");
    pthread_t thread;
    pthread_create(&thread, NULL, doorkeeper, door);
    void *publishers = end(context, ZMQ_XSUB, arguments[1], arguments[3]);
    void *subscribers = end(context, ZMQ_XPUB, arguments[2], arguments[3]);
    puts("ready");
    fflush(stdout);
    zmq_proxy(publishers, subscribers, NULL);
    return 0;
}
