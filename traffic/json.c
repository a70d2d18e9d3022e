#include "traffic/json.h"

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/text.h"

json_t *traffic_json_number(int64_t value) {
    return value == TRAFFIC_NONE ? json_null() : json_integer(value);
}

json_t *traffic_json_words(const char *text) {
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

/* min, p50, p90, p99, p999 and max of delays. */
static json_t *six(const int64_t ns[6]) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "min", microseconds(ns[0]), "p50", microseconds(ns[1]),
                     "p90", microseconds(ns[2]), "p99", microseconds(ns[3]), "p999", microseconds(ns[4]),
                     "max", microseconds(ns[5]));
}

static json_t *delays_of(const struct traffic_flow_result *flow) {
    if (flow->owd_min_ns == TRAFFIC_NONE || flow->owd_p50_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return six((int64_t[]){flow->owd_min_ns, flow->owd_p50_ns, flow->owd_p90_ns, flow->owd_p99_ns,
                           flow->owd_p999_ns, flow->owd_max_ns});
}

json_t *traffic_json_delays(const struct histogram *owd) {
    if (owd->bins == NULL || owd->count == 0) {
        return json_null();
    }
    return six((int64_t[]){owd->min, histogram_quantile(owd, 0.5), histogram_quantile(owd, 0.9),
                           histogram_quantile(owd, 0.99), histogram_quantile(owd, 0.999), owd->max});
}

/* How long responses took; of flows that are no requests there is none. */
static json_t *response_times_of(const struct traffic_flow_result *flow) {
    if (flow->response_min_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return six((int64_t[]){flow->response_min_ns, flow->response_p50_ns, flow->response_p90_ns,
                           flow->response_p99_ns, flow->response_p999_ns, flow->response_max_ns});
}

static json_t *variation(const struct traffic_flow_result *flow) {
    if (flow->pdv_p50_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return json_pack("{s:o, s:o}", "p50", microseconds(flow->pdv_p50_ns), "p99",
                     microseconds(flow->pdv_p99_ns));
}

/* What is told of TCP flows besides; the rows come into "intervals". */
static json_t *tcp_of(const struct traffic_flow_result *flow) {
    if (flow->key.protocol != PROTOCOL_TCP) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:[]}", "rtt_us", microseconds(flow->rtt_ns), "rtt_mean_us",
                     microseconds(flow->rtt_mean_ns), "rtt_max_us", microseconds(flow->rtt_max_ns),
                     "rtt_min_us", microseconds(flow->rtt_min_ns), "cwnd_max_bytes",
                     traffic_json_number(flow->cwnd_max_bytes), "intervals");
}

json_t *traffic_json_flow(const struct traffic_flow_result *flow, bool reverse) {
    char src[IP_TEXT_SIZE], dst[IP_TEXT_SIZE];
    struct ip_address from = ip_address_make(flow->key.family, flow->key.src);
    struct ip_address to = ip_address_make(flow->key.family, flow->key.dst);
    json_t *json = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i}", "protocol",
                             flow->key.protocol == PROTOCOL_UDP ? "udp" : "tcp", "direction",
                             flow->responds ? "response"
                             : reverse      ? "reverse"
                                            : "forward",
                             "source", ip_address_format(&from, src), "source_port", flow->key.sport,
                             "destination", ip_address_format(&to, dst), "destination_port", flow->key.dport);
    const struct {
        const char *name;
        json_t *value;
    } values[] = {
        {"sent_packets", traffic_json_number(flow->sent_packets)},
        {"sent_bytes", traffic_json_number(flow->sent_bytes)},
        {"received_packets", traffic_json_number(flow->received_packets)},
        {"received_bytes", traffic_json_number(flow->received_bytes)},
        {"lost", traffic_json_number(flow->lost)},
        {"duplicated", traffic_json_number(flow->duplicated)},
        {"reordered", traffic_json_number(flow->reordered)},
        {"reorder_extent", traffic_json_number(flow->reorder_extent)},
        {"loss_bursts", traffic_json_number(flow->loss_bursts)},
        {"loss_longest", traffic_json_number(flow->loss_longest)},
        {"retransmitted", traffic_json_number(flow->retransmitted)},
        {"tcp", tcp_of(flow)},
        {"owd_us", delays_of(flow)},
        {"jitter_us", microseconds(flow->jitter_ns)},
        {"pdv_us", variation(flow)},
        {"responses", traffic_json_number(flow->responses)},
        {"response_time_us", response_times_of(flow)},
        {"failed", flow->failed[0] == '\0' ? json_null() : traffic_json_words(flow->failed)},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_object_set_new(json, values[i].name, values[i].value);
    }
    return json;
}

