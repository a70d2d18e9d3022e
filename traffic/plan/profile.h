/* Profiles: what kinds of flows a run of traffic is made of, and the plan of one run that is made from one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/greeting.h"

/* What datagrams, responses and TCP connections begin with (traffic/wire.h): they have so many bytes of
 * payload at least. */
#define TRAFFIC_DATAGRAM_SIZE GREETING_SIZE
#define TRAFFIC_RESPONSE_SIZE (TRAFFIC_DATAGRAM_SIZE + 16)
#define TRAFFIC_PREAMBLE_SIZE 24

/* How large the flows of a group are, in packets: within the group's range, and but for the first at random.
 */
enum traffic_sizes {
    TRAFFIC_SIZES_LOG,         /* evenly on a log scale from the smallest to the largest, ends included */
    TRAFFIC_SIZES_PARETO,      /* Pareto of 'alpha': few large, many small */
    TRAFFIC_SIZES_UNIFORM,     /* of 'sizes_mean' and 'sizes_shape', from here on */
    TRAFFIC_SIZES_EXPONENTIAL, /* but for the histogram, which 'sizes_histogram' is */
    TRAFFIC_SIZES_NORMAL,
    TRAFFIC_SIZES_LOGNORMAL,
    TRAFFIC_SIZES_HISTOGRAM,
};

/* When the flows of a group begin. */
enum traffic_arrivals {
    TRAFFIC_ARRIVALS_FIT,      /* at random, anywhere where the flow fits into the run */
    TRAFFIC_ARRIVALS_EVEN,     /* at equal distances over the run */
    TRAFFIC_ARRIVALS_POISSON,  /* as a Poisson process over the run, of which 'count' arrivals are known */
    TRAFFIC_ARRIVALS_TOGETHER, /* all at the run's beginning, not in step: they are there at the same time */
};

/* A probability distribution: of the time from one packet of a flow to the next, or of sizes. */
enum traffic_law {
    TRAFFIC_LAW_CONSTANT,
    TRAFFIC_LAW_UNIFORM,     /* of gaps: from 0 to twice the mean; of sizes: over their range */
    TRAFFIC_LAW_EXPONENTIAL, /* of gaps: the packets are a Poisson process */
    TRAFFIC_LAW_NORMAL,      /* of gaps: cut at 0 */
    TRAFFIC_LAW_PARETO,
    TRAFFIC_LAW_LOGNORMAL,
    TRAFFIC_LAW_HISTOGRAM, /* measured somewhere, see traffic/plan/empirical.h */
};

/* Its name, as in scenarios. */
const char *traffic_law_name(unsigned int law);

struct traffic_empirical;

/* How random values are drawn, see traffic/plan/distribution.h. */
struct traffic_distribution {
    uint8_t law; /* enum traffic_law */
    double a, b; /* what its law has */
    const struct traffic_empirical *histogram;
};

/* Flows that are alike.  Sizes are for a run of the profile's own duration at scale 1; a longer run has
 * larger flows, so that the rate stays.
 *
 * What is 0 is as if it were not there, so that the first eight say all that a plain group needs. */
struct traffic_group {
    uint8_t protocol; /* PROTOCOL_TCP or PROTOCOL_UDP */
    uint8_t family;   /* 4 or 6 */
    uint32_t count;   /* of flows; of pairs with 'both_ways' */
    uint32_t
        packets_min; /* sizes of the flows, see 'sizes'; for TCP in full segments.  Both 0 with a 'pps': */
    uint32_t packets_max; /* as many as there is time for, from the flow's start to the run's end */
    uint16_t payload_min; /* UDP: bytes of payload of a datagram; the flows take values in between */
    uint16_t payload_max; /* evenly on a log scale */
    /* UDP, enum traffic_law: how the datagrams of one flow differ in size, within the range; constant: they
     * don't.  'payload_mean' and the like, below, are its. */
    uint8_t payload_law;

