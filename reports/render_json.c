/* The report as JSON: the model, whole.  docs/report-json.md describes it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "reports/render.h"
#include "reports/render_json.h"
#include "reports/render_runs.h"

/* Counts are integers when they are whole; what is not known is null.  JSON has no NaN and no infinity. */
static json_t *number(double value) {
    if (!isfinite(value)) {
        return json_null();
    }
    if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        return json_integer((json_int_t)value);
    }
    return json_real(value);
}

static json_t *count(uint64_t value) {
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *known(int64_t value) {
    return value == READ_NULL ? json_null() : json_integer(value);
}

/* Two numbers, the upper null where nothing bounds it; null where there is no interval. */
static json_t *interval(const struct stats_interval *value) {
    if (isnan(value->low)) {
        return json_null();
    }
    return json_pack("[o, o]", number(value->low), number(value->high));
}

/* Texts come from users and from the wire: what is not UTF-8 is shown by its place. */
static json_t *text(const char *value) {
    json_t *string = json_string(value);
    return string != NULL ? string : json_string("(not UTF-8)");
}

static json_t *text_or_null(const char *value) {
    return value[0] == '\0' ? json_null() : text(value);
}

static json_t *answer(enum report_answer value) {
    return value == REPORT_UNKNOWN ? json_null() : json_boolean(value == REPORT_YES);
}

static json_t *notes_json(const struct report_notes *notes) {
    json_t *array = json_array();
    for (size_t i = 0; i < notes->count; i++) {
        json_array_append_new(array, text(notes->notes[i].text));
    }
    return array;
}

static json_t *session_json(const struct report *report) {
    const struct read_session *session = &report->session;
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)session->id,
                     "label", text_or_null(session->label), "kind", text(session->kind), "state",
                     text(session->state), "truth_rule", text(session->truth_rule), "started_ns",
                     known(session->started_ns), "stopped_ns", known(session->stopped_ns), "window_start_ns",
                     known(session->window_start_ns), "window_end_ns", known(session->window_end_ns),
                     "database", text(report->database));
}

/* By which rule what came in at each port is known. */
static json_t *entries_json(const struct report *report) {
    static const char *const rules[] = {[REPORT_OFFERED] = "offered",
                                        [REPORT_DELIVERED] = "delivered",
                                        [REPORT_AT_MOST] = "offered, uncertain",
                                        [REPORT_AT_OTHER] = "delivered, uncertain",
                                        [REPORT_LONE_TAP] = "lone tap"};
    json_t *array = json_array();
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct report_entry *entry = &report->entries[i];
        json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                                               text(entry->name), "capture",
                                               text(report->captures[entry->capture].name), "direction",
                                               text(entry->out), "rule", text(rules[entry->rule]), "offered",
                                               known(entry->offered), "taken_in", known(entry->taken),
                                               "may_lack", count(entry->may_lack), "may_exceed",
                                               count(entry->may_exceed), "text", text(entry->text)));
    }
    return array;
}

static json_t *truth_json(const struct report *report) {
    if (!report->has_truth) {
        return json_null();
    }
    bool known_out = report->has_delivery;
    return json_pack("{s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "flows",
                     count(report->truth_flows), "packets", count(report->truth_packets), "bytes",
                     count(report->truth_bytes), "complete", (int)report->truth_complete, "uncertain",
                     (int)report->truth_uncertain, "partial", (int)report->partial, "may_lack",
                     count(report->truth_may_lack), "may_exceed", count(report->truth_may_exceed),
                     "delivered_packets", known_out ? count(report->delivered_packets) : json_null(),
                     "undelivered_packets", known_out ? count(report->undelivered_packets) : json_null(),
                     "copied_packets", known_out ? count(report->copied_packets) : json_null(), "entries",
                     entries_json(report));
}

static json_t *texts_json(const struct report_text *texts, size_t text_count) {
    json_t *array = json_array();
    for (size_t i = 0; i < text_count; i++) {
        json_array_append_new(array, text(texts[i].text));
    }
    return array;
}

static json_t *setup_json(const struct report_setup *setup) {
    json_t *ports = json_array();
    for (size_t i = 0; i < setup->port_count; i++) {
        json_array_append_new(ports, json_pack("{s:o, s:b}", "name", text(setup->ports[i].name), "captured",
                                               setup->ports[i].capture[0] != '\0'));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "hosts", setup->hosts > 0 ? known(setup->hosts) : json_null(),
        "addresses", setup->addresses > 0 ? known(setup->addresses) : json_null(), "scenario",
        text_or_null(setup->scenario), "impairments", texts_json(setup->impairments, setup->impairment_count),
        "openflow", texts_json(setup->rules, setup->rule_count), "ports", ports);
}

