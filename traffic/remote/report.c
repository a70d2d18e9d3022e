#include "traffic/remote/report.h"

#include "common/flow_key.h"
#include "traffic/text.h"
#include "traffic/traffic.h"

static json_t *integer(int64_t value) {
    return value == TRAFFIC_NONE ? json_null() : json_integer(value);
}

/* Words that hold who knows what: JSON is UTF-8, and so has to be what is put there. */
static json_t *words(const char *text) {
    char plain[1024];
    size_t length = 0;
    for (; text[length] != '\0' && length + 1 < sizeof plain; length++) {
        plain[length] = text[length] >= ' ' && text[length] < 0x7f ? text[length] : '?';
    }
    plain[length] = '\0';
    return json_string(plain);
}

/* Nanoseconds as microseconds. */
static json_t *microseconds(int64_t ns) {
    return ns == TRAFFIC_NONE ? json_null() : json_real((double)ns / 1e3);
}

static json_t *delays(const struct traffic_flow_result *flow) {
    if (flow->owd_min_ns == TRAFFIC_NONE || flow->owd_p50_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "min", microseconds(flow->owd_min_ns), "p50",
                     microseconds(flow->owd_p50_ns), "p90", microseconds(flow->owd_p90_ns), "p99",
                     microseconds(flow->owd_p99_ns), "p999", microseconds(flow->owd_p999_ns), "max",
                     microseconds(flow->owd_max_ns));
}

static json_t *variation(const struct traffic_flow_result *flow) {
    if (flow->pdv_p50_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return json_pack("{s:o, s:o}", "p50", microseconds(flow->pdv_p50_ns), "p99",
                     microseconds(flow->pdv_p99_ns));
}

static json_t *stream(const struct traffic_flow_result *flow, bool reverse) {
    char src[IP_TEXT_SIZE], dst[IP_TEXT_SIZE];
    struct ip_address from = ip_address_make(flow->key.family, flow->key.src);
    struct ip_address to = ip_address_make(flow->key.family, flow->key.dst);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:i, s:s, s:i}", "protocol", flow->key.protocol == PROTOCOL_UDP ? "udp" : "tcp",
        "direction", reverse ? "reverse" : "forward", "source", ip_address_format(&from, src), "source_port",
        flow->key.sport, "destination", ip_address_format(&to, dst), "destination_port", flow->key.dport);
    const struct {
        const char *name;
        json_t *value;
    } values[] = {
        {"sent_packets", integer(flow->sent_packets)},
        {"sent_bytes", integer(flow->sent_bytes)},
        {"received_packets", integer(flow->received_packets)},
        {"received_bytes", integer(flow->received_bytes)},
        {"lost", integer(flow->lost)},
        {"duplicated", integer(flow->duplicated)},
        {"reordered", integer(flow->reordered)},
        {"reorder_extent", integer(flow->reorder_extent)},
        {"loss_bursts", integer(flow->loss_bursts)},
        {"loss_longest", integer(flow->loss_longest)},
        {"retransmitted", integer(flow->retransmitted)},
        {"owd_us", delays(flow)},
        {"jitter_us", microseconds(flow->jitter_ns)},
        {"pdv_us", variation(flow)},
        {"failed", flow->failed[0] == '\0' ? json_null() : words(flow->failed)},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_object_set_new(json, values[i].name, values[i].value);
    }
    return json;
}

static json_t *interval(const struct traffic_interval *interval, int64_t started_ns) {
    return json_pack(
        "{s:f, s:f, s:I, s:I, s:I, s:I}", "start", (double)(interval->start_ns - started_ns) / 1e9, "end",
        (double)(interval->end_ns - started_ns) / 1e9, "sent_packets", (json_int_t)interval->sent_packets,
        "sent_bytes", (json_int_t)interval->sent_bytes, "received_packets",
        (json_int_t)interval->received_packets, "received_bytes", (json_int_t)interval->received_bytes);
}

static json_t *clocks(const struct remote_outcome *outcome) {
    const struct remote_clocks *read = &outcome->clocks;
    json_t *json =
        json_pack("{s:b, s:f, s:f}", "same", read->same, "offset_us", (double)outcome->clock_offset_ns / 1e3,
                  "uncertainty_us", (double)remote_clocks_uncertainty(read) / 1e3);
    json_object_set_new(json, "drift_ppb", json_integer(remote_clocks_drift(read)));
    json_object_set_new(json, "round_trip_us",
                        read->before.count == 0 ? json_null()
                                                : json_real((double)read->before.round_trip_ns / 1e3));
    return json;
}

