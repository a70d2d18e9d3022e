/* The report: everything that is said about a session, once.  compare.c builds it, the renderers show it and
 * compute nothing of their own, so that no two formats can disagree. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/read/reader.h"
#include "common/error.h"
#include "common/flow_key.h"
#include "reports/rules.h"
#include "reports/stats/accuracy.h"
#include "reports/stats/chance.h"
#include "reports/stats/interval.h"
#include "reports/stats/sizes.h"

#define REPORT_SOURCES_MAX   6
#define REPORT_EXPORTERS_MAX 64
#define REPORT_CAPTURES_MAX  16
#define REPORT_NOTES_MAX     16
#define REPORT_DECADES       12
#define REPORT_LEDGER_MAX    256
#define REPORT_PORTS_MAX     64
#define REPORT_BINS_MAX      600

enum report_kind {
    REPORT_SFLOW,
    REPORT_NETFLOW,
    REPORT_IPFIX,
    REPORT_IPFIX_FLOW /* of single OpenFlow rules' sample actions */
};

/* What a source can see at all. */
enum report_sight {
    REPORT_SEES_ALL,
    REPORT_SEES_IP,
    REPORT_SEES_IPV4,
    REPORT_SEES_CHOSEN /* the flows whose OpenFlow rule samples them */
};

/* From where it is known what the switch took in at one of its ports. */
enum report_basis {
    REPORT_OFFERED,   /* what was sent to it: the switch took in just as much */
    REPORT_DELIVERED, /* what came out at the other port: the switch delivered just as much as it took in */
    REPORT_AT_MOST,   /* what was sent to it; it took in another number, and nobody knows of which flows */
    REPORT_AT_OTHER,  /* what came out at the other port; nobody counted what the switch took in */
    REPORT_LONE_TAP,  /* both ways of the only tap: out of it as offered, into it as delivered */
};

/* Yes, no, or nobody can say. */
enum report_answer { REPORT_NO, REPORT_YES, REPORT_UNKNOWN };

struct report_note {
    char text[640];
};

struct report_notes {
    struct report_note notes[REPORT_NOTES_MAX];
    size_t count;
};

/* One flow as one source gives it. */
struct report_estimate {
    bool visible;            /* the source can see such a flow; if not, the rest says nothing */
    uint64_t packets, bytes; /* the estimate: scaled, bytes of the source's layer */
    double samples; /* sampled packets; of an unsampled source its packets; NAN when the rate is unknown */
    double size_sum, square_sum;                /* of the sampled packets' sizes and their squares */
    double sized;                               /* samples that said their size */
    double rate;                                /* 1-in-this, or NAN */
    uint64_t truth_bytes;                       /* the flow's true bytes in the source's layer */
    struct stats_interval packets_ci, bytes_ci; /* NAN when the rate is unknown, see report_has_interval() */
    bool within, bytes_within;                  /* the truth lies in the interval */
    int64_t first_recv_ns;                      /* when the collector first knew of the flow, or READ_NULL */
    double detection_ns;                        /* after the flow's first frame at a tap, or NAN */
};

struct report_flow {
    int64_t id;
    struct flow_key key;
    uint64_t packets, bytes; /* the truth in the window, by the session's rule; bytes layer 2 without FCS */
    uint64_t met_packets, met_bytes;   /* likewise in the whole session, in or out of the window */
    double met_squares;                /* of their sizes */
    uint64_t out_packets;              /* out of the stations, in the whole session */
    uint64_t in_packets;               /* into the stations, likewise; each copy of a frame ... */
    uint64_t *came_to;                 /* ... by entry */
    uint64_t arrived_packets;          /* into the stations in the window */
    int64_t first_ns, last_ns;         /* of its frames at a tap, or READ_NULL */
    int64_t entry;                     /* by which it comes in, or READ_NULL */
    bool own;                          /* UDP of nsmon's endpoints, in one run or several */
    struct report_estimate *estimates; /* one a source */
};

/* All flows, found by their id in the store. */
struct report_flows {
    struct report_flow *flows; /* by size, the largest first, once built */
    size_t count, capacity;
    size_t *index; /* hash table of positions + 1 */
    size_t index_size;
    size_t sources, entries;
};

