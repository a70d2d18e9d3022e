/* Drives a plan of traffic from one network namespace to another and counts it at both ends.
 *
 * Usage: traffic_plan_make() -> traffic_run() -> read the result -> traffic_result_free(). */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/error.h"
#include "common/flow_key.h"
#include "common/histogram.h"
#include "common/privilege.h"
#include "common/stamps.h"
#include "traffic/classes.h"
#include "traffic/plan/profile.h"
#include "traffic/sequence.h"
#include "traffic/tcp.h"

/* A number that there is not: the same as the store's. */
#define TRAFFIC_NONE INT64_MIN

/* One second of a run (the last one may be shorter), all flows together. */
struct traffic_interval {
    int64_t start_ns, end_ns; /* since the epoch */
    int64_t sent_packets;     /* UDP datagrams */
    int64_t sent_bytes;       /* payload, UDP and TCP */
    int64_t received_packets; /* UDP datagrams, duplicates not counted */
    int64_t received_bytes;   /* payload, UDP and TCP, duplicates not counted */
    /* One-way delay of the datagrams that came in it, to 0.1 %; of several seconds at once, or when nothing
     * came, TRAFFIC_NONE. */
    int64_t owd_p50_ns, owd_p99_ns, owd_max_ns;
    struct traffic_tcp_second tcp;
};

/* Where a run stands, for the live table. */
struct traffic_progress {
    struct traffic_interval last; /* the second that has just ended */
    struct traffic_interval sum;  /* everything so far */
    int64_t missing; /* UDP datagrams that a later one has overtaken: lost, or still on the way */
    size_t active;   /* flows under way */
    size_t finished; /* flows that have sent all they will */
    size_t flows;
    size_t tcp_flows; /* of these */
    int64_t elapsed_ns, duration_ns;
    bool draining; /* the client has ended; the server waits for the tail */
};

typedef void traffic_interval_fn(const struct traffic_progress *progress, void *context);

#define TRAFFIC_FAILED_SIZE 96

/* One flow as its two ends counted it.  Bytes are payload.  For UDP sent = received + lost, to the datagram.
 */
struct traffic_flow_result {
    uint32_t number;
    uint8_t class;       /* the group of the profile, see TRAFFIC_CLASSES_MAX */
    struct flow_key key; /* the direction in which the payload goes */
    int64_t planned_packets, planned_bytes;
    int64_t sent_packets, sent_bytes;         /* packets: datagrams; TRAFFIC_NONE for TCP */
    int64_t received_packets, received_bytes; /* duplicates not counted */
    int64_t lost, duplicated, reordered;      /* datagrams; TRAFFIC_NONE for TCP */
    int64_t loss_bursts, loss_longest;        /* rows of losses, and datagrams of the longest; as 'lost' */
    int64_t reorder_extent;                   /* the largest (RFC 4737, 4.2.2); TRAFFIC_NONE for TCP */
    int64_t retransmitted;                    /* TCP segments sent again; TRAFFIC_NONE for UDP, or unknown */
    /* Of TCP, see traffic/tcp.h: smoothed round trip at the end, mean and largest of those that were read
     * once a second, and the shortest of all; the largest congestion window.  TRAFFIC_NONE for UDP, or
     * unknown. */
    int64_t rtt_ns, rtt_mean_ns, rtt_max_ns, rtt_min_ns, cwnd_max_bytes;
    int64_t owd_min_ns, owd_p50_ns, owd_p90_ns, owd_p99_ns, owd_p999_ns, owd_max_ns; /* one-way delay, UDP */
    int64_t jitter_ns;                                                               /* RFC 3550, 6.4.1 */
    int64_t pdv_p50_ns, pdv_p99_ns; /* RFC 5481, 4.2: delay less the flow's smallest */
    /* Of requests: how many were responded to, each counted once, and how long that took, from the request's
     * send time to the response's receive time; TRAFFIC_NONE of others, and the times where nothing came. The
     * responses are a flow of their own, the next one. */
    int64_t responses;
    int64_t response_min_ns, response_p50_ns, response_p90_ns, response_p99_ns, response_p999_ns,
        response_max_ns;
    bool responds;                    /* it is such a flow */
    char failed[TRAFFIC_FAILED_SIZE]; /* what went wrong, for people; "" if nothing */
};

/* The datagrams of one direction whose receive times were kept (common/stamps.h). */
struct traffic_stamps {
    uint64_t run;        /* the direction's number on the wire */
    unsigned int shift;  /* one in 2^shift datagrams */
    struct stamp *items; /* 'count' of them; of their times only those of sending and receiving */
    size_t count;
};

