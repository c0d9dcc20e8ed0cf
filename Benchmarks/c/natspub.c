// Publishes COUNT messages of SIZE bytes on subject `b` to a NATS server as fast as it takes them: natspub PORT COUNT SIZE
#include "ws.h"

static void ws_piece(struct ws *socket, const char *bytes, size_t count) { (void)socket, (void)bytes, (void)count; }
static void ws_frame(struct ws *socket) { (void)socket; }

int main(int given, char **a) {
    if (given != 4) return 2;
    long count = atol(a[2]), size = atol(a[3]);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(a[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int descriptor = ws_socket(AF_INET, SOCK_STREAM, 0);
    if (connect(descriptor, (void *)&place, sizeof place) < 0) ws_fail("connect");
    char one[2048], *block = malloc(1 << 20);
    int length = snprintf(one, sizeof one, "PUB b %ld\r\n", size);
    memset(one + length, 'x', size);
    memcpy(one + length + size, "\r\n", 2);
    length += size + 2;
    long many = (64 << 10) / length;
    for (long i = 0; i < many; i++) memcpy(block + i * length, one, length);
    const char *hello = "CONNECT {\"verbose\":false}\r\n";
    ws_all(descriptor, hello, strlen(hello));
    for (long sent = 0; sent < count;) {
        long next = count - sent < many ? count - sent : many;
        ws_all(descriptor, block, next * length);
        sent += next;
    }
    ws_all(descriptor, "PING\r\n", 6);
    // The server's answers: INFO at the beginning, PONG when all was taken.
    size_t has = 0;
    while (has < (1 << 16)) {
        ssize_t more = recv(descriptor, block + has, (1 << 16) - has, 0);
        if (more <= 0) ws_fail("PONG");
        has += more;
        if (memmem(block, has, "PONG", 4)) return 0;
    }
    return 1;
}