static json_t *accuracy_json(const struct stats_summary *summary) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "bias", number(summary->bias), "weighted_error",
                     number(summary->weighted_error), "are", number(summary->are), "aae",
                     number(summary->aae), "rmse", number(summary->rmse), "coverage",
                     number(summary->coverage));
}

static json_t *agreement_json(const struct stats_summary *summary) {
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:b}", "flows", count(summary->tested),
                     "chi_squared", number(summary->chi_squared), "chi_squared_range",
                     interval(&summary->chi_squared_range), "chi_squared_ok", (int)summary->chi_squared_ok,
                     "samples", number(summary->samples), "expected_samples",
                     number(summary->expected_samples), "samples_z", number(summary->samples_z), "samples_ok",
                     (int)summary->samples_ok);
}

/* Are the bytes of the samples those of their flows?  Null where there is nothing to hold them against. */
static json_t *sizes_json(const struct report_source *source) {
    const struct stats_sizes *sizes = &source->sizes;
    if (sizes->flows == 0) {
        return json_null();
    }
    const struct stats_interval offset = {sizes->wrong > 0 ? sizes->offset_low : NAN, sizes->offset_high};
    const struct stats_interval range = {source->bytes_test.low, source->bytes_test.high};
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "flows", count(sizes->flows), "one_size_flows",
        count(sizes->exact), "one_size_wrong", count(sizes->wrong), "wrong_by", interval(&offset), "flows_p",
        number(stats_sizes_flows_p(sizes)), "total_p", number(stats_sizes_total_p(sizes)), "bytes_z",
        number(source->bytes_test.z), "bytes_z_range", interval(&range), "ok",
        sizes->wrong == 0 && stats_sizes_plausible(sizes) && stats_bytes_test_ok(&source->bytes_test));
}

static json_t *decades_json(const struct report_source *source) {
    json_t *array = json_array();
    for (size_t i = 0; i < REPORT_DECADES; i++) {
        const struct report_decade *decade = &source->decades[i];
        if (decade->flows > 0) {
            json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "low",
                                                   number(decade->low), "high", number(decade->high), "flows",
                                                   count(decade->flows), "bias", number(decade->packets.bias),
                                                   "weighted_error", number(decade->packets.weighted_error),
                                                   "are", number(decade->packets.are), "coverage",
                                                   number(decade->packets.coverage), "expected_coverage",
                                                   number(decade->packets.expected_coverage), "flows_seen",
                                                   count(decade->packets.seen)));
        }
    }
    return array;
}

static void set_volume(json_t *object, const struct report_volume *volume) {
    json_object_set_new(object, "export_bytes", known(volume->bytes));
    json_object_set_new(object, "export_datagrams", known(volume->datagrams));
    json_object_set_new(object, "export_records", known(volume->records));
    json_object_set_new(object, "lost_datagrams", known(volume->lost_datagrams));
    json_object_set_new(object, "lost_records", known(volume->lost_records));
    json_object_set_new(object, "reordered", known(volume->reordered));
    json_object_set_new(object, "duplicated", known(volume->duplicated));
    json_object_set_new(object, "restarts", known(volume->restarts));
    json_object_set_new(object, "unknown_templates", known(volume->unknown_templates));
    json_object_set_new(object, "malformed", known(volume->malformed));
}

static double to_ms(double ns) {
    return ns / 1e6;
}