    uint8_t both_ways; /* UDP: 1 if each flow has a twin from the server's host to the client's: voice */
    uint8_t sizes;     /* enum traffic_sizes */
    uint8_t arrivals;  /* enum traffic_arrivals */
    uint8_t gaps;      /* enum traffic_law */
    /* 1: as fast as it goes, from the run's beginning on; 'arrivals', 'gaps', 'pps' and bursts say nothing
     * then.  Both 'packets' 0: to the run's end. */
    uint8_t fast;
    /* Of the IP header: the differentiated services code point (RFC 2474), time to live or hop limit, and
     * flow label (IPv6, below); 0 is the host's own. */
    uint8_t dscp, ttl;
    /* Of TCP: 1 to let small pieces wait for each other (RFC 896), which else they don't; the largest
     * segment, or 0; and (below) congestion control, as the kernel calls it, or NULL. */
    uint8_t nagle;
    uint16_t mss;
    /* Of Pareto gaps the alpha; of normal and log-normal ones the coefficient of variation; 0: what is usual
     */
    double gap_shape;
    const struct traffic_empirical *gap_histogram; /* ns; without 'pps' its mean is the flow's, too */
    double alpha;                                  /* of Pareto sizes, above 0: 1.2 is the Internet's */
    /* Of other random sizes the mean, before what lies outside the range is drawn again, 0 for the middle of
     * the range; the shape is as that of gaps.  First of flows, in packets, then of datagrams, in bytes. */
    double sizes_mean, sizes_shape;
    const struct traffic_empirical *sizes_histogram;
    double payload_mean, payload_shape;
    const struct traffic_empirical *payload_histogram;
    /* Packets/s of a flow while it lasts: isochronous with constant gaps.  A flow for which there is no time
     * left in the run is cut short.  0: the packets are spread over the flow's share of the run. */
    double pps;
    /* The same as bits of payload a second: of each flow, or of all of the group together. */
    double rate_bps, total_rate_bps;
    /* Bytes of the response that the server gives to each packet, then a request; each flow has its own size
     * of the range, and a twin that is made up of the responses.  0: none.  The next request of a fast flow
     * goes out when the response is there.  TCP: 'payload' is the request's size, and one request is under
     * way at a time. */
    uint32_t response_min, response_max;
    /* On-off: packets of a burst, from one to the next of them, and from burst to burst (0: 'pps' or the
     * flow's share of the run says so).  0 packets: no bursts. */
    uint32_t burst_packets;
    uint32_t flow_label;
    int64_t burst_gap_ns, burst_period_ns;
    /* The flows spread over so many of the first addresses of the client's host and of the server's; 0, or
     * more than there are: all. */
    uint32_t sources, destinations;
    const char *congestion;
};

/* What a TCP segment carries at an MTU of 1500 with timestamps: the most, and for an IP version of 'family'.
 */
#define TRAFFIC_SEGMENT_BYTES 1448
static inline uint64_t traffic_segment_bytes(uint8_t family) {
    return family == 6 ? TRAFFIC_SEGMENT_BYTES - 20 : TRAFFIC_SEGMENT_BYTES;
}

struct traffic_profile {
    const char *name;
    const char *summary; /* one line for people */
    int64_t duration_ns;
    const struct traffic_group *groups;
    size_t group_count;
};

#define TRAFFIC_PROFILE_DEFAULT "mixed"

/* The profile called 'name', or NULL. */
const struct traffic_profile *traffic_profile_find(const char *name);

/* All profiles, '*count' of them. */
const struct traffic_profile *traffic_profiles(size_t *count);

/* One flow of a plan: from the client's host to the server's, or back. */
struct traffic_flow {
    uint32_t number;  /* within the plan, from 0 */
    uint8_t protocol; /* PROTOCOL_TCP or PROTOCOL_UDP */
    uint8_t family;   /* 4 or 6 */
    uint8_t reverse;  /* 1: from the server's host to the client's */
    uint8_t responds; /* 1: it is made up of the responses to the flow before it; 'reverse' is 1, too, and
                       * 'dport' is the port of that flow's sender, 'sport' the one that it sends to */
    uint8_t class;    /* the group of the profile that it is of; see TRAFFIC_CLASSES_MAX */
    uint8_t gaps;     /* enum traffic_law; with bursts it is that of the pauses */
    struct traffic_distribution random_gaps;    /* the same, ready to be drawn from */
    struct traffic_distribution random_payload; /* sizes of datagrams, between the two below */
    double payload_mean;                        /* see the group's */
    double payload_usual;                       /* the mean of what is drawn; of all alike their size */
    uint16_t sport;                             /* the sender binds it */
    uint16_t dport;       /* the first port of the plan plus 0 to TRAFFIC_SERVER_PORTS - 1 */
    uint16_t payload_min; /* UDP: bytes of a datagram's payload, header included */
    uint16_t payload_max;
    uint32_t source, destination; /* which address of the sending host, and of the receiving one; from 0 */
    uint64_t packets;             /* UDP: datagrams to send; TCP: about so many segments */
    uint32_t request;             /* TCP: bytes of a request, 0 where none is answered */
    uint32_t response;            /* bytes of the response to each request; 0: none */
    uint64_t bytes;               /* TCP: payload to send, preamble included; UDP: about so many */
    int64_t start_ns;             /* after the run's beginning */
    int64_t length_ns;      /* from the first to the last packet; with random gaps at most, nearly always */
    int64_t gap_ns;         /* between two datagrams, or full segments; the mean of random gaps */
    uint32_t burst_packets; /* 0: no bursts; else 'gap_ns' is within a burst */
    int64_t pause_ns;       /* from the last packet of a burst to the first of the next one, or the mean */
    const struct traffic_group *group; /* that it is of, for what a socket is to be told; NULL: nothing */
    uint8_t timed; /* 1: it ends when 'length_ns' is over, however many packets that were */
    uint8_t fast;  /* 1: without gaps, as fast as it goes, until 'length_ns' is over at the latest */
};

