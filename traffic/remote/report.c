#include "traffic/remote/report.h"

#include "traffic/json.h"

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

/* Sums and parts that there are only of a test that ran. */
static void add_result(json_t *json, const struct remote_outcome *outcome) {
    const struct traffic_result *result = &outcome->result;
    json_t *streams = json_array();
    const struct remote_streams *asked = &outcome->streams;
    size_t forward = asked->direction == REMOTE_REVERSE ? 0
                     : asked->response > 0              ? result->flow_count
                                                        : (size_t)asked->count;
    for (size_t i = 0; i < result->flow_count; i++) {
        json_array_append_new(streams, traffic_json_flow(&result->flows[i], i >= forward));
    }
    traffic_json_add_rows(streams, result);
    json_object_set_new(json, "streams", streams);
    traffic_json_add(json, result, false);
    json_object_set_new(json, "clock", clocks(outcome));
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
        json_object_set_new(json, "stopped_because", traffic_json_words(outcome->why));
    }
    if (error[0] != '\0') {
        json_object_set_new(json, "error", traffic_json_words(error));
    }
    return json;
}
