/* What supervisor and worker say to each other: messages of fixed size over a socket pair.
 *
 * Both are the same program, so a message is a plain struct; its size and kind are checked all the same,
 * since the worker reads what comes off networks and the supervisor is root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/store/rows.h"
#include "topo/topo.h"

enum link_kind {
    LINK_READY = 1,    /* worker: store, listeners and captures run; 'session_id' */
    LINK_FAILED,       /* worker: they don't; 'text' */
    LINK_WINDOW_START, /* supervisor: the measurement window begins; 'at_ns' */
    LINK_WINDOW_END,   /* supervisor: it has ended; 'at_ns' */
    LINK_PORT,         /* supervisor: 'host' and 'port', once a second */
    LINK_COUNT,        /* supervisor: 'count', a row of the ledger, once a second */
    LINK_FINISH,       /* supervisor: drain, write, close */
    LINK_FINISHED,     /* worker: done; 'text' says what failed, "" for nothing */
};

struct link_message {
    enum link_kind kind;
    int64_t session_id;
    int64_t at_ns;
    uint32_t host;
    struct topo_port_stats port;
    struct topo_count count;
    char text[512];
};

/* Makes the two ends.  Returns 0 or a negative errno. */
int link_open(int ends[2]);

/* Sends 'message', and waits some seconds for the other side to make room.  Returns 0 or a negative errno,
 * -EAGAIN when it did not. */
int link_send(int fd, const struct link_message *message);

/* Sends 'message' if there is room: for counts, of which the next one says as much.  Returns 0 or a negative
 * errno. */
int link_offer(int fd, const struct link_message *message);

/* Receives a message, waiting 'timeout_ms' at most (negative: for ever).  Returns 0, -ETIMEDOUT, -EPIPE when
 * the other side has gone, -EBADMSG for what is no message, or another negative errno.  The text is ended by
 * a NUL in any case. */
int link_receive(int fd, struct link_message *message, int timeout_ms);
