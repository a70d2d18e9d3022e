#include "traffic/server.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"

/* Batches taken from one socket before the others have their turn. */
#define BATCHES_A_TURN 4

int server_udp_init(struct server *server, struct error *error) {
    server->datagrams = calloc(SERVER_BATCH, sizeof *server->datagrams);
    if (server->datagrams == NULL) {
        return error_set(error, -ENOMEM, "no memory to receive datagrams");
    }
    for (size_t i = 0; i < SERVER_BATCH; i++) {
        server->vectors[i] = (struct iovec){.iov_base = server->datagrams[i], .iov_len = SERVER_ROOM};
        server->messages[i].msg_hdr = (struct msghdr){.msg_iov = &server->vectors[i],
                                                      .msg_iovlen = 1,
                                                      .msg_name = &server->names[i],
                                                      .msg_control = server->controls[i]};
    }
    return 0;
}

/* What the kernel says of one message: when it came, 'now_ns' if it does not say, and how large the datagrams
 * are of which it is made up, but for the last; 'size' if it is one. */
struct arrival {
    int64_t received_ns;
    size_t size;
};

static struct arrival read_control(struct msghdr *header, int64_t now_ns, size_t size) {
    struct arrival arrival = {.received_ns = now_ns, .size = size};
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            arrival.received_ns = clock_from_timespec(stamp);
        } else if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(part), sizeof each);
            arrival.size = each > 0 ? (size_t)each : size;
        }
    }
    return arrival;
}

/* Counts one datagram of 'size' bytes.  Returns false if it is not of this run. */
static bool take(struct server *server, const uint8_t *data, size_t size, int64_t received_ns) {
    const struct traffic_plan *plan = server->job->plan;
    struct traffic_datagram datagram;
    if (!traffic_datagram_read(data, size, &datagram) || datagram.run != server->job->run ||
        datagram.flow >= plan->count || plan->flows[datagram.flow].protocol != PROTOCOL_UDP ||
        !server_has(server, &plan->flows[datagram.flow]) ||
        datagram.sequence >= plan->flows[datagram.flow].packets) {
        return false;
    }
    struct server_flow *flow = &server->flows[datagram.flow];
    struct traffic_live *live = server->job->board->live;
    uint64_t next = flow->sequence.next;
    enum traffic_arrival arrival = traffic_sequence_note(&flow->sequence, datagram.sequence);
    traffic_board_add(&live->missing, (int64_t)(flow->sequence.next - next));
    if (arrival == TRAFFIC_ARRIVAL_DUPLICATE || arrival == TRAFFIC_ARRIVAL_LATE) {
        return true;
    }
    traffic_board_add(&live->missing, -1);
    traffic_board_add(&live->received_packets, 1);
    traffic_board_add(&live->received_bytes, (int64_t)size);
    server->job->board->received[datagram.flow].bytes += (int64_t)size;
    /* Unsigned, for the time on the wire may be any number. */
    int64_t delay_ns = (int64_t)((uint64_t)received_ns - (uint64_t)datagram.sent_ns -
                                 (uint64_t)server->job->clock_offset_ns);
    traffic_delay_add(&flow->delay, delay_ns);
    histogram_add(&server->owd, delay_ns);
    if (plan->class_count > 1) {
        size_t bin = plan->flows[datagram.flow].class * HISTOGRAM_BINS + histogram_bin(delay_ns);
        server->job->board->class_bins[bin]++;
    }
    stamps_note(&server->stamps, STAMP_RECEIVED, datagram.flow, datagram.sequence, datagram.sent_ns,
                received_ns);
    return true;
}

/* True if 'name' is the address by which the sender's host greets: whoever forges another one can't have us
 * send anything there. */
static bool is_sender(const struct server *server, const struct sockaddr_storage *name) {
    struct ip_address address = {0};
    uint16_t port = 0;
    ip_address_from_sockaddr(name, &address, &port);
    const struct ip_address *greeter = server->job->sender->addresses[address.family == 6];
    return greeter != NULL && ip_address_equal(&address, greeter);
}

void server_udp_prove(const struct server *server, uint64_t cookie, uint16_t port) {
    struct traffic_datagram proof = {.run = server->job->run, .flow = TRAFFIC_PROOF, .sequence = cookie};
    uint8_t bytes[TRAFFIC_DATAGRAM_SIZE];
    traffic_datagram_write(&proof, bytes);
    for (size_t i = 0; i < server->socket_count; i++) {
        struct sockaddr_storage own = {0}, peer;
        socklen_t size = sizeof own;
        if (!server->sockets[i].udp ||
            getsockname(server->sockets[i].fd, (struct sockaddr *)&own, &size) != 0) {
            continue;
        }
        const struct ip_address *address = server->job->sender->addresses[own.ss_family == AF_INET6];
        if (address != NULL) {
            size = ip_address_to_sockaddr(address, port, &peer);
            (void)sendto(server->sockets[i].fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                         (const struct sockaddr *)&peer, size);
        }
    }
}

/* Sends a greeting of 'size' bytes back to where it came from.  Only the run's own client knows the number of
 * the run, and only its host is answered.  Returns false if it is none. */
static bool answer_greeting(const struct server *server, int fd, const struct mmsghdr *message,
                            const uint8_t *data, size_t size) {
    struct traffic_datagram datagram;
    if (size != TRAFFIC_DATAGRAM_SIZE || !traffic_datagram_read(data, size, &datagram) ||
        datagram.run != server->job->run || datagram.flow != TRAFFIC_GREETING ||
        !is_sender(server, message->msg_hdr.msg_name)) {
        return false;
    }
    server->job->board->live->greetings_received++;
    (void)sendto(fd, data, TRAFFIC_DATAGRAM_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL, message->msg_hdr.msg_name,
                 message->msg_hdr.msg_namelen);
    return true;
}

/* Counts the datagrams that came as 'message' with the bytes at 'data'. */
static void take_message(struct server *server, int fd, struct mmsghdr *message, const uint8_t *data,
                         int64_t now_ns) {
    struct traffic_live *live = server->job->board->live;
    size_t left = message->msg_len < SERVER_ROOM ? message->msg_len : SERVER_ROOM;
    struct arrival arrival = read_control(&message->msg_hdr, now_ns, left);
    int64_t count = 0;
    do {
        size_t size = arrival.size < left ? arrival.size : left;
        if (!take(server, data, size, arrival.received_ns) &&
            !answer_greeting(server, fd, message, data, size)) {
            live->foreign++;
        }
        data += size;
        left -= size;
        count++;
    } while (left > 0);
    live->receive_batch_max = count > live->receive_batch_max ? count : live->receive_batch_max;
}

void server_udp_read(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct server *server = ((struct server_socket *)context)->server;
    for (int batch = 0; batch < BATCHES_A_TURN; batch++) {
        for (size_t i = 0; i < SERVER_BATCH; i++) {
            server->messages[i].msg_hdr.msg_controllen = SERVER_CONTROL_SIZE;
            server->messages[i].msg_hdr.msg_namelen = sizeof server->names[i];
        }
        int count = recvmmsg(fd, server->messages, SERVER_BATCH, MSG_DONTWAIT, NULL);
        if (count <= 0) {
            return;
        }
        int64_t now_ns = clock_real_ns();
        server->last_arrival_ns = clock_monotonic_ns();
        for (int i = 0; i < count; i++) {
            take_message(server, fd, &server->messages[i], server->datagrams[i], now_ns);
        }
        if (count < SERVER_BATCH) {
            return;
        }
    }
}
