#include "traffic/server.h"

#include <sys/socket.h>

#include "common/clock.h"
#include "common/flow_key.h"

/* Counts one datagram of 'size' bytes.  Returns false if it is not of this run. */
static bool take(struct server *server, int fd, const struct msghdr *header, const uint8_t *data, size_t size,
                 int64_t received_ns) {
    const struct traffic_plan *plan = server->job->plan;
    struct traffic_datagram datagram;
    if (!traffic_datagram_read(data, size, &datagram) || datagram.run != server->job->run ||
        datagram.flow >= plan->count || plan->flows[datagram.flow].protocol != PROTOCOL_UDP ||
        !server_has(server, &plan->flows[datagram.flow]) ||
        datagram.sequence >= plan->flows[datagram.flow].packets) {
        return false;
    }
    const struct traffic_flow *flow = &plan->flows[datagram.flow];
    if (traffic_meter_take(&server->meter, &datagram, size, received_ns) && flow->response > 0 &&
        server->job->responses != NULL) {
        server_respond_udp(server, fd, flow, &datagram, header);
    }
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
static bool answer_greeting(const struct server *server, int fd, const struct msghdr *header,
                            const uint8_t *data, size_t size) {
    struct traffic_datagram datagram;
    if (size != TRAFFIC_DATAGRAM_SIZE || !traffic_datagram_read(data, size, &datagram) ||
        datagram.run != server->job->run || datagram.flow != TRAFFIC_GREETING ||
        !is_sender(server, header->msg_name)) {
        return false;
    }
    server->job->board->live->greetings_received++;
    (void)sendto(fd, data, TRAFFIC_DATAGRAM_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL, header->msg_name,
                 header->msg_namelen);
    return true;
}

static inline void take_datagram(int fd, const struct msghdr *header, const uint8_t *data, size_t size,
                                 int64_t received_ns, void *context) {
    struct server *server = context;
    if (!take(server, fd, header, data, size, received_ns) &&
        !answer_greeting(server, fd, header, data, size)) {
        server->job->board->live->foreign++;
    }
}

void server_udp_read(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct server *server = ((struct server_socket *)context)->server;
    struct traffic_live *live = server->job->board->live;
    int64_t together = traffic_inbox_read(&server->inbox, fd, take_datagram, server);
    if (together > 0) {
        server->last_arrival_ns = clock_monotonic_ns();
        live->receive_batch_max = together > live->receive_batch_max ? together : live->receive_batch_max;
    }
}
