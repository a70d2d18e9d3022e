/* A result's way into the lab's session. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/traffic_result.h"
#include "common/flow_key.h"
#include "daemon/control.h"
#include "daemon/run_dir.h"

/* What a group has that not every group has. */
static void add_shape(json_t *json, const struct traffic_group *group) {
    static const char *const arrivals[] = {
        [TRAFFIC_ARRIVALS_EVEN] = "even",
        [TRAFFIC_ARRIVALS_POISSON] = "poisson",
        [TRAFFIC_ARRIVALS_TOGETHER] = "together",
    };
    static const char *const sizes[] = {
        [TRAFFIC_SIZES_UNIFORM] = "uniform",     [TRAFFIC_SIZES_EXPONENTIAL] = "exponential",
        [TRAFFIC_SIZES_NORMAL] = "normal",       [TRAFFIC_SIZES_LOGNORMAL] = "lognormal",
        [TRAFFIC_SIZES_HISTOGRAM] = "histogram",
    };
    if (group->sizes == TRAFFIC_SIZES_PARETO) {
        json_object_set_new(json, "pareto", json_real(group->alpha));
    }
    if (group->arrivals != TRAFFIC_ARRIVALS_FIT) {
        json_object_set_new(json, "arrivals", json_string(arrivals[group->arrivals]));
    }
    if (group->sizes > TRAFFIC_SIZES_PARETO) {
        json_object_set_new(json, "sizes", json_string(sizes[group->sizes]));
    }
    if (group->gaps != TRAFFIC_LAW_CONSTANT) {
        json_object_set_new(json, "gaps", json_string(traffic_law_name(group->gaps)));
    }
    if (group->payload_law != TRAFFIC_LAW_CONSTANT) {
        json_object_set_new(json, "payload_sizes", json_string(traffic_law_name(group->payload_law)));
    }
    const struct {
        const char *name;
        double value;
    } reals[] = {{"gap_shape", group->gap_shape},       {"pps", group->pps},
                 {"sizes_mean", group->sizes_mean},     {"sizes_shape", group->sizes_shape},
                 {"rate_bps", group->rate_bps},         {"total_rate_bps", group->total_rate_bps},
                 {"payload_mean", group->payload_mean}, {"payload_shape", group->payload_shape}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (reals[i].value > 0) {
            json_object_set_new(json, reals[i].name, json_real(reals[i].value));
        }
    }
    if (group->congestion != NULL) {
        json_object_set_new(json, "congestion", json_string(group->congestion));
    }
    if (group->both_ways != 0) {
        json_object_set_new(json, "both_ways", json_true());
    }
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"burst_packets", group->burst_packets},
                   {"burst_gap_ns", group->burst_gap_ns},
                   {"burst_period_ns", group->burst_period_ns},
                   {"dscp", group->dscp},
                   {"ttl", group->ttl},
                   {"flow_label", group->flow_label},
                   {"mss", group->mss},
                   {"nagle", group->nagle},
                   {"fast", group->fast},
                   {"response_min", group->response_min},
                   {"response_max", group->response_max},
                   {"sources", group->sources},
                   {"destinations", group->destinations}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].value != 0) {
            json_object_set_new(json, numbers[i].name, json_integer(numbers[i].value));
        }
    }
}

static json_t *describe_group(const struct traffic_group *group) {
    bool tcp = group->protocol == PROTOCOL_TCP;
    json_t *json = json_pack("{s:s, s:i, s:I}", "protocol", tcp ? "tcp" : "udp", "family", group->family,
                             "count", (json_int_t)group->count);
    if (group->packets_max > 0) {
        json_object_set_new(
            json, "packets",
            json_pack("[I, I]", (json_int_t)group->packets_min, (json_int_t)group->packets_max));
    }
    if (!tcp || group->response_max > 0) {
        json_object_set_new(json, "payload", json_pack("[i, i]", group->payload_min, group->payload_max));
    }
    add_shape(json, group);
    return json;
}

