/* The inside of the server: one event loop, UDP and TCP.  traffic/endpoint.h starts it. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "traffic/endpoint.h"
#include "traffic/inbox.h"
#include "traffic/meter.h"
#include "traffic/wire.h"

/* UDP and TCP, IPv4 and IPv6, each on every port. */
#define SERVER_SOCKETS (TRAFFIC_SERVER_PORTS * 4)
struct server;

/* What the server knows of a flow. */
struct server_flow {
    bool taken;         /* TCP: a connection has come for it */
    bool closed;        /* TCP: and has ended */
    uint64_t responses; /* UDP: that were sent */
};

struct server_socket {
    struct server *server;
    struct event *event;
    int fd;
    bool udp;
    uint8_t place; /* of its port among those of the server, from 0 */
};

/* A TCP connection.  They stand in a list. */
struct server_connection {
    struct server *server;
    struct server_connection *next, **previous;
    struct event *event;
    struct event *room; /* the socket has room for the rest of a response; or NULL */
    int fd;
    uint32_t flow; /* valid once the preamble is complete */
    bool known;
    bool shut;       /* everything has come and our side is closed */
    uint64_t wanted; /* bytes that the preamble promised */
    uint64_t got;
    uint64_t responded; /* bytes of responses that the kernel took */
    uint8_t preamble[TRAFFIC_PREAMBLE_SIZE];
};

struct server {
    const struct traffic_job *job;
    const struct server
        *house; /* the server of all threads, which has opened the sockets and made the flows */
    struct event_base *base;
    struct event *channel_event;
    struct event *timer;
    struct server_socket sockets[SERVER_SOCKETS];
    size_t socket_count;
    uint16_t port;
    struct server_flow *flows;
    struct traffic_meter meter;
    size_t published; /* the next flow to be put on the board */
    struct server_connection *connections;
    size_t connection_count;
    int64_t last_arrival_ns; /* monotonic, of anything of this run */
    int64_t finish_ns;       /* monotonic, when the client had ended; 0 before */
    int64_t quiet_ns;        /* how long nothing may come after that */
    struct traffic_inbox inbox;
    bool mute; /* no more responses: it was told to stop */
};

/* True if this thread is the one that looks after the flow 'flow' of the plan: its port's. */
static inline bool server_has(const struct server *server, const struct traffic_flow *flow) {
    return traffic_job_has(server->job, flow, (uint32_t)flow->dport - TRAFFIC_FIRST_PORT);
}

/* Takes in the datagrams that wait at a socket: an event callback, 'context' is the struct server_socket. */
void server_udp_read(evutil_socket_t fd, short what, void *context);

/* Sends a proof with 'cookie' from each UDP socket to 'port' of the sender's host. */
void server_udp_prove(const struct server *server, uint64_t cookie, uint16_t port);

/* Accepts the connections that wait: as server_udp_read(). */
void server_tcp_accept(evutil_socket_t fd, short what, void *context);

/* Sends the response to 'request' of 'flow', which came to the socket 'fd' as 'header' says, to the plan's
 * sender, unless it came from elsewhere: nobody else can have us send anything.  What the kernel does not
 * take is not sent, and not counted as sent. */
void server_respond_udp(struct server *server, int fd, const struct traffic_flow *flow,
                        const struct traffic_datagram *request, const struct msghdr *header);

/* Sends what 'connection' owes in responses to the requests that have come, as far as there is room; goes on
 * by itself when there is more. */
void server_respond_tcp(struct server_connection *connection);

/* Closes our side of 'connection' when all has come and been responded to. */
void server_tcp_shut(struct server_connection *connection);

/* Closes and frees 'connection'. */
void server_tcp_close(struct server_connection *connection);
