/* A server or a client as a process of its own: how it is started, spoken to and ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/privilege.h"
#include "traffic/board.h"
#include "traffic/plan/profile.h"
#include "traffic/traffic.h"

enum traffic_message_type {
    TRAFFIC_READY = 1, /* endpoint: sockets are open; 'port' is the server's first one */
    TRAFFIC_FAILED,    /* endpoint: could not start; 'code' and 'text' say why */
    TRAFFIC_GO,        /* to both: the run begins at 'start_ns' */
    TRAFFIC_STOP,      /* to the client: end early; to the server: send no more responses */
    TRAFFIC_FINISH,    /* to the server: the client has ended; wait until nothing came for 'quiet_ns' */
    TRAFFIC_DONE,      /* endpoint: everything is on the board */
    TRAFFIC_PROVE,     /* to the server: send 'cookie' from each UDP socket to 'port' of the sender's host */
};

/* At the longest so long the server waits for what is still on the way when its client has ended.  A client
 * may take so many round trips longer than its plan, and so much more while something still arrives. */
#define TRAFFIC_TAIL_NS            (8 * NS_PER_S)
#define TRAFFIC_CLIENT_ROUND_TRIPS 4
#define TRAFFIC_CLIENT_MORE_NS     (10 * NS_PER_S)

/* Both ends are the same program, so a message is this struct, whole. */
struct traffic_message {
    uint32_t type;
    int32_t code; /* a negative errno */
    union {
        int64_t start_ns; /* monotonic */
        int64_t quiet_ns;
        uint64_t cookie;
    };
    uint16_t port;
    char text[sizeof((struct error *)0)->text];
};

/* What an endpoint is told before it is started. */
struct traffic_job {
    const struct traffic_plan *plan;
    uint64_t run;    /* a number that no other run has */
    uint8_t reverse; /* which flows of the plan */
    const struct traffic_board *board;
    const struct traffic_board
        *responses; /* that of the responses to forward flows; NULL: none is of this job */
    struct traffic_tuning tuning;
    unsigned int thread, threads; /* of an endpoint with several, which this is, and how many; 0 of 0: one */
    const struct traffic_host *sender, *receiver; /* where the client is, and where the server is */
    uint16_t first_port;                          /* of the server; the client's plan is moved to it */
    int netns_fd;
    const struct identity *identity; /* or NULL */
    int channel;                     /* a socket for messages */
    int keeper;                      /* see traffic/keeper.h; 0: none.  A replay's file */
    const void *context;             /* what other endpoints than server and client need */
    int64_t clock_offset_ns; /* the server takes it off each delay: its host's clock less the client's */
};

/* True if the thread of 'job' is to look after the flow 'flow': by 'share', a number that says how flows are
 * shared out. */
static inline bool traffic_job_has(const struct traffic_job *job, const struct traffic_flow *flow,
                                   uint32_t share) {
    return traffic_flow_side(flow) == job->reverse &&
           (job->threads < 2 || share % job->threads == job->thread);
}

/* Runs an endpoint until its end.  Returns 0, or a negative errno, with 'error' filled, if it could not
 * start. */
typedef int traffic_endpoint_fn(const struct traffic_job *job, struct error *error);

struct traffic_endpoint {
    const char *name;
    pid_t pid;   /* 0: none */
    int channel; /* -1: none */
    bool ready;
    bool done;
    bool gone;  /* the channel was closed from the other side */
    int status; /* of waitpid(), once ended */
    int64_t cpu_ns;
    uint16_t port;
    struct traffic_message failure; /* type TRAFFIC_FAILED if it told one */
};

/* Starts 'main' as the process 'endpoint' called 'name', in the namespace of 'job'.  Returns 0 or a negative
 * errno with 'error' filled. */
int traffic_endpoint_start(struct traffic_endpoint *endpoint, const char *name, traffic_endpoint_fn *main,
                           const struct traffic_job *job, struct error *error);

/* Sends a message of 'type' with 'ns' as what its type says to 'endpoint'; one that is gone is left alone. */
void traffic_endpoint_tell(struct traffic_endpoint *endpoint, enum traffic_message_type type, int64_t ns);

/* Has the server 'endpoint' send the datagram of wire.h that proves its address, with 'cookie', to 'port'. */
void traffic_endpoint_prove(struct traffic_endpoint *endpoint, uint64_t cookie, uint16_t port);

/* Takes in the messages that are there. */
void traffic_endpoint_listen(struct traffic_endpoint *endpoint);

/* Ends and reaps the process: waits 'grace_ns' for it to end by itself, then kills it.  May be called again.
 */
void traffic_endpoint_end(struct traffic_endpoint *endpoint, int64_t grace_ns);

/* For the endpoint: opens no more privileges, becomes 'identity' and dies with its parent from now on.
 * Returns 0 or a negative errno with 'error' filled. */
int traffic_endpoint_settle(const struct traffic_job *job, struct error *error);

/* For the endpoint: sends 'type' to the parent. */
void traffic_endpoint_report(const struct traffic_job *job, enum traffic_message_type type, uint16_t port);

/* For the endpoint: takes one message.  Returns 1, 0 if there is none, or -1 if the parent is gone. */
int traffic_endpoint_receive(int channel, struct traffic_message *message);

/* The two endpoints.  The server's 'first_port' is ignored. */
traffic_endpoint_fn traffic_server_main;
traffic_endpoint_fn traffic_client_main;
