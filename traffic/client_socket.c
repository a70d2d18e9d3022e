/* The sockets of flows: one each, or, of UDP, one for all flows of a source port and IP version. */
#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/flow_key.h"
#include "traffic/client_header.h"

const struct ip_address *client_source(const struct client_flow *flow) {
    return &flow->client->job->sender->addresses[flow->plan->family == 6][flow->plan->source];
}

socklen_t client_peer(const struct client_flow *flow, struct sockaddr_storage *name) {
    const struct traffic_job *job = flow->client->job;
    uint16_t port = (uint16_t)(job->first_port + flow->plan->dport - TRAFFIC_FIRST_PORT);
    const struct ip_address *addresses = job->receiver->addresses[flow->plan->family == 6];
    socklen_t size = ip_address_to_sockaddr(&addresses[flow->plan->destination], port, name);
    if (flow->plan->family == 6) {
        ((struct sockaddr_in6 *)name)->sin6_flowinfo = client_header_flowinfo(flow->plan);
    }
    return size;
}

/* Opens a socket of 'flow' that is bound to its source port and, unless others use it too, to its address. */
static int open_socket(struct client_flow *flow, int type, bool shared) {
    bool six = flow->plan->family == 6;
    flow->fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (flow->fd < 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_SOCKET, errno);
        return -1;
    }
    struct sockaddr_storage name;
    const struct ip_address any = {.family = flow->plan->family};
    socklen_t size = ip_address_to_sockaddr(shared ? &any : client_source(flow), flow->plan->sport, &name);
    int one = 1;
    /* Another run may use the port towards another port of its server.  An IPv6 address that is only routed
     * to this host, not set at a link, may be used by those who bind freely. */
    if (setsockopt(flow->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (six && (setsockopt(flow->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0 ||
                 setsockopt(flow->fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof one) != 0)) ||
        bind(flow->fd, (const struct sockaddr *)&name, size) != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_BIND, errno);
        return -1;
    }
    return 0;
}

int client_open(struct client_flow *flow, int type) {
    const struct traffic_job *job = flow->client->job;
    size_t which = flow->plan->family == 6;
    if (job->sender->addresses[which] == NULL || job->receiver->addresses[which] == NULL) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_ADDRESS, EAFNOSUPPORT);
        return -1;
    }
    struct client_port *port = &flow->client->ports[which][flow->plan->sport - TRAFFIC_SOURCE_FIRST];
    /* Who asks has a socket of his own, connected: a response to a shared one might come to that of another
     * thread or run on the same port. */
    bool shared = type != SOCK_STREAM && port->users > 1 && flow->plan->response == 0;
    if ((!shared || port->fd < 0) && open_socket(flow, type, shared) != 0) {
        return -1;
    }
    if (shared) {
        port->fd = port->fd < 0 ? flow->fd : port->fd;
        flow->fd = port->fd;
        flow->port = port;
    }
    const struct ip_address *peer = &job->receiver->addresses[which][flow->plan->destination];
    int code = client_header_set(flow->plan, flow->fd, shared, peer);
    if (code != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_OPTION, -code);
        return -1;
    }
    return 0;
}

void client_close(struct client_flow *flow) {
    if (flow->fd >= 0 && flow->port == NULL) {
        client_responses_note_drops(flow);
        close(flow->fd);
    }
    flow->fd = -1;
    flow->port = NULL;
    struct client_port *port =
        &flow->client->ports[flow->plan->family == 6][flow->plan->sport - TRAFFIC_SOURCE_FIRST];
    if (flow->plan->protocol == PROTOCOL_UDP && --port->flows == 0 && port->fd >= 0) {
        close(port->fd);
        port->fd = -1;
    }
}
