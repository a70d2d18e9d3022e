/* The worker's socket: commands ask it for the state, and 'traffic' hands its results over.
 *
 * SOCK_SEQPACKET; every request is one struct control_request, up to the end of its row.  A status request is
 * answered by the JSON text, cut into messages, and the end of the connection.  Traffic is a run, its
 * intervals, histogram and flows, and the run again with its end; each is acknowledged by nothing, the
 * connection's end by one byte once all is in the database.  Whoever runs the lab trusts root and the
 * worker's own user; traffic from anybody else is refused. */
#pragma once

#include <stdbool.h>

#include <event2/event.h>

#include "collector/capture/split.h"
#include "collector/store/store.h"
#include "common/error.h"

#define CONTROL_VERSION 3

enum control_kind {
    CONTROL_STATUS = 1,
    CONTROL_TRAFFIC_RUN,
    CONTROL_TRAFFIC_INTERVAL,
    CONTROL_TRAFFIC_HISTOGRAM,
    CONTROL_TRAFFIC_FLOW,
    CONTROL_TRAFFIC_CLASS_INTERVAL,
    CONTROL_TRAFFIC_CLASS_HISTOGRAM,
    CONTROL_TRAFFIC_STAMPS, /* of one direction: 'sample' */
    CONTROL_TRAFFIC_STAMP,
    CONTROL_TRAFFIC_END,
    CONTROL_TRAFFIC_TCP_INTERVAL,
    CONTROL_TRAFFIC_LOSS,
    CONTROL_TRAFFIC_RESPONSE_HISTOGRAM,
};

/* When a datagram was received; or, of CONTROL_TRAFFIC_STAMPS, that from now on those of the run 'number'
 * follow, of which one in 2^'shift' was kept. */
struct control_stamp {
    uint64_t number; /* of the run on the wire */
    uint64_t sequence;
    int64_t sent_ns, received_ns;
    uint32_t flow;
    uint32_t shift;
};

struct control_request {
    uint32_t version;
    uint32_t kind;
    union {
        struct traffic_run_row run; /* 'id' and 'run_id' of the rows are the worker's to give */
        struct traffic_interval_row interval;
        struct traffic_histogram_row histogram;
        struct traffic_flow_row flow;
        struct traffic_tcp_interval_row tcp;
        struct traffic_loss_row loss;
        struct control_stamp stamp;
    };
};

/* A command's side. */

/* Connects to the socket 'path'.  Returns a descriptor, or a negative errno: -ENOENT or -ECONNREFUSED when no
 * worker runs. */
int control_connect(const char *path);

/* Sends a request.  Returns 0 or a negative errno. */
int control_send(int fd, const struct control_request *request);

/* Asks for the state.  Returns the JSON text, which the caller frees, or NULL with 'error' filled. */
char *control_status(int fd, struct error *error);

/* Ends a hand-over and waits until it is in the database.  Returns 0, -EIO if the worker refused, or another
 * negative errno. */
int control_end(int fd);

/* The worker's side. */

struct control_server;

/* Gives the state as a JSON text made by malloc(), or NULL. */
typedef char *control_status_fn(void *context);

/* Serves the listening socket 'fd' on 'base'; 'split', unless NULL, is told when datagrams were received.
 * Returns NULL when memory is out. */
struct control_server *control_server_create(struct event_base *base, int fd, struct store *store,
                                             struct split *split, control_status_fn *status, void *context);
void control_server_destroy(struct control_server *server);