struct traffic_result {
    int64_t started_ns, ended_ns;      /* since the epoch */
    struct traffic_flow_result *flows; /* by number */
    size_t flow_count;
    size_t failed_flows; /* those whose 'failed' says something */
    struct traffic_interval *intervals;
    size_t interval_count;
    size_t interval_room;
    struct traffic_interval sum;         /* the whole run */
    int64_t lost, duplicated, reordered; /* datagrams */
    int64_t retransmitted;               /* TCP segments */
    int64_t
        socket_drops; /* messages without room at its own sockets, each one or (UDP_GRO) several datagrams */
    int64_t foreign;  /* datagrams and connections at the server that are not of this run */
    /* Datagrams with which the client found the server before the run, beside the flows and not counted with
     * them; each that was received was answered by one. */
    int64_t greetings_sent, greetings_received;
    int64_t client_cpu_ns, server_cpu_ns;
    /* UDP sends after the moment that the plan gives them; with launch times those that came too late for it,
     * since what the qdisc makes of the time is seen only at the link. */
    int64_t late_p50_ns, late_p99_ns, late_max_ns;
    int pacing[2];        /* forward, reverse: enum traffic_pacing; 0: nothing was paced */
    struct histogram owd; /* one-way delay, all UDP flows together */
    int64_t late_packets; /* of those, datagrams that were sent only when their successor was due, too */
    /* The most datagrams that had one send time in common (a batch of UDP_SEGMENT), and one receive time (a
     * batch of UDP_GRO); 1: each datagram had its own. */
    int64_t send_batch_max, receive_batch_max;
    int64_t loss_bins[TRAFFIC_LOSS_BINS]; /* rows of losses by length, see traffic/sequence.h */
    struct traffic_classes classes;
    struct traffic_tcp_log tcp;
    uint32_t *owd_seen;              /* the bins of 'owd' at the end of the last interval */
    struct traffic_stamps stamps[3]; /* by enum traffic_side */
    struct histogram response_times; /* of all requests */
    bool stopped;                    /* before the plan's end, because it was asked to */
};

/* One end of a run. */
struct traffic_host {
    int netns_fd; /* -1: this process's own namespace */
    /* The addresses, IPv4 at [0] and IPv6 at [1]: 'address_count' of each version that is not NULL; the flows
     * of one that is NULL fail and say so.  With one of them the server listens there, with more on all that
     * the namespace has. */
    const struct ip_address *addresses[2];
    size_t address_count;
};

/* Launch times (socket(7), SO_TXTIME), see traffic/client_launch.h. */
enum traffic_txtime {
    TRAFFIC_TXTIME_AUTO, /* where the link's qdisc keeps them */
    TRAFFIC_TXTIME_ON,   /* likewise, and it is a failure where a flow can't have them */
    TRAFFIC_TXTIME_OFF,
    TRAFFIC_TXTIME_BLIND, /* for tests: whether anything keeps them or not, as for an fq */
};

/* How the moments of paced UDP datagrams were kept: a bit for each way that some flow had. */
enum traffic_pacing {
    TRAFFIC_PACING_SLEEP = 1,  /* by sleeping only */
    TRAFFIC_PACING_SPIN = 2,   /* by sleeping, and spinning the rest away */
    TRAFFIC_PACING_TXTIME = 4, /* by launch times */
    TRAFFIC_PACING_ALL = 7,
};

/* How the endpoints go about it.  0 is what is usual. */
struct traffic_tuning {
    /* Of each endpoint: 1 to TRAFFIC_SERVER_PORTS, for a server's share the ports; 0 is 1.  Flows are shared
     * out over them. */
    unsigned int threads;
    /* Datagrams that a fast flow, or a burst without gaps, hands to the kernel as one (UDP_SEGMENT): 1 to
     * TRAFFIC_GSO_MAX; 1 is one by one; 0: as many as TRAFFIC_GSO_BYTES take. */
    unsigned int gso;
    /* How much of a processor a client may spin away so that datagrams leave on time: 1 to 100 percent; -1:
     * nothing; 0: see traffic/client_pace.h. */
    int spin;
    /* Whether paced datagrams of UDP are handed over ahead of their moment, for the link's qdisc to send. */
    enum traffic_txtime txtime;
};

/* Limits of udp(7), UDP_SEGMENT, in all kernels that have it; and what is usual, for more at once overruns
 * receivers. */
#define TRAFFIC_GSO_MAX   64U
#define TRAFFIC_GSO_BYTES 24000U

/* How to run a plan.  The hosts have as many addresses as the plan was made for. */
struct traffic_settings {
    const struct traffic_plan *plan;
    struct traffic_tuning tuning;
    struct traffic_host client, server; /* a flow goes from the first to the second, but for reverse ones */
    const struct identity
        *identity; /* who the endpoints become when this process is root; NULL: as they are */
    const volatile sig_atomic_t *stop; /* when it is not 0 the run ends early and well; may be NULL */
    traffic_interval_fn *on_interval;  /* called about once a second; may be NULL */
    void *context;                     /* for 'on_interval' */
};

/* Runs 'settings' and fills 'result', which is to be freed in every case.
 *
 * Server and client are child processes, two for each direction, which have ended when this returns.  They
 * ignore SIGINT; a handler of the caller's sets '*stop'.  Returns 0 if the run came to its end or was
 * stopped, also if single flows failed; otherwise a negative errno with 'error' filled: -EADDRINUSE when the
 * server found no free ports, -EADDRNOTAVAIL when it has not the address, -EINVAL when a host has fewer
 * addresses than the plan was made for, -EPERM for a namespace that can't be entered, -ECHILD when an
 * endpoint died (the result then holds what was counted until then), -ENOMEM. */
int traffic_run(const struct traffic_settings *settings, struct traffic_result *result, struct error *error);

/* Frees what 'result' holds.  Takes a zeroed one. */
void traffic_result_free(struct traffic_result *result);
