/* The parts of a result as JSON, made in one place for all who print them: docs/send-json.schema.json and
 * docs/traffic-json.schema.json describe them.  Times that end in _us are microseconds, and what there is not
 * is null; no number is infinite or none at all. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "traffic/traffic.h"

/* 'value', or null for TRAFFIC_NONE. */
json_t *traffic_json_number(int64_t value);

/* Words that hold who knows what: JSON is UTF-8, and so is what becomes of them; at most 1,023 bytes. */
json_t *traffic_json_words(const char *text);

/* One flow of a result, which goes from the client's host to the server's unless it is 'reverse'. */
json_t *traffic_json_flow(const struct traffic_flow_result *flow, bool reverse);

/* Gives the objects of 'flows', the array of all of 'result' by number, the rows that the result has of TCP.
 */
void traffic_json_add_rows(json_t *flows, const struct traffic_result *result);

/* All delays that 'owd' holds, or null: "min", "p50", "p90", "p99", "p999", "max". */
json_t *traffic_json_delays(const struct histogram *owd);

/* Puts into the object 'json' what a result has beside its flows: "sum", "intervals", "tcp_interval_seconds",
 * "cpu", "loss_burst_lengths", "stamps", "pacing", "late".  With 'delays' the intervals have their one-way
 * delays. */
void traffic_json_add(json_t *json, const struct traffic_result *result, bool delays);
