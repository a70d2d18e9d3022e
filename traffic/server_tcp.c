#include "traffic/server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"

/* Reads of one connection before the others have their turn, and the most that one takes. */
#define READS_A_TURN 4
#define READ_SIZE    ((size_t)256 * 1024)

/* Connections beside those of the plan that are borne with until their preamble shows that they are foreign.
 */
#define SPARE_CONNECTIONS 64

void server_tcp_close(struct server_connection *connection) {
    struct server *server = connection->server;
    if (connection->known) {
        server->flows[connection->flow].closed = true;
    }
    *connection->previous = connection->next;
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    server->connection_count--;
    if (connection->event != NULL) {
        event_free(connection->event);
    }
    if (connection->room != NULL) {
        event_free(connection->room);
    }
    close(connection->fd);
    free(connection);
}

/* The server closes its side first, so that the time-wait state stays here and the client's source port is
 * free for the next run. */
void server_tcp_shut(struct server_connection *connection) {
    const struct traffic_flow *flow = &connection->server->job->plan->flows[connection->flow];
    uint64_t wanted = flow->response == 0 ? 0 : connection->wanted / flow->request * flow->response;
    if (connection->got >= connection->wanted && connection->responded >= wanted && !connection->shut) {
        shutdown(connection->fd, SHUT_WR);
        connection->shut = true;
    }
}

/* Counts 'size' bytes of a connection whose flow is known. */
static void count(struct server_connection *connection, uint64_t size) {
    const struct traffic_board *board = connection->server->job->board;
    connection->got += size;
    board->received[connection->flow].bytes += (int64_t)size;
    traffic_board_add(&board->live->received_bytes, (int64_t)size);
    server_respond_tcp(connection);
}

/* Looks at a complete preamble.  Returns false if it is not of this run. */
static bool introduce(struct server_connection *connection) {
    struct server *server = connection->server;
    const struct traffic_plan *plan = server->job->plan;
    struct traffic_preamble preamble;
    if (!traffic_preamble_read(connection->preamble, TRAFFIC_PREAMBLE_SIZE, &preamble) ||
        preamble.run != server->job->run || preamble.flow >= plan->count ||
        plan->flows[preamble.flow].protocol != PROTOCOL_TCP ||
        !server_has(server, &plan->flows[preamble.flow]) ||
        preamble.bytes > plan->flows[preamble.flow].bytes || server->flows[preamble.flow].taken) {
        return false;
    }
    connection->known = true;
    connection->flow = preamble.flow;
    connection->wanted = preamble.bytes;
    connection->got = 0;
    server->flows[preamble.flow].taken = true;
    count(connection, TRAFFIC_PREAMBLE_SIZE);
    return true;
}

/* Reads once: the rest of the preamble, or payload, which is dropped unseen (MSG_TRUNC).  Returns what recv()
 * does, or 0 for a connection that is to be closed because it is foreign. */
static ssize_t read_once(struct server_connection *connection) {
    if (connection->known) {
        ssize_t size = recv(connection->fd, NULL, READ_SIZE, MSG_TRUNC);
        if (size > 0) {
            count(connection, (uint64_t)size);
        }
        return size;
    }
    ssize_t size = recv(connection->fd, connection->preamble + connection->got,
                        TRAFFIC_PREAMBLE_SIZE - (size_t)connection->got, 0);
    if (size > 0) {
        connection->got += (uint64_t)size;
        if (connection->got == TRAFFIC_PREAMBLE_SIZE && !introduce(connection)) {
            return 0;
        }
    }
    return size;
}

static void connection_read(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct server_connection *connection = context;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t size = read_once(connection);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (size <= 0) {
            if (!connection->known) {
                connection->server->job->board->live->foreign++;
            }
            server_tcp_close(connection);
            return;
        }
        connection->server->last_arrival_ns = clock_monotonic_ns();
    }
}

/* Takes over 'fd'.  Without memory the connection is closed. */
static void welcome(struct server *server, int fd) {
    struct server_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        close(fd);
        return;
    }
    *connection = (struct server_connection){
        .server = server, .fd = fd, .next = server->connections, .previous = &server->connections};
    if (connection->next != NULL) {
        connection->next->previous = &connection->next;
    }
    server->connections = connection;
    server->connection_count++;
    connection->event = event_new(server->base, fd, EV_READ | EV_PERSIST, connection_read, connection);
    if (connection->event == NULL || event_add(connection->event, NULL) != 0) {
        server_tcp_close(connection);
    }
}

void server_tcp_accept(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct server *server = ((struct server_socket *)context)->server;
    int accepted;
    while ((accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (server->connection_count >= server->job->plan->count + SPARE_CONNECTIONS) {
            server->job->board->live->foreign++;
            close(accepted);
            return;
        }
        welcome(server, accepted);
    }
}
