#include "collector/store/insert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/bind.h"
#include "collector/store/flow_ids.h"

struct inserter {
    sqlite3 *database;
    int64_t session_id;
    struct flow_ids *flows;
    sqlite3_stmt *statements[ROW_KIND_COUNT];
    sqlite3_stmt *withdraw_all; /* of a ROW_TEMPLATE without an id */
};

static const char *const layer_names[] = {"l2", "l2fcs", "l3"};
static const char *const rate_names[] = {"none", "record", "options", "config"};

/* The values stand in the order of the columns of schema.sql; bind_row() binds them in that order. */
static const char *const statements[ROW_KIND_COUNT] = {
    [ROW_EXPORTER] =
        "INSERT INTO exporter VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET "
        "dialect = excluded.dialect, dialect_evidence = excluded.dialect_evidence, "
        "dialect_override = excluded.dialect_override, byte_layer = excluded.byte_layer, "
        "sampling_rate = excluded.sampling_rate, sampling_source = excluded.sampling_source, "
        "scaled = excluded.scaled, last_ns = excluded.last_ns",
    [ROW_SFLOW_SAMPLE] =
        "INSERT INTO sflow_sample VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_FLOW_RECORD] =
        "INSERT INTO flow_record VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_COUNTER_SAMPLE] =
        "INSERT INTO counter_sample VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_INTERFACE] = "INSERT INTO interface VALUES (?,?,?,?,?) ON CONFLICT (session_id, name) DO UPDATE SET "
                      "ifindex = coalesce(excluded.ifindex, ifindex), "
                      "of_port = coalesce(excluded.of_port, of_port), "
                      "datapath = coalesce(excluded.datapath, datapath)",
    [ROW_CAPTURE] =
        "INSERT INTO capture VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET "
        "received = excluded.received, dropped = excluded.dropped, if_dropped = excluded.if_dropped, "
        "processed = excluded.processed, overflow = excluded.overflow, "
        "malformed = excluded.malformed, mac = excluded.mac, station = excluded.station, "
        "role = excluded.role",
    [ROW_TRUTH] = "INSERT INTO truth VALUES (?,?,?,?,?,?,?,?,?,?)",
    [ROW_STAGE] = "INSERT OR REPLACE INTO stage VALUES (?,?,?,?,?,?)",
    [ROW_EXPORTER_HEALTH] =
        "INSERT OR REPLACE INTO exporter_health VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_COLLECTOR_HEALTH] = "INSERT OR REPLACE INTO collector_health VALUES (?,?,?,?,?,?,?)",
    [ROW_TEMPLATE] = "INSERT OR REPLACE INTO template VALUES (?,?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_RUN] = "INSERT OR REPLACE INTO traffic_run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_FLOW] = "INSERT OR REPLACE INTO traffic_flow VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
                         "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_INTERVAL] =
        "INSERT OR REPLACE INTO traffic_interval VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_TCP_INTERVAL] =
        "INSERT OR REPLACE INTO traffic_tcp_interval VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_LOSS] = "INSERT OR REPLACE INTO traffic_loss VALUES (?,?,?,?)",
    [ROW_TRAFFIC_HISTOGRAM] = "INSERT OR REPLACE INTO traffic_histogram VALUES (?,?,?,?)",
    [ROW_TRAFFIC_RESPONSE_HISTOGRAM] = "INSERT OR REPLACE INTO traffic_response_histogram VALUES (?,?,?,?)",
    [ROW_TRAFFIC_CLASS_INTERVAL] = "INSERT OR REPLACE INTO traffic_class_interval VALUES (?,?,?,?,?,?,?,?)",
    [ROW_TRAFFIC_CLASS_HISTOGRAM] = "INSERT OR REPLACE INTO traffic_class_histogram VALUES (?,?,?,?,?)",
    [ROW_TRAFFIC_STAMP] = "INSERT OR REPLACE INTO traffic_stamp VALUES (?,?,?,?,?,?,?)",
    [ROW_SESSION_WINDOW] = "UPDATE session SET window_start_ns = coalesce(?2, window_start_ns), "
                           "window_end_ns = coalesce(?3, window_end_ns) WHERE id = ?1",
};