char *traffic_result_settings(const struct lab_run *run) {
    const struct traffic_plan *plan = &run->plan;
    json_t *groups = json_array();
    for (size_t i = 0; i < plan->profile->group_count; i++) {
        json_array_append_new(groups, describe_group(&plan->profile->groups[i]));
    }
    json_t *json = json_pack(
        "{s:I, s:f, s:b, s:I, s:i, s:i, s:I, s:I, s:o}", "duration_ns", (json_int_t)plan->duration_ns,
        "scale", plan->scale, "stopped", run->result.stopped, "socket_drops",
        (json_int_t)run->result.socket_drops, "from", (int)run->settings->from, "to", (int)run->settings->to,
        "flows", (json_int_t)plan->count, "addresses", (json_int_t)plan->client_addresses, "groups", groups);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text != NULL && strlen(text) >= sizeof((struct traffic_run_row *)0)->settings) {
        free(text);
        json_object_del(json, "groups");
        text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    json_decref(json);
    return text;
}

void traffic_result_fill_run(const struct traffic_result *result, bool datagrams,
                             struct traffic_run_row *row) {
    row->tcp_interval_ns = result->tcp.row_ns == 0 ? STORE_NULL : result->tcp.row_ns;
    row->send_cpu_ns = result->client_cpu_ns;
    row->receive_cpu_ns = result->server_cpu_ns;
    row->send_batch_max = datagrams ? result->send_batch_max : STORE_NULL;
    row->receive_batch_max = datagrams ? result->receive_batch_max : STORE_NULL;
    row->late_packets = datagrams ? result->late_packets : STORE_NULL;
    row->late_p50_ns = datagrams ? result->late_p50_ns : STORE_NULL;
    row->late_p99_ns = datagrams ? result->late_p99_ns : STORE_NULL;
    row->late_max_ns = datagrams ? result->late_max_ns : STORE_NULL;
}

static int send_run(int fd, const struct lab_run *run) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_RUN};
    struct traffic_run_row *row = &request.run;
    char *settings = traffic_result_settings(run);
    snprintf(row->profile, sizeof row->profile, "%s", run->settings->profile);
    row->seed = (int64_t)run->plan.seed;
    row->started_ns = run->result.started_ns;
    row->ended_ns = run->result.ended_ns;
    traffic_result_fill_run(&run->result, run->result.tcp.flow_count < run->result.flow_count, row);
    snprintf(row->settings, sizeof row->settings, "%s", settings == NULL ? "{}" : settings);
    free(settings);
    return control_send(fd, &request);
}

struct traffic_interval_row traffic_result_interval(const struct traffic_interval *interval, int64_t class) {
    const struct traffic_tcp_second *tcp = &interval->tcp;
    struct traffic_interval_row row = {.class = class,
                                       .start_ns = interval->start_ns,
                                       .end_ns = interval->end_ns,
                                       .sent_packets = interval->sent_packets,
                                       .sent_bytes = interval->sent_bytes,
                                       .received_packets = interval->received_packets,
                                       .received_bytes = interval->received_bytes,
                                       .owd_p50_ns = interval->owd_p50_ns,
                                       .owd_p99_ns = interval->owd_p99_ns,
                                       .owd_max_ns = interval->owd_max_ns,
                                       .tcp_flows = tcp->flows,
                                       .retransmitted = tcp->retransmitted,
                                       .rtt_p50_ns = tcp->rtt_p50_ns,
                                       .rtt_p99_ns = tcp->rtt_p99_ns,
                                       .rtt_max_ns = tcp->rtt_max_ns,
                                       .rtt_min_ns = tcp->rtt_min_ns,
                                       .cwnd_p50_bytes = tcp->cwnd_p50_bytes,
                                       .delivery_bps = tcp->delivery_bps,
                                       .unacked_bytes = tcp->unacked_bytes};
    if (tcp->flows == 0) {
        row.tcp_flows = row.retransmitted = STORE_NULL;
        row.rtt_p50_ns = row.rtt_p99_ns = row.rtt_max_ns = row.rtt_min_ns = STORE_NULL;
        row.cwnd_p50_bytes = row.delivery_bps = row.unacked_bytes = STORE_NULL;
    }
    return row;
}

