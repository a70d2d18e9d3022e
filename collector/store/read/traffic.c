/* Runs of nsmon's own endpoints: their seconds, delays, and where the delays came from. */
#include <errno.h>
#include <string.h>

#include "collector/store/read/internal.h"

static int hand_over_run(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_traffic_run run = {
        .id = read_number_or(row, 0, 0),
        .seed = read_number_or(row, 2, 0),
        .started_ns = read_number_or(row, 3, 0),
        .ended_ns = read_number(row, 4),
        .from = read_number(row, 5),
        .to = read_number(row, 6),
        .send_cpu_ns = read_number(row, 7),
        .receive_cpu_ns = read_number(row, 8),
        .send_batch_max = read_number(row, 9),
        .receive_batch_max = read_number(row, 10),
        .late_packets = read_number(row, 11),
        .late_p50_ns = read_number(row, 12),
        .late_p99_ns = read_number(row, 13),
        .late_max_ns = read_number(row, 14),
    };
    read_text(row, 1, run.profile, sizeof run.profile);
    return (*(read_traffic_run_fn *const *)fn)(&run, context);
}

int reader_each_traffic_run(struct reader *reader, int64_t session_id, read_traffic_run_fn *fn, void *context,
                            struct error *error) {
#define COLUMNS                                                                                              \
    "SELECT id, profile, seed, started_ns, ended_ns, "                                                       \
    "CASE WHEN json_valid(settings) THEN json_extract(settings, '$.from') END, "                             \
    "CASE WHEN json_valid(settings) THEN json_extract(settings, '$.to') END, "
#define OF_SESSION " FROM traffic_run WHERE session_id = ?1 ORDER BY started_ns, id"
    return read_each_row(reader,
                         reader->version < 3
                             ? COLUMNS "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL" OF_SESSION
                             : COLUMNS "send_cpu_ns, receive_cpu_ns, send_batch_max, receive_batch_max, "
                                       "late_packets, late_p50_ns, late_p99_ns, late_max_ns" OF_SESSION,
                         session_id, hand_over_run, &fn, context, error);
#undef COLUMNS
#undef OF_SESSION
}

static int hand_over_interval(sqlite3_stmt *row, const void *fn, void *context) {
    const struct read_traffic_interval interval = {
        .start_ns = read_number_or(row, 0, 0),
        .end_ns = read_number_or(row, 1, 0),
        .sent_packets = read_number_or(row, 2, 0),
        .sent_bytes = read_number_or(row, 3, 0),
        .received_packets = read_number_or(row, 4, 0),
        .received_bytes = read_number_or(row, 5, 0),
        .owd_p50_ns = read_number(row, 6),
        .owd_p99_ns = read_number(row, 7),
        .retransmitted = read_number(row, 8),
        .rtt_p50_ns = read_number(row, 9),
        .rtt_p99_ns = read_number(row, 10),
    };
    return (*(read_traffic_interval_fn *const *)fn)(&interval, context);
}

int reader_each_traffic_interval(struct reader *reader, int64_t run_id, read_traffic_interval_fn *fn,
                                 void *context, struct error *error) {
#define COUNTS "SELECT start_ns, end_ns, sent_packets, sent_bytes, received_packets, received_bytes, "
#define OF_RUN " FROM traffic_interval WHERE run_id = ?1 ORDER BY 1"
    const char *sql = reader->version < 2   ? COUNTS "NULL, NULL, NULL, NULL, NULL" OF_RUN
                      : reader->version < 3 ? COUNTS "owd_p50_ns, owd_p99_ns, NULL, NULL, NULL" OF_RUN
                                            : COUNTS "owd_p50_ns, owd_p99_ns, retransmitted, rtt_p50_ns, "
                                                     "rtt_p99_ns" OF_RUN;
    return read_each_row(reader, sql, run_id, hand_over_interval, &fn, context, error);
#undef COUNTS
#undef OF_RUN
}

static int hand_over_bin(sqlite3_stmt *row, const void *fn, void *context) {
    const struct read_traffic_bin bin = {
        .low_ns = read_number_or(row, 0, 0),
        .high_ns = read_number_or(row, 1, 0),
        .count = read_number_or(row, 2, 0),
    };
    return (*(read_traffic_bin_fn *const *)fn)(&bin, context);
}

int reader_each_traffic_bin(struct reader *reader, int64_t run_id, enum read_traffic_times times,
                            read_traffic_bin_fn *fn, void *context, struct error *error) {
    static const char *const queries[] = {
        [READ_ONE_WAY_DELAYS] =
            "SELECT low_ns, high_ns, count FROM traffic_histogram WHERE run_id = ?1 ORDER BY 1",
        [READ_RESPONSE_TIMES] =
            "SELECT low_ns, high_ns, count FROM traffic_response_histogram WHERE run_id = ?1 ORDER BY 1"};
    if (times == READ_RESPONSE_TIMES && reader->version < 3) {
        return 0;
    }
    return read_each_row(reader, queries[times], run_id, hand_over_bin, &fn, context, error);
}

static int hand_over_loss(sqlite3_stmt *row, const void *fn, void *context) {
    const struct read_traffic_loss loss = {
        .low = read_number_or(row, 0, 0),
        .high = read_number(row, 1),
        .count = read_number_or(row, 2, 0),
    };
    return (*(read_traffic_loss_fn *const *)fn)(&loss, context);
}

int reader_each_traffic_loss(struct reader *reader, int64_t run_id, read_traffic_loss_fn *fn, void *context,
                             struct error *error) {
    if (reader->version < 3) {
        return 0;
    }
    return read_each_row(reader, "SELECT low, high, count FROM traffic_loss WHERE run_id = ?1 ORDER BY 1",
                         run_id, hand_over_loss, &fn, context, error);
}

static int hand_over_stamp(sqlite3_stmt *row, const void *fn, void *context) {
    const struct read_traffic_stamp stamp = {
        .sent_ns = read_number_or(row, 0, 0),
        .tap_out_ns = read_number_or(row, 1, 0),
        .tap_in_ns = read_number_or(row, 2, 0),
        .received_ns = read_number_or(row, 3, 0),
    };
    return (*(read_traffic_stamp_fn *const *)fn)(&stamp, context);
}

int reader_each_traffic_stamp(struct reader *reader, int64_t run_id, read_traffic_stamp_fn *fn, void *context,
                              struct error *error) {
    if (reader->version < 2) {
        return 0;
    }
    return read_each_row(reader,
                         "SELECT sent_ns, tap_out_ns, tap_in_ns, received_ns FROM traffic_stamp "
                         "WHERE run_id = ?1 AND tap_out_ns IS NOT NULL AND tap_in_ns IS NOT NULL "
                         "AND received_ns IS NOT NULL",
                         run_id, hand_over_stamp, &fn, context, error);
}
