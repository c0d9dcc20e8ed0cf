// As much of a WebSocket client (RFC 6455) as a measurement needs: one thread, many sockets, frames in pieces as they come.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct ws {
    int descriptor;
    unsigned char head[14];
    int head_has;
    int opcode;
    uint64_t left;      // payload bytes of the frame still to come
    char start[1024];   // the first bytes of the frame's payload
    size_t start_has;
    void *mine;
};

// Calls of the program: a piece of a binary frame's payload; the end of a frame, `start` holding its beginning.
static void ws_piece(struct ws *socket, const char *bytes, size_t count);
static void ws_frame(struct ws *socket);

// `socket` is a name of this file's own.
static inline int ws_socket(int family, int kind, int protocol) { return socket(family, kind, protocol); }

static inline double ws_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void ws_fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "not as expected");
    exit(1);
}

static inline void ws_all(int descriptor, const void *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = send(descriptor, bytes, count, MSG_NOSIGNAL);
        if (done < 0) ws_fail("send");
        bytes = (const char *)bytes + done;
        count -= done;
    }
}

// A masked frame; the mask is zero, which a server cannot tell from any other.
static inline void ws_send(struct ws *socket, int opcode, const char *text) {
    size_t count = strlen(text), size = 2;
    unsigned char head[8] = {0x80 | opcode, 0x80};
    if (count < 126) head[1] |= count;
    else { head[1] |= 126; head[2] = count >> 8; head[3] = count & 255; size = 4; }
    ws_all(socket->descriptor, head, size);
    ws_all(socket->descriptor, "\0\0\0\0", 4);
    ws_all(socket->descriptor, text, count);
}

static inline void ws_open(struct ws *socket, int port, const char *path, const char *token) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char text[4096];
    int yes = 1;
    memset(socket, 0, sizeof *socket);
    socket->descriptor = ws_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(socket->descriptor, (void *)&place, sizeof place) < 0) ws_fail("connect");
    setsockopt(socket->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s%s%s\r\n",
             path, port, token[0] ? "Authorization: Bearer " : "", token, token[0] ? "\r\n" : "");
    ws_all(socket->descriptor, text, strlen(text));
    size_t has = 0;
    // Byte by byte, so that nothing of the first frame is taken with the head.
    while (has < sizeof text - 1 && (has < 4 || memcmp(text + has - 4, "\r\n\r\n", 4))) {
        if (recv(socket->descriptor, text + has, 1, 0) != 1) ws_fail("handshake");
        has++;
    }
    text[has] = 0;
    if (strncmp(text, "HTTP/1.1 101", 12)) { fprintf(stderr, "%s", text); exit(1); }
}

static inline void ws_take(struct ws *socket, const char *bytes, size_t count) {
    while (count > 0) {
        if (socket->left == 0) {
            int need = 2;
            do {
                if (socket->head_has < need) {
                    socket->head[socket->head_has++] = (unsigned char)*bytes++;
                    count--;
                }
                if (socket->head_has >= 2) need = 2 + ((socket->head[1] & 127) == 126 ? 2 : (socket->head[1] & 127) == 127 ? 8 : 0);
            } while (socket->head_has < need && count > 0);
            if (socket->head_has < need) return;
            uint64_t size = socket->head[1] & 127;
            if (need > 2) {
                size = 0;
                for (int i = 2; i < need; i++) size = size << 8 | socket->head[i];
            }
            if (socket->head[0] & 15) socket->opcode = socket->head[0] & 15;
            socket->left = size;
            socket->head_has = 0;
            socket->start_has = 0;
            if (size == 0) ws_frame(socket);
            continue;
        }
        size_t part = count < socket->left ? count : socket->left;
        if (socket->start_has < sizeof socket->start) {
            size_t keep = sizeof socket->start - socket->start_has;
            if (keep > part) keep = part;
            memcpy(socket->start + socket->start_has, bytes, keep);
            socket->start_has += keep;
        }
        if (socket->opcode == 2) ws_piece(socket, bytes, part);
        socket->left -= part;
        bytes += part;
        count -= part;
        if (socket->left == 0) ws_frame(socket);
    }
}

static inline int ws_begins(struct ws *socket, const char *text) {
    return memmem(socket->start, socket->start_has, text, strlen(text)) != NULL;
}

// Reads all sockets until `*done` is as many as there are.
static inline void ws_run(struct ws *sockets, int count, const int *done) {
    static char buffer[256 << 10];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &sockets[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i].descriptor, &event);
    }
    while (*done < count) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 30000);
        if (ready <= 0) ws_fail("nothing came for 30 s");
        for (int i = 0; i < ready; i++) {
            struct ws *socket = events[i].data.ptr;
            ssize_t has = recv(socket->descriptor, buffer, sizeof buffer, 0);
            if (has <= 0) ws_fail("closed");
            ws_take(socket, buffer, has);
        }
    }
    close(poll);
}