/* An interval of 'class', or of all flows (STORE_NULL). */
static int send_interval(int fd, const struct traffic_interval *interval, int64_t class) {
    bool all = class == STORE_NULL;
    struct control_request request = {.kind = all ? CONTROL_TRAFFIC_INTERVAL : CONTROL_TRAFFIC_CLASS_INTERVAL,
                                      .interval = traffic_result_interval(interval, class)};
    return control_send(fd, &request);
}

/* The rows of single TCP flows. */
static int send_tcp(int fd, const struct traffic_tcp_log *log) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < log->row_count; i++) {
        const struct traffic_tcp_row *row = &log->rows[i];
        struct control_request request = {.kind = CONTROL_TRAFFIC_TCP_INTERVAL,
                                          .tcp = {.number = row->flow,
                                                  .start_ns = row->start_ns,
                                                  .end_ns = row->end_ns,
                                                  .retransmitted = row->tcp.retransmitted,
                                                  .rtt_ns = row->tcp.rtt_ns,
                                                  .rttvar_ns = row->tcp.rttvar_ns,
                                                  .rtt_min_ns = row->tcp.rtt_min_ns,
                                                  .cwnd_bytes = row->tcp.cwnd_bytes,
                                                  .ssthresh_bytes = row->tcp.ssthresh_bytes,
                                                  .delivery_bps = row->tcp.delivery_bps,
                                                  .unacked_bytes = row->tcp.unacked_bytes}};
        code = control_send(fd, &request);
    }
    return code;
}

static int send_flow(int fd, const struct traffic_flow_result *flow) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_FLOW};
    request.flow = (struct traffic_flow_row){
        .number = flow->number,
        .key = flow->key,
        .sent_packets = flow->sent_packets,
        .sent_bytes = flow->sent_bytes,
        .received_packets = flow->received_packets,
        .received_bytes = flow->received_bytes,
        .lost = flow->lost,
        .duplicated = flow->duplicated,
        .reordered = flow->reordered,
        .owd_min_ns = flow->owd_min_ns,
        .owd_p50_ns = flow->owd_p50_ns,
        .owd_p90_ns = flow->owd_p90_ns,
        .owd_p99_ns = flow->owd_p99_ns,
        .owd_p999_ns = flow->owd_p999_ns,
        .owd_max_ns = flow->owd_max_ns,
        .jitter_ns = flow->jitter_ns,
        .pdv_p50_ns = flow->pdv_p50_ns,
        .pdv_p99_ns = flow->pdv_p99_ns,
        .class = flow->class,
        .retransmitted = flow->retransmitted,
        .rtt_ns = flow->rtt_ns,
        .rtt_mean_ns = flow->rtt_mean_ns,
        .rtt_max_ns = flow->rtt_max_ns,
        .rtt_min_ns = flow->rtt_min_ns,
        .cwnd_max_bytes = flow->cwnd_max_bytes,
        .loss_bursts = flow->loss_bursts,
        .loss_longest = flow->loss_longest,
        .reorder_extent = flow->reorder_extent,
        .responses = flow->responses,
        .response_min_ns = flow->response_min_ns,
        .response_p50_ns = flow->response_p50_ns,
        .response_p90_ns = flow->response_p90_ns,
        .response_p99_ns = flow->response_p99_ns,
        .response_p999_ns = flow->response_p999_ns,
        .response_max_ns = flow->response_max_ns,
    };
    memcpy(request.flow.failed, flow->failed, sizeof request.flow.failed);
    return control_send(fd, &request);
}

