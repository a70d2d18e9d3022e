/* The rows of a session, table by table: whole, in the order that their users need. */
#include <errno.h>
#include <string.h>

#include "collector/store/read/internal.h"

int read_each_row(struct reader *reader, const char *sql, int64_t id, read_hand_over_fn *hand_over,
                  const void *fn, void *context, struct error *error) {
    sqlite3_stmt *row = read_prepare(reader, sql, id, error);
    if (row == NULL) {
        return -EIO;
    }
    int rc;
    while ((rc = read_step(reader, row, error)) > 0) {
        rc = hand_over(row, fn, context);
        if (rc != 0) {
            break;
        }
    }
    sqlite3_finalize(row);
    return rc;
}

static enum read_layer layer_from_text(const char *text) {
    if (strcmp(text, "l3") == 0) {
        return READ_LAYER_L3;
    }
    return strcmp(text, "l2fcs") == 0 ? READ_LAYER_L2_FCS : READ_LAYER_L2;
}

static void exporter_health_from_row(sqlite3_stmt *row, int column, struct read_exporter *exporter) {
    exporter->has_health = sqlite3_column_type(row, column) != SQLITE_NULL;
    exporter->datagrams = read_number_or(row, column, 0);
    exporter->bytes = read_number_or(row, column + 1, 0);
    exporter->records = read_number_or(row, column + 2, 0);
    exporter->lost = read_number_or(row, column + 3, 0);
    read_text(row, column + 4, exporter->lost_unit, sizeof exporter->lost_unit);
    exporter->reordered = read_number_or(row, column + 5, 0);
    exporter->duplicated = read_number_or(row, column + 6, 0);
    exporter->restarts = read_number_or(row, column + 7, 0);
    exporter->unknown_templates = read_number_or(row, column + 8, 0);
    exporter->held = read_number_or(row, column + 9, 0);
    exporter->malformed = read_number_or(row, column + 10, 0);
    exporter->unknown_records = read_number_or(row, column + 11, 0);
}

static int hand_over_exporter(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_exporter exporter = {.id = read_number(row, 0)};
    read_text(row, 1, exporter.protocol, sizeof exporter.protocol);
    exporter.agent = read_address(row, 2);
    exporter.domain = read_number(row, 3);
    read_text(row, 4, exporter.transport, sizeof exporter.transport);
    read_text(row, 5, exporter.dialect, sizeof exporter.dialect);
    read_text(row, 6, exporter.dialect_evidence, sizeof exporter.dialect_evidence);
    exporter.dialect_override = read_number_or(row, 7, 0) != 0;
    char layer[16];
    read_text(row, 8, layer, sizeof layer);
    exporter.layer = layer_from_text(layer);
    exporter.sampling_rate = read_number(row, 9);
    read_text(row, 10, exporter.sampling_source, sizeof exporter.sampling_source);
    exporter.scaled = read_number_or(row, 11, 0) != 0;
    exporter.first_ns = read_number(row, 12);
    exporter.last_ns = read_number(row, 13);
    exporter_health_from_row(row, 14, &exporter);
    return (*(read_exporter_fn *const *)fn)(&exporter, context);
}

int reader_each_exporter(struct reader *reader, int64_t session_id, read_exporter_fn *fn, void *context,
                         struct error *error) {
    return read_each_row(
        reader,
        "SELECT e.id, e.protocol, e.agent, e.domain, e.transport, e.dialect, e.dialect_evidence, "
        "e.dialect_override, e.byte_layer, e.sampling_rate, e.sampling_source, e.scaled, e.first_ns, "
        "e.last_ns, h.datagrams, h.bytes, h.records, h.lost, h.lost_unit, h.reordered, h.duplicated, "
        "h.restarts, h.unknown_templates, h.held, h.malformed, h.unknown_records "
        "FROM exporter e LEFT JOIN exporter_health h ON h.exporter_id = e.id AND h.at_ns = "
        "(SELECT max(at_ns) FROM exporter_health WHERE exporter_id = e.id) "
        "WHERE e.session_id = ?1 ORDER BY e.id",
        session_id, hand_over_exporter, &fn, context, error);
}

static int hand_over_capture(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_capture capture = {.id = read_number(row, 0)};
    read_text(row, 1, capture.name, sizeof capture.name);
    char role[16];
    read_text(row, 2, role, sizeof role);
    capture.is_station = strcmp(role, "station") == 0;
    capture.station = read_number(row, 3);
    capture.received = read_number(row, 4);
    capture.dropped = read_number(row, 5);
    capture.if_dropped = read_number(row, 6);
    capture.processed = read_number(row, 7);
    capture.overflow = read_number(row, 8);
    capture.malformed = read_number(row, 9);
    return (*(read_capture_fn *const *)fn)(&capture, context);
}

