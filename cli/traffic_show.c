/* A result, for people and as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/traffic_result.h"
#include "traffic/json.h"
#include "traffic/text.h"

/* A flow as 'nsmon send' has its streams, with what only a plan's flows have, and in nanoseconds, too. */
static json_t *flow_as_json(const struct traffic_flow_result *flow, bool reverse) {
    json_t *json = traffic_json_flow(flow, reverse);
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"number", flow->number},         {"class", flow->class},           {"sport", flow->key.sport},
        {"dport", flow->key.dport},       {"owd_min_ns", flow->owd_min_ns}, {"owd_p50_ns", flow->owd_p50_ns},
        {"owd_p99_ns", flow->owd_p99_ns}, {"owd_max_ns", flow->owd_max_ns}, {"jitter_ns", flow->jitter_ns},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_object_set_new(json, numbers[i].name, traffic_json_number(numbers[i].value));
    }
    json_object_set(json, "src", json_object_get(json, "source"));
    json_object_set(json, "dst", json_object_get(json, "destination"));
    return json;
}

json_t *traffic_result_begin(const char *profile, const struct traffic_result *result, const char *error) {
    bool ran = result != NULL && result->started_ns != 0;
    double seconds = ran ? (double)(result->ended_ns - result->started_ns) / 1e9 : 0;
    json_t *name = json_string(profile); /* NULL: it is not UTF-8 */
    json_t *json = json_pack("{s:s, s:o, s:f, s:f, s:b}", "program", "nsmon " NSMON_VERSION, "profile",
                             name != NULL ? name : traffic_json_words(profile), "started",
                             ran ? (double)result->started_ns / 1e9 : 0.0, "seconds",
                             seconds > 0 ? seconds : 0, "stopped", ran && result->stopped);
    if (error[0] != '\0') {
        json_object_set_new(json, "error", traffic_json_words(error));
    }
    return json;
}

void traffic_result_write(json_t *json, FILE *out) {
    if (json != NULL && json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0) {
        fputc('\n', out);
    }
    json_decref(json);
}

static json_t *run_as_json(const struct lab_run *run, const char *error) {
    const struct traffic_result *result = &run->result;
    json_t *flows = json_array();
    json_t *json = traffic_result_begin(run->settings->profile, result, error);
    for (size_t i = 0; i < result->flow_count; i++) {
        json_array_append_new(flows, flow_as_json(&result->flows[i], run->plan.flows[i].reverse != 0));
    }
    traffic_json_add_rows(flows, result);
    traffic_json_add(json, result, true);
    json_object_update_missing(json, json_object_get(json, "sum"));
    char *settings = traffic_result_settings(run);
    json_object_set_new(json, "seed", json_integer((json_int_t)run->plan.seed));
    json_object_set_new(json, "failed_flows", json_integer((json_int_t)result->failed_flows));
    json_object_set_new(json, "owd_us", traffic_json_delays(&result->owd));
    json_object_set_new(json, "settings", settings == NULL ? json_null() : json_loads(settings, 0, NULL));
    json_object_set_new(json, "flows", flows);
    free(settings);
    return json;
}

void traffic_result_show(const struct lab_run *run, const char *title, const char *error, FILE *out) {
    char text[2048];
    char line[TRAFFIC_LINE_SIZE * 2];
    const struct traffic_result *result = &run->result;
    if (run->settings->json) {
        traffic_result_write(run_as_json(run, error), out);
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
