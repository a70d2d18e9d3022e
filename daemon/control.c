#include "daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

/* How much of a status one message carries, and how long a status may get. */
enum { PIECE = 16384, STATUS_MAX = 4 << 20, CLIENT_TIMEOUT_S = 5 };

/* Of the places for connections so many are kept for those who run the lab, so that nobody can crowd them
 * out. */
enum { CLIENTS_MAX = 64, CLIENTS_TRUSTED = 16 };

int control_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    struct timeval limit = {.tv_sec = CLIENT_TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

/* How much of a request of 'kind' there is: as much as its row, for they come by the thousand. */
static size_t request_size(uint32_t kind) {
    static const size_t rows[] = {
        [CONTROL_TRAFFIC_RUN] = sizeof(struct traffic_run_row),
        [CONTROL_TRAFFIC_INTERVAL] = sizeof(struct traffic_interval_row),
        [CONTROL_TRAFFIC_HISTOGRAM] = sizeof(struct traffic_histogram_row),
        [CONTROL_TRAFFIC_FLOW] = sizeof(struct traffic_flow_row),
        [CONTROL_TRAFFIC_CLASS_INTERVAL] = sizeof(struct traffic_interval_row),
        [CONTROL_TRAFFIC_CLASS_HISTOGRAM] = sizeof(struct traffic_histogram_row),
        [CONTROL_TRAFFIC_STAMPS] = sizeof(struct control_stamp),
        [CONTROL_TRAFFIC_STAMP] = sizeof(struct control_stamp),
        [CONTROL_TRAFFIC_TCP_INTERVAL] = sizeof(struct traffic_tcp_interval_row),
        [CONTROL_TRAFFIC_LOSS] = sizeof(struct traffic_loss_row),
        [CONTROL_TRAFFIC_RESPONSE_HISTOGRAM] = sizeof(struct traffic_histogram_row),
    };
    size_t row = kind < sizeof rows / sizeof *rows ? rows[kind] : 0;
    return offsetof(struct control_request, run) + row;
}

int control_send(int fd, const struct control_request *request) {
    struct control_request versioned = *request;
    size_t size = request_size(request->kind);
    versioned.version = CONTROL_VERSION;
    return send(fd, &versioned, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

char *control_status(int fd, struct error *error) {
    struct control_request request = {.kind = CONTROL_STATUS};
    int code = control_send(fd, &request);
    size_t size = 0;
    char *text = malloc(1);
    while (code == 0 && text != NULL && size < STATUS_MAX) {
        char *larger = realloc(text, size + PIECE + 1);
        if (larger == NULL) {
            break;
        }
        text = larger;
        ssize_t got = recv(fd, text + size, PIECE, 0);
        if (got == 0 && size > 0) {
            text[size] = '\0';
            return text;
        }
        code = got < 0 ? -errno : got == 0 ? -EPIPE : 0;
        size += got > 0 ? (size_t)got : 0;
    }
    free(text);
    error_set(error, code != 0 ? code : -ENOMEM, "the lab's worker did not answer: %s",
              strerror(code != 0 ? -code : ENOMEM));
    return NULL;
}

int control_end(int fd) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_END};
    int code = control_send(fd, &request);
    char done = 0;
    if (code == 0 && recv(fd, &done, 1, 0) != 1) {
        code = -EIO;
    }
    return code == 0 && done != 'y' ? -EIO : code;
}

/* One connection. */
struct client {
    struct control_server *server;
    struct event *event;
    int fd;
    bool trusted;
    int64_t run_id;
    char *answer; /* what is still to be sent, as the other side makes room */
    size_t answer_size, answer_at;
    struct event *write_event;
};

struct control_server {
    struct event_base *base;
    struct event *event;
    int fd;
    struct store *store;
    struct store_appender *appender;
    struct split *split; /* or NULL */
    control_status_fn *status;
    void *context;
    struct client *clients[CLIENTS_MAX];
};

static void drop_client(struct client *client) {
    if (client->server->split != NULL && client->run_id != 0) {
        split_end(client->server->split, client->run_id);
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (client->server->clients[i] == client) {
            client->server->clients[i] = NULL;
        }
    }
    event_free(client->event);
    if (client->write_event != NULL) {
        event_free(client->write_event);
    }
    close(client->fd);
    free(client->answer);
    free(client);
}

/* Sends what there is room for, and goes on when there is more; whoever reads nothing for some seconds is
 * dropped. */
static void send_answer(evutil_socket_t fd, short what, void *context) {
    struct client *client = context;
    while ((what & EV_TIMEOUT) == 0 && client->answer_at < client->answer_size) {
        size_t left = client->answer_size - client->answer_at;
        ssize_t sent = send(fd, client->answer + client->answer_at, left < PIECE ? left : PIECE,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            struct timeval limit = {.tv_sec = CLIENT_TIMEOUT_S};
            event_add(client->write_event, &limit);
            return;
        }
        if (sent < 0) {
            break;
        }
        client->answer_at += (size_t)sent;
    }
    drop_client(client);
}

/* Begins to answer; the connection ends with the answer. */
static void answer_status(struct client *client) {
    event_del(client->event);
    client->answer = client->server->status(client->server->context);
    client->answer_size = client->answer == NULL ? 0 : strlen(client->answer);
    client->write_event = event_new(client->server->base, client->fd, EV_WRITE, send_answer, client);
    if (client->write_event == NULL) {
        drop_client(client);
        return;
    }
    send_answer(client->fd, 0, client);
}

static void take_run(struct client *client, const struct traffic_run_row *sent) {
    struct traffic_run_row *row = store_append(client->server->appender, ROW_TRAFFIC_RUN)->traffic_run;
    if (client->run_id == 0) {
        client->run_id = store_next_id(client->server->store);
    }
    *row = *sent;
    row->id = client->run_id;
    row->profile[sizeof row->profile - 1] = '\0';
    row->settings[sizeof row->settings - 1] = '\0';
}

static void take_flow(struct client *client, const struct traffic_flow_row *sent) {
    struct traffic_flow_row *row = store_append(client->server->appender, ROW_TRAFFIC_FLOW)->traffic_flow;
    *row = *sent;
    row->run_id = client->run_id;
    row->failed[sizeof row->failed - 1] = '\0';
}

static void take_stamp(struct client *client, uint32_t kind, const struct control_stamp *sent) {
    struct split *split = client->server->split;
    const struct stamp stamp = {.sequence = sent->sequence,
                                .flow = sent->flow,
                                .sent_ns = sent->sent_ns,
                                .at_ns[STAMP_RECEIVED] = sent->received_ns};
    if (split != NULL && kind == CONTROL_TRAFFIC_STAMPS) {
        split_begin(split, sent->number, client->run_id, sent->shift);
    } else if (split != NULL) {
        split_take(split, sent->number, &stamp);
    }
}

static void take_interval(struct client *client, enum row_kind kind,
                          const struct traffic_interval_row *sent) {
    struct traffic_interval_row *row = &store_append(client->server->appender, kind)->traffic_interval;
    *row = *sent;
    row->run_id = client->run_id;
}

static void take_histogram(struct client *client, enum row_kind kind,
                           const struct traffic_histogram_row *sent) {
    struct traffic_histogram_row *row = &store_append(client->server->appender, kind)->traffic_histogram;
    *row = *sent;
    row->run_id = client->run_id;
}

static void take_tcp(struct client *client, const struct traffic_tcp_interval_row *sent) {
    struct row *row = store_append(client->server->appender, ROW_TRAFFIC_TCP_INTERVAL);
    row->traffic_tcp_interval = *sent;
    row->traffic_tcp_interval.run_id = client->run_id;
}

static void take_loss(struct client *client, const struct traffic_loss_row *sent) {
    struct row *row = store_append(client->server->appender, ROW_TRAFFIC_LOSS);
    row->traffic_loss = *sent;
    row->traffic_loss.run_id = client->run_id;
}

static void take_rows(struct client *client, const struct control_request *request) {
    switch (request->kind) {
    case CONTROL_TRAFFIC_RUN:
        take_run(client, &request->run);
        break;
    case CONTROL_TRAFFIC_FLOW:
        take_flow(client, &request->flow);
        break;
    case CONTROL_TRAFFIC_INTERVAL:
        take_interval(client, ROW_TRAFFIC_INTERVAL, &request->interval);
        break;
    case CONTROL_TRAFFIC_CLASS_INTERVAL:
        take_interval(client, ROW_TRAFFIC_CLASS_INTERVAL, &request->interval);
        break;
    case CONTROL_TRAFFIC_HISTOGRAM:
        take_histogram(client, ROW_TRAFFIC_HISTOGRAM, &request->histogram);
        break;
    case CONTROL_TRAFFIC_RESPONSE_HISTOGRAM:
        take_histogram(client, ROW_TRAFFIC_RESPONSE_HISTOGRAM, &request->histogram);
        break;
    case CONTROL_TRAFFIC_CLASS_HISTOGRAM:
        take_histogram(client, ROW_TRAFFIC_CLASS_HISTOGRAM, &request->histogram);
        break;
    case CONTROL_TRAFFIC_TCP_INTERVAL:
        take_tcp(client, &request->tcp);
        break;
    case CONTROL_TRAFFIC_LOSS:
        take_loss(client, &request->loss);
        break;
    case CONTROL_TRAFFIC_STAMPS:
    case CONTROL_TRAFFIC_STAMP:
        take_stamp(client, request->kind, &request->stamp);
        break;
    default:
        break;
    }
}

static void finish_traffic(struct client *client) {
    store_flush(client->server->appender);
    char done = client->run_id != 0 && store_sync(client->server->store, NULL) == 0 ? 'y' : 'n';
    send(client->fd, &done, 1, MSG_NOSIGNAL);
}

/* Returns false when the connection is to be closed. */
static bool serve(struct client *client, const struct control_request *request) {
    if (!client->trusted) {
        log_warning("refused results of traffic from a user that does not run this lab");
        return false;
    }
    if (request->kind == CONTROL_TRAFFIC_END) {
        finish_traffic(client);
        return false;
    }
    if (client->run_id == 0 && request->kind != CONTROL_TRAFFIC_RUN) {
        return false;
    }
    take_rows(client, request);
    return true;
}

static void on_request(evutil_socket_t fd, short what, void *context) {
    struct client *client = context;
    struct control_request request;
    bool stays = (what & EV_TIMEOUT) == 0;
    for (int i = 0; stays && i < 256; i++) {
        ssize_t got = recv(fd, &request, sizeof request, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        stays = got >= (ssize_t)offsetof(struct control_request, run) && request.version == CONTROL_VERSION &&
                (size_t)got == request_size(request.kind);
        if (stays && request.kind == CONTROL_STATUS) {
            answer_status(client);
            return;
        }
        stays = stays && serve(client, &request);
    }
    if (!stays) {
        drop_client(client);
    }
}

/* A free place for a connection, or CLIENTS_MAX. */
static size_t free_slot(const struct control_server *server, bool trusted) {
    size_t first = trusted ? 0 : CLIENTS_TRUSTED;
    while (first < CLIENTS_MAX && server->clients[first] != NULL) {
        first++;
    }
    return first;
}

static void on_connection(evutil_socket_t listening, short what, void *context) {
    (void)what;
    struct control_server *server = context;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    bool trusted = peer.uid == 0 || peer.uid == geteuid();
    size_t slot = free_slot(server, trusted);
    struct client *client = slot == CLIENTS_MAX ? NULL : calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    struct timeval limit = {.tv_sec = CLIENT_TIMEOUT_S};
    *client = (struct client){.server = server, .fd = fd, .trusted = trusted};
    client->event = event_new(server->base, fd, EV_READ | EV_PERSIST, on_request, client);
    if (client->event == NULL) {
        close(fd);
        free(client);
        return;
    }
    server->clients[slot] = client;
    event_add(client->event, &limit);
}

struct control_server *control_server_create(struct event_base *base, int fd, struct store *store,
                                             struct split *split, control_status_fn *status, void *context) {
    struct control_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return NULL;
    }
    server->base = base;
    server->fd = fd;
    server->store = store;
    server->split = split;
    server->status = status;
    server->context = context;
    server->appender = store_appender_create(store);
    server->event = event_new(base, fd, EV_READ | EV_PERSIST, on_connection, server);
    if (server->appender == NULL || server->event == NULL || event_add(server->event, NULL) != 0) {
        control_server_destroy(server);
        return NULL;
    }
    return server;
}

void control_server_destroy(struct control_server *server) {
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (server->clients[i] != NULL) {
            drop_client(server->clients[i]);
        }
    }
    if (server->event != NULL) {
        event_free(server->event);
    }
    store_appender_destroy(server->appender);
    free(server);
}
