#include "traffic/server.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/crew.h"
#include "traffic/keeper.h"

/* How many blocks of ports are tried: so many runs may go on at once. */
#define PORT_BLOCKS 64
/* Asked for at each UDP socket; without privilege the kernel gives less. */
#define RECEIVE_BUFFER (8 * 1024 * 1024)
#define BACKLOG        1024

/* After the client has ended the server ends when everything has come and for so long nothing more, plus as
 * long as delays differed, for a duplicate may follow; */
#define QUIET_COMPLETE_NS (100 * NS_PER_MS)
/* or when nothing more came for as long as it was told, plus the longest delay; or at the latest after
 * TRAFFIC_TAIL_NS. */
/* How often it looks, and how many flows it then puts on the board. */
#define TICK_NS       (50 * NS_PER_MS)
#define PUBLISH_SLICE 2048

static int set_options(int fd, bool udp, uint8_t family) {
    int one = 1;
    int buffer = RECEIVE_BUFFER;
    if (family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) {
        return -errno;
    }
    if (!udp) {
        return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ? -errno : 0;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) != 0) {
        return -errno;
    }
    return traffic_inbox_prepare(fd);
}

/* Opens one socket on 'port' of 'address', or of all addresses if the plan uses several.  Returns 0 or a
 * negative errno. */
static int open_socket(struct server *server, const struct ip_address *address, uint16_t port, uint8_t place,
                       bool udp) {
    struct sockaddr_storage name;
    const struct ip_address any = {.family = address->family};
    bool several = server->job->receiver->address_count > 1;
    socklen_t size = ip_address_to_sockaddr(several ? &any : address, (uint16_t)(port + place), &name);
    int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address->family == 6 ? AF_INET6 : AF_INET, type, 0);
    if (fd < 0) {
        return -errno;
    }
    int failure = set_options(fd, udp, address->family);
    if (failure == 0 && bind(fd, (const struct sockaddr *)&name, size) != 0) {
        failure = -errno;
    }
    if (failure == 0 && !udp && listen(fd, BACKLOG) != 0) {
        failure = -errno;
    }
    if (failure != 0) {
        close(fd);
        return failure;
    }
    if (udp) {
        traffic_keeper_ask(server->job->keeper, fd);
    }
    server->sockets[server->socket_count++] =
        (struct server_socket){.server = server, .fd = fd, .udp = udp, .place = place};
    return 0;
}

static void close_sockets(struct server *server) {
    for (size_t i = 0; i < server->socket_count; i++) {
        close(server->sockets[i].fd);
    }
    server->socket_count = 0;
}

/* Opens the sockets of the ports from 'port' on.  '*culprit' is the address at which it failed. */
static int open_block(struct server *server, uint16_t port, const struct ip_address **culprit) {
    for (size_t i = 0; i < (size_t)TRAFFIC_SERVER_PORTS * 2; i++) {
        const struct ip_address *address = server->job->receiver->addresses[i % 2];
        uint8_t place = (uint8_t)(i / 2);
        if (address == NULL) {
            continue;
        }
        *culprit = address;
        int failure = open_socket(server, address, port, place, true);
        failure = failure != 0 ? failure : open_socket(server, address, port, place, false);
        if (failure != 0) {
            close_sockets(server);
            return failure;
        }
    }
    server->port = port;
    return 0;
}

/* Looks whether this host has its first addresses: a socket on all addresses would not tell. */
static int check_addresses(const struct traffic_host *host, const struct ip_address **culprit) {
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_storage name;
        *culprit = host->addresses[i] != NULL ? host->addresses[i] : *culprit;
        int fd = host->addresses[i] == NULL
                     ? -1
                     : socket(i == 1 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            continue;
        }
        socklen_t size = ip_address_to_sockaddr(host->addresses[i], 0, &name);
        int failure = bind(fd, (const struct sockaddr *)&name, size) != 0 ? -errno : 0;
        close(fd);
        if (failure != 0) {
            return failure;
        }
    }
    return 0;
}

