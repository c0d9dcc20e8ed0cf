// How fast output comes to N WebSockets; looks at frames' heads only, not into what they carry.
//   wscount estiba PORT TOKEN SOCKETS EXECUTION      until the gateway says `complete`
//   wscount nats   PORT ""    SOCKETS BYTES          until each has so many bytes
// Prints `ready` when all follow; then seconds from the first bytes to the last, and the bytes of all.
#include "ws.h"

static int is_nats, following, done;
static uint64_t wanted, all_bytes;
static double first, last;
struct count { int follows, is_done; uint64_t bytes; };

static void ws_piece(struct ws *socket, const char *bytes, size_t size) {
    struct count *count = socket->mine;
    if (!count->follows) return;
    if (first == 0) first = ws_now();
    count->bytes += size;
    all_bytes += size;
    if (is_nats && !count->is_done && count->bytes >= wanted) {
        count->is_done = 1;
        done++;
        last = ws_now();
    }
}

static void ws_frame(struct ws *socket) {
    struct count *count = socket->mine;
    if (!count->follows && ws_begins(socket, is_nats ? "PONG" : "\"caught-up\"")) {
        count->follows = 1;
        following++;
    }
    if (socket->opcode == 2 && !is_nats) last = ws_now();
    if (!is_nats && !count->is_done && socket->opcode == 1 && ws_begins(socket, "\"complete\"") && !ws_begins(socket, "\"opened\"")) {
        count->is_done = 1;
        done++;
    }
}

int main(int given, char **a) {
    if (given != 6) return fprintf(stderr, "see wscount.c\n"), 2;
    is_nats = !strcmp(a[1], "nats");
    int number = atoi(a[4]);
    char text[256];
    if (is_nats) {
        wanted = strtoull(a[5], NULL, 10);
        strcpy(text, "CONNECT {\"verbose\":false}\r\nSUB b 1\r\nPING\r\n");
    } else {
        snprintf(text, sizeof text, "{\"type\":\"follow\",\"id\":1,\"execution\":\"%s\"}", a[5]);
    }
    struct ws *sockets = calloc(number, sizeof *sockets);
    struct count *counts = calloc(number, sizeof *counts);
    for (int i = 0; i < number; i++) {
        ws_open(&sockets[i], atoi(a[2]), is_nats ? "/" : "/api/v1/live", a[3]);
        sockets[i].mine = &counts[i];
        ws_send(&sockets[i], is_nats ? 2 : 1, text);
    }
    ws_run(sockets, number, &following);
    puts("ready");
    fflush(stdout);
    ws_run(sockets, number, &done);
    printf("%.6f %lu\n", last - first, (unsigned long)all_bytes);
    return 0;
}