static const char withdraw_all[] =
    "UPDATE template SET recv_ns = ?7, body = ?8 WHERE session_id = ?1 AND protocol = ?2 AND agent = ?3 "
    "AND domain = ?4 AND transport = ?5 AND ?6 = 0 AND options = ?9";

struct inserter *inserter_create(sqlite3 *database, int64_t session_id, struct error *error) {
    struct inserter *inserter = calloc(1, sizeof *inserter);
    if (inserter == NULL) {
        error_set(error, -ENOMEM, "out of memory");
        return NULL;
    }
    inserter->database = database;
    inserter->session_id = session_id;
    inserter->flows = flow_ids_create(database);
    bool good = inserter->flows != NULL;
    for (size_t i = 0; good && i < ROW_KIND_COUNT; i++) {
        good = sqlite3_prepare_v3(database, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &inserter->statements[i], NULL) == SQLITE_OK;
    }
    good = good && sqlite3_prepare_v3(database, withdraw_all, -1, SQLITE_PREPARE_PERSISTENT,
                                      &inserter->withdraw_all, NULL) == SQLITE_OK;
    if (!good) {
        error_set(error, -EIO, "could not prepare the database's statements: %s", sqlite3_errmsg(database));
        inserter_destroy(inserter);
        return NULL;
    }
    return inserter;
}

void inserter_destroy(struct inserter *inserter) {
    if (inserter != NULL) {
        for (size_t i = 0; i < ROW_KIND_COUNT; i++) {
            sqlite3_finalize(inserter->statements[i]);
        }
        sqlite3_finalize(inserter->withdraw_all);
        flow_ids_destroy(inserter->flows);
        free(inserter);
    }
}

void inserter_rolled_back(struct inserter *inserter) {
    flow_ids_forget(inserter->flows);
}

static void bind_flow(struct inserter *inserter, struct binder *b, bool known, const struct flow_key *key) {
    int64_t id = known ? flow_ids_find(inserter->flows, key) : 0;
    bind_int(b, id == 0 ? STORE_NULL : id);
}

static void bind_exporter(struct binder *b, int64_t session_id, const struct exporter_row *row) {
    bind_int(b, row->id);
    bind_int(b, session_id);
    bind_word(b, row->protocol);
    bind_address(b, &row->agent);
    bind_int(b, row->domain);
    bind_word(b, row->transport);
    bind_word(b, row->dialect);
    bind_text(b, row->dialect_evidence);
    bind_int(b, row->dialect_override);
    bind_word(b, layer_names[row->byte_layer]);
    bind_int(b, row->sampling_rate);
    bind_word(b, rate_names[row->rate_source]);
    bind_int(b, row->scaled);
    bind_int(b, row->first_ns);
    bind_int(b, row->last_ns);
}

static void bind_sflow_sample(struct inserter *inserter, struct binder *b,
                              const struct sflow_sample_row *row) {
    bind_int(b, inserter->session_id);
    bind_int(b, row->exporter_id);
    bind_int(b, row->recv_ns);
    bind_flow(inserter, b, row->has_key, &row->key);
    const int64_t numbers[] = {row->sequence, row->source_id,   row->sampling_rate, row->sample_pool,
                               row->drops,    row->input_kind,  row->input,         row->output_kind,
                               row->output,   row->frame_bytes, row->stripped,      row->header_bytes,
                               row->vlan,     row->tos,         row->ttl,           row->tcp_flags};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bind_int(b, numbers[i]);
    }
    bind_mac(b, row->has_macs, row->src_mac);
    bind_mac(b, row->has_macs, row->dst_mac);
    bind_int(b, row->discarded);
    bind_text(b, row->tunnel);
    bind_flow(inserter, b, row->has_inner, &row->inner);
    bind_text(b, row->extra);
}