int reader_each_capture(struct reader *reader, int64_t session_id, read_capture_fn *fn, void *context,
                        struct error *error) {
    return read_each_row(
        reader,
        "SELECT id, name, role, station, received, dropped, if_dropped, processed, overflow, malformed "
        "FROM capture WHERE session_id = ?1 ORDER BY coalesce(station, 1 << 30), id",
        session_id, hand_over_capture, &fn, context, error);
}

/* Copies an address column of a flow into 'bytes'.  Returns its family, 0 for none. */
static uint8_t flow_address(sqlite3_stmt *row, int column, uint8_t bytes[16]) {
    struct ip_address address = read_address(row, column);
    memcpy(bytes, address.bytes, sizeof address.bytes);
    return address.family;
}

int reader_flow(struct reader *reader, int64_t flow_id, struct flow_key *key, struct error *error) {
    memset(key, 0, sizeof *key);
    if (reader->flow == NULL) {
        reader->flow =
            read_prepare(reader, "SELECT ethertype, protocol, src, dst, sport, dport FROM flow WHERE id = ?1",
                         flow_id, error);
        if (reader->flow == NULL) {
            return -EIO;
        }
    }
    sqlite3_reset(reader->flow);
    sqlite3_bind_int64(reader->flow, 1, flow_id);
    int rc = read_step(reader, reader->flow, error);
    if (rc > 0) {
        key->ethertype = (uint16_t)read_number_or(reader->flow, 0, 0);
        key->protocol = (uint8_t)read_number_or(reader->flow, 1, 0);
        key->family = flow_address(reader->flow, 2, key->src);
        flow_address(reader->flow, 3, key->dst);
        key->sport = (uint16_t)read_number_or(reader->flow, 4, 0);
        key->dport = (uint16_t)read_number_or(reader->flow, 5, 0);
        sqlite3_reset(reader->flow);
        return 0;
    }
    return rc < 0 ? rc
                  : error_set(
                        error, -ENOENT,
                        "reading the database '%s': a row names flow %lld, which is not there: the file is "
                        "damaged",
                        reader->path, (long long)flow_id);
}

static int hand_over_truth(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_truth truth = {
        .capture_id = read_number(row, 0),
        .into_station = read_number(row, 1) == 1,
        .flow_id = read_number(row, 2),
        .bucket_ns = read_number(row, 3),
        .packets = read_number(row, 4),
        .bytes = read_number(row, 5),
        .square_sum = sqlite3_column_double(row, 6),
        .first_ns = read_number(row, 7),
        .last_ns = read_number(row, 8),
    };
    return (*(read_truth_fn *const *)fn)(&truth, context);
}

int reader_each_truth(struct reader *reader, int64_t session_id, read_truth_fn *fn, void *context,
                      struct error *error) {
    return read_each_row(
        reader,
        "SELECT capture_id, direction, flow_id, bucket_ns, packets, bytes, square_sum, first_ns, last_ns "
        "FROM truth WHERE session_id = ?1",
        session_id, hand_over_truth, &fn, context, error);
}

static int hand_over_sample(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_sample sample = {
        .exporter_id = read_number(row, 0),
        .recv_ns = read_number(row, 1),
        .flow_id = read_number(row, 2),
        .rate = read_number_or(row, 3, 1),
        .bytes = read_number(row, 4),
        .input = read_number(row, 5),
    };
    return (*(read_sample_fn *const *)fn)(&sample, context);
}

int reader_each_sample(struct reader *reader, int64_t session_id, read_sample_fn *fn, void *context,
                       struct error *error) {
    return read_each_row(
        reader,
        "SELECT exporter_id, recv_ns, flow_id, sampling_rate, frame_bytes - coalesce(stripped, 0), "
        "CASE input_kind WHEN 0 THEN input END FROM sflow_sample WHERE session_id = ?1 AND discarded = 0",
        session_id, hand_over_sample, &fn, context, error);
}

static int hand_over_record(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_record record = {
        .exporter_id = read_number(row, 0),
        .recv_ns = read_number(row, 1),
        .flow_id = read_number(row, 2),
        .packets = read_number(row, 3),
        .bytes = read_number(row, 4),
        .direction = read_number(row, 5),
        .start_ns = read_number(row, 6),
        .end_ns = read_number(row, 7),
        .rate = read_number(row, 8),
        .scaled = read_number_or(row, 9, 0) != 0,
        .input = read_number(row, 10),
    };
    return (*(read_record_fn *const *)fn)(&record, context);
}