static double seconds(int64_t at_ns, int64_t started_ns) {
    return (double)(at_ns - started_ns) / 1e9;
}

static json_t *row_json(const struct traffic_tcp_row *row, int64_t started_ns) {
    const struct traffic_tcp *tcp = &row->tcp;
    return json_pack(
        "{s:f, s:f, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "start", seconds(row->start_ns, started_ns),
        "end", seconds(row->end_ns, started_ns), "retransmitted", (json_int_t)tcp->retransmitted, "rtt_us",
        microseconds(tcp->rtt_ns), "rttvar_us", microseconds(tcp->rttvar_ns), "rtt_min_us",
        microseconds(tcp->rtt_min_ns), "cwnd_bytes", traffic_json_number(tcp->cwnd_bytes), "ssthresh_bytes",
        traffic_json_number(tcp->ssthresh_bytes), "delivery_bps", traffic_json_number(tcp->delivery_bps),
        "unacked_bytes", traffic_json_number(tcp->unacked_bytes));
}

void traffic_json_add_rows(json_t *flows, const struct traffic_result *result) {
    for (size_t i = 0; i < result->tcp.row_count; i++) {
        const struct traffic_tcp_row *row = &result->tcp.rows[i];
        const json_t *tcp = json_object_get(json_array_get(flows, row->flow), "tcp");
        json_array_append_new(json_object_get(tcp, "intervals"), row_json(row, result->started_ns));
    }
}

/* All TCP flows of an interval. */
static json_t *tcp_second(const struct traffic_tcp_second *tcp) {
    if (tcp->flows == 0) {
        return json_null();
    }
    json_t *round_trips =
        tcp->rtt_p50_ns == TRAFFIC_NONE
            ? json_null()
            : json_pack("{s:o, s:o, s:o}", "p50", microseconds(tcp->rtt_p50_ns), "p99",
                        microseconds(tcp->rtt_p99_ns), "max", microseconds(tcp->rtt_max_ns));
    return json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "flows", (json_int_t)tcp->flows, "retransmitted",
        (json_int_t)tcp->retransmitted, "rtt_us", round_trips, "rtt_min_us", microseconds(tcp->rtt_min_ns),
        "cwnd_p50_bytes", traffic_json_number(tcp->cwnd_p50_bytes), "delivery_bps",
        traffic_json_number(tcp->delivery_bps), "unacked_bytes", traffic_json_number(tcp->unacked_bytes));
}

static json_t *interval(const struct traffic_interval *interval, int64_t started_ns) {
    return json_pack("{s:f, s:f, s:I, s:I, s:I, s:I, s:o}", "start", seconds(interval->start_ns, started_ns),
                     "end", seconds(interval->end_ns, started_ns), "sent_packets",
                     (json_int_t)interval->sent_packets, "sent_bytes", (json_int_t)interval->sent_bytes,
                     "received_packets", (json_int_t)interval->received_packets, "received_bytes",
                     (json_int_t)interval->received_bytes, "tcp", tcp_second(&interval->tcp));
}