static int open_sockets(struct server *server, struct error *error) {
    const struct ip_address none = {0};
    const struct ip_address *culprit = &none;
    int failure = check_addresses(server->job->receiver, &culprit);
    failure = failure == 0 ? -EADDRINUSE : failure;
    for (unsigned int block = 0; block < PORT_BLOCKS && failure == -EADDRINUSE; block++) {
        failure = open_block(server, (uint16_t)(TRAFFIC_FIRST_PORT + block * TRAFFIC_SERVER_PORTS), &culprit);
    }
    if (failure == 0) {
        return 0;
    }
    char text[IP_TEXT_SIZE];
    if (failure == -EADDRINUSE) {
        return error_set(error, failure, "the traffic server found no free ports on %s between %d and %d",
                         ip_address_format(culprit, text), TRAFFIC_FIRST_PORT,
                         TRAFFIC_FIRST_PORT + PORT_BLOCKS * TRAFFIC_SERVER_PORTS - 1);
    }
    return error_set(error, failure, "the traffic server could not listen on %s: %s; is the lab up?",
                     ip_address_format(culprit, text), strerror(-failure));
}

static int make_flows(struct server *server, struct error *error) {
    const struct traffic_plan *plan = server->job->plan;
    server->flows = calloc(plan->count, sizeof *server->flows);
    server->meter.flows = traffic_meter_make_flows(plan, server->job->reverse);
    return server->flows != NULL && server->meter.flows != NULL
               ? 0
               : error_set(error, -ENOMEM, "no memory to count %zu flows", plan->count);
}

/* Puts the counts of the next flows on the board, or at the end of all. */
static void publish(struct server *server, bool last) {
    size_t count = server->job->plan->count;
    size_t slice = last || count < PUBLISH_SLICE ? count : PUBLISH_SLICE;
    for (size_t i = 0; i < slice; i++) {
        if (server_has(server, &server->job->plan->flows[server->published])) {
            traffic_meter_publish(&server->meter, server->published, last);
        }
        server->published = (server->published + 1) % count;
    }
    traffic_meter_publish_live(&server->meter);
}