int reader_each_record(struct reader *reader, int64_t session_id, read_record_fn *fn, void *context,
                       struct error *error) {
    return read_each_row(reader,
                         "SELECT exporter_id, recv_ns, flow_id, packets, bytes, direction, start_ns, end_ns, "
                         "sampling_rate, scaled, input FROM flow_record WHERE session_id = ?1 "
                         "ORDER BY exporter_id, flow_id, coalesce(end_ns, recv_ns), id",
                         session_id, hand_over_record, &fn, context, error);
}

static int hand_over_stage(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_stage stage = {.packets = read_number(row, 2), .bytes = read_number(row, 3)};
    read_text(row, 0, stage.stage, sizeof stage.stage);
    read_text(row, 1, stage.direction, sizeof stage.direction);
    read_text(row, 4, stage.source, sizeof stage.source);
    return (*(read_stage_fn *const *)fn)(&stage, context);
}

int reader_each_stage(struct reader *reader, int64_t session_id, read_stage_fn *fn, void *context,
                      struct error *error) {
    return read_each_row(reader,
                         "SELECT stage, direction, packets, bytes, source FROM stage WHERE session_id = ?1 "
                         "ORDER BY direction, stage, source",
                         session_id, hand_over_stage, &fn, context, error);
}

int reader_collector_health(struct reader *reader, int64_t session_id, struct read_collector_health *health,
                            struct error *error) {
    memset(health, 0, sizeof *health);
    sqlite3_stmt *row =
        read_prepare(reader,
                     "SELECT datagrams, kernel_drops, queue_drops, unrecognised, buffer_bytes "
                     "FROM collector_health WHERE session_id = ?1 ORDER BY at_ns DESC LIMIT 1",
                     session_id, error);
    if (row == NULL) {
        return -EIO;
    }
    int rc = read_step(reader, row, error);
    if (rc > 0) {
        health->datagrams = read_number_or(row, 0, 0);
        health->kernel_drops = read_number_or(row, 1, 0);
        health->queue_drops = read_number_or(row, 2, 0);
        health->unrecognised = read_number_or(row, 3, 0);
        health->buffer_bytes = read_number_or(row, 4, 0);
    }
    sqlite3_finalize(row);
    return rc > 0 ? 0 : rc == 0 ? -ENOENT : rc;
}

static int hand_over_traffic_flow(sqlite3_stmt *row, const void *fn, void *context) {
    struct read_traffic_flow flow = {
        .flow_id = read_number(row, 1),
        .sent_packets = read_number(row, 2),
        .received_packets = read_number(row, 3),
        .sent_bytes = read_number_or(row, 4, 0),
        .received_bytes = read_number_or(row, 5, 0),
        .lost = read_number(row, 6),
        .duplicated = read_number(row, 7),
        .reordered = read_number(row, 8),
        .owd_p50_ns = read_number(row, 9),
        .owd_p99_ns = read_number(row, 10),
        .owd_max_ns = read_number(row, 11),
        .jitter_ns = read_number(row, 12),
        .retransmitted = read_number(row, 14),
        .loss_bursts = read_number(row, 15),
        .loss_longest = read_number(row, 16),
        .reorder_extent = read_number(row, 17),
    };
    read_text(row, 0, flow.profile, sizeof flow.profile);
    read_text(row, 13, flow.failed, sizeof flow.failed);
    return (*(read_traffic_flow_fn *const *)fn)(&flow, context);
}

int reader_each_traffic_flow(struct reader *reader, int64_t session_id, read_traffic_flow_fn *fn,
                             void *context, struct error *error) {
#define COLUMNS                                                                                              \
    "SELECT r.profile, f.flow_id, f.sent_packets, f.received_packets, f.sent_bytes, f.received_bytes, "      \
    "f.lost, f.duplicated, f.reordered, f.owd_p50_ns, f.owd_p99_ns, f.owd_max_ns, f.jitter_ns, f.failed, "
#define OF_SESSION                                                                                           \
    " FROM traffic_run r JOIN traffic_flow f ON f.run_id = r.id WHERE r.session_id = ?1 ORDER BY r.id, "     \
    "f.number"
    return read_each_row(reader,
                         reader->version < 3 ? COLUMNS "NULL, NULL, NULL, NULL" OF_SESSION
                                             : COLUMNS
                             "f.retransmitted, f.loss_bursts, f.loss_longest, f.reorder_extent" OF_SESSION,
                         session_id, hand_over_traffic_flow, &fn, context, error);
#undef COLUMNS
#undef OF_SESSION
}