/* The bins of 'histogram', as messages of 'kind'. */
static int send_histogram(int fd, const struct histogram *histogram, enum control_kind kind, int64_t class) {
    int code = 0;
    for (size_t i = 0; code == 0 && histogram->bins != NULL && i < HISTOGRAM_BINS; i++) {
        if (histogram->bins[i] != 0) {
            struct control_request request = {
                .kind = kind,
                .histogram = {.class = class,
                              .low_ns = histogram_bin_low(i),
                              .high_ns = histogram_bin_low(i) + histogram_bin_width(i),
                              .count = histogram->bins[i]}};
            code = control_send(fd, &request);
        }
    }
    return code;
}

/* Rows of losses by their length. */
static int send_losses(int fd, const struct traffic_result *result) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < TRAFFIC_LOSS_BINS; i++) {
        uint64_t most = traffic_losses_bin_most(i);
        if (result->loss_bins[i] > 0) {
            struct control_request request = {
                .kind = CONTROL_TRAFFIC_LOSS,
                .loss = {.low = i == 0 ? 1 : (int64_t)traffic_losses_bin_most(i - 1) + 1,
                         .high = most > INT64_MAX ? STORE_NULL : (int64_t)most,
                         .count = result->loss_bins[i]}};
            code = control_send(fd, &request);
        }
    }
    return code;
}

/* The same class by class; of one class alone the delays are those of all flows. */
static int send_classes(int fd, const struct traffic_result *result) {
    const struct traffic_classes *classes = &result->classes;
    int code = 0;
    for (size_t i = 0; code == 0 && i < classes->interval_count * classes->count; i++) {
        code = send_interval(fd, &classes->intervals[i], (int64_t)(i % classes->count));
    }
    for (size_t i = 0; code == 0 && i < classes->count; i++) {
        code = send_histogram(fd, classes->count == 1 ? &result->owd : &classes->owd[i],
                              CONTROL_TRAFFIC_CLASS_HISTOGRAM, (int64_t)i);
    }
    return code;
}

/* The receive times, for the worker to put them beside those of the taps. */
static int send_stamps(int fd, const struct traffic_stamps *stamps) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_STAMPS,
                                      .stamp = {.number = stamps->run, .shift = stamps->shift}};
    int code = stamps->count > 0 ? control_send(fd, &request) : 0;
    request.kind = CONTROL_TRAFFIC_STAMP;
    for (size_t i = 0; code == 0 && i < stamps->count; i++) {
        const struct stamp *stamp = &stamps->items[i];
        request.stamp = (struct control_stamp){.number = stamps->run,
                                               .sequence = stamp->sequence,
                                               .sent_ns = stamp->sent_ns,
                                               .received_ns = stamp->at_ns[STAMP_RECEIVED],
                                               .flow = stamp->flow};
        code = control_send(fd, &request);
    }
    return code;
}

int traffic_result_hand_over(const struct lab_run *run) {
    const struct traffic_result *result = &run->result;
    struct run_dir dir = run_dir_of(run->settings->prefix);
    int fd = control_connect(dir.control);
    if (fd < 0) {
        return fd;
    }
    int code = send_run(fd, run);
    for (size_t i = 0; code == 0 && i < result->interval_count; i++) {
        code = send_interval(fd, &result->intervals[i], STORE_NULL);
    }
    for (size_t i = 0; code == 0 && i < result->flow_count; i++) {
        code = send_flow(fd, &result->flows[i]);
    }
    code = code == 0 ? send_tcp(fd, &result->tcp) : code;
    code = code == 0 ? send_losses(fd, result) : code;
    code = code == 0 ? send_histogram(fd, &result->owd, CONTROL_TRAFFIC_HISTOGRAM, STORE_NULL) : code;
    code = code == 0 ? send_classes(fd, result) : code;
    code = code == 0
               ? send_histogram(fd, &result->response_times, CONTROL_TRAFFIC_RESPONSE_HISTOGRAM, STORE_NULL)
               : code;
    for (size_t i = 0; code == 0 && i < TRAFFIC_SIDES; i++) {
        code = send_stamps(fd, &result->stamps[i]);
    }
    code = code == 0 ? control_end(fd) : code;
    close(fd);
    return code;
}
