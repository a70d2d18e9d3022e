/* Datagrams out of a socket, many with one call: each with its receive time, also those that came as one
 * (UDP_GRO). */
#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

/* Datagrams, or batches of them that came as one, that one call takes in. */
#define INBOX_BATCH 32
/* Room for one: the largest there is; not a power of two, or all would want the same lines of the cache. */
#define INBOX_ROOM (65536 + 256)
/* Room for the receive time that comes with a datagram, and for the size of those of a batch. */
#define INBOX_CONTROL_SIZE 128
/* Calls for one socket before the others have their turn. */
#define INBOX_CALLS 4

struct traffic_inbox {
    struct mmsghdr messages[INBOX_BATCH];
    struct iovec vectors[INBOX_BATCH];
    uint8_t (*datagrams)[INBOX_ROOM]; /* INBOX_BATCH of them */
    struct sockaddr_storage names[INBOX_BATCH];
    uint8_t controls[INBOX_BATCH][INBOX_CONTROL_SIZE];
};

/* Prepares the memory, which traffic_inbox_free() takes back.  Returns 0 or -ENOMEM. */
int traffic_inbox_init(struct traffic_inbox *inbox);
void traffic_inbox_free(struct traffic_inbox *inbox);

/* Has the socket 'fd' tell when its datagrams came, and take those of one sender as one where the kernel can.
 * Returns 0 or a negative errno. */
int traffic_inbox_prepare(int fd);

/* One datagram: 'size' bytes at 'data', out of the message 'header', which says who sent it, received at
 * 'received_ns' since the epoch. */
typedef void traffic_datagram_fn(int fd, const struct msghdr *header, const uint8_t *data, size_t size,
                                 int64_t received_ns, void *context);

/* What the kernel says of one message: when it came, 'now_ns' if it does not say, and how large the datagrams
 * are of which it is made up, but for the last; 'size' if it is one. */
struct traffic_arrival_time {
    int64_t received_ns;
    size_t size;
};
struct traffic_arrival_time traffic_inbox_control(struct msghdr *header, int64_t now_ns, size_t size);

/* Takes in what waits at 'fd', up to INBOX_CALLS * INBOX_BATCH messages, and calls 'take' for each datagram.
 * Returns how many came as one at most; 0 if there was nothing.
 *
 * Inline, so that 'take' is no call through a pointer: a core takes in tens of millions a second. */
static inline int64_t traffic_inbox_read(struct traffic_inbox *inbox, int fd, traffic_datagram_fn *take,
                                         void *context) {
    int64_t most = 0;
    for (int call = 0; call < INBOX_CALLS; call++) {
        for (size_t i = 0; i < INBOX_BATCH; i++) {
            inbox->messages[i].msg_hdr.msg_controllen = INBOX_CONTROL_SIZE;
            inbox->messages[i].msg_hdr.msg_namelen = sizeof inbox->names[i];
        }
        int count = recvmmsg(fd, inbox->messages, INBOX_BATCH, MSG_DONTWAIT, NULL);
        int64_t now_ns = count > 0 ? clock_real_ns() : 0;
        for (int i = 0; i < count; i++) {
            struct mmsghdr *message = &inbox->messages[i];
            const uint8_t *data = inbox->datagrams[i];
            size_t left = message->msg_len < INBOX_ROOM ? message->msg_len : INBOX_ROOM;
            struct traffic_arrival_time arrival = traffic_inbox_control(&message->msg_hdr, now_ns, left);
            int64_t together = 0;
            do {
                size_t size = arrival.size < left ? arrival.size : left;
                take(fd, &message->msg_hdr, data, size, arrival.received_ns, context);
                data += size;
                left -= size;
                together++;
            } while (left > 0);
            most = together > most ? together : most;
        }
        if (count < INBOX_BATCH) {
            break;
        }
    }
    return most;
}
