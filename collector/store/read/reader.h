/* The store's reading side: everything that anybody reads out of a database goes through here.
 *
 * A reader sees one moment of the file, that of its opening, however long it reads and whatever the collector
 * writes meanwhile.  It never writes and needs no write permission, neither on the file nor on its folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/error.h"
#include "common/flow_key.h"

/* A number that was not said. */
#define READ_NULL INT64_MIN

struct reader;

/* One row of session. */
struct read_session {
    int64_t id;
    char label[128];     /* "" for none */
    char kind[16];       /* lab, import, collect */
    char state[16];      /* running, stopped, failed */
    char prefix[32];     /* "" for none */
    char truth_rule[16]; /* delivered, offered: believed where the switch's counts are not known */
    int64_t started_ns;  /* since the epoch, like every time here */
    int64_t stopped_ns;  /* or READ_NULL, like the next two */
    int64_t window_start_ns, window_end_ns; /* the measurement window */
};

/* Opens the database 'path' as it is now.  Returns NULL with 'error' filled when it is missing, can't be
 * read, is not nsmon's or was made by a newer nsmon. */
struct reader *reader_open(const char *path, struct error *error);

/* Opens the database that holds the session 'wanted' (see reader_find_session()) and fills 'session'.
 *
 * 'prefix', unless NULL, says whose lab's latest session is meant.  'path' NULL looks into the default files,
 * root's /var/lib/nsmon/nsmon.db, the user's own under XDG_DATA_HOME and the collecting service's; when
 * several hold such a session the one that began last wins.  Returns NULL with 'error' filled when there is
 * none. */
struct reader *reader_open_session(const char *path, const char *wanted, const char *prefix,
                                   struct read_session *session, struct error *error);

/* Takes NULL. */
void reader_close(struct reader *reader);

/* The file's name, as opened. */
const char *reader_path(const struct reader *reader);

/* How many default files there are, and the name of the default file 'which' in 'path'.  Returns false for
 * the user's own file when neither XDG_DATA_HOME nor HOME is set. */
#define READER_DEFAULT_PATHS 3
bool reader_default_path(size_t which, char *path, size_t size);

/* Each of the functions below calls a function once a row, with 'context' untouched, and stops at the first
 * result that is not 0, which it returns.  They return -EIO with 'error' filled when the file can't be read
 * on. What is handed over is valid during the call only. */

typedef int read_session_fn(const struct read_session *session, void *context);

/* All sessions, the newest first. */
int reader_each_session(struct reader *reader, read_session_fn *fn, void *context, struct error *error);

/* Finds the session whose label or id is 'wanted'; NULL or "latest" is the one that began last, of the lab
 * 'prefix' unless that is NULL.  Returns 0, or -ENOENT with 'error' filled. */
int reader_find_session(struct reader *reader, const char *wanted, const char *prefix,
                        struct read_session *session, struct error *error);

/* The session's settings, a JSON object, to be freed by the caller; NULL when memory is out or it has none.
 */
char *reader_session_settings(struct reader *reader, int64_t session_id);

enum read_layer {
    READ_LAYER_L2,     /* frame without FCS */
    READ_LAYER_L2_FCS, /* frame with FCS */
    READ_LAYER_L3,     /* IP packet */
};

/* One row of exporter, with its last row of exporter_health. */
struct read_exporter {
    int64_t id;
    char protocol[16]; /* sflow5, netflow1, netflow5, netflow7, netflow9, ipfix */
    struct ip_address agent;
    int64_t domain;
    char transport[112];
    char dialect[16];
    char dialect_evidence[256];
    bool dialect_override;
    enum read_layer layer;
    int64_t sampling_rate; /* or READ_NULL */
    char sampling_source[16];
    bool scaled;
    int64_t first_ns, last_ns;
    bool has_health; /* else all that follows is 0 */
    int64_t datagrams, bytes, records;
    int64_t lost;
    char lost_unit[16];
    int64_t reordered, duplicated, restarts;
    int64_t unknown_templates, held, malformed, unknown_records;
};

typedef int read_exporter_fn(const struct read_exporter *exporter, void *context);
int reader_each_exporter(struct reader *reader, int64_t session_id, read_exporter_fn *fn, void *context,
                         struct error *error);

/* One row of capture. */
struct read_capture {
    int64_t id;
    char name[128];
    bool is_station; /* a tap, not a bridge port */
    int64_t station; /* or READ_NULL */
    int64_t received, dropped, if_dropped, processed, overflow, malformed;
};

typedef int read_capture_fn(const struct read_capture *capture, void *context);
int reader_each_capture(struct reader *reader, int64_t session_id, read_capture_fn *fn, void *context,
                        struct error *error);

/* The key of flow 'flow_id'.  Returns 0, or -ENOENT. */
int reader_flow(struct reader *reader, int64_t flow_id, struct flow_key *key, struct error *error);

/* One row of truth. */
struct read_truth {
    int64_t capture_id;
    bool into_station; /* direction 1 */
    int64_t flow_id;
    int64_t bucket_ns;
    int64_t packets;
    int64_t bytes; /* layer 2 without FCS */
    double square_sum;
    int64_t first_ns, last_ns;
};

typedef int read_truth_fn(const struct read_truth *truth, void *context);
int reader_each_truth(struct reader *reader, int64_t session_id, read_truth_fn *fn, void *context,
                      struct error *error);

/* One sampled packet. */
struct read_sample {
    int64_t exporter_id;
    int64_t recv_ns;
    int64_t flow_id; /* READ_NULL: the header could not be read */
    int64_t rate;
    int64_t bytes; /* layer 2 without FCS, of this packet; READ_NULL when not said */
    int64_t input; /* ifIndex by which it came in; READ_NULL when not said */
};