static json_t *interval_delays(const struct traffic_interval *interval) {
    if (interval->owd_p50_ns == TRAFFIC_NONE) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o}", "p50", microseconds(interval->owd_p50_ns), "p99",
                     microseconds(interval->owd_p99_ns), "max", microseconds(interval->owd_max_ns));
}

static json_t *intervals(const struct traffic_result *result, bool delays) {
    json_t *array = json_array();
    for (size_t i = 0; i < result->interval_count; i++) {
        json_t *one = interval(&result->intervals[i], result->started_ns);
        if (delays) {
            json_object_set_new(one, "owd_us", interval_delays(&result->intervals[i]));
        }
        json_array_append_new(array, one);
    }
    return array;
}

/* What was lost of all flows is not known if it is not of one. */
static json_t *sum(const struct traffic_result *result) {
    int64_t lost = result->lost;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        lost = flow->key.protocol == PROTOCOL_UDP && flow->lost == TRAFFIC_NONE ? TRAFFIC_NONE : lost;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:I}", "sent_packets",
                     (json_int_t)result->sum.sent_packets, "sent_bytes", (json_int_t)result->sum.sent_bytes,
                     "received_packets", (json_int_t)result->sum.received_packets, "received_bytes",
                     (json_int_t)result->sum.received_bytes, "lost", traffic_json_number(lost), "duplicated",
                     (json_int_t)result->duplicated, "reordered", (json_int_t)result->reordered,
                     "retransmitted",
                     traffic_json_number(result->tcp.flow_count == 0 ? TRAFFIC_NONE : result->retransmitted),
                     "socket_drops", (json_int_t)result->socket_drops);
}

/* How many rows of losses there were, by their length; those that there were none of are left out. */
static json_t *loss_bursts(const struct traffic_result *result) {
    json_t *rows = json_array();
    for (size_t i = 0; i < TRAFFIC_LOSS_BINS; i++) {
        if (result->loss_bins[i] > 0) {
            uint64_t most = traffic_losses_bin_most(i);
            json_array_append_new(
                rows, json_pack("{s:o, s:I}", "up_to",
                                traffic_json_number(most > INT64_MAX ? TRAFFIC_NONE : (int64_t)most), "count",
                                (json_int_t)result->loss_bins[i]));
        }
    }
    return rows;
}

/* How the departures of a direction were timed. */
static json_t *pacing(int how) {
    const char *text = traffic_text_pacing(how);
    return text == NULL ? json_null() : json_string(text);
}

void traffic_json_add(json_t *json, const struct traffic_result *result, bool delays) {
    json_object_set_new(json, "sum", sum(result));
    json_object_set_new(json, "intervals", intervals(result, delays));
    json_object_set_new(json, "tcp_interval_seconds",
                        result->tcp.row_ns == 0 ? json_null() : json_integer(result->tcp.row_ns / NS_PER_S));
    json_object_set_new(json, "cpu",
                        json_pack("{s:f, s:f}", "send_seconds", (double)result->client_cpu_ns / 1e9,
                                  "recv_seconds", (double)result->server_cpu_ns / 1e9));
    json_object_set_new(json, "loss_burst_lengths", loss_bursts(result));
    json_object_set_new(json, "stamps",
                        json_pack("{s:I, s:I}", "send_batch_max", (json_int_t)result->send_batch_max,
                                  "receive_batch_max", (json_int_t)result->receive_batch_max));
    json_object_set_new(
        json, "pacing",
        json_pack("{s:o, s:o}", "forward", pacing(result->pacing[0]), "reverse", pacing(result->pacing[1])));
    json_object_set_new(json, "late",
                        json_pack("{s:I, s:o, s:o, s:o}", "packets", (json_int_t)result->late_packets,
                                  "p50_us", microseconds(result->late_p50_ns), "p99_us",
                                  microseconds(result->late_p99_ns), "max_us",
                                  microseconds(result->late_max_ns)));
}