/* How many rows of losses there were, by their length; those that there were none of are left out. */
static json_t *loss_bursts(const struct traffic_result *result) {
    json_t *rows = json_array();
    for (size_t i = 0; i < TRAFFIC_LOSS_BINS; i++) {
        if (result->loss_bins[i] > 0) {
            json_array_append_new(rows,
                                  json_pack("{s:I, s:I}", "up_to", (json_int_t)traffic_losses_bin_most(i),
                                            "count", (json_int_t)result->loss_bins[i]));
        }
    }
    return rows;
}

/* How the departures of a direction were timed. */
static json_t *pacing(int how) {
    const char *text = traffic_text_pacing(how);
    return text == NULL ? json_null() : json_string(text);
}

/* Sums and parts that there are only of a test that ran. */
static void add_result(json_t *json, const struct remote_outcome *outcome) {
    const struct traffic_result *result = &outcome->result;
    json_t *streams = json_array(), *intervals = json_array();
    int64_t lost = result->lost;
    size_t forward = outcome->streams.direction == REMOTE_REVERSE ? 0 : (size_t)outcome->streams.count;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        json_array_append_new(streams, stream(flow, i >= forward));
        lost = flow->key.protocol == PROTOCOL_UDP && flow->lost == TRAFFIC_NONE ? TRAFFIC_NONE : lost;
    }
    for (size_t i = 0; i < result->interval_count; i++) {
        json_array_append_new(intervals, interval(&result->intervals[i], result->started_ns));
    }
    json_object_set_new(json, "streams", streams);
    json_object_set_new(json, "sum",
                        json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "sent_packets",
                                  (json_int_t)result->sum.sent_packets, "sent_bytes",
                                  (json_int_t)result->sum.sent_bytes, "received_packets",
                                  (json_int_t)result->sum.received_packets, "received_bytes",
                                  (json_int_t)result->sum.received_bytes, "lost", integer(lost), "duplicated",
                                  (json_int_t)result->duplicated, "reordered", (json_int_t)result->reordered,
                                  "socket_drops", (json_int_t)result->socket_drops));
    json_object_set_new(json, "intervals", intervals);
    json_object_set_new(json, "cpu",
                        json_pack("{s:f, s:f}", "send_seconds", (double)result->client_cpu_ns / 1e9,
                                  "recv_seconds", (double)result->server_cpu_ns / 1e9));
    json_object_set_new(json, "clock", clocks(outcome));
    json_object_set_new(json, "loss_burst_lengths", loss_bursts(result));
    json_object_set_new(json, "stamps",
                        json_pack("{s:I, s:I}", "send_batch_max", (json_int_t)result->send_batch_max,
                                  "receive_batch_max", (json_int_t)result->receive_batch_max));
    json_object_set_new(
        json, "pacing",
        json_pack("{s:o, s:o}", "forward", pacing(result->pacing[0]), "reverse", pacing(result->pacing[1])));
    json_object_set_new(json, "late",
                        json_pack("{s:I, s:f, s:f, s:f}", "packets", (json_int_t)result->late_packets,
                                  "p50_us", (double)result->late_p50_ns / 1e3, "p99_us",
                                  (double)result->late_p99_ns / 1e3, "max_us",
                                  (double)result->late_max_ns / 1e3));
}

json_t *remote_report_json(const struct remote_outcome *outcome, const char *error) {
    json_t *json = json_pack("{s:s, s:f, s:f, s:b}", "program", "nsmon " NSMON_VERSION, "started",
                             (double)outcome->result.started_ns / 1e9, "seconds",
                             (double)outcome->seconds_ns / 1e9, "stopped", outcome->result.stopped);
    if (json == NULL) {
        return NULL;
    }
    if (outcome->ran) {
        add_result(json, outcome);
    } else {
        json_object_set_new(json, "streams", json_array());
    }
    if (outcome->why[0] != '\0') {
        json_object_set_new(json, "stopped_because", words(outcome->why));
    }
    if (error[0] != '\0') {
        json_object_set_new(json, "error", words(error));
    }
    return json;
}