typedef int read_sample_fn(const struct read_sample *sample, void *context);
int reader_each_sample(struct reader *reader, int64_t session_id, read_sample_fn *fn, void *context,
                       struct error *error);

/* One flow record, counts as the exporter said them. */
struct read_record {
    int64_t exporter_id;
    int64_t recv_ns;
    int64_t flow_id; /* the rest may all be READ_NULL */
    int64_t packets, bytes;
    int64_t direction;
    int64_t start_ns, end_ns;
    int64_t rate;
    bool scaled;
    int64_t input; /* the interface by which they came in, as the exporter numbers it */
};

typedef int read_record_fn(const struct read_record *record, void *context);

/* Records in the order of exporter, flow and end, so that the one before is what an interval begins with. */
int reader_each_record(struct reader *reader, int64_t session_id, read_record_fn *fn, void *context,
                       struct error *error);

/* One row of stage. */
struct read_stage {
    char stage[32];
    char direction[32];
    int64_t packets, bytes; /* or READ_NULL */
    char source[96];
};

typedef int read_stage_fn(const struct read_stage *stage, void *context);
int reader_each_stage(struct reader *reader, int64_t session_id, read_stage_fn *fn, void *context,
                      struct error *error);

/* The last row of collector_health. */
struct read_collector_health {
    int64_t datagrams, kernel_drops, queue_drops, unrecognised, buffer_bytes;
};

/* Returns 0; -ENOENT, without a text, when the collector has said nothing yet; or -EIO with 'error' filled.
 */
int reader_collector_health(struct reader *reader, int64_t session_id, struct read_collector_health *health,
                            struct error *error);

/* One flow of nsmon's own endpoints. */
struct read_traffic_flow {
    char profile[64];
    int64_t flow_id;
    int64_t sent_packets, received_packets; /* datagrams; READ_NULL for TCP */
    int64_t sent_bytes, received_bytes;     /* payload */
    int64_t lost, duplicated, reordered;    /* or READ_NULL, like the next four */
    int64_t owd_p50_ns, owd_p99_ns, owd_max_ns, jitter_ns;
    int64_t retransmitted; /* segments of TCP, or READ_NULL, like the next three */
    int64_t loss_bursts, loss_longest,
        reorder_extent; /* rows of losses, datagrams of the longest; RFC 4737 */
    char failed[128];   /* "" for none */
};

typedef int read_traffic_flow_fn(const struct read_traffic_flow *flow, void *context);
int reader_each_traffic_flow(struct reader *reader, int64_t session_id, read_traffic_flow_fn *fn,
                             void *context, struct error *error);

/* One run of them. */
struct read_traffic_run {
    int64_t id;
    char profile[64];
    int64_t seed;
    int64_t started_ns, ended_ns; /* the second may be READ_NULL */
    int64_t from, to;             /* numbers of hosts, or READ_NULL, as the rest */
    int64_t send_cpu_ns, receive_cpu_ns;
    int64_t send_batch_max, receive_batch_max; /* datagrams that had one stamp in common */
    int64_t late_packets; /* datagrams that were sent when their successor was due, too */
    int64_t late_p50_ns, late_p99_ns, late_max_ns;
};

typedef int read_traffic_run_fn(const struct read_traffic_run *run, void *context);

/* The runs of a session in the order in which they began; the four below are of one run. */
int reader_each_traffic_run(struct reader *reader, int64_t session_id, read_traffic_run_fn *fn, void *context,
                            struct error *error);

/* A second of a run, or more. */
struct read_traffic_interval {
    int64_t start_ns, end_ns;
    int64_t sent_packets, sent_bytes, received_packets, received_bytes;
    int64_t owd_p50_ns, owd_p99_ns;                /* or READ_NULL, as the rest */
    int64_t retransmitted, rtt_p50_ns, rtt_p99_ns; /* of TCP, all flows together */
};

typedef int read_traffic_interval_fn(const struct read_traffic_interval *interval, void *context);
int reader_each_traffic_interval(struct reader *reader, int64_t run_id, read_traffic_interval_fn *fn,
                                 void *context, struct error *error);

/* Which times: of datagrams' way, or from requests to their responses. */
enum read_traffic_times { READ_ONE_WAY_DELAYS, READ_RESPONSE_TIMES };

/* A bin of them, from the shortest on: from 'low_ns' to below 'high_ns'. */
struct read_traffic_bin {
    int64_t low_ns, high_ns, count;
};

typedef int read_traffic_bin_fn(const struct read_traffic_bin *bin, void *context);
int reader_each_traffic_bin(struct reader *reader, int64_t run_id, enum read_traffic_times times,
                            read_traffic_bin_fn *fn, void *context, struct error *error);

/* Rows of losses of 'low' to 'high' datagrams; READ_NULL: or more. */
struct read_traffic_loss {
    int64_t low, high, count;
};

typedef int read_traffic_loss_fn(const struct read_traffic_loss *loss, void *context);
int reader_each_traffic_loss(struct reader *reader, int64_t run_id, read_traffic_loss_fn *fn, void *context,
                             struct error *error);

/* When a datagram was where; only those that were seen everywhere. */
struct read_traffic_stamp {
    int64_t sent_ns, tap_out_ns, tap_in_ns, received_ns;
};

typedef int read_traffic_stamp_fn(const struct read_traffic_stamp *stamp, void *context);
int reader_each_traffic_stamp(struct reader *reader, int64_t run_id, read_traffic_stamp_fn *fn, void *context,
                              struct error *error);
