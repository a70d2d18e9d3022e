/* Responses to requests. */
#include "traffic/server.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "traffic/way.h"

/* Bytes that one call hands over at most. */
#define PIECE ((size_t)256 * 1024)

static const uint8_t padding[PIECE];

static void count_sent(const struct server *server, uint32_t number, int64_t packets, int64_t bytes) {
    const struct traffic_board *board = server->job->responses;
    traffic_board_add(&board->sent[number].packets, packets);
    traffic_board_add(&board->sent[number].bytes, bytes);
    traffic_board_add(&board->live->sent_packets, packets);
    traffic_board_add(&board->live->sent_bytes, bytes);
}

/* From where the request went to, to where it came from by the plan, whatever the request itself says: nobody
 * else can have us send anything. */
static void set_way(struct traffic_way *way, const struct server *server, const struct traffic_flow *flow) {
    size_t which = flow->family == 6;
    way->header = (struct msghdr){.msg_name = &way->name};
    way->header.msg_namelen =
        ip_address_to_sockaddr(&server->job->sender->addresses[which][flow->source], flow->sport, &way->name);
    if (server->job->receiver->address_count > 1) {
        traffic_way_add_source(way, &server->job->receiver->addresses[which][flow->destination]);
    }
    traffic_way_add_header(way, flow);
}

/* True if 'header' came from where the plan has the sender of 'flow'. */
static bool is_from_sender(const struct server *server, const struct traffic_flow *flow,
                           const struct msghdr *header) {
    struct ip_address address = {0};
    uint16_t port = 0;
    ip_address_from_sockaddr(header->msg_name, &address, &port);
    return port == flow->sport &&
           ip_address_equal(&address, &server->job->sender->addresses[flow->family == 6][flow->source]);
}

void server_respond_udp(struct server *server, int fd, const struct traffic_flow *flow,
                        const struct traffic_datagram *request, const struct msghdr *header) {
    if (server->mute || !is_from_sender(server, flow, header)) {
        return;
    }
    uint8_t head[TRAFFIC_RESPONSE_SIZE];
    struct traffic_way way;
    const struct traffic_response response = {
        .datagram = {.run = server->job->run + TRAFFIC_RESPONSE_RUN,
                     .flow = flow->number + 1,
                     .sequence = server->flows[flow->number].responses,
                     .sent_ns = clock_real_ns()},
        .request = request->sequence,
        .request_ns = request->sent_ns,
    };
    traffic_response_write(&response, head);
    struct iovec vectors[] = {
        {.iov_base = head, .iov_len = sizeof head},
        {.iov_base = (uint8_t *)(uintptr_t)padding, .iov_len = flow->response - sizeof head},
    };
    set_way(&way, server, flow);
    way.header.msg_iov = vectors;
    way.header.msg_iovlen = sizeof vectors / sizeof *vectors;
    if (sendmsg(fd, &way.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        server->flows[flow->number].responses++;
        count_sent(server, flow->number + 1, 1, flow->response);
    }
}

static void on_room(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    server_respond_tcp(context);
}

void server_respond_tcp(struct server_connection *connection) {
    struct server *server = connection->server;
    const struct traffic_flow *flow = &server->job->plan->flows[connection->flow];
    uint64_t owed = 0;
    if (flow->response > 0 && server->job->responses != NULL && !server->mute) {
        uint64_t requests = connection->got / flow->request;
        requests = requests < flow->packets ? requests : flow->packets;
        owed = requests * flow->response - connection->responded;
    }
    while (owed > 0) {
        ssize_t taken =
            send(connection->fd, padding, owed < PIECE ? (size_t)owed : PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken < 0) {
            break;
        }
        owed -= (uint64_t)taken;
        connection->responded += (uint64_t)taken;
        count_sent(server, flow->number + 1, 0, taken);
    }
    /* Of another failure the read side tells. */
    if (owed > 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
        if (connection->room == NULL) {
            connection->room = event_new(server->base, connection->fd, EV_WRITE, on_room, connection);
        }
        if (connection->room != NULL) {
            event_add(connection->room, NULL);
        }
    }
    server_tcp_shut(connection);
}
