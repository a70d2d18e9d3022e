/* Passes frames between two interfaces and spoils one UDP flow on the way, so that the endpoints' counts can
 * be held against exact ones.
 *
 * traffic_relay INTERFACE_A INTERFACE_B drop|duplicate|swap|none SOURCE_PORT [MILLISECONDS]
 *
 * All frames from A come so many milliseconds later.
 * Of the datagrams from A with SOURCE_PORT every tenth is dropped, sent twice, or sent after its successor.
 * On SIGTERM it prints how many datagrams of the flow came, and how many were spoilt. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cursor.h"

#define FRAME_SIZE 65536
#define EVERY      10

enum action { NONE, DROP, DUPLICATE, SWAP };

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static int open_interface(const char *name) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    int buffer = 32 * 1024 * 1024;
    int one = 1;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    if (fd < 0 || address.sll_ifindex == 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        perror(name);
        exit(1);
    }
    return fd;
}

/* The UDP source port of 'frame', or 0. */
static uint16_t udp_source(const uint8_t *frame, size_t size) {
    struct cursor cursor = cursor_over(frame, size);
    cursor_skip(&cursor, 12);
    uint16_t type = cursor_u16(&cursor);
    if (type == ETHERTYPE_IP) {
        size_t header = (size_t)(cursor_u8(&cursor) & 15) * 4;
        cursor_skip(&cursor, 8);
        uint8_t protocol = cursor_u8(&cursor);
        cursor_skip(&cursor, header < 10 ? 0 : header - 10);
        return protocol == IPPROTO_UDP ? cursor_u16(&cursor) : 0;
    }
    cursor_skip(&cursor, 6);
    uint8_t next = cursor_u8(&cursor);
    cursor_skip(&cursor, 33);
    return type == ETHERTYPE_IPV6 && next == IPPROTO_UDP ? cursor_u16(&cursor) : 0;
}

static void pass(int fd, const uint8_t *frame, size_t size) {
    while (send(fd, frame, size, 0) < 0 && (errno == EINTR || errno == ENOBUFS)) {
    }
}

/* A frame that waits for its time. */
struct late {
    struct late *next;
    int64_t at_ns;
    size_t size;
    uint8_t frame[];
};

struct relay {
    enum action action;
    int64_t delay_ns;
    struct late *first, **last;
    uint16_t port;
    long seen, spoilt;
    uint8_t held[FRAME_SIZE];
    size_t held_size; /* 0: none */
};

/* Passes a frame from A to 'to', in its time. */
static void pass_later(struct relay *relay, int to, const uint8_t *frame, size_t size) {
    struct late *late = relay->delay_ns == 0 ? NULL : malloc(sizeof *late + size);
    if (late == NULL) {
        pass(to, frame, size);
        return;
    }
    late->next = NULL;
    late->at_ns = clock_monotonic_ns() + relay->delay_ns;
    late->size = size;
    memcpy(late->frame, frame, size);
    *relay->last = late;
    relay->last = &late->next;
}

/* Passes the frames whose time has come. */
static void pass_due(struct relay *relay, int to) {
    int64_t now_ns = clock_monotonic_ns();
    while (relay->first != NULL && relay->first->at_ns <= now_ns) {
        struct late *late = relay->first;
        relay->first = late->next;
        relay->last = relay->first == NULL ? &relay->first : relay->last;
        pass(to, late->frame, late->size);
        free(late);
    }
}

/* Passes one frame of the flow to 'to'. */
static void spoil(struct relay *relay, int to, const uint8_t *frame, size_t size) {
    bool chosen = relay->action != NONE && ++relay->seen % EVERY == 0;
    relay->spoilt += chosen;
    if (chosen && relay->action == SWAP) {
        memcpy(relay->held, frame, size);
        relay->held_size = size;
        return;
    }
    if (!chosen || relay->action != DROP) {
        pass_later(relay, to, frame, size);
    }
    if (chosen && relay->action == DUPLICATE) {
        pass_later(relay, to, frame, size);
    }
    if (relay->held_size > 0) {
        pass_later(relay, to, relay->held, relay->held_size);
        relay->held_size = 0;
    }
}

static void forward(struct relay *relay, int from, int to, bool outward) {
    static uint8_t frame[FRAME_SIZE];
    ssize_t size;
    while ((size = recv(from, frame, sizeof frame, MSG_DONTWAIT)) > 0) {
        if (outward && udp_source(frame, (size_t)size) == relay->port) {
            spoil(relay, to, frame, (size_t)size);
        } else if (outward) {
            pass_later(relay, to, frame, (size_t)size);
        } else {
            pass(to, frame, (size_t)size);
        }
    }
}

int main(int argc, char *argv[]) {
    static const char *const actions[] = {"none", "drop", "duplicate", "swap"};
    static struct relay relay;
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: traffic_relay INTERFACE_A INTERFACE_B drop|duplicate|swap|none SOURCE_PORT "
                        "[MILLISECONDS]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        relay.action = strcmp(argv[3], actions[i]) == 0 ? (enum action)i : relay.action;
    }
    relay.port = (uint16_t)strtoul(argv[4], NULL, 10);
    relay.delay_ns = argc == 6 ? strtol(argv[5], NULL, 10) * NS_PER_MS : 0;
    relay.last = &relay.first;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    struct pollfd ends[2] = {{.fd = open_interface(argv[1]), .events = POLLIN},
                             {.fd = open_interface(argv[2]), .events = POLLIN}};
    fprintf(stderr, "ready\n");
    while (!stop) {
        if (poll(ends, 2, relay.first == NULL ? 100 : 1) > 0) {
            forward(&relay, ends[0].fd, ends[1].fd, true);
            forward(&relay, ends[1].fd, ends[0].fd, false);
        }
        pass_due(&relay, ends[1].fd);
    }
    if (relay.held_size > 0) {
        relay.spoilt--;
    }
    printf("%ld %ld %zu\n", relay.seen, relay.spoilt, relay.held_size > 0 ? (size_t)1 : (size_t)0);
    return 0;
}