/* What follows only when there is a truth to compare with. */
static void set_comparison(json_t *object, const struct report *report, const struct report_source *source) {
    const struct stats_summary *packets = &source->packets_summary;
    bool compared = report->has_truth && source->exporters > 0;
    bool tested = compared && !source->rate_unknown;
    json_t *truth = compared ? json_pack("{s:o, s:o, s:o}", "flows", count(source->truth_flows), "packets",
                                         count(source->truth_packets), "bytes", count(source->truth_bytes))
                             : json_null();
    json_object_set_new(object, "truth", truth);
    json_object_set_new(object, "bias", compared ? number(packets->bias) : json_null());
    json_object_set_new(object, "weighted_error", compared ? number(packets->weighted_error) : json_null());
    json_object_set_new(object, "are", compared ? number(packets->are) : json_null());
    json_object_set_new(object, "coverage", compared ? number(packets->coverage) : json_null());
    json_object_set_new(object, "expected_coverage",
                        compared ? number(packets->expected_coverage) : json_null());
    json_object_set_new(object, "coverage_range",
                        compared ? interval(&packets->coverage_range) : json_null());
    json_object_set_new(object, "coverage_ok", tested ? json_boolean(packets->coverage_ok) : json_null());
    json_object_set_new(object, "packets_accuracy", compared ? accuracy_json(packets) : json_null());
    json_object_set_new(object, "bytes_accuracy",
                        compared ? accuracy_json(&source->bytes_summary) : json_null());
    json_object_set_new(object, "agreement", tested ? agreement_json(packets) : json_null());
    json_object_set_new(object, "sizes", tested ? sizes_json(source) : json_null());
    json_object_set_new(object, "tests_failed", tested ? json_integer(packets->failed) : json_null());
    json_object_set_new(object, "flows_seen", compared ? count(packets->seen) : json_null());
    json_object_set_new(object, "flows_missed", compared ? count(packets->missed) : json_null());
    json_object_set_new(object, "expected_flows_seen",
                        compared ? number(packets->expected_seen) : json_null());
    json_object_set_new(object, "differing_flows", compared ? count(source->differing_flows) : json_null());
    json_object_set_new(object, "extra_flows", compared ? count(source->extra_flows) : json_null());
    json_object_set_new(object, "phantom_flows", compared ? count(source->phantom_flows) : json_null());
    json_object_set_new(object, "effective_rate",
                        compared ? number(source->rate_test.effective_rate) : json_null());
    json_object_set_new(object, "effective_rate_ci",
                        compared ? interval(&source->rate_test.interval) : json_null());
    json_object_set_new(object, "effective_rate_p",
                        compared ? number(source->rate_test.p_value) : json_null());
    json_object_set_new(object, "detection_ms",
                        json_pack("{s:o, s:o, s:o}", "p50", number(to_ms(source->detection_p50_ns)), "p95",
                                  number(to_ms(source->detection_p95_ns)), "max",
                                  number(to_ms(source->detection_max_ns))));
    json_object_set_new(object, "decades", compared ? decades_json(source) : json_null());
}

static json_t *source_json(const struct report *report, const struct report_source *source) {
    static const char *const layers[] = {
        [READ_LAYER_L2] = "l2", [READ_LAYER_L2_FCS] = "l2fcs", [READ_LAYER_L3] = "l3"};
    static const char *const sights[] = {[REPORT_SEES_ALL] = "all",
                                         [REPORT_SEES_IP] = "ip",
                                         [REPORT_SEES_IPV4] = "ipv4",
                                         [REPORT_SEES_CHOSEN] = "rules"};
    json_t *object = json_object();
    bool there = source->exporters > 0;
    json_object_set_new(object, "name", text(source->name));
    json_object_set_new(object, "title", text(source->title));
    json_object_set_new(object, "protocol", text_or_null(source->protocol));
    json_object_set_new(object, "exporters", count(source->exporters));
    json_object_set_new(object, "sees", there ? text(sights[source->sight]) : json_null());
    json_object_set_new(object, "byte_layer", there ? text(layers[source->layer]) : json_null());
    json_object_set_new(object, "sampling_rate", number(source->rate));
    json_object_set_new(object, "packets", there ? count(source->packets) : json_null());
    json_object_set_new(object, "bytes", there ? count(source->bytes) : json_null());
    json_object_set_new(object, "packets_ci", there ? interval(&source->packets_ci) : json_null());
    json_object_set_new(object, "bytes_ci", there ? interval(&source->bytes_ci) : json_null());
    json_object_set_new(object, "samples", there ? number(source->samples) : json_null());
    set_comparison(object, report, source);
    set_volume(object, &source->volume);
    json_object_set_new(object, "rows_outside_window", count(source->outside_window));
    json_object_set_new(object, "ok", answer(source->ok));
    json_object_set_new(object, "finding", text(source->finding));
    json_object_set_new(object, "notes", notes_json(&source->notes));
    return object;
}

static json_t *estimate_json(const struct report *report, const struct report_estimate *estimate) {
    if (!estimate->visible) {
        return json_null();
    }
    bool judged = report->has_truth && report_has_interval(estimate);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "packets", count(estimate->packets), "bytes",
                     count(estimate->bytes), "ci", interval(&estimate->packets_ci), "bytes_ci",
                     interval(&estimate->bytes_ci), "within",
                     judged ? json_boolean(estimate->within) : json_null(), "bytes_within",
                     judged ? json_boolean(estimate->bytes_within) : json_null(), "samples",
                     number(estimate->samples), "detection_ms", number(to_ms(estimate->detection_ns)));
}