struct report_decade {
    double low, high; /* true packets: low <= packets < high */
    struct stats_summary packets;
    uint64_t flows;
};

/* What the exporters of a source sent, and what of it did not arrive or could not be read. */
struct report_volume {
    int64_t datagrams, bytes, records;
    int64_t lost_datagrams, lost_records; /* lost_datagrams is READ_NULL when the protocol counts records */
    int64_t reordered, duplicated, restarts, unknown_templates, held, malformed, unknown_records;
};

struct report_source {
    char name[80];     /* as asked for: sflow, netflow9, sflow@10.0.0.1 */
    char title[80];    /* for people: sFlow 1-in-64 */
    char protocol[16]; /* sflow5, netflow5 ..., of its first exporter; "" when it has none */
    enum report_kind kind;
    size_t exporters;
    bool openvswitch;
    double rate;     /* 1-in-this; 1 when it is not sampled; NAN when nobody said */
    double set_rate; /* what the session was told to set; NAN when it was not */
    double rate_low, rate_high;
    bool rate_unknown; /* its counts arrived scaled, and nobody said by how much */
    bool sampled;
    enum report_sight sight;
    enum read_layer layer;
    uint64_t truth_flows, truth_packets, truth_bytes; /* of what it can see, in its layer */
    uint64_t packets, bytes;                          /* all it said in the window */
    uint64_t seeable_packets;                         /* of the truth, also when no exporter spoke */
    double samples, size_sum, square_sum;
    struct stats_interval packets_ci, bytes_ci;
    struct stats_summary packets_summary, bytes_summary; /* over the flows of the truth */
    struct stats_rate_test rate_test;
    uint64_t differing_flows; /* flows whose packets or bytes are not exactly the truth's */
    uint64_t over_packets;    /* sum of what it says too much of single flows, extra flows included ... */
    uint64_t under_packets;   /* ... and too little */
    uint64_t byte_faults;     /* flows whose bytes are off in another way than their packets */
    uint64_t extra_flows;     /* flows it said and the truth does not have */
    uint64_t extra_packets;
    uint64_t phantom_flows; /* of those: flows that no tap saw, at no time in the session */
    uint64_t phantom_packets;
    double phantom_samples;
    char phantom[FLOW_KEY_TEXT_SIZE]; /* the largest of them */
    uint64_t phantom_largest;
    struct stats_sizes sizes;           /* of a sampled source */
    struct stats_bytes_test bytes_test; /* of its total bytes */
    uint64_t sizes_unknown;             /* samples that did not say how large their frame was */
    uint64_t egress_counted;            /* records of the way out that were, since the exporter is not OVS */
    uint64_t unattributed;              /* samples and records without a readable flow key */
    uint64_t outside_window;            /* rows outside the measurement window */
    uint64_t elsewhere;                 /* rows of frames that came in where nobody captured, not compared */
    uint64_t egress_skipped;            /* records of the way out of the switch, not counted */
    double detection_p50_ns, detection_p95_ns, detection_max_ns; /* NAN for none */
    struct report_volume volume;
    struct report_decade decades[REPORT_DECADES];
    enum report_answer ok;
    char finding[640]; /* one sentence: what is right or wrong with it */
    struct report_notes notes;
};

/* One stage of the ledger: a count that somebody kept. */
struct report_stage {
    char stage[32];         /* sent, tap_out, switch_in, switch_out, tap_in, received, or ..._drop */
    char direction[32];     /* ns1>ns2 */
    int64_t packets, bytes; /* READ_NULL when nobody counted */
    char source[96];        /* who counted */
    int64_t explained;      /* of frames dropped on purpose: how many a loss has been told by already */
};

/* A port of the switch where frames that come in were captured, at the port or at the station behind it. */
struct report_entry {
    char name[32];   /* "ns1", or what the port is called */
    char out[32];    /* the direction of what goes into the switch here in the ledger, "ns1>ns2" */
    char in[32];     /* likewise of what comes out of it here */
    size_t capture;  /* its number in the report */
    int64_t station; /* or READ_NULL */
    enum report_basis rule;
    int64_t offered, taken, delivered; /* frames of the session; READ_NULL when nobody counted */
    uint64_t may_lack, may_exceed;     /* frames that the truth of its flows may not have, or too many */
    char text[280];                    /* the rule, and why it held */
};

