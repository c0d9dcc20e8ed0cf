// A publisher and N subscribers around a forwarder, CURVE: how long COUNT messages take to reach all of them.
//   load PUBLISHERS-PORT SUBSCRIBERS-PORT SERVER-KEY PUB-PUBLIC PUB-SECRET SUB-PUBLIC SUB-SECRET SIZE SUBSCRIBERS COUNT
// Prints seconds. At most WINDOW messages are under way to the slowest subscriber, so that no queue on the way drops one; a
// message is a slice as a worker publishes it: topic, 64 bytes of header, SIZE bytes.
#define _GNU_SOURCE
#include "load.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
static const char topic[] = "output/ana/00000000000000000000000000/n1/";
static const uint64_t window = 256;

static void *context, *subscribers[MOST];
static int number;
static _Atomic uint64_t received[MOST];
static _Atomic int ready[MOST];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *end(int kind, const char *port, char **keys, const char *server) {
    void *socket = zmq_socket(context, kind);
    char public[32], secret[32], far[32], address[64];
    int linger = 0, most = 1000;
    from_hex(keys[0], public);
    from_hex(keys[1], secret);
    from_hex(server, far);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, far, 32);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &most, sizeof most);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &most, sizeof most);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%s", port);
    check(zmq_connect(socket, address), address);
    return socket;
}

// Takes all that is there from one socket, 64 at most; a sequence of 0 is a probe.
static void drain(int index) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    for (int i = 0; i < 64; i++) {
        if (zmq_msg_recv(&frame, subscribers[index], ZMQ_DONTWAIT) < 0) break;
        uint64_t sequence = 0;
        while (zmq_msg_more(&frame)) {
            zmq_msg_recv(&frame, subscribers[index], 0);
            if (!zmq_msg_more(&frame) && zmq_msg_size(&frame) >= 8) memcpy(&sequence, zmq_msg_data(&frame), 8);
        }
        if (sequence) {
            uint64_t had = atomic_load_explicit(&received[index], memory_order_relaxed);
            if (sequence != had + 1) { fprintf(stderr, "subscriber %d: %lu after %lu\n", index, sequence, had); _exit(3); }
            atomic_store_explicit(&received[index], sequence, memory_order_release);
        } else {
            atomic_store(&ready[index], 1);
        }
    }
    zmq_msg_close(&frame);
}

static void *listen_to_all(void *count) {
    zmq_pollitem_t items[MOST];
    for (int i = 0; i < number; i++) items[i] = (zmq_pollitem_t){subscribers[i], 0, ZMQ_POLLIN, 0};
    for (;;) {
        zmq_poll(items, number, -1);
        int is_done = 1;
        for (int i = 0; i < number; i++) {
            if (items[i].revents) drain(i);
            is_done &= atomic_load(&received[i]) == *(uint64_t *)count;
        }
        if (is_done) return NULL;
    }
}

static uint64_t slowest(void) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < number; i++) {
        uint64_t have = atomic_load_explicit(&received[i], memory_order_acquire);
        if (have < least) least = have;
    }
    return least;
}

static void publish(void *publisher, char *body, size_t size, uint64_t sequence) {
    static const char header[64];
    memcpy(body, &sequence, 8);
    zmq_send(publisher, topic, sizeof topic - 1, ZMQ_SNDMORE);
    zmq_send(publisher, header, 64, ZMQ_SNDMORE);
    check(zmq_send(publisher, body, size, 0), "send");
}

int main(int given, char **a) {
    if (given != 11) return fprintf(stderr, "see load.c\n"), 2;
    size_t size = strtoul(a[8], NULL, 10);
    uint64_t count = strtoull(a[10], NULL, 10);
    number = atoi(a[9]);
    if (number < 1 || number > MOST || size < 8) return 2;
    context = zmq_ctx_new();
    void *publisher = end(ZMQ_PUB, a[1], a + 4, a[3]);
    for (int i = 0; i < number; i++) {
        subscribers[i] = end(ZMQ_SUB, a[2], a + 6, a[3]);
        zmq_setsockopt(subscribers[i], ZMQ_SUBSCRIBE, topic, sizeof topic - 1);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, listen_to_all, &count);
    char *body = calloc(1, size);
    for (int all = 0; !all;) {
        publish(publisher, body, size, 0);
        usleep(10000);
        all = 1;
        for (int i = 0; i < number; i++) all &= atomic_load(&ready[i]);
    }
    double start = now();
    for (uint64_t sequence = 1, least = 0; sequence <= count; sequence++) {
        while (sequence - least > window) {
            least = slowest();
            if (sequence - least > window) usleep(20);
        }
        publish(publisher, body, size, sequence);
    }
    pthread_join(thread, NULL);
    printf("%.6f\n", now() - start);
    fflush(stdout);
    _exit(0);
}
