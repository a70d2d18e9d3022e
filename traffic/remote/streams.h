/* What is asked for: streams that are alike, and the plan that both ends make of them.
 *
 * Only whole numbers go over the wire and only whole numbers are reckoned with, so that two machines come to
 * the same plan. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/clock.h"
#include "traffic/plan/profile.h"

#define REMOTE_STREAMS_MAX  5000
#define REMOTE_DURATION_MAX (86400 * NS_PER_S)
/* Of datagrams and of bytes that a stream may be asked for. */
#define REMOTE_COUNT_MAX (INT64_C(1) << 40)

enum remote_direction {
    REMOTE_FORWARD = 1, /* from 'nsmon send' to 'nsmon recv' */
    REMOTE_REVERSE = 2,
    REMOTE_BOTH = 3,
};

/* Bins of a histogram that goes over the wire: two of them fit into a message. */
#define REMOTE_HISTOGRAM_BINS 512
/* Shapes and means of distributions are whole numbers of millionths. */
#define REMOTE_MILLIONTHS 1000000

/* What is 0 or "" is not asked for. */
struct remote_streams {
    int64_t protocol;  /* PROTOCOL_UDP or PROTOCOL_TCP */
    int64_t family;    /* 4 or 6, the control connection's */
    int64_t direction; /* enum remote_direction */
    int64_t count;     /* of streams in each direction */
    int64_t length; /* UDP: bytes of payload of a datagram; with 'length_law' the most; TCP: of a request */
    int64_t length_min;                            /* with 'length_law' the least */
    int64_t length_law, length_mean, length_shape; /* enum traffic_law; bytes; millionths */
    int64_t gap_ns; /* from one datagram, full TCP segment or request to the next; 0: as fast as it goes */
    int64_t gap_law, gap_shape;
    int64_t
        burst; /* datagrams of a burst, which are 'burst_gap_ns' from each other; 'gap_ns' stays the mean */
    int64_t burst_gap_ns;
    int64_t response;    /* bytes of the response to each datagram or request, forward only */
    int64_t packets;     /* UDP, or requests: so many each; 0: 'bytes' or the time says */
    int64_t bytes;       /* so many bytes of payload each; 0: 'packets' or the time says */
    int64_t duration_ns; /* the time, or how long it may take at most */
    int64_t gso;         /* UDP: datagrams handed to the kernel as one, 0: as is usual (traffic/traffic.h) */
    int64_t threads;     /* of each sender and receiver, 0: one */
    int64_t txtime;      /* UDP: enum traffic_txtime, but not TRAFFIC_TXTIME_BLIND */
    int64_t source_port; /* of the first stream; the others have the next ones */
    int64_t seed;        /* of what is random */
    int64_t dscp, ttl, flow_label;
    int64_t mss, nagle; /* TCP */
    char congestion[16];
    /* Of TRAFFIC_LAW_HISTOGRAM, else NULL; remote_streams_free() frees them. */
    struct traffic_empirical *length_histogram, *gap_histogram;
};

/* Frees the histograms. */
void remote_streams_free(struct remote_streams *streams);

/* Looks whether 'streams' make sense.  Returns 0, or -EINVAL with 'error' filled. */
int remote_streams_check(const struct remote_streams *streams, struct error *error);

/* Makes the plan of 'streams', which outlive it, to be freed with traffic_plan_free(); flows from the other
 * end are 'reverse', the responses to a flow the one behind it. Returns 0, -EINVAL as above, or -ENOMEM, with
 * 'error' filled. */
int remote_streams_plan(const struct remote_streams *streams, struct traffic_plan *plan, struct error *error);

/* True if the time ends the streams, not a number of packets. */
bool remote_streams_timed(const struct remote_streams *streams);

/* Bits of payload a second of one direction, the mean and of both the larger, INT64_MAX for as fast as it
 * goes. */
int64_t remote_streams_rate(const struct remote_streams *streams);

/* A number that is the same at both ends if their plans are. */
uint64_t remote_streams_digest(const struct traffic_plan *plan);

/* 'streams' as an object, NULL without memory. */
json_t *remote_streams_write(const struct remote_streams *streams);

/* Bytes of payload that one gap stands for, the mean; at least 1. */
int64_t remote_streams_piece(const struct remote_streams *streams);

/* Reads 'streams', to be freed in each case, from an object of the other end's and checks them.  Returns 0,
 * or -EPROTO, -EINVAL or -ENOMEM with 'error' filled. */
int remote_streams_read(const json_t *object, struct remote_streams *streams, struct error *error);