/* A port of the bridge that nsmon was attached to. */
struct report_port {
    char name[32];
    int64_t ifindex, of_port; /* or READ_NULL */
    char capture[96];         /* the name of the capture there, or "" */
};

/* How the session was shaped, as its settings say; texts for people. */
struct report_text {
    char text[256];
};

struct report_setup {
    int64_t hosts, addresses; /* 0 when nobody said */
    char scenario[64];        /* its name, or "" */
    struct report_text impairments[REPORT_CAPTURES_MAX];
    size_t impairment_count;
    struct report_text rules[REPORT_RULES_MAX]; /* of OpenFlow, meters behind them */
    size_t rule_count;
    struct report_port ports[REPORT_PORTS_MAX];
    size_t port_count;
};

/* All frames that a tap saw, of the whole session: the measurement window cuts no stage of the ledger. */
struct report_tap {
    uint64_t out_packets, out_bytes;
    uint64_t in_packets, in_bytes;
};

/* What got lost between two stages, and with whom. */
struct report_loss {
    char direction[32];
    char from[32], to[32];
    int64_t packets;     /* above 0: lost; below: more came than went */
    int64_t unexplained; /* of them, what is not known to have been done on purpose */
    char text[640];
};

struct report_ledger {
    struct report_stage stages[REPORT_LEDGER_MAX];
    size_t stage_count;
    struct report_loss losses[REPORT_LEDGER_MAX];
    size_t loss_count;
    size_t left_out; /* rows that found no room */
    struct report_notes notes;
};

/* A bin of the rate over time. */
struct report_bin {
    double truth_bytes;
    double bytes[REPORT_SOURCES_MAX];
};

struct report_series {
    int64_t start_ns, width_ns;
    size_t count;
    struct report_bin *bins;
};

struct report_traffic {
    uint64_t flows, failed;
    uint64_t udp_sent, udp_received, udp_lost, udp_duplicated, udp_reordered;
    uint64_t sent_bytes, received_bytes;       /* payload, TCP and UDP */
    int64_t tcp_retransmitted;                 /* segments, or READ_NULL, as the next ones */
    int64_t udp_loss_bursts, udp_loss_longest; /* rows of losses, and datagrams of the longest */
    int64_t udp_reorder_extent;                /* the largest */
    char profile[64];
};

/* Runs that are told of singly, the seconds, or longer bins, of one, and the points of a distribution. */
#define REPORT_RUNS_MAX   16
#define REPORT_RUN_BINS   240
#define REPORT_CDF_POINTS 35
#define REPORT_LOSS_BINS  24

struct report_run_bin {
    double sent_bytes, received_bytes; /* payload */
    double length_ns;                  /* of the intervals in it */
    bool has_delay;
    double p50_ns, p99_ns; /* one-way delay; of a bin of several intervals those of the worst */
    bool has_tcp;
    double retransmitted; /* segments */
    bool has_rtt;
    double rtt_p50_ns, rtt_p99_ns; /* over the TCP flows, of their smoothed round trips; likewise */
};

/* The share 'share' of the datagrams had a delay of at most 'ns'. */
struct report_cdf_point {
    double share, ns;
};

enum report_delay_place {
    REPORT_DELAY_ALL,      /* from sending to receiving */
    REPORT_DELAY_SENDER,   /* to the sender's tap */
    REPORT_DELAY_SWITCH,   /* from tap to tap */
    REPORT_DELAY_RECEIVER, /* to the receiving socket */
    REPORT_DELAY_PARTS,
};

struct report_delay_part {
    double p50_ns, p99_ns;
};

/* A run of nsmon's own endpoints. */
/* A distribution of times, of 'count' of them. */
struct report_cdf {
    uint64_t count;
    struct report_cdf_point points[REPORT_CDF_POINTS];
    size_t point_count;
};

