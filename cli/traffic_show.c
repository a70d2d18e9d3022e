/* A result, for people and as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/traffic_result.h"
#include "traffic/text.h"

static json_t *number_or_null(int64_t value) {
    return value == TRAFFIC_NONE ? json_null() : json_integer(value);
}

static json_t *flow_as_json(const struct traffic_flow_result *flow) {
    char name[PROTOCOL_NAME_SIZE], src[IP_TEXT_SIZE], dst[IP_TEXT_SIZE];
    struct ip_address from = ip_address_make(flow->key.family, flow->key.src);
    struct ip_address to = ip_address_make(flow->key.family, flow->key.dst);
    json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:i, s:i, s:I, s:I}", "number", (int)flow->number, "protocol",
        flow_key_protocol_name(&flow->key, name), "src", ip_address_format(&from, src), "dst",
        ip_address_format(&to, dst), "sport", flow->key.sport, "dport", flow->key.dport, "sent_bytes",
        (json_int_t)flow->sent_bytes, "received_bytes", (json_int_t)flow->received_bytes);
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"sent_packets", flow->sent_packets},
        {"received_packets", flow->received_packets},
        {"lost", flow->lost},
        {"duplicated", flow->duplicated},
        {"reordered", flow->reordered},
        {"owd_min_ns", flow->owd_min_ns},
        {"owd_p50_ns", flow->owd_p50_ns},
        {"owd_p99_ns", flow->owd_p99_ns},
        {"owd_max_ns", flow->owd_max_ns},
        {"jitter_ns", flow->jitter_ns},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_object_set_new(json, numbers[i].name, number_or_null(numbers[i].value));
    }
    json_object_set_new(json, "failed", flow->failed[0] == '\0' ? json_null() : json_string(flow->failed));
    return json;
}

static void print_json(const struct lab_run *run, FILE *out) {
    const struct traffic_result *result = &run->result;
    json_t *flows = json_array();
    for (size_t i = 0; i < result->flow_count; i++) {
        json_array_append_new(flows, flow_as_json(&result->flows[i]));
    }
    json_t *json = json_pack(
        "{s:s, s:I, s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "profile", run->settings->profile,
        "seed", (json_int_t)run->plan.seed, "seconds", (double)(result->ended_ns - result->started_ns) / 1e9,
        "stopped", result->stopped, "sent_packets", (json_int_t)result->sum.sent_packets, "sent_bytes",
        (json_int_t)result->sum.sent_bytes, "received_packets", (json_int_t)result->sum.received_packets,
        "received_bytes", (json_int_t)result->sum.received_bytes, "lost", (json_int_t)result->lost,
        "duplicated", (json_int_t)result->duplicated, "reordered", (json_int_t)result->reordered,
        "failed_flows", (json_int_t)result->failed_flows);
    char *settings = traffic_result_settings(run);
    json_object_set_new(json, "settings", settings == NULL ? json_null() : json_loads(settings, 0, NULL));
    json_object_set_new(json, "flows", flows);
    free(settings);
    json_dumpf(json, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(json);
}

void traffic_result_show(const struct lab_run *run, const char *title, FILE *out) {
    char text[2048];
    char line[TRAFFIC_LINE_SIZE * 2];
    const struct traffic_result *result = &run->result;
    if (run->settings->json) {
        print_json(run, out);
        return;
    }
    fprintf(out, "%s%s%s", title == NULL ? "" : title, title == NULL ? "" : ": ",
            traffic_text_summary(result, text, sizeof text));
    bool heading = false;
    for (size_t i = 0; i < result->flow_count; i++) {
        if (run->settings->per_flow || result->flows[i].failed[0] != '\0') {
            if (!heading) {
                fprintf(out, "%s\n", traffic_text_flow_heading(result));
                heading = true;
            }
            fprintf(out, "%s\n", traffic_text_flow(result, &result->flows[i], line));
        }
    }
}
