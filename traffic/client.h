/* The inside of the client: one event loop, every flow paced by its own schedule.  traffic/endpoint.h starts
 * it. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "traffic/client_launch.h"
#include "traffic/client_pace.h"
#include "traffic/client_watch.h"
#include "traffic/delay.h"
#include "traffic/endpoint.h"
#include "traffic/inbox.h"
#include "traffic/meter.h"
#include "traffic/pacer.h"

/* Datagrams, or pieces of TCP, that a flow that is behind its schedule sends at once at most. */
#define CLIENT_BATCH 8

struct client;

/* Bytes of TCP that one call hands over at most. */
#define CLIENT_PIECE ((size_t)256 * 1024)

/* A GSO super-frame's bytes: what IPv4 takes. */
#define CLIENT_FRAME 65507

/* A UDP socket that the flows of one source port and IP version share, each with an address of its own: so
 * that thousands of addresses don't need thousands of sockets. */
struct client_port {
    int fd;         /* -1: none */
    uint32_t users; /* flows of the plan */
    uint32_t flows; /* those of this thread that have not ended */
    /* Of the launch times that it takes; 0: it takes none. */
    clockid_t clock;
};

struct client_flow {
    struct client *client;
    const struct traffic_flow *plan;
    struct event *event;          /* TCP */
    struct event *room;           /* fast flows: the socket has room again */
    int fd;                       /* -1: none; the flow's own, or that of 'port' */
    struct client_port *port;     /* NULL unless 'fd' is shared */
    uint64_t done;                /* datagrams or bytes that the kernel took */
    uint64_t piece;               /* a datagram or segment, and the moment when it is to be sent, after the */
    int64_t moment_ns;            /* run's beginning: client_moment() goes on from there */
    bool closing;                 /* TCP, fast: its time was over and our side is closed */
    int last_errno;               /* of the last send that failed */
    unsigned int gso;             /* UDP: datagrams that one send may hand over as one; 1: none */
    struct client_asking *asking; /* of flows whose packets are requests, else NULL */
    struct client_launch *launch; /* UDP; NULL: each datagram is sent when its moment has come */
};

/* A flow of requests. */
struct client_asking {
    struct event *responses;    /* UDP: something has come */
    struct traffic_delay times; /* from the request to the response */
    uint64_t count;             /* of responses, each once */
    int64_t until_ns;           /* monotonic: how long a response is waited for */
    bool waiting;               /* fast, or TCP: for the response to the last request */
    bool last;                  /* no further request follows */
    struct client_flow *over;   /* UDP: the next of those that have got all they waited for */
    bool is_over;
    int64_t asked_ns; /* TCP: since the epoch, when the request under way began */
    uint64_t got;     /* TCP: bytes of all responses */
};

struct client {
    const struct traffic_job *job;
    const struct traffic_board *whole; /* the board of all threads together */
    struct event_base *base;
    struct event *channel_event;
    struct event *timer_event;
    struct event *tick_event; /* where responses are counted; or NULL */
    int timer;
    struct traffic_pacer pacer;
    struct client_watch watch;
    struct client_pace pace;
    int64_t timer_ns;             /* monotonic; what the timer is set to, 0 if that is over already */
    struct client_flow *flows;    /* by number, also those of the other direction */
    struct client_port *ports[2]; /* IPv4, IPv6: by source port from TRAFFIC_SOURCE_FIRST on */
    size_t left;                  /* flows that have not ended */
    int64_t start_ns;             /* monotonic; 0 before TRAFFIC_GO */
    int64_t received; /* what the server had at the last look after the plan's end, and how much time was */
    int64_t more_ns;  /* given since */
    bool stopping;
    struct traffic_delay late; /* UDP sends after their moment */
    struct client_launches launches;
    struct client_asking *askings;   /* one a response flow of the plan */
    struct traffic_meter responses;  /* what is counted of them; no flows: there are none */
    struct client_flow *over;        /* see client_asking */
    struct traffic_inbox *inbox;     /* where they come in, if any are of UDP */
    struct histogram response_times; /* of all; its bins lie on the board of the responses */
    uint8_t *frame;                  /* CLIENT_FRAME bytes for datagrams that are sent as one */
};

/* Exchanges a datagram with the server for each IP version that there is, until it is answered or three
 * seconds have passed: so that the neighbours are known and no flow's first packets are lost while they are
 * looked for.  Writes the longest round trip on the board. */
void client_greet_server(const struct traffic_job *job);

/* Opens the socket of 'flow', bound to its source port, of 'type' (SOCK_DGRAM or SOCK_STREAM), or gives it
 * the one that it shares.  Returns 0, or -1 when the flow has ended because it failed. */
int client_open(struct client_flow *flow, int type);

/* Gives back the socket of 'flow'. */
void client_close(struct client_flow *flow);

/* The address that 'flow' goes to, in 'name'.  Returns its size. */
socklen_t client_peer(const struct client_flow *flow, struct sockaddr_storage *name);

/* The address that 'flow' comes from. */
const struct ip_address *client_source(const struct client_flow *flow);

