// The age of lines at a WebSocket: each line is `@` and the nanoseconds at which it was written (see stamps.c).
//   wslatency PORT TOKEN EXECUTION
// Prints `ready`; at the end `LINES P50 P99 MOST`, in milliseconds.
#include "ws.h"

static int following, done;
static double *ages;
static size_t has, room;
static char tail[32];
static size_t tail_has;

static void stamp(const char *digits) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    long long written = strtoll(digits, NULL, 10);
    if (has == room) ages = realloc(ages, (room = room ? 2 * room : 4096) * sizeof *ages);
    ages[has++] = (t.tv_sec * 1000000000LL + t.tv_nsec - written) / 1e6;
}

// Lines may lie across pieces: what follows the last `@` is kept.
static void ws_piece(struct ws *socket, const char *bytes, size_t size) {
    (void)socket;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        if (c == '@') { tail_has = 1; tail[0] = c; continue; }
        if (tail_has == 0) continue;
        if (c >= '0' && c <= '9' && tail_has < 20) { tail[tail_has++] = c; continue; }
        if (c == '\n' && tail_has == 20) { tail[20] = 0; stamp(tail + 1); }
        tail_has = 0;
    }
}

static void ws_frame(struct ws *socket) {
    if (socket->opcode != 1) return;
    if (ws_begins(socket, "\"caught-up\"")) following = 1;
    if (ws_begins(socket, "\"complete\"") && !ws_begins(socket, "\"opened\"")) done = 1;
}

static int order(const void *a, const void *b) { return *(double *)a < *(double *)b ? -1 : *(double *)a > *(double *)b; }

int main(int given, char **a) {
    if (given != 4) return fprintf(stderr, "see wslatency.c\n"), 2;
    struct ws socket;
    char text[256];
    ws_open(&socket, atoi(a[1]), "/api/v1/live", a[2]);
    snprintf(text, sizeof text, "{\"type\":\"follow\",\"id\":1,\"execution\":\"%s\"}", a[3]);
    ws_send(&socket, 1, text);
    ws_run(&socket, 1, &following);
    puts("ready");
    fflush(stdout);
    ws_run(&socket, 1, &done);
    if (has == 0) return fprintf(stderr, "no line came\n"), 1;
    qsort(ages, has, sizeof *ages, order);
    printf("%zu %.3f %.3f %.3f\n", has, ages[has / 2], ages[has * 99 / 100], ages[has - 1]);
    return 0;
}