static json_t *flow_truth_json(const struct report *report, const struct report_flow *flow) {
    bool known_out = report->flow_delivery;
    return json_pack("{s:o, s:o, s:o, s:o}", "packets", count(flow->packets), "bytes", count(flow->bytes),
                     "delivered", known_out ? count(report_delivered(flow)) : json_null(), "copied",
                     known_out ? count(report_copied(flow)) : json_null());
}

static json_t *flow_json(const struct report *report, const struct report_flow *flow) {
    const struct flow_key *key = &flow->key;
    char protocol[PROTOCOL_NAME_SIZE];
    char address[IP_TEXT_SIZE];
    json_t *object = json_object();
    json_object_set_new(object, "proto", text(flow_key_protocol_name(key, protocol)));
    bool icmp = key->protocol == PROTOCOL_ICMP || key->protocol == PROTOCOL_ICMPV6;
    bool ports = key->family != 0 && (protocol_has_ports(key->protocol) || icmp);
    struct ip_address src = ip_address_make(key->family, key->src);
    struct ip_address dst = ip_address_make(key->family, key->dst);
    json_object_set_new(object, "src", text_or_null(ip_address_format(&src, address)));
    json_object_set_new(object, "sport", ports ? json_integer(key->sport) : json_null());
    json_object_set_new(object, "dst", text_or_null(ip_address_format(&dst, address)));
    json_object_set_new(object, "dport", ports ? json_integer(key->dport) : json_null());
    json_object_set_new(object, "truth", report->has_truth ? flow_truth_json(report, flow) : json_null());
    json_t *sources = json_object();
    for (size_t i = 0; i < report->source_count; i++) {
        json_object_set_new(sources, report->sources[i].name, estimate_json(report, &flow->estimates[i]));
    }
    json_object_set_new(object, "sources", sources);
    return object;
}

static json_t *ledger_json(const struct report_ledger *ledger) {
    json_t *array = json_array();
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *stage = &ledger->stages[i];
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o, s:o, s:o}", "stage", text(stage->stage), "direction",
                                        text(stage->direction), "packets", known(stage->packets), "bytes",
                                        known(stage->bytes), "counted_by", text(stage->source)));
    }
    return array;
}

static json_t *losses_json(const struct report_ledger *ledger) {
    json_t *array = json_array();
    for (size_t i = 0; i < ledger->loss_count; i++) {
        const struct report_loss *loss = &ledger->losses[i];
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "direction", text(loss->direction), "from",
                             text(loss->from), "to", text(loss->to), "packets", (json_int_t)loss->packets,
                             "unexplained", (json_int_t)loss->unexplained, "text", text(loss->text)));
    }
    return array;
}

static json_t *exporters_json(const struct report *report) {
    json_t *array = json_array();
    for (size_t i = 0; i < report->exporter_count; i++) {
        const struct read_exporter *exporter = &report->exporters[i];
        char agent[IP_TEXT_SIZE];
        const char *source = report->source_of[i] < 0 ? "" : report->sources[report->source_of[i]].name;
        json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "source",
                      text_or_null(source), "protocol", text(exporter->protocol), "agent",
                      text_or_null(ip_address_format(&exporter->agent, agent)), "domain",
                      known(exporter->domain), "transport", text(exporter->transport), "dialect",
                      text(exporter->dialect), "dialect_evidence", text_or_null(exporter->dialect_evidence),
                      "sampling_rate", known(exporter->sampling_rate), "scaled", (int)exporter->scaled,
                      "datagrams", known(exporter->datagrams), "bytes", known(exporter->bytes), "records",
                      known(exporter->records)));
    }
    return array;
}

static json_t *captures_json(const struct report *report) {
    json_t *array = json_array();
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        json_array_append_new(
            array, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", text(capture->name), "role",
                             capture->is_station ? "station" : "port", "station", known(capture->station),
                             "received", known(capture->received), "dropped", known(capture->dropped),
                             "processed", known(capture->processed), "overflow", known(capture->overflow),
                             "malformed", known(capture->malformed)));
    }
    return array;
}

static json_t *series_json(const struct report *report) {
    const struct report_series *series = &report->series;
    if (series->count == 0) {
        return json_null();
    }
    double to_bps = 8e9 / (double)series->width_ns;
    json_t *truth = json_array();
    json_t *sources = json_object();
    for (size_t i = 0; i < series->count; i++) {
        json_array_append_new(truth, number(floor(series->bins[i].truth_bytes * to_bps + 0.5)));
    }
    for (size_t s = 0; s < report->source_count; s++) {
        json_t *rates = json_array();
        for (size_t i = 0; i < series->count; i++) {
            json_array_append_new(rates, number(floor(series->bins[i].bytes[s] * to_bps + 0.5)));
        }
        json_object_set_new(sources, report->sources[s].name, rates);
    }
    return json_pack("{s:I, s:I, s:o, s:o}", "start_ns", (json_int_t)series->start_ns, "width_ns",
                     (json_int_t)series->width_ns, "truth_bps", truth, "sources_bps", sources);
}