static void bind_flow_record(struct inserter *inserter, struct binder *b, const struct flow_record_row *row) {
    bind_int(b, inserter->session_id);
    bind_int(b, row->exporter_id);
    bind_int(b, row->recv_ns);
    bind_flow(inserter, b, row->has_key, &row->key);
    const int64_t numbers[] = {
        row->packets, row->bytes,  row->l3_bytes,      row->direction,   row->start_ns,  row->end_ns,
        row->input,   row->output, row->sampling_rate, row->rate_source, row->scaled,    row->template_id,
        row->vlan,    row->tos,    row->ttl,           row->tcp_flags,   row->end_reason};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bind_int(b, numbers[i]);
    }
    bind_mac(b, row->has_src_mac, row->src_mac);
    bind_mac(b, row->has_dst_mac, row->dst_mac);
    bind_int(b, row->src_as);
    bind_int(b, row->dst_as);
    bind_address(b, &row->next_hop);
    bind_text(b, row->extra);
}

static void bind_counter_sample(struct binder *b, int64_t session_id, const struct counter_sample_row *row) {
    const int64_t head[] = {session_id,    row->exporter_id, row->recv_ns,
                            row->sequence, row->source_id,   row->ifindex};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        bind_int(b, head[i]);
    }
    bind_text(b, row->if_name);
    const int64_t rest[] = {row->of_port,       row->datapath,      row->if_speed,     row->if_status,
                            row->in_octets,     row->in_unicast,    row->in_multicast, row->in_broadcast,
                            row->in_discards,   row->in_errors,     row->out_octets,   row->out_unicast,
                            row->out_multicast, row->out_broadcast, row->out_discards, row->out_errors};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        bind_int(b, rest[i]);
    }
    bind_text(b, row->extra);
}

static void bind_interface(struct binder *b, int64_t session_id, const struct interface_row *row) {
    bind_int(b, session_id);
    bind_word(b, row->name);
    bind_int(b, row->ifindex);
    bind_int(b, row->of_port);
    bind_int(b, row->datapath);
}

static void bind_capture(struct binder *b, int64_t session_id, const struct capture_row *row) {
    bind_int(b, row->id);
    bind_int(b, session_id);
    bind_word(b, row->name);
    bind_word(b, row->role);
    bind_mac(b, row->has_mac, row->mac);
    const int64_t numbers[] = {row->station,   row->received, row->dropped,  row->if_dropped,
                               row->processed, row->overflow, row->malformed};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bind_int(b, numbers[i]);
    }
}

static void bind_truth(struct inserter *inserter, struct binder *b, const struct truth_row *row) {
    bind_int(b, inserter->session_id);
    bind_int(b, row->capture_id);
    bind_int(b, row->direction);
    bind_flow(inserter, b, true, &row->key);
    bind_int(b, row->bucket_ns);
    bind_int(b, row->packets);
    bind_int(b, row->bytes);
    bind_real(b, row->square_sum);
    bind_int(b, row->first_ns);
    bind_int(b, row->last_ns);
}

static void bind_stage(struct binder *b, int64_t session_id, const struct stage_row *row) {
    bind_int(b, session_id);
    bind_word(b, row->stage);
    bind_word(b, row->direction);
    bind_int(b, row->packets);
    bind_int(b, row->bytes);
    bind_word(b, row->source);
}

static void bind_exporter_health(struct binder *b, const struct exporter_health_row *row) {
    bind_int(b, row->exporter_id);
    bind_int(b, row->at_ns);
    bind_int(b, row->datagrams);
    bind_int(b, row->bytes);
    bind_int(b, row->records);
    bind_int(b, row->lost);
    bind_word(b, row->lost_unit);
    bind_int(b, row->reordered);
    bind_int(b, row->duplicated);
    bind_int(b, row->restarts);
    bind_int(b, row->unknown_templates);
    bind_int(b, row->held);
    bind_int(b, row->malformed);
    bind_int(b, row->unknown_records);
    bind_int(b, row->lost_samples);
    bind_int(b, row->lost_counters);
    bind_int(b, row->dropped_samples);
}

static void bind_collector_health(struct binder *b, int64_t session_id,
                                  const struct collector_health_row *row) {
    bind_int(b, session_id);
    bind_int(b, row->at_ns);
    bind_int(b, row->datagrams);
    bind_int(b, row->kernel_drops);
    bind_int(b, row->queue_drops);
    bind_int(b, row->unrecognised);
    bind_int(b, row->buffer_bytes);
}

