/* What the collector hands to a store: one struct a table.
 *
 * A number that was not said is STORE_NULL.  Unsigned 64-bit counters above INT64_MAX are stored as
 * INT64_MAX. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/flow_key.h"

#define STORE_NULL INT64_MIN

/* 'value' as the store can hold it. */
static inline int64_t store_count(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

enum rate_source { RATE_NONE, RATE_RECORD, RATE_OPTIONS, RATE_CONFIG };

enum byte_layer {
    LAYER_L2,     /* frame without FCS */
    LAYER_L2_FCS, /* frame with FCS */
    LAYER_L3,     /* IP packet */
};

enum flow_direction { FLOW_INGRESS = 0, FLOW_EGRESS = 1 };

enum interface_kind { INTERFACE_INDEX = 0, INTERFACE_DISCARDED = 1, INTERFACE_MULTIPLE = 2 };

enum truth_direction {
    TRUTH_OUT = 0, /* out of the station, towards the switch */
    TRUTH_IN = 1,  /* into the station */
};

#define STORE_TRANSPORT_SIZE 112
#define STORE_EVIDENCE_SIZE  256
#define STORE_NAME_SIZE      64

struct exporter_row {
    int64_t id; /* from store_next_id() */
    char protocol[16];
    struct ip_address agent;
    int64_t domain;
    char transport[STORE_TRANSPORT_SIZE];
    char dialect[16];
    char dialect_evidence[STORE_EVIDENCE_SIZE];
    bool dialect_override;
    enum byte_layer byte_layer;
    int64_t sampling_rate; /* or STORE_NULL */
    enum rate_source rate_source;
    bool scaled;
    int64_t first_ns;
    int64_t last_ns;
};

struct sflow_sample_row {
    int64_t exporter_id;
    int64_t recv_ns;
    bool has_key;
    struct flow_key key;
    int64_t sequence;
    int64_t source_id;
    int64_t sampling_rate;
    int64_t sample_pool;
    int64_t drops;
    int64_t input_kind, input;
    int64_t output_kind, output;
    int64_t frame_bytes;
    int64_t stripped;
    int64_t header_bytes;
    int64_t vlan, tos, ttl, tcp_flags;
    bool discarded;     /* a discarded packet's notice, not a sample */
    const char *tunnel; /* a constant's text, or NULL; with it 'inner' may be known */
    bool has_inner;
    struct flow_key inner;
    bool has_macs;
    uint8_t src_mac[6], dst_mac[6];
    char *extra; /* JSON or NULL; malloc'ed, freed by the store */
};

struct flow_record_row {
    int64_t exporter_id;
    int64_t recv_ns;
    bool has_key;
    struct flow_key key;
    int64_t packets;
    int64_t bytes;
    int64_t l3_bytes;
    int64_t direction;
    int64_t start_ns, end_ns;
    int64_t input, output;
    int64_t sampling_rate;
    enum rate_source rate_source;
    bool scaled;
    int64_t template_id;
    int64_t vlan, tos, ttl, tcp_flags, end_reason;
    bool has_src_mac, has_dst_mac;
    uint8_t src_mac[6], dst_mac[6];
    int64_t src_as, dst_as;
    struct ip_address next_hop;
    char *extra; /* as above */
};

struct counter_sample_row {
    int64_t exporter_id;
    int64_t recv_ns;
    int64_t sequence;
    int64_t source_id;
    int64_t ifindex;
    char if_name[STORE_NAME_SIZE]; /* "" for none */
    int64_t of_port, datapath;
    int64_t if_speed, if_status;
    int64_t in_octets, in_unicast, in_multicast, in_broadcast, in_discards, in_errors;
    int64_t out_octets, out_unicast, out_multicast, out_broadcast, out_discards, out_errors;
    char *extra; /* as above */
};

struct interface_row {
    char name[STORE_NAME_SIZE];
    int64_t ifindex, of_port, datapath; /* each may be STORE_NULL, and then leaves what is known as it is */
};

struct capture_row {
    int64_t id; /* from store_next_id() */
    char name[STORE_NAME_SIZE];
    char role[16];
    bool has_mac;
    uint8_t mac[6];
    int64_t station;
    int64_t received, dropped, if_dropped, processed, overflow, malformed;
};

struct truth_row {
    int64_t capture_id;
    enum truth_direction direction;
    struct flow_key key;
    int64_t bucket_ns;
    int64_t packets;
    int64_t bytes;
    double square_sum;
    int64_t first_ns, last_ns;
};

struct stage_row {
    char stage[32];
    char direction[24];
    int64_t packets, bytes;
    char source[96];
};

struct exporter_health_row {
    int64_t exporter_id;
    int64_t at_ns;
    int64_t datagrams, bytes, records;
    int64_t lost;
    char lost_unit[16];
    int64_t reordered, duplicated, restarts;
    int64_t unknown_templates, held, malformed, unknown_records;
    int64_t lost_samples, lost_counters, dropped_samples;
};

struct collector_health_row {
    int64_t at_ns;
    int64_t datagrams, kernel_drops, queue_drops, unrecognised, buffer_bytes;
};

#define STORE_TEMPLATE_MAX 2048

struct template_row {
    char protocol[16];
    struct ip_address agent;
    int64_t domain;
    char transport[STORE_TRANSPORT_SIZE];
    int64_t template_id;
    int64_t recv_ns;
    bool options;
    bool withdrawn; /* it holds no more; of 'template_id' 0: no template of the exporter and 'options' does */
    uint16_t size;
    uint8_t body[STORE_TEMPLATE_MAX];
};

struct traffic_run_row {
    int64_t id; /* from store_next_id() */
    char profile[STORE_NAME_SIZE];
    int64_t seed;
    int64_t started_ns, ended_ns; /* ended_ns may be STORE_NULL; the same id again updates it */
    char settings[4096];          /* JSON */
    int64_t tcp_interval_ns;      /* or STORE_NULL, as the rest */
    int64_t send_cpu_ns, receive_cpu_ns;
    int64_t send_batch_max, receive_batch_max;
    int64_t late_packets, late_p50_ns, late_p99_ns, late_max_ns;
};

struct traffic_flow_row {
    int64_t run_id;
    int64_t number;
    struct flow_key key;
    int64_t sent_packets, sent_bytes, received_packets, received_bytes;
    int64_t lost, duplicated, reordered;
    int64_t owd_min_ns, owd_p50_ns, owd_p90_ns, owd_p99_ns, owd_p999_ns, owd_max_ns;
    int64_t jitter_ns, pdv_p50_ns, pdv_p99_ns;
    char failed[96]; /* "" for none */
    int64_t class;
    int64_t retransmitted, rtt_ns, rtt_mean_ns, rtt_max_ns, rtt_min_ns, cwnd_max_bytes; /* or STORE_NULL, */
    int64_t loss_bursts, loss_longest, reorder_extent;                                  /* as the rest */
    int64_t responses, response_min_ns, response_p50_ns, response_p90_ns, response_p99_ns, response_p999_ns,
        response_max_ns;
};

struct traffic_interval_row {
    int64_t run_id;
    int64_t class; /* STORE_NULL: all flows together, and what follows the counts counts; else it doesn't */
    int64_t start_ns, end_ns;
    int64_t sent_packets, sent_bytes, received_packets, received_bytes;
    int64_t owd_p50_ns, owd_p99_ns, owd_max_ns; /* or STORE_NULL, as the rest */
    int64_t tcp_flows, retransmitted;
    int64_t rtt_p50_ns, rtt_p99_ns, rtt_max_ns, rtt_min_ns;
    int64_t cwnd_p50_bytes, delivery_bps, unacked_bytes;
};

struct traffic_tcp_interval_row {
    int64_t run_id;
    int64_t number;
    int64_t start_ns, end_ns;
    int64_t retransmitted;
    int64_t rtt_ns, rttvar_ns, rtt_min_ns; /* or STORE_NULL, as the rest */
    int64_t cwnd_bytes, ssthresh_bytes, delivery_bps, unacked_bytes;
};

struct traffic_histogram_row {
    int64_t run_id;
    int64_t class; /* STORE_NULL: all flows together */
    int64_t low_ns, high_ns, count;
};

struct traffic_loss_row {
    int64_t run_id;
    int64_t low, high, count; /* 'high' may be STORE_NULL */
};

struct traffic_stamp_row {
    int64_t run_id;
    int64_t number, sequence;
    int64_t sent_ns;
    int64_t tap_out_ns, tap_in_ns, received_ns; /* or STORE_NULL */
};