/* Counts the datagrams for which the sockets had no room. */
static void publish_drops(struct server *server) {
    int64_t drops = 0;
    for (size_t i = 0; i < server->socket_count; i++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t size = sizeof memory;
        if (server->sockets[i].udp &&
            getsockopt(server->sockets[i].fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0) {
            drops += memory[SK_MEMINFO_DROPS];
        }
    }
    server->job->board->live->socket_drops = drops;
}

/* True if everything that the client says it sent has come. */
static bool is_complete(const struct server *server) {
    const struct traffic_board *board = server->job->board;
    for (size_t i = 0; i < server->job->plan->count; i++) {
        const struct server_flow *flow = &server->flows[i];
        bool tcp = server->job->plan->flows[i].protocol == PROTOCOL_TCP;
        if (!server_has(server, &server->job->plan->flows[i]) || (tcp && flow->closed)) {
            continue;
        }
        if (tcp ? board->received[i].bytes < traffic_board_get(&board->sent[i].bytes)
                : (int64_t)server->meter.flows[i].sequence.unique <
                      traffic_board_get(&board->sent[i].packets)) {
            return false;
        }
    }
    return true;
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct server *server = context;
    publish(server, false);
    if (server->finish_ns == 0) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    int64_t since = server->last_arrival_ns > server->finish_ns ? server->last_arrival_ns : server->finish_ns;
    int64_t quiet = now_ns - since;
    const struct histogram *owd = &server->meter.owd;
    int64_t longest = owd->count == 0 || owd->max < 0 ? 0 : owd->max;
    int64_t spread = owd->count == 0 ? 0 : longest - (owd->min < 0 ? 0 : owd->min);
    if (quiet >= server->quiet_ns + longest || (quiet >= QUIET_COMPLETE_NS + spread && is_complete(server)) ||
        now_ns - server->finish_ns >= TRAFFIC_TAIL_NS) {
        event_base_loopbreak(server->base);
    }
}

static void on_channel(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct server *server = context;
    struct traffic_message message;
    int got = traffic_endpoint_receive(fd, &message);
    if (got < 0) {
        event_base_loopbreak(server->base);
    } else if (got > 0 && message.type == TRAFFIC_FINISH) {
        server->finish_ns = clock_monotonic_ns();
        server->quiet_ns = message.quiet_ns;
    } else if (got > 0 && message.type == TRAFFIC_STOP) {
        server->mute = true;
    } else if (got > 0 && message.type == TRAFFIC_PROVE) {
        server_udp_prove(server, message.cookie, message.port);
    }
}

/* Adds the events of sockets, channel and timer. */
static int add_events(struct server *server, struct error *error) {
    bool good = true;
    for (size_t i = 0; i < server->socket_count; i++) {
        struct server_socket *at = &server->sockets[i];
        at->event = event_new(server->base, at->fd, EV_READ | EV_PERSIST,
                              at->udp ? server_udp_read : server_tcp_accept, at);
        good = good && at->event != NULL && event_add(at->event, NULL) == 0;
    }
    struct timeval tick = {.tv_usec = TICK_NS / NS_PER_US};
    server->channel_event =
        event_new(server->base, server->job->channel, EV_READ | EV_PERSIST, on_channel, server);
    server->timer = event_new(server->base, -1, EV_PERSIST, on_timer, server);
    good = good && server->channel_event != NULL && server->timer != NULL &&
           event_add(server->channel_event, NULL) == 0 && event_add(server->timer, &tick) == 0;
    return good ? 0 : error_set(error, -ENOMEM, "no memory for the events of the traffic server");
}

/* Frees what a thread has of its own. */
static void free_server(struct server *server) {
    while (server->connections != NULL) {
        server_tcp_close(server->connections);
    }
    for (size_t i = 0; i < server->socket_count; i++) {
        if (server->sockets[i].event != NULL) {
            event_free(server->sockets[i].event);
        }
    }
    traffic_inbox_free(&server->inbox);
    if (server->channel_event != NULL) {
        event_free(server->channel_event);
    }
    if (server->timer != NULL) {
        event_free(server->timer);
    }
    if (server->base != NULL) {
        event_base_free(server->base);
    }
    free(server);
}

/* Gives 'server' the sockets of the ports whose flows it looks after. */
static void take_sockets(struct server *server) {
    const struct traffic_job *job = server->job;
    for (size_t i = 0; i < server->house->socket_count; i++) {
        struct server_socket socket = server->house->sockets[i];
        if (job->threads < 2 || socket.place % job->threads == job->thread) {
            socket.server = server;
            server->sockets[server->socket_count++] = socket;
        }
    }
}

/* One thread of the server; 'context' is the house. */
static int work(const struct traffic_job *job, void *context, struct error *error) {
    const struct server *house = context;
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return error_set(error, -ENOMEM, "no memory for the traffic server");
    }
    server->job = job;
    server->house = house;
    server->flows = house->flows;
    server->meter = traffic_meter_make(job->plan, job->board, house->meter.flows, job->clock_offset_ns);
    take_sockets(server);
    int failure = 0;
    if (traffic_inbox_init(&server->inbox) != 0 || (server->base = event_base_new()) == NULL) {
        failure = error_set(error, -ENOMEM, "no memory for the event loop of the traffic server");
    }
    failure = failure != 0 ? failure : add_events(server, error);
    if (failure == 0) {
        traffic_endpoint_report(job, TRAFFIC_READY, house->port);
        event_base_dispatch(server->base);
        publish(server, true);
        publish_drops(server);
        traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    }
    free_server(server);
    return failure;
}

int traffic_server_main(const struct traffic_job *job, struct error *error) {
    struct server *house = calloc(1, sizeof *house);
    if (house == NULL) {
        return error_set(error, -ENOMEM, "no memory for the traffic server");
    }
    house->job = job;
    int failure = make_flows(house, error);
    failure = failure != 0 ? failure : open_sockets(house, error);
    failure = failure != 0 ? failure : traffic_endpoint_settle(job, error);
    failure = failure != 0 ? failure : traffic_crew_run(job, true, work, house, error);
    close_sockets(house);
    traffic_meter_free_flows(house->meter.flows, job->plan);
    free(house->flows);
    free(house);
    return failure;
}