static void bind_template(struct binder *b, int64_t session_id, const struct template_row *row) {
    bind_int(b, session_id);
    bind_word(b, row->protocol);
    bind_blob(b, row->agent.bytes, row->agent.family == 6 ? 16 : 4);
    bind_int(b, row->domain);
    bind_word(b, row->transport);
    bind_int(b, row->template_id);
    bind_int(b, row->recv_ns);
    bind_blob(b, row->body, row->withdrawn ? 0 : row->size);
    bind_int(b, row->options);
}

static void bind_all(struct binder *b, const int64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bind_int(b, numbers[i]);
    }
}

static void bind_traffic_run(struct binder *b, int64_t session_id, const struct traffic_run_row *row) {
    bind_int(b, row->id);
    bind_int(b, session_id);
    bind_word(b, row->profile);
    bind_int(b, row->seed);
    bind_int(b, row->started_ns);
    bind_int(b, row->ended_ns);
    bind_word(b, row->settings);
    const int64_t numbers[] = {row->tcp_interval_ns, row->send_cpu_ns,       row->receive_cpu_ns,
                               row->send_batch_max,  row->receive_batch_max, row->late_packets,
                               row->late_p50_ns,     row->late_p99_ns,       row->late_max_ns};
    bind_all(b, numbers, sizeof numbers / sizeof *numbers);
}

static void bind_traffic_flow(struct inserter *inserter, struct binder *b,
                              const struct traffic_flow_row *row) {
    bind_int(b, row->run_id);
    bind_int(b, row->number);
    bind_flow(inserter, b, true, &row->key);
    const int64_t numbers[] = {row->sent_packets, row->sent_bytes, row->received_packets, row->received_bytes,
                               row->lost,         row->duplicated, row->reordered,        row->owd_min_ns,
                               row->owd_p50_ns,   row->owd_p90_ns, row->owd_p99_ns,       row->owd_p999_ns,
                               row->owd_max_ns,   row->jitter_ns,  row->pdv_p50_ns,       row->pdv_p99_ns};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bind_int(b, numbers[i]);
    }
    bind_text(b, row->failed);
    bind_int(b, row->class);
    const int64_t rest[] = {
        row->retransmitted,   row->rtt_ns,          row->rtt_mean_ns,      row->rtt_max_ns,
        row->rtt_min_ns,      row->cwnd_max_bytes,  row->loss_bursts,      row->loss_longest,
        row->reorder_extent,  row->responses,       row->response_min_ns,  row->response_p50_ns,
        row->response_p90_ns, row->response_p99_ns, row->response_p999_ns, row->response_max_ns};
    bind_all(b, rest, sizeof rest / sizeof *rest);
}

/* Of all flows together, or of a class of them. */
static void bind_traffic_interval(struct binder *b, const struct traffic_interval_row *row, bool of_class) {
    bind_int(b, row->run_id);
    if (of_class) {
        bind_int(b, row->class);
    }
    bind_int(b, row->start_ns);
    bind_int(b, row->end_ns);
    bind_int(b, row->sent_packets);
    bind_int(b, row->sent_bytes);
    bind_int(b, row->received_packets);
    bind_int(b, row->received_bytes);
    if (!of_class) {
        const int64_t numbers[] = {row->owd_p50_ns,     row->owd_p99_ns,    row->owd_max_ns,
                                   row->tcp_flows,      row->retransmitted, row->rtt_p50_ns,
                                   row->rtt_p99_ns,     row->rtt_max_ns,    row->rtt_min_ns,
                                   row->cwnd_p50_bytes, row->delivery_bps,  row->unacked_bytes};
        bind_all(b, numbers, sizeof numbers / sizeof *numbers);
    }
}

static void bind_traffic_tcp_interval(struct binder *b, const struct traffic_tcp_interval_row *row) {
    const int64_t numbers[] = {row->run_id,         row->number,        row->start_ns,
                               row->end_ns,         row->retransmitted, row->rtt_ns,
                               row->rttvar_ns,      row->rtt_min_ns,    row->cwnd_bytes,
                               row->ssthresh_bytes, row->delivery_bps,  row->unacked_bytes};
    bind_all(b, numbers, sizeof numbers / sizeof *numbers);
}