/* Ends 'flow' in 'state', with 'problem' and its errno if it failed. */
void client_end(struct client_flow *flow, enum traffic_flow_state state, enum traffic_problem problem,
                int code);

/* The moment at which 'flow' is to send the piece number 'piece', which must not be below that of the call
 * before. */
int64_t client_moment(struct client_flow *flow, uint64_t piece);

/* How many pieces of 'flow' are due at 'now_ns' if 'done' of 'all' were sent: 1 to CLIENT_BATCH, or to
 * 'gso' of the flow if that is more. */
uint64_t client_due(struct client_flow *flow, uint64_t done, uint64_t all, int64_t now_ns);

/* Opens the UDP socket of 'flow', and connects it if it is the flow's own.  Returns 0, or -1 when the flow
 * has ended. */
int client_udp_open(struct client_flow *flow);

/* Sends the next 'count' datagrams of 'flow', at most CLIENT_BATCH, each by itself and with a send time of
 * its own; those of a flow with launch times, at most CLIENT_LAUNCHES, with those that were chosen.  Returns
 * how many the kernel took, or -1 with errno set. */
int client_send_each(struct client_flow *flow, unsigned int count);

/* Sends the next 'count' datagrams, at most flow->gso and of one size, as one, with one send time; where the
 * kernel or the way does not take that, as client_send_each(). */
int client_send_together(struct client_flow *flow, unsigned int count);

/* Sends a batch of a fast flow, UDP or a TCP flow that is connected: as client_udp_turn(). */
int64_t client_fast_udp_turn(struct client_flow *flow, int64_t now_ns);
int64_t client_fast_tcp_turn(struct client_flow *flow, int64_t now_ns);

/* Counts the next datagram of 'flow' as sent, 'late_ns' after its moment. */
void client_udp_count(struct client_flow *flow, int64_t late_ns);

/* Sends the next datagram of 'flow' and counts it.  Returns false if the kernel did not take it. */
bool client_udp_send_next(struct client_flow *flow, int64_t now_ns);

/* All datagrams of 'flow' have been sent.  Returns its next turn if responses are waited for, or 0. */
int64_t client_udp_finish(struct client_flow *flow, int64_t now_ns);

/* True if 'flow' has only its time, and a datagram at 'moment_ns' is beyond it. */
bool client_udp_beyond(const struct client_flow *flow, int64_t moment_ns);

/* Sends what is due.  Returns the moment of the next turn, or 0 for none. */
int64_t client_udp_turn(struct client_flow *flow, int64_t now_ns);
int64_t client_tcp_turn(struct client_flow *flow, int64_t now_ns);

/* Makes what is needed for responses, if the plan has any: of this thread, which shares 'flows' with the
 * others. Returns 0 or -ENOMEM.  client_responses_free() takes it back, client_responses_publish() puts what
 * was counted on the boards. */
int client_responses_init(struct client *client, struct traffic_meter_flow *flows);
void client_responses_free(struct client *client);
void client_responses_publish(struct client *client, bool last);

/* Has the responses to the UDP flow 'flow', whose socket is open, taken in.  Returns 0, or -1 when the flow
 * has ended because it failed. */
int client_responses_listen(struct client_flow *flow);

/* Adds what the socket of 'flow', which is about to be closed, had no room for, if responses came there. */
void client_responses_note_drops(const struct client_flow *flow);

/* A turn of a flow of UDP whose packets are requests: as fast as responses come; or one that has asked all it
 * will. Returns as client_udp_turn(). */
int64_t client_ask_udp_turn(struct client_flow *flow, int64_t now_ns);

/* Notes that the last request of 'flow' was sent.  Returns the moment until which responses are waited for,
 * or 0 when the flow has ended. */
int64_t client_ask_last(struct client_flow *flow, int64_t now_ns);

/* A turn of a flow of TCP whose pieces are requests, and what its connection has to read: true if it has
 * ended, or failed with '*code'. */
int64_t client_ask_tcp_turn(struct client_flow *flow, int64_t now_ns);
bool client_ask_tcp_read(struct client_flow *flow, int *code);

/* Gives 'flow', which has no turn, one at 'at_ns'. */
void client_turn_at(struct client_flow *flow, int64_t at_ns);

/* Lets 'flow' go on when its socket has room.  Returns the moment of its next turn, or 0 for none. */
int64_t client_wait_for_room(struct client_flow *flow, int64_t now_ns);

/* Lets 'flow' send at once and gives it its next turn: for a flow that had none. */
void client_take_turn(struct client_flow *flow);

/* Sends up to 'size' bytes of a TCP flow, at most CLIENT_PIECE, from where it stands, and counts them.
 * Returns false if the socket took none: then it waits for room, or has failed and ended, and '*next_ns' is
 * the moment of its next turn, or 0. */
bool client_tcp_push(struct client_flow *flow, size_t size, int64_t now_ns, int64_t *next_ns);

/* Closes the sending side of a TCP flow that is stopped; it ends when the server does likewise. */
void client_tcp_stop(struct client_flow *flow);