/* What is counted of a plan stands on three boards: of the flows that clients send, forward and reverse, and
 * of the responses to forward ones. */
enum traffic_side { TRAFFIC_SIDE_FORWARD, TRAFFIC_SIDE_REVERSE, TRAFFIC_SIDE_RESPONSES, TRAFFIC_SIDES };

/* The board of 'flow'. */
static inline unsigned int traffic_flow_side(const struct traffic_flow *flow) {
    return flow->responds != 0 ? TRAFFIC_SIDE_RESPONSES : flow->reverse;
}

/* The largest response of TCP. */
#define TRAFFIC_RESPONSE_MAX 100000000U

/* Of TCP: the bytes that 'packets' and 'gap_ns' of a flow count, a request or a full segment. */
static inline uint64_t traffic_flow_piece(const struct traffic_flow *flow) {
    return flow->request > 0 ? flow->request : traffic_segment_bytes(flow->family);
}

/* The 'packets' of a fast flow that only time ends; its 'bytes' are as many. */
#define TRAFFIC_ENDLESS (UINT64_C(1) << 48)

/* The server listens on so many ports in a row, TCP and UDP. */
#define TRAFFIC_SERVER_PORTS 4
#define TRAFFIC_FIRST_PORT   7700
/* Source ports lie below the ephemeral range and above the well-known ones. */
#define TRAFFIC_SOURCE_FIRST 10000
#define TRAFFIC_SOURCE_END   30000
#define TRAFFIC_SOURCE_PORTS (TRAFFIC_SOURCE_END - TRAFFIC_SOURCE_FIRST)
/* Of a plan: what is counted of a flow takes about a kilobyte. */
#define TRAFFIC_MAX_FLOWS ((size_t)100000)
/* Classes of flows, one a group of the profile; the groups beyond are of the last class. */
#define TRAFFIC_CLASSES_MAX 16
/* Addresses of a host that a plan makes use of. */
#define TRAFFIC_MAX_ADDRESSES 65536U

/* What one run makes of a profile.  What is 0 is the profile's own. */
struct traffic_plan_settings {
    int64_t duration_ns; /* 0.1 s to a week */
    double scale;        /* times the packets, 0.001 to 1000; 0 is 1 */
    size_t flows;        /* in all, each group in proportion: the flows stay what they are */
    uint64_t seed;
    uint32_t client_addresses, server_addresses; /* that the two hosts have; 0 is 1 */
};

struct traffic_plan {
    const struct traffic_profile *profile;
    uint64_t seed;
    int64_t duration_ns;
    double scale;
    uint32_t client_addresses, server_addresses; /* at least 1 */
    struct traffic_flow *flows;                  /* by number */
    struct traffic_group *group; /* that goes with the plan, where its flows have one; else NULL */
    size_t count;
    size_t class_count;    /* at least 1 */
    size_t reverse_count;  /* of them, those from the server's host to the client's, but for the next: */
    size_t response_count; /* those that are made up of responses */
};

/* What a plan will offer, all flows together; bytes are on the wire, layer 2 without FCS, acknowledgements
 * not counted. */
struct traffic_load {
    uint64_t packets;
    uint64_t bytes;
    double mean_pps;
    double peak_pps; /* in the busiest tenth of the run */
    double mean_bps; /* bits a second */
    size_t fast;     /* flows that go as fast as they can: they are not in the figures above */
};

/* Expands 'profile' into 'plan', the flows of one run, as 'settings' want it; 'profile' is to outlive the
 * plan.
 *
 * The same settings give the same plan.  No two flows have the same addresses and ports; every flow ends
 * before the run's duration, but for a few in a thousand of those with random gaps.  Returns 0, -EINVAL with
 * 'error' filled for a setting out of range, for a group that makes no sense, and for more flows than there
 * are source ports at the addresses; or -ENOMEM. */
int traffic_plan_make(struct traffic_plan *plan, const struct traffic_profile *profile,
                      const struct traffic_plan_settings *settings, struct error *error);

/* The time from the packet number 'packet' of 'flow' to the next one: the same in every run. */
int64_t traffic_plan_gap(const struct traffic_plan *plan, const struct traffic_flow *flow, uint64_t packet);

/* How many bytes of payload the datagram number 'sequence' of the UDP flow 'flow' has: the same in every run.
 */
uint16_t traffic_plan_payload(const struct traffic_plan *plan, const struct traffic_flow *flow,
                              uint64_t sequence);

/* Frees what 'plan' holds.  Takes NULL and a zeroed plan. */
void traffic_plan_free(struct traffic_plan *plan);

/* Sums up 'plan'. */
struct traffic_load traffic_plan_load(const struct traffic_plan *plan);