static void bind_traffic_loss(struct binder *b, const struct traffic_loss_row *row) {
    bind_int(b, row->run_id);
    bind_int(b, row->low);
    bind_int(b, row->high);
    bind_int(b, row->count);
}

static void bind_traffic_histogram(struct binder *b, const struct traffic_histogram_row *row, bool of_class) {
    bind_int(b, row->run_id);
    if (of_class) {
        bind_int(b, row->class);
    }
    bind_int(b, row->low_ns);
    bind_int(b, row->high_ns);
    bind_int(b, row->count);
}

static void bind_traffic_stamp(struct binder *b, const struct traffic_stamp_row *row) {
    bind_int(b, row->run_id);
    bind_int(b, row->number);
    bind_int(b, row->sequence);
    bind_int(b, row->sent_ns);
    bind_int(b, row->tap_out_ns);
    bind_int(b, row->tap_in_ns);
    bind_int(b, row->received_ns);
}

static void bind_row(struct inserter *inserter, struct binder *b, const struct row *row) {
    switch (row->kind) {
    case ROW_EXPORTER:
        bind_exporter(b, inserter->session_id, row->exporter);
        break;
    case ROW_SFLOW_SAMPLE:
        bind_sflow_sample(inserter, b, &row->sflow_sample);
        break;
    case ROW_FLOW_RECORD:
        bind_flow_record(inserter, b, &row->flow_record);
        break;
    case ROW_COUNTER_SAMPLE:
        bind_counter_sample(b, inserter->session_id, &row->counter_sample);
        break;
    case ROW_INTERFACE:
        bind_interface(b, inserter->session_id, &row->interface);
        break;
    case ROW_CAPTURE:
        bind_capture(b, inserter->session_id, &row->capture);
        break;
    case ROW_TRUTH:
        bind_truth(inserter, b, &row->truth);
        break;
    case ROW_STAGE:
        bind_stage(b, inserter->session_id, &row->stage);
        break;
    case ROW_EXPORTER_HEALTH:
        bind_exporter_health(b, &row->exporter_health);
        break;
    case ROW_COLLECTOR_HEALTH:
        bind_collector_health(b, inserter->session_id, &row->collector_health);
        break;
    case ROW_TEMPLATE:
        bind_template(b, inserter->session_id, row->template);
        break;
    case ROW_TRAFFIC_RUN:
        bind_traffic_run(b, inserter->session_id, row->traffic_run);
        break;
    case ROW_TRAFFIC_FLOW:
        bind_traffic_flow(inserter, b, row->traffic_flow);
        break;
    case ROW_TRAFFIC_INTERVAL:
    case ROW_TRAFFIC_CLASS_INTERVAL:
        bind_traffic_interval(b, &row->traffic_interval, row->kind == ROW_TRAFFIC_CLASS_INTERVAL);
        break;
    case ROW_TRAFFIC_HISTOGRAM:
    case ROW_TRAFFIC_RESPONSE_HISTOGRAM:
    case ROW_TRAFFIC_CLASS_HISTOGRAM:
        bind_traffic_histogram(b, &row->traffic_histogram, row->kind == ROW_TRAFFIC_CLASS_HISTOGRAM);
        break;
    case ROW_TRAFFIC_STAMP:
        bind_traffic_stamp(b, &row->traffic_stamp);
        break;
    case ROW_TRAFFIC_LOSS:
        bind_traffic_loss(b, &row->traffic_loss);
        break;
    case ROW_TRAFFIC_TCP_INTERVAL:
        bind_traffic_tcp_interval(b, &row->traffic_tcp_interval);
        break;
    case ROW_SESSION_WINDOW:
        bind_int(b, inserter->session_id);
        bind_int(b, row->window.start_ns);
        bind_int(b, row->window.end_ns);
        break;
    case ROW_KIND_COUNT:
        break;
    }
}

int inserter_write(struct inserter *inserter, const struct row *row) {
    bool all = row->kind == ROW_TEMPLATE && row->template->withdrawn && row->template->template_id == 0;
    sqlite3_stmt *statement = all ? inserter->withdraw_all : inserter->statements[row->kind];
    struct binder binder = bind_begin(statement);
    bind_row(inserter, &binder, row);
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -EIO;
}