struct report_run {
    struct read_traffic_run run;
    int64_t width_ns; /* of a bin */
    struct report_run_bin bins[REPORT_RUN_BINS];
    size_t bin_count;
    bool has_tcp;
    double retransmitted;          /* segments of TCP, all of it */
    double rtt_p50_ns, rtt_p99_ns; /* of the bins' the median, and the largest; NAN where there are none */
    struct report_cdf owd;         /* one-way delays */
    struct report_cdf responses;   /* how long responses to its requests took */
    uint64_t stamps; /* datagrams of which it is known where they were when; 0: the parts are not */
    struct report_delay_part parts[REPORT_DELAY_PARTS];
    struct read_traffic_loss losses[REPORT_LOSS_BINS]; /* rows of losses, the shortest first */
    size_t loss_count;
};

struct report_runs {
    struct report_run runs[REPORT_RUNS_MAX];
    size_t count;
    size_t left_out; /* for which there was no room */
};

/* Two sources beside each other, flows that both can see. */
struct report_pair {
    size_t a, b; /* sources */
    uint64_t flows;
    uint64_t a_packets, b_packets, a_bytes, b_bytes;
    uint64_t apart;   /* flows whose intervals have nothing in common */
    bool apart_known; /* both have intervals */
};

struct report {
    char database[4096];
    struct read_session session;
    bool has_truth;
    bool one_tap;       /* one station alone was captured: what left it was offered there, what came
                         * into it delivered there */
    bool partial;       /* frames came in where nobody captured: they are not compared */
    int64_t out_unseen; /* frames that went out by ports that were not captured */
    bool has_delivery;  /* every port was captured: it is known what came out again ... */
    bool flow_delivery; /* ... and of which flow, since no rule makes another flow of it */
    uint64_t delivered_packets, undelivered_packets,
        copied_packets;        /* of the truth, see report_delivered(); or all flows together */
    bool truth_complete;       /* no capture dropped a frame and every flow had room */
    bool truth_uncertain;      /* frames were lost where nobody knows of which flow, see the ledger's notes */
    uint64_t truth_may_lack;   /* how many frames it may not have ... */
    uint64_t truth_may_exceed; /* ... and how many too many */
    uint64_t truth_flows, truth_packets, truth_bytes;
    struct report_flows flows;
    struct report_source sources[REPORT_SOURCES_MAX];
    size_t source_count;
    struct read_exporter exporters[REPORT_EXPORTERS_MAX];
    struct report_rules rules;           /* of the lab's bridge */
    int source_of[REPORT_EXPORTERS_MAX]; /* the source that an exporter belongs to, or -1 */
    size_t exporter_count;
    struct read_capture captures[REPORT_CAPTURES_MAX];
    struct report_tap taps[REPORT_CAPTURES_MAX]; /* of the same captures */
    int entry_of[REPORT_CAPTURES_MAX];           /* where a capture stands, or -1: another one covers it */
    size_t capture_count;
    struct report_entry entries[REPORT_CAPTURES_MAX];
    size_t entry_count;
    struct report_setup setup;
    struct read_collector_health collector;
    bool has_collector;
    struct report_traffic traffic;
    struct report_runs runs;
    struct report_ledger ledger;
    struct report_series series;
    struct report_pair pairs[REPORT_SOURCES_MAX];
    size_t pair_count;
    enum report_answer ok;
    char verdict[4096];
    struct report_notes notes;
};

/* False where nobody can say how far chance may have taken 'estimate', since its sampling rate is unknown. */
static inline bool report_has_interval(const struct report_estimate *estimate) {
    return !isnan(estimate->packets_ci.low);
}

/* What of the frames of 'flow' that the switch took in came out of it again.  Of a flow of which some frames
 * were dropped and others copied only the balance is known. */
static inline uint64_t report_delivered(const struct report_flow *flow) {
    return flow->arrived_packets < flow->packets ? flow->arrived_packets : flow->packets;
}

/* How many frames of 'flow' came out more than once, each time counted. */
static inline uint64_t report_copied(const struct report_flow *flow) {
    return flow->packets > 0 && flow->arrived_packets > flow->packets ? flow->arrived_packets - flow->packets
                                                                      : 0;
}

/* Adds the formatted note, unless 'notes' is full. */
void report_note(struct report_notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees what 'report' holds.  Takes NULL. */
void report_free(struct report *report);
