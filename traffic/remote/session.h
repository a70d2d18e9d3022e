/* One test as one of its two ends sees it: the control connection, this end's senders and receivers, and a
 * board for each direction of which this end fills its half and the other end's messages the other.
 *
 *     nsmon send, the initiator                          nsmon recv, the responder
 *        hello  ------------------------------------------->  hello
 *        ping, pong: the clocks
 *        test   ------------------------------------------->  takes it, starts its receiver
 *               <-------------------------------------------  accepted
 *        starts its receiver (reverse), proves its address
 *        ports  ------------------------------------------->  believes it, starts its sender (reverse)
 *        starts its sender (forward)  <--------------------   ready
 *        go     ------------------------------------------->  go
 *        sending, tcp, receiving, second: every second, both ways
 *        sent, tcp, finish: a direction's sender is done;  received, delays, counted: so is its receiver
 *        bye    ------------------------------------------->  bye
 *
 * Either may say "stop" (end well, early) and "error".  An end that says nothing for REMOTE_CUT_NS is lost.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "traffic/endpoint.h"
#include "traffic/remote/clock.h"
#include "traffic/remote/link.h"
#include "traffic/remote/streams.h"
#include "traffic/traffic.h"

/* Both ends say something every second; one that is silent for so long is gone. */
#define REMOTE_CUT_NS (5 * NS_PER_S)
/* How long one step of the beginning may take. */
#define REMOTE_STEP_NS (8 * NS_PER_S)

/* Messages that may come before they are waited for: "accepted" and "ready", say. */
#define REMOTE_MAIL 4

/* One direction, or the responses to what goes forward, which have no endpoint of their own: the forward ones
 * send and receive them. */
struct remote_side {
    struct traffic_board board;
    struct traffic_endpoint endpoint; /* ours */
    uint16_t port;                    /* the receiver's first one */
    bool used;                        /* there are flows of this direction */
    bool sending;                     /* ours is the sender */
    bool told;                        /* all that ours counted is on its way to the other end */
    bool heard;                       /* all that the other end's counted is here */
    int64_t other_cpu_ns;
    size_t tcp_next; /* the flow from which on the next "tcp" tells */
};

struct remote_session {
    struct remote_link link;
    int keeper; /* see traffic/keeper.h; 0: none */
    bool initiator;
    const volatile sig_atomic_t *stop; /* not 0: end early and well; may be NULL */
    traffic_interval_fn *on_interval;  /* or NULL */
    void *context;
    int64_t rate_max;             /* bits of payload a second that may come in; 0: any */
    struct ip_address address[2]; /* of the initiator, of the responder */
    struct traffic_host hosts[2]; /* the same as the ends of a run */
    struct remote_streams streams;
    struct traffic_plan plan;
    uint64_t run;                            /* of the forward direction; the reverse one has the next */
    struct remote_side sides[TRAFFIC_SIDES]; /* by enum traffic_side */
    struct remote_clocks clocks;             /* the initiator's */
    int64_t clock_offset_ns; /* the responder's clock less the initiator's, as delays are corrected by */
    struct remote_reading *reading; /* where a "pong" goes, or NULL */
    json_t *mail[REMOTE_MAIL];      /* messages that somebody is to wait for, the oldest first */
    size_t mail_count;
    struct traffic_result *result;
    struct traffic_progress progress;
    int64_t start_ns;               /* monotonic; 0 before */
    int64_t sent_end_ns;            /* when the last sender had ended; 0 before */
    int64_t interval_end_ns;        /* monotonic */
    int64_t seconds, other_seconds; /* that either end has told of */
    /* What the limit is held against, until the last second's end and in it. */
    int64_t limited_bytes, limited_last_bytes;
    int64_t
        close_at_ns; /* when the second that is over is shown though the other end told nothing; 0: none */
    int64_t ping_ns; /* monotonic, of the last sign of life */
    bool stopped;    /* before the end, because somebody asked */
    bool bye;        /* from the other end */
    bool other_gone; /* no use in saying anything any more */
    bool prepared;   /* boards and result are there */
    bool muted;      /* no more responses are sent */
    char why[160];   /* of a stop */
    int failure;     /* the first; sticks */
    struct error error;
};

/* Begins a session over the connected socket 'fd', which it takes over in every case.  'session' is zero but
 * for what its caller sets: keeper, stop, on_interval, context.  Returns 0 or a negative errno, which
 * session->error explains. */
int remote_session_open(struct remote_session *session, int fd, bool initiator);

/* Frees all.  Endpoints that still live are ended. */
void remote_session_close(struct remote_session *session);

/* Notes what ended the session, unless something did before.  Returns 'code'. */
int remote_session_fail(struct remote_session *session, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells the other end, unless it is gone, what ended the session. */
void remote_session_tell_failure(struct remote_session *session);

/* Sends 'message', which it takes over.  Returns 0 or the session's failure. */
int remote_session_send(struct remote_session *session, json_t *message);

/* Waits up to 'wait_ns' for anything to happen and takes it in.  Returns 0 or the session's failure. */
int remote_session_step(struct remote_session *session, int64_t wait_ns);

/* Waits up to 'limit_ns' for the message 'type'.  Returns 0 with '*message', to be released, or the session's
 * failure. */
int remote_session_await(struct remote_session *session, const char *type, int64_t limit_ns,
                         json_t **message);

/* Makes plan, boards and result of session->streams.  'result' is to be freed by the caller.  Returns 0 or
 * the session's failure. */
int remote_session_prepare(struct remote_session *session, struct traffic_result *result);

/* Starts our endpoint of the direction 'reverse' and waits until it is ready: a receiver's port is then in
 * its side.  A sender needs the other end's port there before.  Returns 0 or the session's failure. */
int remote_session_start(struct remote_session *session, uint8_t reverse);

/* Lets the senders go. */
void remote_session_go(struct remote_session *session);

/* Runs to the end of the test, and after whatever went wrong to the end of our endpoints, and fills the
 * result with what is known.  Returns 0 or the session's failure. */
int remote_session_run(struct remote_session *session);

/* Asks the other end 'count' times what its clock says, into 'reading'. */
void remote_session_read_clock(struct remote_session *session, struct remote_reading *reading, int count);