static json_t *pairs_json(const struct report *report) {
    json_t *array = json_array();
    for (size_t i = 0; i < report->pair_count; i++) {
        const struct report_pair *pair = &report->pairs[i];
        json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "a", text(report->sources[pair->a].name),
                      "b", text(report->sources[pair->b].name), "flows", count(pair->flows), "a_packets",
                      count(pair->a_packets), "b_packets", count(pair->b_packets), "a_bytes",
                      count(pair->a_bytes), "b_bytes", count(pair->b_bytes), "flows_apart",
                      pair->apart_known ? count(pair->apart) : json_null()));
    }
    return array;
}

static json_t *traffic_json(const struct report_traffic *traffic) {
    if (traffic->flows == 0) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "profile",
                     text(traffic->profile), "flows", count(traffic->flows), "failed", count(traffic->failed),
                     "udp_sent", count(traffic->udp_sent), "udp_received", count(traffic->udp_received),
                     "udp_lost", count(traffic->udp_lost), "udp_duplicated", count(traffic->udp_duplicated),
                     "udp_reordered", count(traffic->udp_reordered), "sent_bytes", count(traffic->sent_bytes),
                     "received_bytes", count(traffic->received_bytes), "tcp_retransmitted",
                     known(traffic->tcp_retransmitted), "udp_loss_bursts", known(traffic->udp_loss_bursts),
                     "udp_loss_longest", known(traffic->udp_loss_longest), "udp_reorder_extent",
                     known(traffic->udp_reorder_extent));
}

json_t *report_json(const struct report *report, size_t flow_limit) {
    json_t *root = json_object();
    json_object_set_new(root, "format", text("nsmon-report-1"));
    json_object_set_new(root, "session", session_json(report));
    json_object_set_new(root, "verdict",
                        json_pack("{s:o, s:o}", "ok", answer(report->ok), "text", text(report->verdict)));
    json_object_set_new(root, "truth", truth_json(report));
    json_object_set_new(root, "setup", setup_json(&report->setup));
    json_t *sources = json_array();
    for (size_t i = 0; i < report->source_count; i++) {
        json_array_append_new(sources, source_json(report, &report->sources[i]));
    }
    json_object_set_new(root, "sources", sources);
    json_object_set_new(root, "pairs", pairs_json(report));
    json_object_set_new(root, "ledger", ledger_json(&report->ledger));
    json_object_set_new(root, "losses", losses_json(&report->ledger));
    json_object_set_new(root, "ledger_notes", notes_json(&report->ledger.notes));
    json_object_set_new(root, "captures", captures_json(report));
    json_object_set_new(root, "exporters", exporters_json(report));
    json_object_set_new(root, "traffic", traffic_json(&report->traffic));
    json_object_set_new(root, "runs", render_runs_json(report));
    json_object_set_new(root, "series", series_json(report));
    json_object_set_new(root, "notes", notes_json(&report->notes));
    json_t *flows = json_array();
    for (size_t i = 0; i < report->flows.count && i < flow_limit; i++) {
        json_array_append_new(flows, flow_json(report, &report->flows.flows[i]));
    }
    json_object_set_new(root, "flows", flows);
    return root;
}

/* Writes the flows, a line each: they are too many to be held as JSON beside the model. */
static int put_flows(const struct report *report, FILE *out) {
    for (size_t i = 0; i < report->flows.count; i++) {
        json_t *flow = flow_json(report, &report->flows.flows[i]);
        fputs(i == 0 ? "\n    " : ",\n    ", out);
        int rc = json_dumpf(flow, out, JSON_COMPACT | JSON_REAL_PRECISION(10));
        json_decref(flow);
        if (rc != 0) {
            return ferror(out) ? 0 : -ENOMEM;
        }
    }
    return 0;
}

int report_render_json(const struct report *report, FILE *out) {
    json_t *root = report_json(report, 0);
    json_object_del(root, "flows");
    char *head = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    json_decref(root);
    if (head == NULL) {
        return -ENOMEM;
    }
    /* The object is still open: its last line, the closing brace, comes after the flows. */
    fwrite(head, 1, strlen(head) - 2, out);
    free(head);
    fputs(",\n  \"flows\": [", out);
    int rc = put_flows(report, out);
    fputs("\n  ]\n}\n", out);
    return rc;
}
